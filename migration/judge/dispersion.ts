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

interface Trials {
  readonly n: number;
  readonly e: number;
}

/** What was seen in blocks of one length. */
export interface ScaleState {
  /** Number of finished blocks with trials. */
  readonly k: number;
  /** Sum over these blocks of e^2 / n. */
  readonly squares: number;
  /** Their trials and events. */
  readonly sum: Trials;
  /** The block that is being filled, and how many intervals it has. */
  readonly block: Trials;
  readonly intervals: number;
  /** Dispersion known beforehand, and how many blocks that is worth. */
  readonly prior: { readonly phi: number; readonly blocks: number };
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
      emptyScale(estimate(scale), Math.min(REMEMBERED_BLOCKS, scale.prior.blocks + scale.k)),
    ),
  };
}

const EMPTY: Trials = { n: 0, e: 0 };

function emptyScale(phi: number, blocks: number): ScaleState {
  return { k: 0, squares: 0, sum: EMPTY, block: EMPTY, intervals: 0, prior: { phi, blocks } };
}

// Written out field by field: this runs several times a look, and copying by spread takes three times as long.
function addToBlock(
  { k, squares, sum, block, intervals, prior }: ScaleState,
  size: number,
  n: number,
  e: number,
): ScaleState {
  const filled = { n: block.n + n, e: block.e + e };
  if (intervals + 1 < size) return { k, squares, sum, block: filled, intervals: intervals + 1, prior };
  if (filled.n <= 0) return { k, squares, sum, block: EMPTY, intervals: 0, prior };
  return {
    k: k + 1,
    squares: squares + (filled.e * filled.e) / filled.n,
    sum: { n: sum.n + filled.n, e: sum.e + filled.e },
    block: EMPTY,
    intervals: 0,
    prior,
  };
}

/** X2 of the blocks since the step began. */
function pearson({ sum: { n, e }, squares }: ScaleState): number {
  const p = e / n;
  if (n <= 0 || p <= 0 || p >= 1) return 0;
  return Math.max(0, (squares - (e * e) / n) / (p * (1 - p)));
}

function estimate(scale: ScaleState): number {
  const { phi, blocks: known } = scale.prior;
  const blocks = known + Math.max(0, scale.k - 1);
  if (blocks === 0) return 1;
  // No event: nothing varied, nothing is learned beyond what was known.
  const own = scale.sum.e > 0 ? pearson(scale) : Math.max(0, scale.k - 1);
  return (phi * known + own) / blocks;
}

function scaleDispersion(scale: ScaleState, standardErrors: number): number {
  const phi = estimate(scale);
  if (phi <= 1) return 1;
  const blocks = scale.prior.blocks + Math.max(1, scale.k);
  const mean = scale.k > 0 ? scale.sum.e / scale.k : 0;
  const error = Math.sqrt((2 + (mean > 0 ? 1 / mean : 0)) / blocks);
  return phi > 1 + standardErrors * error ? phi : 1;
}
