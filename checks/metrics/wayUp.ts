import {
  answerOf,
  judgeConfig,
  NOTHING_SEEN,
  observe,
  type JudgeAnswer,
  type JudgeConfig,
  type JudgeState,
  type Sample,
} from "../../migration/judge";
import { ascentOf, firstTraffic, weightAt, type WeightChange } from "../../migration/metrics/ascent";
import { type CountFault } from "../../migration/metrics/counters";
import { gridOf, periodFor } from "../../migration/metrics/grid";
import { type MetricsRequest } from "../../migration/metrics/metricsRequest";
import { stateOf, type MigrationRecord } from "../../migration/record";
import { type GateContext, type Move } from "../context";
import { CouldNotLook } from "../result";
import { openSource } from "./open";
import { type MetricSource } from "./source";

/**
 * The way up at hand as the judge sees it: one reading of the counts since B got its first percent, and what came of it.
 * Read once for all checks of a gate.
 */
export interface WayUp {
  readonly source: MetricSource;
  readonly samples: readonly Sample[];
  /** What was missing, oldest first. */
  readonly faults: readonly CountFault[];
  readonly changes: readonly WeightChange[];
  /** End of the newest interval. */
  readonly untilMs: number;
  /** Length of an interval of the way up. */
  readonly periodMs: number;
  readonly config: JudgeConfig;
  readonly state: JudgeState;
  readonly answer: JudgeAnswer;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** Time before the first percent in which A is learned: where its p95 and p99 lie, and what B uses without requests. */
const LEAD_MS = 30 * MINUTE_MS;
/** At 100 %, where A is silent: hours before the way up for the comparison with the same hours of a day before. */
const DAYS_BEFORE_MS = 48 * HOUR_MS;
const DAYS_BEFORE_PERIOD_MS = 5 * MINUTE_MS;
/** A rise that was recorded but not made may be made good on the evidence of then for so long. */
const EVIDENCE_MS = HOUR_MS;

const readings = new WeakMap<GateContext["systems"], Promise<WayUp | undefined>>();

/** @returns undefined where the settings say that nothing is judged @throws CouldNotLook */
export function wayUp(context: GateContext): Promise<WayUp | undefined> {
  const before = readings.get(context.systems);
  if (before !== undefined) return before;
  const reading = read(context);
  readings.set(context.systems, reading);
  reading.catch(() => readings.delete(context.systems));
  return reading;
}

/** The settings of the counts. @throws CouldNotLook when there are none */
export function metricsOf({ metrics }: Pick<GateContext, "metrics">): MetricsRequest {
  if (metrics !== undefined) return metrics;
  throw new CouldNotLook(
    "the setting metrics",
    "there is none: nothing is known of B's requests",
    "set metrics.source (docs/configuration.md, metrics)",
    { lasting: true },
  );
}

async function read(context: GateContext): Promise<WayUp | undefined> {
  const metrics = metricsOf(context);
  const source = await openSource(metrics, context);
  if (source === undefined) return undefined;
  const { record, end } = evidenceEnd(context.record, context.move, context.now);
  const changes = ascentOf(record, context.verifiedAt);
  const untilMs = Math.min(source.newestMs(context.now), end);
  const { samples, faults, periodMs } = await readSamples(source, changes, untilMs);
  const config = judgeConfig(metrics.judge, plannedSteps(context));
  let state = NOTHING_SEEN;
  for (const sample of samples) state = observe(config, state, sample);
  const past = end < context.now.getTime();
  const answer = answerOf(config, state, past ? undefined : context.now.getTime());
  return { source, samples, faults, changes, untilMs, periodMs, config, state, answer };
}

/** Every sample of a way up, the time before it included. @throws CouldNotLook */
export async function readSamples(
  source: MetricSource,
  changes: readonly WeightChange[],
  untilMs: number,
): Promise<Pick<WayUp, "samples" | "faults" | "periodMs">> {
  const first = firstTraffic(changes);
  const [begin] = changes;
  if (first === undefined || begin === undefined) return { samples: [], faults: [], periodMs: source.periodMs };
  const weight = (atMs: number): number => weightAt(changes, atMs);
  const fromMs = first === begin ? first.atMs : Math.max(begin.atMs, first.atMs - LEAD_MS);
  const grid = gridOf(fromMs, untilMs, periodFor(fromMs, untilMs, source.periodMs));
  const full = changes.at(-1)?.weightB === 100;
  const [before, reading] = await Promise.all([
    full ? daysBefore(source, Math.min(grid.fromMs, begin.atMs)) : [],
    source.samples(grid, weight),
  ]);
  return { samples: [...before, ...reading.samples], faults: reading.faults, periodMs: grid.periodMs };
}

/** A's hours before the way up; what is missing of them is a comparison less, and no fault of the step. */
async function daysBefore(source: MetricSource, untilMs: number): Promise<readonly Sample[]> {
  const grid = gridOf(untilMs - DAYS_BEFORE_MS, untilMs, DAYS_BEFORE_PERIOD_MS);
  const { samples } = await source.samples(grid, () => 0);
  return samples.filter(({ a }) => a !== undefined);
}

/**
 * A rise that was recorded and not made, or not whole, is judged by what was seen before it was recorded: since then the
 * weights are neither the old ones nor the new ones.
 */
function evidenceEnd(
  record: MigrationRecord,
  move: Move,
  now: Date,
): { readonly record: MigrationRecord; readonly end: number } {
  const state = stateOf(record);
  if (move.mode !== "verify" || state?.stage !== move.to) return { record, end: now.getTime() };
  const end = Date.parse(state.stageSince);
  if (now.getTime() - end > EVIDENCE_MS) {
    throw new CouldNotLook(
      `the evidence for ${move.to}`,
      `it is ${Math.round((now.getTime() - end) / MINUTE_MS)} min old: ${move.to} was recorded then, and its weights were not made`,
      `go back to ${move.from ?? "the step before"}, and up again from there`,
      { lasting: true },
    );
  }
  let count = record.entries.length;
  while (count > 0 && record.entries[count - 1]?.stage === move.to) count -= 1;
  return { record: { ...record, entries: record.entries.slice(0, count), head: undefined }, end };
}

/** Steps below 100 %. */
function plannedSteps({ trafficSteps }: GateContext): number | undefined {
  return trafficSteps?.filter((step) => step < 100).length;
}
