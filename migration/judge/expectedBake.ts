import { METRICS, type Metric } from "./budget";
import { type JudgeConfig } from "./config";
import { lowerBound, priorAround, upperBound } from "./betaMixture";
import { expectedRequests, goAlphas, priorOf } from "./metric";

/**
 * How long a migration will bake, told beforehand: the requests at which *go* is expected when B equals A, by the same
 * inequality that the judge uses, and the minutes that they take at a given rate. All metrics have to pass, so that the
 * unluckiest decides: `LUCK` is by how much B's count is above the expected one then, in standard deviations, as fitted
 * to simulations of the judge (`npm run bench -- judge`).
 */

/** For the median and for the 90th percentile of a step's length. */
const LUCK = { median: 0.3, p90: 1.5 } as const;

/** What A does usually. Default: 0.1 % errors; 5 and 1 % beyond its p95 and p99, by definition. */
export interface Baseline {
  /** Chance of an error, 0 to 1. */
  readonly errors: number;
  readonly p95: number;
  readonly p99: number;
}

export const USUAL_BASELINE: Baseline = { errors: 0.001, p95: 0.05, p99: 0.01 };

export interface ExpectedStep {
  readonly weightB: number;
  /** Minutes from the first request at this weight to *go*, warm-up included. */
  readonly minutes: number;
  /** The same for the nine quickest of ten. */
  readonly minutesP90: number;
  /** Requests that B serves in that time, at the rate given. */
  readonly requestsB: number;
  /** What takes longest: a metric, or one of the floors. */
  readonly decidedBy: Metric | "minimumMinutes" | "minimumRequestsB";
}

export interface ExpectedBake {
  readonly steps: readonly ExpectedStep[];
  /** Minutes of all of them, waits and soak not included. */
  readonly totalMinutes: number;
  /** The same for the nine quickest of ten migrations. */
  readonly totalMinutesP90: number;
}

/**
 * @param requestsPerSecond of both clusters together, above 0
 * @param trafficSteps B's weights in percent, as in the settings
 */
export function expectedBake(
  config: JudgeConfig,
  requestsPerSecond: number,
  trafficSteps: readonly number[],
  baseline: Baseline = USUAL_BASELINE,
): ExpectedBake {
  const steps = trafficSteps.map((weightB): ExpectedStep => {
    const { minutes, decidedBy } = longestNeed(config, requestsPerSecond, weightB, baseline, LUCK.median);
    const { minutes: minutesP90 } = longestNeed(config, requestsPerSecond, weightB, baseline, LUCK.p90);
    const requestsB = Math.ceil((minutes * requestsPerSecond * 60 * weightB) / 100);
    return { weightB, minutes, minutesP90, requestsB, decidedBy };
  });
  const totalMinutes = steps.reduce((sum, { minutes }) => sum + minutes, 0);
  // Steps are long or short independently of each other.
  const variance = steps.reduce((sum, { minutes, minutesP90 }) => sum + (minutesP90 - minutes) ** 2, 0);
  return { steps, totalMinutes, totalMinutesP90: totalMinutes + Math.sqrt(variance) };
}

function longestNeed(
  config: JudgeConfig,
  requestsPerSecond: number,
  weightB: number,
  baseline: Baseline,
  luck: number,
): Pick<ExpectedStep, "minutes" | "decidedBy"> {
  const { settings } = config;
  const perMinute = requestsPerSecond * 60;
  const share = weightB / 100;
  const needs: { decidedBy: ExpectedStep["decidedBy"]; minutes: number }[] = [
    { decidedBy: "minimumMinutes", minutes: settings.minimumMinutes },
    { decidedBy: "minimumRequestsB", minutes: settings.minimumRequestsB / (perMinute * share) },
  ];
  for (const metric of METRICS) {
    const requests =
      weightB === 100
        ? requestsAgainstReference(config, metric, baseline[metric])
        : requestsAgainstA(config, metric, share, baseline[metric], luck);
    needs.push({ decidedBy: metric, minutes: requests / perMinute });
  }
  const longest = needs.reduce((one, other) => (other.minutes > one.minutes ? other : one));
  return { minutes: settings.warmUpSeconds / 60 + longest.minutes, decidedBy: longest.decidedBy };
}

function requestsAgainstA(
  { settings, margins }: JudgeConfig,
  metric: Metric,
  share: number,
  chance: number,
  luck: number,
): number {
  const prior = priorAround(chance, settings.latency.priorRequests);
  return expectedRequests(chance, share, prior, margins[metric], goAlphas(settings), 1, luck);
}

/** At 100 %: B against a reference with as many requests as B has, which is about what the last step leaves. */
function requestsAgainstReference({ settings, margins }: JudgeConfig, metric: Metric, chance: number): number {
  const go = goAlphas(settings);
  const passes = (n: number): boolean => {
    const trials = { n, e: n * chance };
    const prior = priorOf(trials, settings);
    const low = lowerBound(trials, prior, -Math.log(go.a));
    return upperBound(trials, prior, -Math.log(go.b)) < low + margins[metric];
  };
  let requests = 100;
  while (!passes(requests) && requests < 1e12) requests *= 1.2;
  return requests;
}
