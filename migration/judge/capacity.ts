import { type JudgeSettings } from "../settings/judgeSchema";

/**
 * Will B's capacity do at the next weight? Use (CPU, memory, database connections, ...) is taken as a fixed part and a
 * part per request,
 *
 *     use = idle + perRequest * rate,
 *
 * fitted by least squares over everything seen at the steps so far, weight 0 included, and projected to the rate at the
 * next weight with the upper end of a prediction interval: the fit's own uncertainty grows with the distance from what
 * was seen, which is what a projection from 5 to 25 % needs (Draper and Smith, "Applied regression analysis", 1.4 and
 * 3.1; Student's quantile by Hill 1970).
 */

/** One look at one resource. */
export interface UseObservation {
  /** Requests per second that B served. */
  readonly requestsPerSecond: number;
  /** What was used, in any unit. */
  readonly used: number;
}

export interface Projection {
  /** `fits`: shown to stay below the limit. `too small`: shown not to. `unknown`: not enough was seen. */
  readonly verdict: "fits" | "too small" | "unknown";
  /** In words and numbers. */
  readonly reason: string;
  /** Expected use at the next weight, in the unit of the observations; null when nothing could be fitted. */
  readonly expected: number | null;
  /** What it will not exceed, but for the accepted risk. */
  readonly atMost: number | null;
}

/**
 * @param resource name for the reason, such as `CPU`
 * @param limit what the resource has in all, in the unit of the observations
 * @param nextRequestsPerSecond the rate that B will serve at the next weight: the highest of the day, not that of now
 */
export function projectUse(
  resource: string,
  observations: readonly UseObservation[],
  limit: number,
  nextRequestsPerSecond: number,
  settings: Pick<JudgeSettings, "capacity">,
): Projection {
  const { limitPercent, observations: needed, riskPercent } = settings.capacity;
  const seen = observations.filter(({ requestsPerSecond, used }) => requestsPerSecond >= 0 && used >= 0);
  if (seen.length < needed || !(limit > 0)) {
    const reason = limit > 0 ? `${seen.length} observations, ${needed} are needed` : "its limit is not known";
    return { verdict: "unknown", reason: `${resource}: ${reason}`, expected: null, atMost: null };
  }
  const n = seen.length;
  const meanX = seen.reduce((sum, { requestsPerSecond }) => sum + requestsPerSecond, 0) / n;
  const meanY = seen.reduce((sum, { used }) => sum + used, 0) / n;
  const sxx = seen.reduce((sum, { requestsPerSecond }) => sum + (requestsPerSecond - meanX) ** 2, 0);
  if (sxx < (SPREAD * Math.max(meanX, Number.EPSILON)) ** 2 * n) {
    const reason = "use was seen at one rate only; what a request costs is not known";
    return { verdict: "unknown", reason: `${resource}: ${reason}`, expected: null, atMost: null };
  }
  const sxy = seen.reduce((sum, { requestsPerSecond, used }) => sum + (requestsPerSecond - meanX) * (used - meanY), 0);
  const slope = sxy / sxx;
  const residuals = seen.reduce(
    (sum, { requestsPerSecond, used }) => sum + (used - meanY - slope * (requestsPerSecond - meanX)) ** 2,
    0,
  );
  const deviation = Math.sqrt(residuals / (n - 2));
  // More requests never need less: a falling line is noise.
  const expected = meanY + Math.max(0, slope) * (nextRequestsPerSecond - meanX);
  const error = deviation * Math.sqrt(1 + 1 / n + (nextRequestsPerSecond - meanX) ** 2 / sxx);
  const atMost = expected + studentQuantile(1 - riskPercent / 100, n - 2) * error;
  const share = (use: number): string => `${Math.round((use / limit) * 1000) / 10} %`;
  const fits = (atMost / limit) * 100 < limitPercent;
  const reason =
    `${resource}: ${share(expected)} of its limit expected at ${Math.round(nextRequestsPerSecond)} requests/s, ` +
    `at most ${share(atMost)}; allowed ${limitPercent} %`;
  return { verdict: fits ? "fits" : "too small", reason, expected, atMost };
}

/** Relative spread of the rates below which they count as one. */
const SPREAD = 0.05;

/** Quantile of Student's t (Hill's expansion, Communications of the ACM 13, 1970; within 0.5 % from 3 degrees on). */
export function studentQuantile(probability: number, degrees: number): number {
  const z = normalQuantile(probability);
  const g = [
    (z ** 3 + z) / 4,
    (5 * z ** 5 + 16 * z ** 3 + 3 * z) / 96,
    (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / 384,
    (79 * z ** 9 + 776 * z ** 7 + 1482 * z ** 5 - 1920 * z ** 3 - 945 * z) / 92_160,
  ];
  return g.reduce((sum, term, index) => sum + term / degrees ** (index + 1), z);
}

/** Quantile of the standard normal distribution for 0.5 to 1 (Abramowitz and Stegun 26.2.23; error below 4.5e-4). */
function normalQuantile(probability: number): number {
  if (probability < 0.5) return -normalQuantile(1 - probability);
  const t = Math.sqrt(-2 * Math.log(1 - probability));
  return (
    t - (2.515517 + 0.802853 * t + 0.010328 * t * t) / (1 + 1.432788 * t + 0.189269 * t * t + 0.001308 * t * t * t)
  );
}
