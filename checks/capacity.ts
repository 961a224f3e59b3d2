import { projectUse, type Projection, type Sample, type UseObservation } from "../migration/judge";
import { endOf, gridOf, periodFor, type Grid } from "../migration/metrics/grid";
import { shapeOf, trafficShare } from "../migration/stages";
import { type GateCheck, type GateContext } from "./context";
import { leavesTraffic } from "./judge";
import { metricsOf, wayUp, type WayUp } from "./metrics/wayUp";
import { Report, type CheckResult } from "./result";

const CHECK = "capacity";
const MINUTE_MS = 60_000;
/** Use is looked at in minutes, or over so many samples where these come quicker than four a minute. */
const SAMPLES = 4;
const PEAK_PERIOD_MS = 5 * MINUTE_MS;
const PEAK_SAMPLES = 20;
/** Stretches of that length in which the highest rate is looked for: a day of five minutes each. */
const PEAK_STRETCHES = 288;

/**
 * Whether B's gateways and database will do at the next weight: use per request as seen so far, projected to the highest
 * rate of the day before (migration/judge/capacity.ts).
 */
export const capacity: GateCheck = {
  name: CHECK,
  limitSeconds: 26,
  appliesTo: (move) => leavesTraffic(move) && (trafficShare(move.to) ?? 0) > (trafficShare(move.from ?? "start") ?? 0),
  run: checkCapacity,
};

async function checkCapacity(context: GateContext): Promise<CheckResult> {
  const report = new Report(CHECK);
  const { source, judge } = metricsOf(context);
  const seen = await wayUp(context);
  if (seen === undefined || source.source === "none") {
    if (source.source === "none") report.note(`capacity was not projected, by decision of ${source.by}`);
    return report.result();
  }
  const from = seen.samples.find(({ b }) => b !== undefined)?.atMs ?? seen.untilMs;
  const shortest = Math.min(MINUTE_MS, SAMPLES * seen.source.periodMs);
  const period = Math.max(shortest, periodFor(from, seen.untilMs, seen.source.periodMs));
  const grid = gridOf(from, seen.untilMs, period);
  const peak = await peakRate(seen);
  const next = shapeOf(context.move.to).weightB;
  if (peak === undefined) {
    report.finding({
      subject: "requests of the day before",
      seen: "no rate of A and B together is known",
      expected: "the highest rate, to which B's use is projected",
      remedy: "look at the scrapes of both clusters' gateways, then run again",
      unknown: true,
    });
    return report.result();
  }
  const resources = await seen.source.useOfB(grid);
  const rates = ratesOfB(seen.samples, seen.periodMs, grid);
  const nextRate = (peak * next) / 100;
  const projected: (Projection & { readonly resource: string })[] = [];
  for (const { name, limit, used, where } of resources) {
    const observations = rates.flatMap((rate, index): readonly UseObservation[] => {
      const value = used[index];
      return rate === undefined || value === undefined ? [] : [{ requestsPerSecond: rate, used: value }];
    });
    const projection = projectUse(name, observations, limit, nextRate, judge);
    projected.push({ ...projection, resource: name });
    if (projection.verdict === "fits") continue;
    if (projection.verdict === "unknown" && source.withoutCapacity !== undefined) {
      const { by, reason } = source.withoutCapacity;
      report.note(`${projection.reason}; accepted by ${by}: ${reason}`);
      continue;
    }
    const unknown = projection.verdict === "unknown";
    report.finding({
      subject: `B at weight ${next}`,
      seen: unknown && observations.length === 0 ? `${projection.reason} (${where})` : projection.reason,
      expected: `below ${judge.capacity.limitPercent} % of what there is`,
      remedy: unknown
        ? "wait for more minutes at different rates; where the use cannot be had, metrics.withoutCapacity with by and reason takes it on"
        : "give B more: gatewayGroups[].clusterB.replicas or resources at stage start (a rollback leads there), or a step in between",
      ...(unknown && { unknown: true, transient: true }),
    });
  }
  report.addEvidence({ peakRequestsPerSecond: round(peak), nextRequestsPerSecond: round(nextRate), projected });
  return report.result();
}

/** Highest rate of A and B together in the day before, and in this way up. */
async function peakRate({ source, samples, untilMs, periodMs }: WayUp): Promise<number | undefined> {
  const stretchMs = Math.min(PEAK_PERIOD_MS, PEAK_SAMPLES * source.periodMs);
  const rates = await source.rates(gridOf(untilMs - PEAK_STRETCHES * stretchMs, untilMs, stretchMs));
  // Over as long here too: one interval's burst is no rate that B has to bear.
  const group = Math.max(1, Math.round(stretchMs / periodMs));
  const here = chunks(samples, group).flatMap((part) => {
    if (part.length < group || part.some(({ a, b }) => a === undefined || b === undefined)) return [];
    const requests = part.reduce((sum, { a, b }) => sum + (a?.requests ?? 0) + (b?.requests ?? 0), 0);
    return [(requests * 1000) / (periodMs * group)];
  });
  const known = [...rates.filter((rate) => rate !== undefined), ...here];
  return known.length === 0 ? undefined : known.reduce((most, rate) => Math.max(most, rate));
}

/** Requests per second on B in each interval of the grid; undefined where one of its samples is missing. */
function ratesOfB(samples: readonly Sample[], periodMs: number, grid: Grid): readonly (number | undefined)[] {
  const sums = Array.from({ length: grid.count }, () => ({ requests: 0, samples: 0 }));
  for (const { atMs, b } of samples) {
    const index = Math.ceil((atMs - grid.fromMs) / grid.periodMs) - 1;
    const sum = sums[index];
    if (sum === undefined || b === undefined || atMs > endOf(grid, grid.count - 1)) continue;
    sum.requests += b.requests;
    sum.samples += 1;
  }
  const whole = grid.periodMs / periodMs;
  return sums.map(({ requests, samples: count }) => (count === whole ? (requests * 1000) / grid.periodMs : undefined));
}

function chunks<T>(values: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(values.length / size) }, (_, index) =>
    values.slice(index * size, (index + 1) * size),
  );
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
