import { type Trials } from "./betaMixture";
import { type JudgeConfig } from "./config";
import { errorsOf } from "./hardStops";
import { chooseBounds, slowerThan, totalOf } from "./latency";
import {
  dispersionOfMetric,
  goAlphas,
  notWorseThanA,
  observeMetric,
  startMetric,
  withoutClean,
  type MetricState,
} from "./metric";
import { type Counts } from "./oddsTest";
import { addTotals, NO_TOTALS, type Totals } from "./reference";
import { type Sample, type Side } from "./sample";

/**
 * The same for each service, because one with a thousandth of the traffic, dead on B, passes an overall test
 * (facts/delivery.md 4). Its evidence that B is worse, in errors or beyond A's p95 of this service, is tested with a
 * share of the services' own error budget. For *go* each service must be shown to be no worse by its own, wider
 * margins; one that is too thin for that has to be probed by the header rule, or accepted by name. (No budget is spread
 * over the services there: each of them has to pass, and a test of all is passed wrongly no likelier than the one that
 * should have failed.)
 */

export interface ServiceState {
  /** 0: seen before the counts began; 1, 2, ...: the order of those that appeared later. */
  readonly order: number;
  readonly errors: MetricState;
  /** Slower than a bound near A's p95 of this service; null until A has shown where that is. */
  readonly slow: { readonly bound: number; readonly metric: MetricState } | null;
  /** What A did before the counts of `slow` began. */
  readonly before: Totals;
  /** Requests to B by the header rule. */
  readonly probes: Trials;
}

export interface ServicesState {
  /** What A did before the counts began, by name: at the last step, and in the warm-up. */
  readonly before: Readonly<Record<string, Totals>>;
  /** Number of services when the counts began. */
  readonly known: number;
  readonly byName: Readonly<Record<string, ServiceState>>;
  /** What A did since. */
  readonly totalsA: Readonly<Record<string, Totals>>;
}

export const NO_SERVICES: ServicesState = { before: {}, known: 0, byName: {}, totalsA: {} };
const NO_TRIALS: Trials = { n: 0, e: 0 };

function totalsOf(side: Side | undefined, { settings }: JudgeConfig): Totals {
  if (side === undefined) return NO_TOTALS;
  return { requests: side.requests, errors: errorsOf(side, settings), latencyMs: side.latencyMs };
}

/** A sample of the warm-up: only the names, and what A did. */
export function warmUpServices(state: ServicesState, sample: Sample, config: JudgeConfig): ServicesState {
  const before: Record<string, Totals> = { ...state.before };
  for (const [name, { a }] of Object.entries(sample.services)) {
    before[name] = addTotals(before[name] ?? NO_TOTALS, totalsOf(a, config));
  }
  return { ...state, before };
}

/** A sample that counts. */
export function observeServices(
  state: ServicesState,
  sample: Sample,
  minutes: number,
  config: JudgeConfig,
): ServicesState {
  const names = Object.keys(sample.services);
  if (names.length === 0 && Object.keys(state.before).length === 0) return state;
  const begun = Object.keys(state.byName).length > 0 ? state : beginServices(state, config);
  const byName: Record<string, ServiceState> = { ...begun.byName };
  const totalsA: Record<string, Totals> = { ...begun.totalsA };
  for (const name of names) {
    const { a, b, probe } = sample.services[name] ?? { a: undefined, b: undefined, probe: undefined };
    const service = byName[name] ?? newService(NO_TOTALS, Object.keys(byName).length - begun.known + 1, config);
    const [ofA, ofB] = [totalsOf(a, config), totalsOf(b, config)];
    totalsA[name] = addTotals(totalsA[name] ?? NO_TOTALS, ofA);
    const counts = { nA: ofA.requests, eA: ofA.errors, nB: ofB.requests, eB: ofB.errors };
    byName[name] = {
      order: service.order,
      errors: observeMetric(service.errors, config.odds.errors, counts, minutes),
      ...observeSlow(service, ofA, ofB, minutes, config),
      probes: { n: service.probes.n + (probe?.requests ?? 0), e: service.probes.e + (probe?.errors ?? 0) },
    };
  }
  return { ...begun, byName, totalsA };
}

