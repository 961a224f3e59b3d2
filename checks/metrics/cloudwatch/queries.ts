import { type JudgeSettings } from "../../../migration/settings/judgeSchema";
import { type MetricQuery } from "./data";

/** What is asked of CloudWatch, by the names of AWS's own documentation of each service's metrics. */

/** One target group behind one load balancer, as the dimensions name them. */
export interface TargetGroupAddress {
  readonly group: string;
  /** `app/NAME/ID` */
  readonly loadBalancer: string;
  /** `targetgroup/NAME/ID` */
  readonly targetGroup: string;
}

/** Upper bounds in milliseconds, half as far again each: A's p95 and p99 are near one of them, whatever they are. */
const BOUNDS_MS = [
  2, 3, 5, 7, 10, 15, 22, 33, 50, 75, 110, 170, 250, 380, 570, 850, 1300, 1900, 2900, 4300, 6500, 9700, 15_000, 22_000,
  33_000, 50_000,
] as const;

/** The bounds together with those that the judge's own limits are at. */
export function boundsOf({ absolute, hard }: Pick<JudgeSettings, "absolute" | "hard">): readonly number[] {
  return [...new Set([...BOUNDS_MS, absolute.slowMs, hard.slowMs])].sort((one, other) => one - other);
}

const ELB = "AWS/ApplicationELB";

/** Queries of one target group: requests, errors, connection errors, healthy targets, the load balancer's 5xx, buckets. */
export function targetGroupQueries(
  { loadBalancer, targetGroup }: TargetGroupAddress,
  boundsMs: readonly number[],
): readonly MetricQuery[] {
  const dimensions = { LoadBalancer: loadBalancer, TargetGroup: targetGroup };
  const own = (metric: string, stat: string): MetricQuery => ({ namespace: ELB, metric, dimensions, stat });
  return [
    own("RequestCount", "Sum"),
    own("HTTPCode_Target_5XX_Count", "Sum"),
    own("TargetConnectionErrorCount", "Sum"),
    // The highest: a zone without targets of its own says 0 all the time.
    own("HealthyHostCount", "Maximum"),
    { namespace: ELB, metric: "HTTPCode_ELB_5XX_Count", dimensions: { LoadBalancer: loadBalancer }, stat: "Sum" },
    ...ranges(boundsMs).map((range) => own("TargetResponseTime", `TC(${range})`)),
  ];
}

/** `:0.002`, `0.002:0.003`, ..., `50:`, in seconds; without its lower, with its upper end (CloudWatch, statistics definitions). */
function ranges(boundsMs: readonly number[]): readonly string[] {
  const seconds = boundsMs.map((ms) => String(ms / 1000));
  return [...seconds, ""].map((upper, index) => `${seconds[index - 1] ?? ""}:${upper}`);
}

export function requestQuery({ loadBalancer, targetGroup }: TargetGroupAddress): MetricQuery {
  const dimensions = { LoadBalancer: loadBalancer, TargetGroup: targetGroup };
  return { namespace: ELB, metric: "RequestCount", dimensions, stat: "Sum" };
}

export function healthyQuery({ loadBalancer, targetGroup }: TargetGroupAddress): MetricQuery {
  const dimensions = { LoadBalancer: loadBalancer, TargetGroup: targetGroup };
  return { namespace: ELB, metric: "HealthyHostCount", dimensions, stat: "Maximum" };
}

export function balancerQuery(loadBalancer: string, metric: string, stat: string): MetricQuery {
  return { namespace: ELB, metric, dimensions: { LoadBalancer: loadBalancer }, stat };
}

export function databaseQuery(instance: string, metric: string): MetricQuery {
  return { namespace: "AWS/RDS", metric, dimensions: { DBInstanceIdentifier: instance }, stat: "Average" };
}

/** Use of a Deployment's pods in percent of their limit. */
export function podQuery(cluster: string, namespace: string, deployment: string, metric: string): MetricQuery {
  const dimensions = { ClusterName: cluster, Namespace: namespace, PodName: deployment };
  return { namespace: "ContainerInsights", metric, dimensions, stat: "Average" };
}
