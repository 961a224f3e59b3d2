import { type JudgeSettings } from "../settings/judgeSchema";
import { type PrometheusSettings } from "./metricsRequest";

/**
 * Alert rules for the Prometheus of cluster B, from the judge's own limits: for people, and for the time in which nobody
 * runs the gate. They are limits and no test; what may rise is the judge's word alone.
 */

export interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: { readonly summary: string; readonly description: string };
}

export interface AlertRules {
  readonly groups: readonly {
    readonly name: string;
    readonly interval: string;
    readonly rules: readonly AlertRule[];
  }[];
}

export interface AlertRuleArgs {
  readonly stack: string;
  readonly metrics: PrometheusSettings;
  readonly judge: JudgeSettings;
}

/** Upper bounds of the gateways' latency histogram in milliseconds (facts/api7.md 5.3). */
const GATEWAY_BOUNDS_MS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000] as const;
/** One look of the judge's hard stops is one interval; a rate needs four scrapes to be worth something. */
const SCRAPES = 4;
const PREFIX = "Api7Migration";
/** Alerts that together mean: take the traffic back. */
const STOPS = `${PREFIX}B(Errors|Dead|Slow|ControlPlaneLost)`;

export function alertRules({ stack, metrics, judge }: AlertRuleArgs): AlertRules {
  const window = `${SCRAPES * metrics.periodSeconds}s`;
  const { hard, absolute } = judge;
  const a = cluster(metrics, "a", window);
  const b = cluster(metrics, "b", window);
  // A limit on answers binds where A is clearly better; on another server A cannot be asked.
  const comparable = metrics.a.url.replace(/\/+$/, "") === metrics.b.url.replace(/\/+$/, "");
  const clearlyWorse = (ofB: string, ofA: string): string =>
    // Without requests A's share is NaN, which nothing is above.
    comparable ? ` unless on() (2 * (${ofA}) > (${ofB}))` : "";
  const labels = (severity: "page" | "warning"): AlertRule["labels"] => ({ severity, stack, migration: "api7" });
  const back = `pulumi config set stage rollback --stack ${stack} && pulumi up --skip-preview --refresh --stack ${stack}`;
  const rule = (
    name: string,
    expr: string,
    wait: string,
    severity: "page" | "warning",
    summary: string,
    description: string,
  ): AlertRule => ({
    alert: `${PREFIX}${name}`,
    expr,
    for: wait,
    labels: labels(severity),
    annotations: { summary: `API7 migration ${stack}: ${summary}`, description },
  });
  const many = `(${b.requests}) >= ${hard.requests}`;
  const slowBound = boundFor(hard.slowMs);
  return {
    groups: [
      {
        name: `api7-migration-${stack}`,
        interval: `${metrics.periodSeconds}s`,
        rules: [
          rule(
            "BErrors",
            `(${b.errorShare}) >= ${hard.errorPercent / 100} and on() ${many}${clearlyWorse(b.errorShare, a.errorShare)}`,
            "0s",
            "page",
            `${hard.errorPercent} % of B's answers are errors`,
            `Limit judge.hard.errorPercent of at least ${hard.requests} requests in ${window}. Back: ${back}`,
          ),
          rule(
            "BDead",
            `(${b.errorShare}) >= ${hard.deadPercent / 100} and on() (${b.requests}) >= ${hard.deadRequests}` +
              clearlyWorse(b.errorShare, a.errorShare),
            "0s",
            "page",
            `${hard.deadPercent} % of B's answers are errors`,
            `Limit judge.hard.deadPercent of at least ${hard.deadRequests} requests in ${window}. Back: ${back}`,
          ),
          rule(
            "BSlow",
            `(${b.slowShare(slowBound)}) >= ${hard.slowPercent / 100} and on() ${many}` +
              clearlyWorse(b.slowShare(slowBound), a.slowShare(slowBound)),
            "0s",
            "page",
            `${hard.slowPercent} % of B's answers take longer than ${slowBound} ms`,
            `Limits judge.hard.slowPercent and slowMs (${hard.slowMs} ms, the bucket bound from there on). Back: ${back}`,
          ),
          rule(
            "BControlPlaneLost",
            `count(${b.reachable} == 0) > 0`,
            "1m",
            "page",
            "gateways of B have lost their control plane",
            `They go on with what they have in memory, and a restart of one would fail. Back: ${back}`,
          ),
          rule(
            "BNotSeen",
            `absent(${b.reachable})`,
            "2m",
            "page",
            "no gateway of B is scraped",
            "Nothing is known of B: look at its gateways and at the scrapes; the gate lets nothing rise meanwhile.",
          ),
          rule(
            "BErrorsAbsolute",
            `(${b.errorShare}) > ${absolute.errorPercent / 100} and on() ${many}`,
            "5m",
            "warning",
            `more than ${absolute.errorPercent} % of B's answers are errors`,
            "Limit judge.absolute.errorPercent. The judge says whether A is better: npm run pilot -- status",
          ),
          rule(
            "BSlowAbsolute",
            `(${b.slowShare(boundFor(absolute.slowMs))}) > ${absolute.slowPercent / 100} and on() ${many}`,
            "5m",
            "warning",
            `more than ${absolute.slowPercent} % of B's answers take longer than ${boundFor(absolute.slowMs)} ms`,
            "Limits judge.absolute.slowPercent and slowMs. The judge says whether A is better: npm run pilot -- status",
          ),
          rule(
            "RollBack",
            `count(ALERTS{alertname=~"${STOPS}",alertstate="firing",stack="${stack}"}) > 0`,
            "0s",
            "page",
            "roll back",
            `At least one limit that stops at once is passed. ${back}`,
          ),
        ],
      },
    ],
  };
}

interface ClusterQueries {
  /** Requests in the window. */
  readonly requests: string;
  /** 0 to 1. */
  readonly errorShare: string;
  readonly slowShare: (boundMs: number) => string;
  readonly reachable: string;
}

function cluster(metrics: PrometheusSettings, side: "a" | "b", window: string): ClusterQueries {
  const { selector, gateways } = metrics[side];
  const own = (metric: string, ...more: readonly string[]): string => {
    const matchers = [selector, gateways, ...more].filter((matcher) => matcher !== undefined);
    return matchers.length === 0 ? metric : `${metric}{${matchers.join(",")}}`;
  };
  const increase = (of: string): string => `sum(increase(${of}[${window}]))`;
  const requests = increase(own("apisix_http_status"));
  const type = `type="${metrics.latencyType}"`;
  return {
    requests,
    // Without an error there is no series of errors.
    errorShare: `(${increase(own("apisix_http_status", 'code=~"5.."'))} or vector(0)) / ${requests}`,
    slowShare: (boundMs) =>
      `1 - ${increase(own("apisix_http_latency_bucket", type, `le="${boundMs}"`))} / ` +
      increase(own("apisix_http_latency_bucket", type, 'le="+Inf"')),
    reachable: own("apisix_etcd_reachable"),
  };
}

/** The gateways' first bucket bound from this time on: what is above it surely took longer. */
function boundFor(ms: number): number {
  return GATEWAY_BOUNDS_MS.find((bound) => bound >= ms) ?? GATEWAY_BOUNDS_MS[GATEWAY_BOUNDS_MS.length - 1] ?? ms;
}