/** Latency of one service; without a histogram of both clusters an interval says nothing. */
function observeSlow(
  { slow, before }: ServiceState,
  ofA: Totals,
  ofB: Totals,
  minutes: number,
  config: JudgeConfig,
): Pick<ServiceState, "slow" | "before"> {
  const started = slow ?? startSlow(before, ofB, config);
  if (started === null) return { slow: null, before: addTotals(before, ofA) };
  const slower = (totals: Totals): number | undefined =>
    totals.requests > 0 ? slowerThan(totals.latencyMs, started.bound) : 0;
  const [eA, eB] = [slower(ofA), slower(ofB)];
  if (eA === undefined || eB === undefined) return { slow: started, before };
  const counts: Counts = { nA: ofA.requests, eA, nB: ofB.requests, eB };
  const metric = observeMetric(started.metric, config.odds.p95, counts, minutes);
  return { slow: { bound: started.bound, metric }, before };
}

function startSlow({ latencyMs }: Totals, ofB: Totals, config: JudgeConfig): ServiceState["slow"] {
  const n = totalOf(latencyMs);
  if (latencyMs === undefined || n < config.settings.services.requests) return null;
  const { p95: bound } = chooseBounds(latencyMs, (candidate) => ofB.latencyMs?.le.includes(candidate) === true);
  if (bound === undefined) return null;
  const known = { n, e: slowerThan(latencyMs, bound) ?? 0 };
  return { bound, metric: startMetric(known, undefined, config.odds.p95, config.settings) };
}

/** After a fault of the data: the evidence for *go* begins anew. */
export function servicesWithoutClean(state: ServicesState): ServicesState {
  const again = (service: ServiceState): ServiceState => ({
    ...service,
    errors: withoutClean(service.errors),
    slow: service.slow && { bound: service.slow.bound, metric: withoutClean(service.slow.metric) },
    probes: NO_TRIALS,
  });
  return {
    ...state,
    byName: Object.fromEntries(Object.entries(state.byName).map(([name, service]) => [name, again(service)])),
  };
}

/** One thing that is counted for a service. */
export interface ServiceMetric {
  /** For reasons: `service pay, errors`. */
  readonly subject: string;
  readonly state: MetricState;
  /** Counts that speak for *go*, probes included. */
  readonly counts: Counts;
  /** As a chance, 0 to 1. */
  readonly margin: number;
  /** Part of the service's error budget. */
  readonly part: number;
  /** Bound of what counts as slow, milliseconds; undefined for errors. */
  readonly bound: number | undefined;
}

/** Errors have more of the budget: they are what a missing route or a wrong credential looks like. */
const ERRORS_PART = 2 / 3;

export function metricsOfService(
  name: string,
  { errors, slow, probes }: ServiceState,
  { settings }: Pick<JudgeConfig, "settings">,
): readonly ServiceMetric[] {
  const { nA, eA, nB, eB } = errors.clean;
  const metrics: ServiceMetric[] = [
    {
      subject: `service ${name}, errors`,
      state: errors,
      counts: { nA, eA, nB: nB + probes.n, eB: eB + probes.e },
      margin: settings.services.marginErrors / 100,
      part: ERRORS_PART,
      bound: undefined,
    },
  ];
  if (slow !== null) {
    metrics.push({
      subject: `service ${name}, slower than ${slow.bound} ms (A's p95)`,
      state: slow.metric,
      counts: slow.metric.clean,
      margin: settings.services.marginSlow / 100,
      part: 1 - ERRORS_PART,
      bound: slow.bound,
    });
  }
  return metrics;
}

/** Whether *go* asks for this: errors always, latency of a service that has enough requests for it. */
export function isAsked({ bound, counts }: ServiceMetric, { settings }: JudgeConfig): boolean {
  return bound === undefined || counts.nB >= settings.services.requests;
}

/** Whether a service is shown to be no worse on B in one thing, by the services' margin. */
export function serviceNotWorse({ state, counts, margin }: ServiceMetric, { settings }: JudgeConfig): boolean {
  return notWorseThanA(counts, state.prior, margin, goAlphas(settings), dispersionOfMetric(state, settings));
}

function beginServices(state: ServicesState, config: JudgeConfig): ServicesState {
  const entries = Object.entries(state.before);
  return {
    ...state,
    known: entries.length,
    byName: Object.fromEntries(entries.map(([name, before]) => [name, newService(before, 0, config)])),
  };
}

function newService(before: Totals, order: number, config: JudgeConfig): ServiceState {
  const known = { n: before.requests, e: before.errors };
  return {
    order,
    errors: startMetric(known, undefined, config.odds.errors, config.settings),
    slow: null,
    before,
    probes: NO_TRIALS,
  };
}
