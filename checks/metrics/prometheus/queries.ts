import { type PrometheusSettings } from "../../../migration/metrics/metricsRequest";

/** What is asked: plain selectors and sums over labels, by the names of facts/api7.md 5.3 and of cAdvisor. */

type Server = PrometheusSettings["a"];

/** A selector with the cluster's own matchers in front. */
export function selector(metric: string, matchers: readonly (string | undefined)[]): string {
  const given = matchers.filter((matcher) => matcher !== undefined && matcher !== "");
  return given.length === 0 ? metric : `${metric}{${given.join(",")}}`;
}

export interface GatewayQueries {
  readonly scrapes: string;
  readonly reachable: string;
  readonly requests: string;
  readonly errors: string;
  readonly buckets: string;
  /** Requests by gateway alone, for long times. */
  readonly totals: string;
  readonly active: string;
  readonly waiting: string;
}

export function gatewayQueries({ selector: cluster, gateways }: Server, settings: PrometheusSettings): GatewayQueries {
  const { instanceLabel, serviceLabel, latencyType } = settings;
  const own = (metric: string, ...more: readonly string[]): string => selector(metric, [cluster, gateways, ...more]);
  const byService = `sum by (${instanceLabel}, ${serviceLabel})`;
  return {
    scrapes: `timestamp(${own("apisix_etcd_reachable")})`,
    reachable: own("apisix_etcd_reachable"),
    requests: `${byService} (${own("apisix_http_status")})`,
    errors: `${byService} (${own("apisix_http_status", 'code=~"5.."')})`,
    buckets: `sum by (${instanceLabel}, le) (${own("apisix_http_latency_bucket", `type="${latencyType}"`)})`,
    totals: `sum by (${instanceLabel}) (${own("apisix_http_status")})`,
    active: own("apisix_nginx_http_current_connections", 'state="active"'),
    waiting: own("apisix_nginx_http_current_connections", 'state="waiting"'),
  };
}

export interface PodQueries {
  readonly cpu: string;
  readonly memory: string;
}

/** CPU and memory of the pods of some Deployments, as cAdvisor counts them. */
export function podQueries(
  { selector: cluster }: Server,
  namespace: string,
  deployments: readonly string[],
): PodQueries {
  const names = deployments.map((name) => name.replaceAll(/[.\\]/g, "\\\\$&")).join("|");
  const pods = [cluster, `namespace="${namespace}"`, `pod=~"(${names})-.+"`, 'container!=""', 'container!="POD"'];
  return {
    cpu: `sum by (pod) (${selector("container_cpu_usage_seconds_total", pods)})`,
    memory: `sum by (pod) (${selector("container_memory_working_set_bytes", pods)})`,
  };
}
