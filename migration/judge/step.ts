import { METRICS, type Metric } from "./budget";
import { type JudgeConfig } from "./config";
import { nextDispersion, observeDispersion, startDispersion, type DispersionState } from "./dispersion";
import { errorsOf } from "./hardStops";
import { NO_SPACING, withDistance, type Fault, type Spacing } from "./intervals";
import { chooseBounds, slowerThan, totalOf, type Bounds } from "./latency";
import { observeMetric, startMetric, withoutClean, type MetricState } from "./metric";
import { addTotals, HOUR_MS, NO_TOTALS, sameHourBefore, type HourTotals, type Totals } from "./reference";
import { NO_SERVICES, observeServices, servicesWithoutClean, warmUpServices, type ServicesState } from "./services";
import { observeShare, startShare, type ShareState } from "./share";
import { type Sample, type Side } from "./sample";

/** Everything that one step, a time at one weight, has shown so far. Plain data: it can be saved and read back. */
export interface StepState {
  /** B's weight in percent. */
  readonly weightB: number;
  /** Number of steps judged before this one; places it in the error budget. */
  readonly index: number;
  readonly startedMs: number;
  readonly lastMs: number;
  readonly samples: number;
  /** Time of the first sample after the warm-up. */
  readonly judgedFromMs: number | null;
  /** Beginning of the evidence for *go*. */
  readonly cleanFromMs: number | null;
  readonly spacing: Spacing;
  readonly faults: number;
  readonly lastFault: (Fault & { readonly atMs: number }) | null;
  /** Last sample in which the cluster had a request. */
  readonly lastRequestMsA: number | null;
  readonly lastRequestMsB: number | null;
  /** What A did before the counts began: earlier steps and the warm-up. */
  readonly before: Totals;
  /** What the clusters did since. B's begin anew after a fault. */
  readonly totalsA: Totals;
  readonly totalsB: Totals;
  readonly bounds: Bounds | null;
  /** How A's counts varied so far, for metrics that have not begun. */
  readonly dispersions: Readonly<Record<Metric, DispersionState>>;
  readonly metrics: Readonly<Partial<Record<Metric, MetricState>>>;
  readonly share: ShareState;
  readonly services: ServicesState;
  /** A's totals a day before of the hours that this step covers; null as soon as one of them is not known. */
  readonly sameHours: { readonly lastHour: number; readonly totals: Totals } | null;
  /** Since when the verdict is *go*. */
  readonly goSinceMs: number | null;
}

/** @param known what is known of A before the step */
export function startStep(
  config: JudgeConfig,
  sample: Pick<Sample, "atMs" | "weightB">,
  index: number,
  known: {
    readonly before: Totals;
    readonly spacing: Spacing;
    readonly dispersions: StepState["dispersions"] | undefined;
    readonly services: ServicesState["before"];
  },
): StepState {
  const { settings } = config;
  const dispersion = (metric: Metric): DispersionState => {
    const earlier = known.dispersions?.[metric];
    return earlier === undefined ? startDispersion(settings.dispersion) : nextDispersion(earlier);
  };
  return {
    weightB: sample.weightB,
    index,
    startedMs: sample.atMs,
    lastMs: sample.atMs,
    samples: 0,
    judgedFromMs: null,
    cleanFromMs: null,
    spacing: { recent: known.spacing.recent, largest: NO_SPACING.largest },
    faults: 0,
    lastFault: null,
    lastRequestMsA: null,
    lastRequestMsB: null,
    before: known.before,
    totalsA: NO_TOTALS,
    totalsB: NO_TOTALS,
    bounds: null,
    dispersions: { errors: dispersion("errors"), p95: dispersion("p95"), p99: dispersion("p99") },
    metrics: {},
    share: startShare(settings),
    services: { ...NO_SERVICES, before: known.services },
    sameHours: { lastHour: -1, totals: NO_TOTALS },
    goSinceMs: null,
  };
}

/** How A's counts varied, as the next step begins with it. */
export function dispersionsOf(step: StepState): StepState["dispersions"] {
  const of = (metric: Metric): DispersionState => step.metrics[metric]?.dispersion ?? step.dispersions[metric];
  return { errors: of("errors"), p95: of("p95"), p99: of("p99") };
}

/** The place of a sample that is in order: time, distance, number. */
export function placeSample(step: StepState, atMs: number): StepState {
  const spacing = step.samples > 0 ? withDistance(step.spacing, atMs - step.lastMs) : step.spacing;
  return { ...step, lastMs: atMs, samples: step.samples + 1, spacing };
}

/** A fault: the evidence for *go* is collected anew. */
export function withFault(step: StepState, fault: Fault, atMs: number): StepState {
  const metrics: Partial<Record<Metric, MetricState>> = {};
  for (const metric of METRICS) {
    const state = step.metrics[metric];
    if (state !== undefined) metrics[metric] = withoutClean(state);
  }
  return {
    ...step,
    metrics,
    services: servicesWithoutClean(step.services),
    totalsB: NO_TOTALS,
    spacing: { ...step.spacing, largest: 0 },
    cleanFromMs: step.cleanFromMs === null ? null : atMs,
    faults: step.faults + 1,
    lastFault: { ...fault, atMs },
    goSinceMs: null,
  };
}

