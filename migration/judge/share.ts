import { lowerBound, priorAround, upperBound } from "./betaMixture";
import { dispersionOf, observeDispersion, startDispersion, type DispersionState } from "./dispersion";
import { type JudgeSettings } from "../settings/judgeSchema";

/**
 * Split check: is B's measured share of the requests what its weight says? A mismatch means stickiness, a bypass, or a
 * rule that is not applied, and makes the comparison worthless: the clusters serve different clients. A sequential
 * sample-ratio test (Lindon and Malek, arXiv 2011.03567) as a confidence sequence (`betaMixture.ts`), with a tolerance,
 * since at a million requests every share deviates.
 */

export interface ShareState {
  /** Requests on both clusters, and on B. */
  readonly n: number;
  readonly nB: number;
  /** How far the split itself varies: connections that are kept come in bursts. */
  readonly dispersion: DispersionState;
}

export interface ShareView {
  /** Measured share of B, 0 to 1; undefined without requests. */
  readonly share: number | undefined;
  /** Confidence sequence of the share. */
  readonly low: number;
  readonly high: number;
  /** `fits`: shown to be right. `open`: not enough requests. `wrong`: shown to be wrong. `far above`: B gets far more. */
  readonly verdict: "fits" | "open" | "wrong" | "far above";
}

/** Prior weight in requests: shares near the ordered one are expected. */
const PRIOR_REQUESTS = 1000;

export function startShare(settings: JudgeSettings): ShareState {
  return { n: 0, nB: 0, dispersion: startDispersion(settings.dispersion) };
}

export function observeShare(state: ShareState, nA: number, nB: number): ShareState {
  return {
    n: state.n + nA + nB,
    nB: state.nB + nB,
    dispersion: observeDispersion(state.dispersion, nA + nB, nB),
  };
}

/** @param weight B's weight, above 0 to 1 */
export function viewShare(state: ShareState, weight: number, alpha: number, settings: JudgeSettings): ShareView {
  const { n, nB } = state;
  if (n <= 0) return { share: undefined, low: 0, high: 1, verdict: "open" };
  const limit = -Math.log(alpha) * dispersionOf(state.dispersion, settings.dispersion);
  // A prior of 0 or 1 would know everything.
  const prior = priorAround(Math.min(0.999, Math.max(0.001, weight)), PRIOR_REQUESTS);
  const trials = { n, e: Math.min(nB, n) };
  const low = lowerBound(trials, prior, limit);
  const high = upperBound(trials, prior, limit);
  const smaller = Math.min(weight, 1 - weight);
  const band = (percent: number): number => Math.max(settings.share.smallestPercent, smaller * percent) / 100;
  const tolerance = band(settings.share.tolerancePercent);
  const shown = Math.max(tolerance, band(settings.share.shownPercent));
  const view = { share: nB / n, low, high };
  if (low > weight * settings.share.backRatio) return { ...view, verdict: "far above" };
  if (low > weight + tolerance || high < weight - tolerance) return { ...view, verdict: "wrong" };
  return { ...view, verdict: low >= weight - shown && high <= weight + shown ? "fits" : "open" };
}
