import { lowerBound, priorAround, upperBound, type Trials } from "./betaMixture";
import { alphaOf, METRICS, serviceAlpha, stepPart } from "./budget";
import { type JudgeConfig } from "./config";
import { surelySlowerThan } from "./latency";
import { dispersionOfMetric, goAlphas } from "./metric";
import { againstReference, trialsOf, type AgainstReference, type Totals } from "./reference";
import { isAsked, metricsOfService } from "./services";
import { type StepState } from "./step";
import { metricText } from "./words";

/** The step at 100 %: B against A's references and absolute limits. */

/** What is known of A when it has no requests any more. */
export interface References {
  /** A at the last step below 100 %. */
  readonly lastStep: Totals | null;
  /** The same by service. */
  readonly services: Readonly<Record<string, Totals>>;
}

export interface NamedResult {
  readonly name: string;
  readonly trials: Trials;
  readonly result: AgainstReference;
}

/** Around which chance bounds are sought that have neither a limit nor a reference. */
const USUAL_CHANCE = 0.01;

/** One thing that is counted at B, against everything that it is compared with. */
export interface AgainstAll {
  readonly subject: string;
  /** Name of the service; undefined for the whole. */
  readonly service: string | undefined;
  /** B's count. */
  readonly trials: Trials;
  /** Against each reference there is; empty when there is none. */
  readonly results: readonly NamedResult[];
  /** Absolute limit as a chance; undefined when there is none. */
  readonly limit: number | undefined;
  /** Bounds of B's chance. */
  readonly lowB: number;
  readonly highB: number;
}

export function againstAll(step: StepState, references: References, config: JudgeConfig): readonly AgainstAll[] {
  return [...metricsAgainstAll(step, references, config), ...servicesAgainstAll(step, references, config)];
}

function metricsAgainstAll(step: StepState, references: References, config: JudgeConfig): readonly AgainstAll[] {
  const { settings } = config;
  const part = stepPart(step.index, config.plannedSteps);
  const named = [
    { name: "A at the last step", totals: references.lastStep },
    { name: "A in the same hours before", totals: step.sameHours?.totals ?? null },
  ].filter((entry): entry is { name: string; totals: Totals } => (entry.totals?.requests ?? 0) > 0);
  const results: AgainstAll[] = [];
  for (const metric of METRICS) {
    const state = step.metrics[metric];
    if (state === undefined) continue;
    const trials = { n: state.clean.nB, e: state.clean.eB };
    const dispersion = dispersionOfMetric(state, settings);
    const alpha = alphaOf(metric, settings, part);
    const compared = named.flatMap(({ name, totals }) => {
      const reference = trialsOf(metric, totals, step.bounds ?? { p95: undefined, p99: undefined });
      return reference === undefined ? [] : [{ name, reference }];
    });
    const limit = metric === "errors" ? settings.absolute.errorPercent / 100 : undefined;
    results.push(
      compare(
        metricText(metric, step.bounds),
        trials,
        compared,
        config.margins[metric],
        alpha,
        dispersion,
        limit,
        config,
      ),
    );
  }
  const { latencyMs, requests } = step.totalsB;
  if (latencyMs !== undefined) {
    const { slowMs, slowPercent } = settings.absolute;
    const slow = { n: requests, e: Math.min(requests, surelySlowerThan(latencyMs, slowMs)) };
    const alpha = alphaOf("p99", settings, part);
    results.push(compare(`slower than ${slowMs} ms`, slow, [], 0, alpha, 1, slowPercent / 100, config));
  }
  return results;
}

/** Services that A had at the last step; of one that is new at 100 % there is nothing to compare. */
function servicesAgainstAll(step: StepState, references: References, config: JudgeConfig): readonly AgainstAll[] {
  const { settings } = config;
  const part = stepPart(step.index, config.plannedSteps);
  return Object.entries(step.services.byName).flatMap(([name, service]) => {
    const totals = references.services[name];
    if (totals === undefined || totals.requests <= 0) return [];
    const whole = serviceAlpha(settings, part, service.order, step.services.known);
    return metricsOfService(name, service, config).flatMap((metric) => {
      const bounds = { p95: metric.bound, p99: undefined };
      const reference = trialsOf(metric.bound === undefined ? "errors" : "p95", totals, bounds);
      if (reference === undefined || !isAsked(metric, config)) return [];
      const trials = { n: metric.counts.nB, e: metric.counts.eB };
      const known = [{ name: "A at the last step", reference }];
      const dispersion = dispersionOfMetric(metric.state, settings);
      const alpha = whole * metric.part;
      const compared = compare(metric.subject, trials, known, metric.margin, alpha, dispersion, undefined, config);
      return [{ ...compared, service: name }];
    });
  });
}

/** Half of `alpha` is for the references, half for the absolute limit. */
function compare(
  subject: string,
  trials: Trials,
  references: readonly { readonly name: string; readonly reference: Trials }[],
  margin: number,
  alpha: number,
  dispersion: number,
  limit: number | undefined,
  { settings }: JudgeConfig,
): AgainstAll {
  const go = goAlphas(settings);
  const results = references.map(({ name, reference }): NamedResult => {
    // Every reference gets its part of what may go wrong.
    const each = { a: go.a / references.length, b: go.b };
    const part = alpha / 2 / references.length;
    return {
      name,
      trials: reference,
      result: againstReference(trials, reference, margin, part, each, dispersion, settings),
    };
  });
  const prior = priorAround(limit ?? USUAL_CHANCE, settings.latency.priorRequests);
  const lowB = lowerBound(trials, prior, -Math.log(alpha / 2) * dispersion);
  const highB = upperBound(trials, prior, -Math.log(go.b) * dispersion);
  return { subject, service: undefined, trials, results, limit, lowB, highB };
}
