/**
 * Bursts on B. Its own counts are few, and its rate may change within a step: that is what the judge looks for, so it
 * must not count as dispersion. Differences of *successive* intervals see bursts, but of a change only one difference
 * (von Neumann 1941, "Distribution of the ratio of the mean square successive difference to the variance"):
 *
 *     phi = sum d_i^2 / (1/n_i + 1/n_i-1)  /  sum p_i (1 - p_i),   d_i = e_i/n_i - e_i-1/n_i-1
 *
 * with p_i the pooled rate of the two intervals. 1 for independent requests.
 */

export interface SuccessiveState {
  /** The interval before. */
  readonly n: number;
  readonly e: number;
  /** Number of differences with an event in them. */
  readonly pairs: number;
  readonly squares: number;
  readonly expected: number;
  readonly events: number;
}

export const NOTHING_SUCCESSIVE: SuccessiveState = { n: 0, e: 0, pairs: 0, squares: 0, expected: 0, events: 0 };

/** One more interval with `n` trials and `e` events. */
export function observeSuccessive(state: SuccessiveState, n: number, e: number): SuccessiveState {
  if (n <= 0) return state;
  if (state.n <= 0) return { ...NOTHING_SUCCESSIVE, n, e };
  const { squares, expected, events, pairs } = state;
  if (e + state.e <= 0) return { n, e, pairs, squares, expected, events };
  const difference = e / n - state.e / state.n;
  const pooled = Math.min(1, (e + state.e) / (n + state.n));
  return {
    n,
    e,
    pairs: pairs + 1,
    squares: squares + (difference * difference) / (1 / n + 1 / state.n),
    expected: expected + pooled * (1 - pooled),
    events: events + e,
  };
}

/**
 * The dispersion, at least 1; 1 unless it exceeds 1 by so many standard errors: Var phi is about (3 + 1/mu) / k of k
 * pairs with events. Those without say nothing about how events come.
 */
export function successiveDispersion(state: SuccessiveState, standardErrors: number): number {
  const { pairs, squares, expected, events } = state;
  if (pairs < 2 || expected <= 0) return 1;
  const phi = squares / expected;
  const error = Math.sqrt((3 + pairs / Math.max(1, events)) / pairs);
  return phi > 1 + standardErrors * error ? phi : 1;
}
