/**
 * Confidence sequences for the chance of an event (an error, a slow answer) that hold at all times at once.
 *
 * Robbins' method of mixtures ("Statistical methods related to the law of the iterated logarithm", Ann. Math. Stat. 41,
 * 1970) with a beta prior, as in Howard, Ramdas, McAuliffe and Sekhon ("Time-uniform, nonparametric, nonasymptotic
 * confidence sequences", Ann. Stat. 49, 2021, arXiv 1810.08240) and Kaufmann and Koolen (arXiv 1811.11419): for n
 * independent trials with e events and true chance p,
 *
 *     M(p) = B(a + e, b + n - e) / B(a, b) / (p^e (1 - p)^(n - e))
 *
 * is a martingale that begins at 1. By Ville's inequality it ever reaches 1/alpha with a chance of at most alpha, so
 * {p : M(p) < 1/alpha} contains the true p at every look, however often one looks.
 */

/** Events among trials. Fractions occur: rates of counters are extrapolated. */
export interface Trials {
  /** Number of trials, at least 0. */
  readonly n: number;
  /** Number of events among them, 0 to `n`. */
  readonly e: number;
}

/** Beta prior of the mixture. */
export interface BetaPrior {
  readonly a: number;
  readonly b: number;
}

const LANCZOS = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
  12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
] as const;
const HALF_LOG_TWO_PI = 0.91893853320467274178;

/** Natural logarithm of the gamma function for x > 0 (Lanczos, g = 7; relative error below 1e-13). */
export function logGamma(x: number): number {
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - logGamma(1 - x);
  const z = x - 1;
  let sum: number = LANCZOS[0];
  for (let i = 1; i < 9; i++) sum += (LANCZOS[i] ?? 0) / (z + i);
  const t = z + 7.5;
  return HALF_LOG_TWO_PI + (z + 0.5) * Math.log(t) - t + Math.log(sum);
}

/** Natural logarithm of the beta function. */
export function logBeta(a: number, b: number): number {
  return logGamma(a) + logGamma(b) - logGamma(a + b);
}

/** x log y, with 0 log 0 = 0. */
function xLogY(x: number, y: number): number {
  return x === 0 ? 0 : x * Math.log(y);
}

/** The part of log M(p) that does not depend on p. */
export function logMixture({ n, e }: Trials, { a, b }: BetaPrior): number {
  return logBeta(a + e, b + n - e) - logBeta(a, b);
}

/** log M(p): how strongly the trials speak against the chance p. */
export function logEvidenceAgainst(p: number, trials: Trials, prior: BetaPrior): number {
  const { n, e } = trials;
  return logMixture(trials, prior) - xLogY(e, p) - xLogY(n - e, 1 - p);
}

/**
 * Prior around an expected chance, worth so many requests, and never so thin in events that it shuns small chances.
 * It must be chosen before the trials that it is used with.
 */
export function priorAround(chance: number, requests: number): BetaPrior {
  const a = Math.max(0.5, requests * chance);
  return { a, b: (a * (1 - chance)) / chance };
}

/**
 * Lower end of the confidence sequence: the smallest p with log M(p) < `limit` (log 1/alpha, times a dispersion).
 * Newton's method in log p: log M is convex there and falls, so it approaches from the left and never overshoots.
 */
export function lowerBound(trials: Trials, prior: BetaPrior, limit: number): number {
  const { n, e } = trials;
  if (e <= 0) return 0;
  const constant = logMixture(trials, prior) - limit;
  const rate = e / n;
  // Left of the root: there the term of the events alone makes up for the rest.
  let u = Math.min(Math.log(rate), constant / e);
  for (let round = 0; round < 60; round++) {
    const p = Math.exp(u);
    const value = constant - e * u - xLogY(n - e, 1 - p);
    const slope = -e + ((n - e) * p) / (1 - p);
    if (value <= 0 || slope >= 0) break;
    const step = value / -slope;
    u += step;
    if (step < 1e-9) break;
  }
  return Math.min(Math.exp(u), rate);
}

/** Upper end of the confidence sequence: the largest p with log M(p) < `limit`. */
export function upperBound(trials: Trials, prior: BetaPrior, limit: number): number {
  const { n, e } = trials;
  // By symmetry: no event is an event too.
  return 1 - lowerBound({ n, e: n - e }, { a: prior.b, b: prior.a }, limit);
}
