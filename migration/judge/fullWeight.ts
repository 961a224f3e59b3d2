import { lowerBound, priorAround, upperBound, type Trials } from "./betaMixture";
import { alphaOf, METRICS, serviceAlpha, stepPart } from "./budget";
import { type JudgeConfig } from "./config";
import { surelySlowerThan } from "./latency";
import { dispersionOfMetric, goAlphas } from "./metric";
import { againstReference, trialsOf, type AgainstReference, type Totals } from "./reference";
import { serviceCounts } from "./services";
import { type StepState } from "./step";
import { metricText } from "./words";

/** The step at 100 %: B against A's references and absolute limits. */

/** What is known of A when it has no requests any more. */
export interface References {
  /** A at the last step below 100 %. */
  readonly lastStep: Totals | null;
  /** The same by service. */
  readonly services: Readonly<Record<string, Trials>>;
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

function servicesAgainstAll(step: StepState, references: References, config: JudgeConfig): readonly AgainstAll[] {
  const { settings } = config;
  const part = stepPart(step.index, config.plannedSteps);
  return Object.entries(step.services.byName).map(([name, service]) => {
    const { nB, eB } = serviceCounts(service);
    const reference = references.services[name];
    const known = reference === undefined ? [] : [{ name: "A at the last step", reference }];
    const alpha = serviceAlpha(settings, part, service.order, step.services.known);
    const dispersion = dispersionOfMetric(service.errors, settings);
    const margin = settings.services.marginErrors / 100;
    const trials = { n: nB, e: eB };
    return compare(`service ${name}, errors`, trials, known, margin, alpha, dispersion, undefined, config);
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
  return { subject, trials, results, limit, lowB, highB };
}
