import { reasonsToGoBack } from "./back";
import { blockers } from "./blockers";
import { type JudgeConfig } from "./config";
import { type References } from "./fullWeight";
import { hardStops } from "./hardStops";
import {
  faultOfCounts,
  faultOfGap,
  faultOfPlace,
  NO_SPACING,
  usualDistance,
  type Fault,
  type Spacing,
} from "./intervals";
import { addToHours, addTotals, NO_TOTALS, type HourTotals, type Totals } from "./reference";
import { type Sample } from "./sample";
import {
  countSample,
  dispersionsOf,
  learnFrom,
  placeSample,
  startStep,
  totalsOfSide,
  withFault,
  type StepState,
} from "./step";

/**
 * A against B over a whole migration, one sample after the other. The state is plain data, so that it can be kept as
 * JSON between two looks; `observe` is a pure function, so that the same samples give the same verdict whether they
 * come one by one or all at once.
 */

export type JudgeVerdict = "go" | "hold" | "back";

export interface JudgeState {
  /** Steps with traffic on B that have begun. */
  readonly judgedSteps: number;
  readonly lastMs: number | null;
  readonly spacing: Spacing;
  /** The step at hand. */
  readonly step: StepState | null;
  /** Steps before it. */
  readonly earlier: readonly StepSummary[];
  /** What A did at the last step below 100 %. */
  readonly references: References;
  readonly hours: readonly HourTotals[];
  readonly dispersions: StepState["dispersions"] | null;
  /** The first reason to go back; it stays. */
  readonly back: { readonly atMs: number; readonly weightB: number; readonly reasons: readonly string[] } | null;
}

/** What became of one step. */
export interface StepSummary {
  readonly weightB: number;
  /** ISO times of its first and last sample. */
  readonly from: string;
  readonly to: string;
  /** End of the warm-up: the first sample that counts; null when there was none. */
  readonly judgedFrom: string | null;
  readonly verdict: JudgeVerdict;
  /** Since when the verdict is *go*, or when it became *back*. */
  readonly at: string | null;
  readonly requestsA: number;
  readonly requestsB: number;
  readonly samples: number;
  readonly faults: number;
}

const MINUTE_MS = 60_000;
/** Steps that are remembered by their summary. */
const REMEMBERED_STEPS = 100;

/** Before any sample. */
export const NOTHING_SEEN: JudgeState = {
  judgedSteps: 0,
  lastMs: null,
  spacing: NO_SPACING,
  step: null,
  earlier: [],
  references: { lastStep: null, services: {} },
  hours: [],
  dispersions: null,
  back: null,
};

/** The state after one more sample. */
export function observe(config: JudgeConfig, state: JudgeState, sample: Sample): JudgeState {
  // Traffic goes back: nothing that comes later takes that away.
  if (state.back !== null) return state;
  const place = state.lastMs === null ? undefined : faultOfPlace(sample.atMs, state.lastMs);
  if (place !== undefined) return afterFault(state, place, state.lastMs ?? sample.atMs);
  const entered = state.step?.weightB === sample.weightB ? state : enterStep(config, state, sample);
  if (entered.step === null) return entered;
  const step = placeSample(entered.step, sample.atMs);
  const placed: JudgeState = { ...entered, step, lastMs: sample.atMs, spacing: step.spacing };
  const counts = faultOfCounts(sample);
  if (counts !== undefined) return afterFault(placed, counts, sample.atMs);
  const gap = faultOfGap(step.spacing, config.settings.data.gapRatio);
  // After a gap the sample itself is sound.
  return takeIn(config, gap === undefined ? placed : afterFault(placed, gap, sample.atMs), sample);
}

