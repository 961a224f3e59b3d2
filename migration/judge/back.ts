import { alphaOf, METRICS, serviceAlpha, stepPart } from "./budget";
import { type JudgeConfig } from "./config";
import { worseThanA, type MetricState, type Worse } from "./metric";
import { againstAll, type References } from "./fullWeight";
import { metricsOfService } from "./services";
import { viewShare } from "./share";
import { type StepState } from "./step";
import { metricText, oddsText, percentText, trialsText } from "./words";

/**
 * What speaks for going back after the last sample, in words and numbers; empty when nothing does. Hard stops are
 * looked at beforehand, on each sample.
 */
export function reasonsToGoBack(step: StepState, references: References, config: JudgeConfig): readonly string[] {
  const part = stepPart(step.index, config.plannedSteps);
  // At 100 % A is silent, or what it still gets is a finding of the split check.
  return step.weightB === 100
    ? worseThanReferences(step, references, config)
    : [...metricsWorse(step, part, config), ...shareFarAbove(step, part, config), ...servicesWorse(step, part, config)];
}

function metricsWorse(step: StepState, part: number, config: JudgeConfig): readonly string[] {
  const reasons: string[] = [];
  for (const metric of METRICS) {
    const state = step.metrics[metric];
    if (state === undefined) continue;
    const alpha = alphaOf(metric, config.settings, part);
    const result = worseThanA(state, alpha, config.settings);
    if (result.worse) reasons.push(worseText(metricText(metric, step.bounds), state, result, alpha));
  }
  return reasons;
}

function servicesWorse({ services }: StepState, part: number, config: JudgeConfig): readonly string[] {
  const reasons: string[] = [];
  for (const [name, service] of Object.entries(services.byName)) {
    const whole = serviceAlpha(config.settings, part, service.order, services.known);
    for (const metric of metricsOfService(name, service, config)) {
      const alpha = whole * metric.part;
      const result = worseThanA(metric.state, alpha, config.settings);
      if (result.worse) reasons.push(worseText(metric.subject, metric.state, result, alpha));
    }
  }
  return reasons;
}

function shareFarAbove(step: StepState, part: number, config: JudgeConfig): readonly string[] {
  const { n, nB } = step.share;
  const weight = step.weightB / 100;
  // Cheap first: the bounds are only needed where the share itself is beyond the limit.
  if (n <= 0 || nB / n <= weight * config.settings.share.backRatio) return [];
  const view = viewShare(step.share, weight, alphaOf("share", config.settings, part), config.settings);
  if (view.verdict !== "far above") return [];
  return [
    `share: B gets ${percentText(view.share ?? 0)} of the requests at weight ${step.weightB}, at least ` +
      `${percentText(view.low)}; its capacity is planned for its weight`,
  ];
}

function worseThanReferences(step: StepState, references: References, config: JudgeConfig): readonly string[] {
  const reasons: string[] = [];
  for (const { subject, trials, results, limit, lowB } of againstAll(step, references, config)) {
    if (results.length > 0 && results.every(({ result }) => result.worse)) {
      const than = results.map(
        ({ name, trials: reference, result }) =>
          `${name} ${trialsText(reference)}, at most ${percentText(result.high)}`,
      );
      reasons.push(`${subject}: B ${trialsText(trials)}, at least ${percentText(lowB)}; ${than.join("; ")}`);
    } else if (limit !== undefined && lowB > limit) {
      reasons.push(
        `${subject}: B ${trialsText(trials)}, at least ${percentText(lowB)}; absolute limit ${percentText(limit)}`,
      );
    }
  }
  return reasons;
}

function worseText(subject: string, { all }: MetricState, result: Worse, alpha: number): string {
  const { logEvidence, dispersion } = result;
  const bursts = dispersion > 1 ? `, bursts allowed for (dispersion ${dispersion.toFixed(1)})` : "";
  return (
    `${subject}: B ${trialsText({ n: all.nB, e: all.eB })}, A ${trialsText({ n: all.nA, e: all.eA })}; ` +
    `without a difference the chance of such evidence is ${oddsText(logEvidence)}${bursts}, ` +
    `limit ${oddsText(-Math.log(alpha))}`
  );
}
