/**
 * The test that stops: are events (errors, slow answers) likelier on B than on A?
 *
 * Given all events of an interval, their number on B is binomial with B's share s of the interval's *requests* when
 * both clusters are equal, whatever the chance of an event is at that time: a common disturbance cancels out. If the
 * odds on B are r times A's, the likelihood ratio is
 *
 *     L(r) = r^eB / (1 - s + s r)^(eA + eB)
 *
 * (Lindon and Malek, "Anytime-valid inference for multinomial count data", NeurIPS 2022; Lindon, Sanden and Shirikian,
 * "Rapid regression detection in software deployments through sequential testing", KDD 2022, arXiv 2205.14762). Exactly
 * it is hypergeometric, drawing without replacement; for a convex function such as r^x the binomial mean is the larger
 * one (Hoeffding 1963, theorem 4), so E[L(r)] <= 1 holds there too.
 *
 * The evidence is a mixture over r and over the moment at which the difference began (the prior of Shiryaev's
 * procedure): M = sum over r of w(r) R(r), plus the prior mass of moments that lie ahead, with
 *
 *     R(r) <- (R(r) + w(beginning now)) L(r)
 *
 * which costs the same at each look. Every term is a non-negative supermartingale under equality, so M is one, and by
 * Ville's inequality M ever reaches 1/alpha with a chance of at most alpha, at looks as frequent as one likes.
 */

export interface OddsState {
  /** R(r) times w(r), in the order of the ratios. */
  readonly evidence: readonly number[];
  /** Prior mass of beginnings that lie ahead. */
  readonly ahead: number;
  /** Intervals in which B had more than its share of the events. */
  readonly intervalsAgainstB: number;
}

/** Counts of one interval: requests and events on each side. */
export interface Counts {
  readonly nA: number;
  readonly eA: number;
  readonly nB: number;
  readonly eB: number;
}

export interface OddsPrior {
  readonly ratios: readonly number[];
  /** Prior chance, 0 to 1, that a difference is there from the beginning. */
  readonly fromStart: number;
  /** Mean of the exponential prior for later beginnings, in minutes. */
  readonly meanMinutes: number;
}

/** Beyond this the evidence is overwhelming; more would overflow. */
const MAXIMUM = 1e280;

export function startOdds({ ratios, fromStart }: OddsPrior): OddsState {
  return { evidence: ratios.map(() => fromStart / ratios.length), ahead: 1 - fromStart, intervalsAgainstB: 0 };
}

/** One more interval of so many minutes. An interval in which one side had no request says nothing. */
export function observeOdds(state: OddsState, prior: OddsPrior, counts: Counts, minutes: number): OddsState {
  const { nA, eA, nB, eB } = counts;
  const events = eA + eB;
  const begins = state.ahead * -Math.expm1(-minutes / prior.meanMinutes);
  const each = begins / prior.ratios.length;
  const ahead = state.ahead - begins;
  if (events <= 0 || nA <= 0 || nB <= 0) {
    return { evidence: state.evidence.map((value) => value + each), ahead, intervalsAgainstB: state.intervalsAgainstB };
  }
  const share = nB / (nA + nB);
  const evidence = prior.ratios.map((ratio, index) => {
    const likelihood = Math.exp(eB * Math.log(ratio) - events * Math.log1p(share * (ratio - 1)));
    return Math.min(MAXIMUM, ((state.evidence[index] ?? 0) + each) * likelihood);
  });
  return { evidence, ahead, intervalsAgainstB: state.intervalsAgainstB + (eB > share * events ? 1 : 0) };
}

/** log M: natural logarithm of the evidence that B is worse. Always finite: the mass ahead is never used up. */
export function logOddsEvidence(state: OddsState): number {
  let sum = state.ahead;
  for (const value of state.evidence) sum += value;
  return Math.log(Math.max(sum, Number.MIN_VALUE));
}
