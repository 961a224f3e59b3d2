import { lowerBound, upperBound, type Trials } from "./betaMixture";
import { addHistogram, slowerThan, type Bounds } from "./latency";
import { priorOf, type GoAlphas } from "./metric";
import { type Metric } from "./budget";
import { type Histogram } from "./sample";
import { type JudgeSettings } from "../settings/judgeSchema";

/**
 * A's frozen reference. At 100 % A has no requests, so B is compared with what A did at the last step, and in the same
 * hours a day before, when these were seen: traffic of noon is not that of midnight. The reference was made with
 * other requests at another time; B therefore goes back only when it is worse than each reference by a whole margin,
 * and *go* needs that it is shown to be no worse than any of them.
 */

/** What one cluster did over some time. */
export interface Totals {
  readonly requests: number;
  readonly errors: number;
  readonly latencyMs: Histogram | undefined;
}

export const NO_TOTALS: Totals = { requests: 0, errors: 0, latencyMs: undefined };

export function addTotals(sum: Totals, more: Totals): Totals {
  return {
    requests: sum.requests + more.requests,
    errors: sum.errors + more.errors,
    latencyMs: addHistogram(sum.latencyMs, more.latencyMs),
  };
}

/** A's totals of past hours, for the same hour of a later day. */
export interface HourTotals {
  /** Hours since 1970. */
  readonly hour: number;
  readonly totals: Totals;
}

export const HOUR_MS = 3_600_000;
/** Hours that are remembered: eight days. */
const REMEMBERED_HOURS = 8 * 24;

/** Adds to the hour at hand; the newest hour is the last entry. */
export function addToHours(hours: readonly HourTotals[], atMs: number, totals: Totals): readonly HourTotals[] {
  const hour = Math.floor(atMs / HOUR_MS);
  const last = hours.at(-1);
  if (last?.hour === hour) return [...hours.slice(0, -1), { hour, totals: addTotals(last.totals, totals) }];
  return [...hours.slice(-(REMEMBERED_HOURS - 1)), { hour, totals }];
}

/** A's totals in the same hour of the nearest day before, when it had so many requests. */
export function sameHourBefore(hours: readonly HourTotals[], atMs: number, requests: number): Totals | undefined {
  const hour = Math.floor(atMs / HOUR_MS);
  for (let days = 1; days <= 7; days++) {
    const found = hours.find((entry) => entry.hour === hour - 24 * days);
    if (found !== undefined && found.totals.requests >= requests) return found.totals;
  }
  return undefined;
}

/** The trials of one metric in some totals; undefined when its bound is not among the buckets. */
export function trialsOf(metric: Metric, totals: Totals, bounds: Bounds): Trials | undefined {
  if (metric === "errors") return { n: totals.requests, e: totals.errors };
  const bound = bounds[metric];
  const slow = bound === undefined ? undefined : slowerThan(totals.latencyMs, bound);
  return slow === undefined ? undefined : { n: totals.requests, e: slow };
}

export interface AgainstReference {
  /** B's lower bound is beyond the reference's upper bound plus the margin. */
  readonly worse: boolean;
  /** B's upper bound is below the reference's lower bound plus the margin. */
  readonly notWorse: boolean;
  readonly lowB: number;
  readonly highB: number;
  /** Confidence interval of the reference. */
  readonly low: number;
  readonly high: number;
}

/**
 * B's trials so far against a reference, by confidence sequences of each: the reference is fixed, B's grows, and the
 * answer holds at any look. `backAlpha` is halved between the two.
 * @param margin as a chance, 0 to 1
 */
export function againstReference(
  ofB: Trials,
  reference: Trials,
  margin: number,
  backAlpha: number,
  go: GoAlphas,
  dispersion: number,
  settings: JudgeSettings,
): AgainstReference {
  const prior = priorOf(reference, settings);
  const back = -Math.log(backAlpha / 2) * dispersion;
  const lowB = lowerBound(ofB, prior, back);
  const highB = upperBound(ofB, prior, -Math.log(go.b) * dispersion);
  const low = lowerBound(reference, prior, -Math.log(go.a) * dispersion);
  const high = upperBound(reference, prior, back);
  return { worse: lowB > high + margin, notWorse: highB < low + margin, lowB, highB, low, high };
}