export function totalsOfSide(side: Side | undefined, config: JudgeConfig): Totals {
  if (side === undefined) return NO_TOTALS;
  return { requests: side.requests, errors: errorsOf(side, config.settings), latencyMs: side.latencyMs };
}

/** A sample of the warm-up, or at weight 0: what A does is learned, nothing is judged. */
export function learnFrom(step: StepState, sample: Sample, config: JudgeConfig): StepState {
  const ofA = totalsOfSide(sample.a, config);
  const { errors, ...others } = step.dispersions;
  return {
    ...step,
    before: addTotals(step.before, ofA),
    dispersions: {
      ...others,
      errors: ofA.requests > 0 ? observeDispersion(errors, ofA.requests, ofA.errors) : errors,
    },
    services: warmUpServices(step.services, sample, config),
  };
}

/** What came of a sample that counts: the step with it, or why it cannot count. */
export type Counted = { readonly step: StepState } | { readonly fault: Fault };

/** A sample after the warm-up, of so many minutes. */
export function countSample(
  before: StepState,
  sample: Sample,
  minutes: number,
  hours: readonly HourTotals[],
  config: JudgeConfig,
): Counted {
  const ofA = totalsOfSide(sample.a, config);
  const ofB = totalsOfSide(sample.b, config);
  const step = withBounds(begin(before, sample.atMs, config), ofA, ofB, config);
  const metrics: Partial<Record<Metric, MetricState>> = { ...step.metrics };
  for (const metric of METRICS) {
    const state = step.metrics[metric];
    if (state === undefined) continue;
    const bound = metric === "errors" ? undefined : step.bounds?.[metric];
    const events = (totals: Totals): number | undefined => {
      if (bound === undefined) return totals.errors;
      return totals.requests > 0 ? slowerThan(totals.latencyMs, bound) : 0;
    };
    const [eA, eB] = [events(ofA), events(ofB)];
    if (eA === undefined || eB === undefined) {
      return { fault: { kind: "partial", text: `a histogram has no bucket bound of ${bound ?? 0} ms any more` } };
    }
    const counts = { nA: ofA.requests, eA, nB: ofB.requests, eB };
    metrics[metric] = observeMetric(state, config.odds[metric], counts, minutes);
  }
  return {
    step: {
      ...step,
      metrics,
      totalsA: addTotals(step.totalsA, ofA),
      totalsB: addTotals(step.totalsB, ofB),
      share: observeShare(step.share, ofA.requests, ofB.requests),
      services: observeServices(step.services, sample, minutes, config),
      sameHours: sample.weightB === 100 ? coverHour(step.sameHours, sample.atMs, hours, config) : step.sameHours,
    },
  };
}

/** The first sample that counts: errors can be judged from here on. */
function begin(step: StepState, atMs: number, config: JudgeConfig): StepState {
  if (step.judgedFromMs !== null) return step;
  const before = { n: step.before.requests, e: step.before.errors };
  return {
    ...step,
    judgedFromMs: atMs,
    cleanFromMs: atMs,
    metrics: { errors: startMetric(before, step.dispersions.errors, config.odds.errors, config.settings) },
  };
}

/** Latency can be judged once enough requests of A have shown where its p95 and p99 lie. */
function withBounds(step: StepState, ofA: Totals, ofB: Totals, config: JudgeConfig): StepState {
  if (step.bounds !== null) return step;
  const { before } = step;
  const histogram = before.latencyMs;
  if (histogram === undefined || totalOf(histogram) < config.settings.latency.requestsA) {
    return { ...step, before: addTotals(before, ofA) };
  }
  const bounds = chooseBounds(histogram, (bound) => ofB.latencyMs?.le.includes(bound) === true);
  const metrics: Partial<Record<Metric, MetricState>> = { ...step.metrics };
  for (const metric of ["p95", "p99"] as const) {
    const bound = bounds[metric];
    if (bound === undefined) continue;
    const known = { n: totalOf(histogram), e: slowerThan(histogram, bound) ?? 0 };
    metrics[metric] = startMetric(known, step.dispersions[metric], config.odds[metric], config.settings);
  }
  return { ...step, bounds, metrics };
}

/** Takes in the hour of this sample a day before, when it begins. */
function coverHour(
  sameHours: StepState["sameHours"],
  atMs: number,
  hours: readonly HourTotals[],
  config: JudgeConfig,
): StepState["sameHours"] {
  const hour = Math.floor(atMs / HOUR_MS);
  if (sameHours === null || sameHours.lastHour === hour) return sameHours;
  const found = sameHourBefore(hours, atMs, config.settings.latency.requestsA);
  return found === undefined ? null : { lastHour: hour, totals: addTotals(sameHours.totals, found) };
}
