import { alphaOf, METRICS, stepPart } from "./budget";
import { blockers } from "./blockers";
import { type JudgeConfig } from "./config";
import { againstAll } from "./fullWeight";
import { iso, NOTHING_SEEN, observe, summaryOf, type JudgeState, type JudgeVerdict, type StepSummary } from "./judge";
import { dispersionOfMetric, goAlphas, goBounds } from "./metric";
import { type Sample } from "./sample";
import { metricsOfService } from "./services";
import { viewShare } from "./share";
import { type StepState } from "./step";
import { countText, metricText, percentText, trialsText } from "./words";

/** The verdict as it is told: when, why, in words and numbers. */

export interface JudgeAnswer {
  /** That of the last step, unless a *back* happened anywhere. */
  readonly verdict: JudgeVerdict;
  /** Time of the verdict: since when it is *go*, when it became *back*, else the last sample. Null without any. */
  readonly at: string | null;
  /** Time of the first *back*. */
  readonly backAt: string | null;
  readonly reasons: readonly string[];
  /** What a reader should know beside the verdict. */
  readonly notes: readonly string[];
  /** Every step, the one at hand last. */
  readonly steps: readonly StepSummary[];
}

/**
 * The answer after the samples so far.
 * @param nowMs the time, when it matters: metrics that are not recent, or from the future, are never *go*. A replay of
 *   saved metrics has no now.
 */
export function answerOf(config: JudgeConfig, state: JudgeState, nowMs?: number): JudgeAnswer {
  const { step, back } = state;
  const steps = step === null ? state.earlier : [...state.earlier, summaryOf(step, back)];
  if (back !== null) {
    const at = iso(back.atMs);
    return { verdict: "back", at, backAt: at, reasons: back.reasons, notes: [], steps };
  }
  if (step === null || state.lastMs === null) {
    return { verdict: "hold", at: null, backAt: null, reasons: ["no sample: nothing is known"], notes: [], steps };
  }
  const stale = nowMs === undefined ? [] : staleness(state.lastMs, nowMs, config);
  const missing = [...stale, ...[...blockers(step, state.references, config)].map((text) => text())];
  const notes = notesOf(step, config);
  if (missing.length > 0) {
    return { verdict: "hold", at: iso(state.lastMs), backAt: null, reasons: missing, notes, steps };
  }
  const at = iso(step.goSinceMs ?? step.lastMs);
  return { verdict: "go", at, backAt: null, reasons: reasonsToGo(step, state, config), notes, steps };
}

/** All samples at once. */
export function judgeSamples(config: JudgeConfig, samples: Iterable<Sample>, nowMs?: number): JudgeAnswer {
  let state = NOTHING_SEEN;
  for (const sample of samples) state = observe(config, state, sample);
  return answerOf(config, state, nowMs);
}

function staleness(lastMs: number, nowMs: number, { settings }: JudgeConfig): readonly string[] {
  const { staleSeconds, clockSkewSeconds } = settings.data;
  const age = (nowMs - lastMs) / 1000;
  if (age > staleSeconds) return [`data: the last sample is ${countText(age)} s old, limit ${staleSeconds} s`];
  if (age < -clockSkewSeconds) {
    return [`data: the last sample is ${countText(-age)} s ahead of this clock, limit ${clockSkewSeconds} s`];
  }
  return [];
}

function reasonsToGo(step: StepState, { references }: JudgeState, config: JudgeConfig): readonly string[] {
  const { settings, plannedSteps } = config;
  const alpha = alphaOf("share", settings, stepPart(step.index, plannedSteps));
  const share = viewShare(step.share, step.weightB / 100, alpha, settings);
  const first =
    `share: B gets ${percentText(share.share ?? 0)} of ${countText(step.share.n)} requests at weight ${step.weightB}, ` +
    `between ${percentText(share.low)} and ${percentText(share.high)}`;
  if (step.weightB === 100) {
    const compared = againstAll(step, references, config).map(({ subject, trials, results, limit, highB }) => {
      const than = results.map(({ name, trials: of }) => `${name} ${trialsText(of)}`);
      const absolute = limit === undefined ? [] : [`limit ${percentText(limit)}`];
      return `${subject}: B ${trialsText(trials)}, at most ${percentText(highB)}; ${[...than, ...absolute].join("; ")}`;
    });
    return [first, ...compared];
  }
  const metrics = METRICS.flatMap((metric) => {
    const state = step.metrics[metric];
    if (state === undefined) return [];
    const { nA, eA, nB, eB } = state.clean;
    const dispersion = dispersionOfMetric(state, settings);
    const bounds = goBounds(state.clean, state.prior, config.margins[metric], goAlphas(settings), dispersion);
    return [
      `${metricText(metric, step.bounds)}: B ${trialsText({ n: nB, e: eB })}, A ${trialsText({ n: nA, e: eA })}; ` +
        `B is at most ${percentText(bounds.highB)}, allowed ${percentText(bounds.allowed)}`,
    ];
  });
  return [first, ...metrics];
}

function notesOf(step: StepState, { settings }: JudgeConfig): readonly string[] {
  const notes: string[] = [];
  const services = Object.entries(step.services.byName);
  if (services.length === 0 && step.judgedFromMs !== null) {
    notes.push("no figures by service: a small service that is dead on B would not be seen");
  }
  for (const [name, service] of services) {
    if (!settings.services.acceptThin.includes(name)) continue;
    const seen = metricsOfService(name, service, { settings }).map(
      ({ subject, counts }) => `${subject}: B ${trialsText({ n: counts.nB, e: counts.eB })}`,
    );
    notes.push(`accepted by name: ${seen.join("; ")}`);
  }
  for (const metric of METRICS) {
    const state = step.metrics[metric];
    const dispersion = state === undefined ? 1 : dispersionOfMetric(state, settings);
    if (dispersion > 1) {
      const subject = metricText(metric, step.bounds);
      notes.push(`${subject}: they come in bursts, so evidence is divided by ${dispersion.toFixed(1)}`);
    }
  }
  if (step.faults > 0) notes.push(`${step.faults} faults of the data at this step`);
  return notes;
}
