import { type Histogram } from "./sample";

/**
 * Latency as an event: "slower than a bound" is binomial as an error is, so the same tests serve (facts/delivery.md 4).
 * The bounds are bucket bounds of A's histogram, those next to its 95th and 99th percentile. They are chosen from A's
 * requests *before* the first interval that is judged, so that they do not depend on what they are used on.
 */

export interface Bounds {
  /** Milliseconds; undefined when the histogram has no fitting bound. */
  readonly p95: number | undefined;
  readonly p99: number | undefined;
}

/** Above this share of slow answers on A, slower ones on B could not be told apart. */
const LARGEST_SHARE = 0.5;

/** Adds up histograms of the same bounds; a different layout begins anew, it cannot be added. */
export function addHistogram(sum: Histogram | undefined, more: Histogram | undefined): Histogram | undefined {
  if (more === undefined) return sum;
  if (sum === undefined || !sameBounds(sum, more)) return { le: more.le, count: [...more.count] };
  return { le: sum.le, count: sum.count.map((count, index) => count + (more.count[index] ?? 0)) };
}

export function totalOf(histogram: Histogram | undefined): number {
  let sum = 0;
  for (const count of histogram?.count ?? []) sum += count;
  return sum;
}

/** Requests slower than the bound; undefined when the histogram has no such bucket bound. */
export function slowerThan(histogram: Histogram | undefined, bound: number): number | undefined {
  if (histogram === undefined) return undefined;
  const { le, count } = histogram;
  const index = le.indexOf(bound);
  if (index < 0) return undefined;
  let sum = 0;
  for (let i = index + 1; i < count.length; i++) sum += count[i] ?? 0;
  return sum;
}

/** Requests slower than so many milliseconds, counting only buckets that are wholly beyond. */
export function surelySlowerThan({ le, count }: Histogram, ms: number): number {
  let sum = 0;
  for (let i = 1; i < count.length; i++) if ((le[i - 1] ?? 0) >= ms) sum += count[i] ?? 0;
  return sum;
}

/**
 * The bounds whose share of slower requests on A is nearest to 5 % and 1 %, as ratios. `usable` says which bounds B's
 * histogram has too. The two are different bounds unless there is only one.
 */
export function chooseBounds(histogramA: Histogram, usable: (bound: number) => boolean): Bounds {
  const total = totalOf(histogramA);
  const candidates = histogramA.le
    .filter((bound) => bound !== null)
    .filter(usable)
    .map((bound) => ({ bound, share: ((slowerThan(histogramA, bound) ?? 0) + 0.5) / (total + 1) }))
    .filter(({ share }) => share <= LARGEST_SHARE);
  const nearest = (wanted: number, among: typeof candidates): number | undefined =>
    [...among].sort((x, y) => Math.abs(Math.log(x.share / wanted)) - Math.abs(Math.log(y.share / wanted)))[0]?.bound;
  const p95 = nearest(0.05, candidates);
  const beyond = candidates.filter(({ bound }) => p95 === undefined || bound > p95);
  return { p95, p99: nearest(0.01, beyond) ?? p95 };
}

function sameBounds(one: Histogram, other: Histogram): boolean {
  return one.le.length === other.le.length && one.le.every((bound, index) => bound === other.le[index]);
}
