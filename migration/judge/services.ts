import { type Trials } from "./betaMixture";
import { type JudgeConfig } from "./config";
import { errorsOf } from "./hardStops";
import {
  dispersionOfMetric,
  goAlphas,
  notWorseThanA,
  observeMetric,
  startMetric,
  withoutClean,
  type MetricState,
} from "./metric";
import { type Sample } from "./sample";

/**
 * The same for each service, because one with a thousandth of the traffic, dead on B, passes an overall test
 * (facts/delivery.md 4). Its evidence that B is worse is tested with a share of the services' own error budget. For
 * *go* each service must be shown to be no worse by its own, wider margin; one that is too thin for that has to be
 * probed by the header rule, or accepted by name. (No budget is spread over the services there: each of them has to
 * pass, and a test of all is passed wrongly no likelier than the one that should have failed.)
 */

export interface ServiceState {
  /** 0: seen in the warm-up; 1, 2, ...: the order of those that appeared later. */
  readonly order: number;
  readonly errors: MetricState;
  /** Requests to B by the header rule. */
  readonly probes: Trials;
}

export interface ServicesState {
  /** What A did before the counts begin, by name. */
  readonly before: Readonly<Record<string, Trials>>;
  /** Number of services when the counts began. */
  readonly known: number;
  readonly byName: Readonly<Record<string, ServiceState>>;
}

export const NO_SERVICES: ServicesState = { before: {}, known: 0, byName: {} };
const NO_TRIALS: Trials = { n: 0, e: 0 };

/** A sample of the warm-up: only the names, and what A did. */
export function warmUpServices(state: ServicesState, sample: Sample, config: JudgeConfig): ServicesState {
  const before: Record<string, Trials> = { ...state.before };
  for (const [name, { a }] of Object.entries(sample.services)) {
    const { n, e } = before[name] ?? NO_TRIALS;
    before[name] = a === undefined ? { n, e } : { n: n + a.requests, e: e + errorsOf(a, config.settings) };
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
  for (const name of names) {
    const { a, b, probe } = sample.services[name] ?? { a: undefined, b: undefined, probe: undefined };
    const service = byName[name] ?? newService(NO_TRIALS, Object.keys(byName).length - begun.known + 1, config);
    const counts = {
      nA: a?.requests ?? 0,
      eA: a === undefined ? 0 : errorsOf(a, config.settings),
      nB: b?.requests ?? 0,
      eB: b === undefined ? 0 : errorsOf(b, config.settings),
    };
    byName[name] = {
      order: service.order,
      errors: observeMetric(service.errors, config.odds.errors, counts, minutes),
      probes: { n: service.probes.n + (probe?.requests ?? 0), e: service.probes.e + (probe?.errors ?? 0) },
    };
  }
  return { ...begun, byName };
}

/** After a fault of the data: the evidence for *go* begins anew. */
export function servicesWithoutClean(state: ServicesState): ServicesState {
  return {
    ...state,
    byName: Object.fromEntries(
      Object.entries(state.byName).map(([name, service]) => [
        name,
        { ...service, errors: withoutClean(service.errors), probes: NO_TRIALS },
      ]),
    ),
  };
}

/** Requests of a service that speak for *go*: clients' and probes. */
export function serviceCounts({ errors, probes }: ServiceState): MetricState["clean"] {
  const { nA, eA, nB, eB } = errors.clean;
  return { nA, eA, nB: nB + probes.n, eB: eB + probes.e };
}

/** Whether this service is shown to be no worse on B by the services' margin. */
export function serviceNotWorse(service: ServiceState, { settings }: JudgeConfig): boolean {
  return notWorseThanA(
    serviceCounts(service),
    service.errors.prior,
    settings.services.marginErrors / 100,
    goAlphas(settings),
    dispersionOfMetric(service.errors, settings),
  );
}

function beginServices(state: ServicesState, config: JudgeConfig): ServicesState {
  const entries = Object.entries(state.before);
  return {
    ...state,
    known: entries.length,
    byName: Object.fromEntries(entries.map(([name, before]) => [name, newService(before, 0, config)])),
  };
}

function newService(before: Trials, order: number, config: JudgeConfig): ServiceState {
  return {
    order,
    errors: startMetric(before, undefined, config.odds.errors, config.settings),
    probes: NO_TRIALS,
  };
}