/** A sound sample in its place. */
function takeIn(config: JudgeConfig, state: JudgeState, sample: Sample): JudgeState {
  const { settings } = config;
  if (state.step === null) return state;
  const ofA = totalsOfSide(sample.a, config);
  const hours = ofA.requests > 0 ? addToHours(state.hours, sample.atMs, ofA) : state.hours;
  const seen = { ...state, hours };
  const step = withRequests(state.step, sample);
  if (sample.weightB === 0) return { ...seen, step: learnFrom(step, sample, config) };
  const stops = hardStops(sample, settings);
  if (stops.length > 0) return { ...seen, step, back: backAt(sample, stops) };
  if (sample.atMs - step.startedMs < settings.warmUpSeconds * 1000) {
    return { ...seen, step: learnFrom(step, sample, config) };
  }
  const counted = countSample(step, sample, minutesOf(state.step), hours, config);
  if ("fault" in counted) return afterFault({ ...seen, step }, counted.fault, sample.atMs);
  const reasons = reasonsToGoBack(counted.step, state.references, config);
  if (reasons.length > 0) return { ...seen, step: counted.step, back: backAt(sample, reasons) };
  return { ...seen, step: withVerdict(config, counted.step, state.references) };
}

function withVerdict(config: JudgeConfig, step: StepState, references: References): StepState {
  const go = blockers(step, references, config).next().done === true;
  return { ...step, goSinceMs: go ? (step.goSinceMs ?? step.lastMs) : null };
}

function afterFault(state: JudgeState, fault: Fault, atMs: number): JudgeState {
  if (state.step === null) return state;
  return { ...state, step: withFault(state.step, fault, atMs) };
}

function enterStep(config: JudgeConfig, state: JudgeState, sample: Sample): JudgeState {
  const closed = state.step === null ? state : closeStep(state, state.step);
  const index = closed.judgedSteps;
  const step = startStep(config, sample, index, {
    before: closed.references.lastStep ?? NO_TOTALS,
    spacing: closed.spacing,
    dispersions: closed.dispersions ?? undefined,
    services: closed.references.services,
  });
  return { ...closed, step, judgedSteps: sample.weightB > 0 ? index + 1 : index };
}

/** What the next step needs of this one. A step without a judged request of A leaves the earlier reference. */
function closeStep(state: JudgeState, step: StepState): JudgeState {
  const earlier = [...state.earlier.slice(-(REMEMBERED_STEPS - 1)), summaryOf(step, state.back)];
  const kept = { ...state, earlier, dispersions: dispersionsOf(step) };
  if (step.weightB === 100) return kept;
  // At weight 0 everything is learned, nothing judged.
  const totals: Totals = step.weightB === 0 ? step.before : step.totalsA;
  if (totals.requests <= 0) return kept;
  const services = step.weightB === 0 ? step.services.before : step.services.totalsA;
  return { ...kept, references: { lastStep: totals, services } };
}

/** Minutes that the newest sample covers: its distance to the one before. */
function minutesOf({ spacing }: StepState): number {
  const usual = usualDistance(spacing);
  const last = spacing.recent.at(-1);
  return usual === undefined || last === undefined ? 0 : Math.min(last, 2 * usual) / MINUTE_MS;
}

function withRequests(step: StepState, { a, b, atMs }: Sample): StepState {
  return {
    ...step,
    lastRequestMsA: (a?.requests ?? 0) > 0 ? atMs : step.lastRequestMsA,
    lastRequestMsB: (b?.requests ?? 0) > 0 ? atMs : step.lastRequestMsB,
  };
}

function backAt(sample: Sample, reasons: readonly string[]): JudgeState["back"] {
  return { atMs: sample.atMs, weightB: sample.weightB, reasons };
}

/** A step as it stands. */
export function summaryOf(step: StepState, back: JudgeState["back"]): StepSummary {
  const isBack = back !== null && back.atMs === step.lastMs;
  const at = isBack ? back.atMs : step.goSinceMs;
  const a = addTotals(NO_TOTALS, step.totalsA);
  return {
    weightB: step.weightB,
    from: iso(step.startedMs),
    to: iso(step.lastMs),
    judgedFrom: step.judgedFromMs === null ? null : iso(step.judgedFromMs),
    verdict: isBack ? "back" : step.goSinceMs === null ? "hold" : "go",
    at: at === null ? null : iso(at),
    requestsA: a.requests,
    requestsB: step.share.nB,
    samples: step.samples,
    faults: step.faults,
  };
}

export function iso(ms: number): string {
  return new Date(ms).toISOString();
}
