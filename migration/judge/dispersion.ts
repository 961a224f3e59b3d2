/**
 * How far a cluster's own counts vary from interval to interval beyond chance. Errors that come in bursts (one client's
 * retries, one bad upstream pod) carry less evidence than their number says: with bursts of mean size m the variance of
 * a count is up to 2m - 1 times its mean. All evidence is therefore divided by the dispersion
 *
 *     phi = X2 / (k - 1),   X2 = sum (e_i - n_i p)^2 / (n_i p (1 - p)),   p = sum e / sum n
 *
 * of k intervals (Pearson's statistic; McCullagh and Nelder, "Generalized linear models", 4.5.2; quasi-likelihood of
 * Wedderburn 1974), never below 1. Requiring log M >= phi log(1/alpha) only ever raises the limit, so the guarantee
 * for independent requests stays exact, however phi is estimated (facts/delivery.md 4).
 *
 * Bursts that outlast an interval are seen in longer blocks: phi is the largest over blocks of 1, 4 and 16 intervals.
 */

/** Intervals in a block, per scale: 15 s, 1 min and 4 min at looks of 15 s. */
const SCALES = [1, 4, 16] as const;
/** What is known from earlier steps counts as so many blocks at most: traffic changes. */
const REMEMBERED_BLOCKS = 40;

export interface ScaleState {
  /** Finished blocks with trials. */
  readonly k: number;
  /** Sum over blocks of e^2 / n. */
  readonly squares: number;
  /** Trials and events in finished blocks. */
  readonly n: number;
  readonly e: number;
  /** The block that is being filled. */
  readonly blockIntervals: number;
  readonly blockN: number;
  readonly blockE: number;
  /** Dispersion known beforehand, and how many blocks that is worth. */
  readonly priorPhi: number;
  readonly priorBlocks: number;
}

export interface DispersionState {
  readonly scales: readonly ScaleState[];
}

export interface DispersionPrior {
  readonly priorIntervals: number;
  readonly standardErrors: number;
}

export function startDispersion({ priorIntervals }: DispersionPrior): DispersionState {
  return { scales: SCALES.map((): ScaleState => emptyScale(1, priorIntervals)) };
}

/** One more interval with `n` trials and `e` events. */
export function observeDispersion(state: DispersionState, n: number, e: number): DispersionState {
  return { scales: state.scales.map((scale, index) => addToBlock(scale, SCALES[index] ?? 1, n, e)) };
}

/**
 * The factor by which evidence is divided, at least 1. A dispersion that is not beyond so many standard errors of
 * chance counts as 1: Var(X2 / k) is about (2 + 1/mu) / k for Poisson counts with mean mu.
 */
export function dispersionOf(state: DispersionState, prior: DispersionPrior): number {
  let largest = 1;
  for (const scale of state.scales) largest = Math.max(largest, scaleDispersion(scale, prior.standardErrors));
  return largest;
}

/** What the next step begins with: the dispersion so far, remembered as a prior. Rates may be different there. */
export function nextDispersion(state: DispersionState): DispersionState {
  return {
    scales: state.scales.map((scale) =>
      emptyScale(estimate(scale), Math.min(REMEMBERED_BLOCKS, scale.priorBlocks + scale.k)),
    ),
  };
}

function emptyScale(priorPhi: number, priorBlocks: number): ScaleState {
  return { k: 0, squares: 0, n: 0, e: 0, blockIntervals: 0, blockN: 0, blockE: 0, priorPhi, priorBlocks };
}

function addToBlock(scale: ScaleState, size: number, n: number, e: number): ScaleState {
  const blockIntervals = scale.blockIntervals + 1;
  const blockN = scale.blockN + n;
  const blockE = scale.blockE + e;
  if (blockIntervals < size) return { ...scale, blockIntervals, blockN, blockE };
  const empty = { ...scale, blockIntervals: 0, blockN: 0, blockE: 0 };
  if (blockN <= 0) return empty;
  const squares = scale.squares + (blockE * blockE) / blockN;
  return { ...empty, k: scale.k + 1, squares, n: scale.n + blockN, e: scale.e + blockE };
}

/** X2 of the blocks since the step began. */
function pearson({ n, e, squares }: ScaleState): number {
  const p = e / n;
  if (n <= 0 || p <= 0 || p >= 1) return 0;
  return Math.max(0, (squares - (e * e) / n) / (p * (1 - p)));
}

function estimate(scale: ScaleState): number {
  const blocks = scale.priorBlocks + Math.max(0, scale.k - 1);
  if (blocks === 0) return 1;
  // No event: nothing varied, nothing is learned beyond what was known.
  const own = scale.e > 0 ? pearson(scale) : Math.max(0, scale.k - 1);
  return (scale.priorPhi * scale.priorBlocks + own) / blocks;
}

function scaleDispersion(scale: ScaleState, standardErrors: number): number {
  const phi = estimate(scale);
  if (phi <= 1) return 1;
  const blocks = scale.priorBlocks + Math.max(1, scale.k);
  const mean = scale.k > 0 ? scale.e / scale.k : 0;
  const error = Math.sqrt((2 + (mean > 0 ? 1 / mean : 0)) / blocks);
  return phi > 1 + standardErrors * error ? phi : 1;
}
