import { type Side } from "../../../migration/judge";
import { type CountFault } from "../../../migration/metrics/counters";
import { endOf, type Grid } from "../../../migration/metrics/grid";
import { type CloudWatchSettings, type MetricsRequest } from "../../../migration/metrics/metricsRequest";
import { samplesOf, type Reading } from "../../../migration/metrics/samples";
import { addSides, countTargetGroup, type TargetGroupCounts } from "../../../migration/metrics/targetGroups";
import { type CheckContext } from "../../context";
import { summarized, type Activity, type ContextSeries, type MetricSource, type ResourceUse } from "../source";
import { addressesOf, type GroupAddresses } from "./addresses";
import { CloudWatchData, describe, type MetricQuery } from "./data";
import {
  balancerQuery,
  boundsOf,
  databaseQuery,
  healthyQuery,
  podQuery,
  requestQuery,
  targetGroupQueries,
  type TargetGroupAddress,
} from "./queries";

/** A's and B's counts as the load balancer has them, by target group. Nothing but whole minutes. */

const MINUTE_MS = 60_000;
/** Values of {@link targetGroupQueries} before the buckets. */
const BEFORE_BUCKETS = 5;

/** The source of these settings, with the load balancers and target groups looked up. @throws CouldNotLook */
export async function openCloudWatch(
  settings: CloudWatchSettings,
  limits: Pick<MetricsRequest, "judge" | "databaseConnections">,
  context: CheckContext,
): Promise<MetricSource> {
  const addresses = await addressesOf(context);
  const { region } = context.scope;
  const { clockSkewSeconds } = limits.judge.data;
  const data = new CloudWatchData({ region, clockSkewSeconds, signal: context.signal });
  return new CloudWatchSource({ settings, addresses, data, ...limits, scope: context.scope });
}

export interface CloudWatchSourceOptions extends Pick<MetricsRequest, "judge" | "databaseConnections"> {
  readonly settings: CloudWatchSettings;
  readonly addresses: readonly GroupAddresses[];
  readonly data: CloudWatchData;
  readonly scope: Pick<CheckContext["scope"], "clusterB" | "databaseB">;
}

export class CloudWatchSource implements MetricSource {
  readonly name = "CloudWatch";
  readonly periodMs = MINUTE_MS;

  constructor(private readonly options: CloudWatchSourceOptions) {}

  newestMs(now: Date): number {
    const final = now.getTime() - this.options.settings.delaySeconds * 1000;
    return Math.floor(final / MINUTE_MS) * MINUTE_MS;
  }

  async samples(grid: Grid, weightAt: (atMs: number) => number): Promise<Reading> {
    const { addresses, judge } = this.options;
    const bounds = boundsOf(judge);
    const groups = await Promise.all(
      addresses.map(async ({ group, a, b }) => {
        const [ofA, ofB] = await Promise.all([this.counts(a, bounds, grid), this.counts(b, bounds, grid)]);
        return { group, ...bothSides(grid, ofA, ofB, [...bounds, null], weightAt) };
      }),
    );
    const cluster = (side: "a" | "b"): { sides: readonly (Side | undefined)[]; faults: readonly CountFault[] } => ({
      sides: Array.from({ length: grid.count }, (_, index) => addSides(groups.map((each) => each[side].sides[index]))),
      faults: groups.flatMap((each) => each[side].faults),
    });
    // One group is the whole; several are told apart as services are.
    const services = (side: "a" | "b"): ReadonlyMap<string, readonly (Side | undefined)[]> =>
      new Map(groups.length < 2 ? [] : groups.map((each) => [`gateway group ${each.group}`, each[side].sides]));
    return samplesOf(
      grid,
      { ...cluster("a"), services: services("a") },
      { ...cluster("b"), services: services("b") },
      weightAt,
    );
  }

  async rates(grid: Grid): Promise<readonly (number | undefined)[]> {
    const { addresses, data } = this.options;
    const queries = addresses.flatMap(({ a, b }) => [requestQuery(a), requestQuery(b)]);
    const values = await data.values(queries, grid);
    return Array.from({ length: grid.count }, (_, index) => {
      const known = values.map((of) => of[index] ?? Number.NaN).filter((value) => !Number.isNaN(value));
      return known.length === 0 ? undefined : (known.reduce((sum, one) => sum + one, 0) * 1000) / grid.periodMs;
    });
  }

  async useOfB(grid: Grid): Promise<readonly ResourceUse[]> {
    const { data } = this.options;
    const resources = this.resources();
    const values = await data.values(
      resources.map(({ query }) => query),
      grid,
    );
    return resources.map(({ name, limit, query }, at) => ({
      name,
      limit,
      used: known(values[at] ?? new Float64Array(grid.count).fill(Number.NaN)),
      where: `CloudWatch, ${describe(query)}`,
    }));
  }

  async activity(cluster: "A" | "B", grid: Grid): Promise<Activity> {
    const { addresses, data } = this.options;
    const own = addresses.map(({ a, b }) => (cluster === "A" ? a : b));
    const requests = await data.values(own.map(requestQuery), grid);
    const healthy = await data.values(own.map(healthyQuery), grid);
    const faults: string[] = [];
    let sum = 0;
    for (const [at, { group }] of own.entries()) {
      for (let index = 0; index < grid.count; index += 1) {
        const value = requests[at]?.[index] ?? Number.NaN;
        if (!Number.isNaN(value)) sum += value;
        else if (Number.isNaN(healthy[at]?.[index] ?? Number.NaN)) {
          const time = new Date(endOf(grid, index)).toISOString();
          faults.push(`${time}: target group of ${group}: neither RequestCount nor HealthyHostCount is there`);
        }
      }
    }
    return { requests: faults.length > 0 || grid.count === 0 ? undefined : sum, faults, longLived: undefined };
  }

  async context(grid: Grid): Promise<readonly ContextSeries[]> {
    const { addresses, data, scope } = this.options;
    const balancers = [...new Set(addresses.map(({ a }) => a.loadBalancer))];
    const instance = scope.databaseB.instanceIdentifier;
    const asked: { name: string; cluster: ContextSeries["cluster"]; unit: string; query: MetricQuery }[] = [
      ...balancers.flatMap((balancer) => [
        {
          name: "5xx of the load balancer itself",
          cluster: "both" as const,
          unit: "answers per minute",
          query: balancerQuery(balancer, "HTTPCode_ELB_5XX_Count", "Sum"),
        },
        {
          name: "open connections of the load balancer",
          cluster: "both" as const,
          unit: "connections",
          query: balancerQuery(balancer, "ActiveConnectionCount", "Sum"),
        },
      ]),
      ...addresses.flatMap(({ a, b }) =>
        (
          [
            ["A", a],
            ["B", b],
          ] as const
        ).map(([cluster, address]) => ({
          name: `healthy targets of ${address.group}`,
          cluster,
          unit: "targets",
          query: healthyQuery(address),
        })),
      ),
      ...(instance === undefined
        ? []
        : [
            {
              name: "connections of database B",
              cluster: "B" as const,
              unit: "connections",
              query: databaseQuery(instance, "DatabaseConnections"),
            },
          ]),
    ];
    const values = await data.values(
      asked.map(({ query }) => query),
      grid,
    );
    return asked.map(({ name, cluster, unit }, at) =>
      summarized(name, cluster, unit, known(values[at] ?? new Float64Array())),
    );
  }

  private async counts(address: TargetGroupAddress, bounds: readonly number[], grid: Grid): Promise<TargetGroupCounts> {
    const values = await this.options.data.values(targetGroupQueries(address, bounds), grid);
    const at = (index: number): Float64Array => values[index] ?? new Float64Array(grid.count).fill(Number.NaN);
    return {
      group: address.targetGroup,
      requests: at(0),
      errors: at(1),
      connectionErrors: at(2),
      healthy: at(3),
      balancerErrors: at(4),
      buckets: values.slice(BEFORE_BUCKETS),
    };
  }

  private resources(): readonly { readonly name: string; readonly limit: number; readonly query: MetricQuery }[] {
    const { settings, scope, databaseConnections } = this.options;
    const { containerInsights } = settings;
    const { namespace, dataPlanes } = scope.clusterB;
    const pods =
      containerInsights === undefined
        ? []
        : dataPlanes.flatMap(({ deployment }) =>
            (["cpu", "memory"] as const).map((what) => ({
              name: `${what === "cpu" ? "CPU" : "memory"} of ${deployment}, percent of its limit`,
              limit: 100,
              query: podQuery(containerInsights, namespace, deployment, `pod_${what}_utilization_over_pod_limit`),
            })),
          );
    const instance = scope.databaseB.instanceIdentifier;
    if (instance === undefined) return pods;
    return [
      ...pods,
      { name: "CPU of database B, percent", limit: 100, query: databaseQuery(instance, "CPUUtilization") },
      {
        name: "connections of database B",
        limit: databaseConnections,
        query: databaseQuery(instance, "DatabaseConnections"),
      },
    ];
  }
}

/** Each side's absence is judged by the other's presence. */
function bothSides(
  grid: Grid,
  a: TargetGroupCounts,
  b: TargetGroupCounts,
  bounds: readonly (number | null)[],
  weightAt: (atMs: number) => number,
): { readonly a: ReturnType<typeof countTargetGroup>; readonly b: ReturnType<typeof countTargetGroup> } {
  const share = (index: number): number => weightAt(endOf(grid, index)) / 100;
  const expected = (other: TargetGroupCounts, own: number, its: number, index: number): number => {
    const requests = other.requests[index] ?? Number.NaN;
    return Number.isNaN(requests) || its <= 0 ? 0 : (requests * own) / its;
  };
  return {
    a: countTargetGroup(grid, a, bounds, (index) => expected(b, 1 - share(index), share(index), index)),
    b: countTargetGroup(grid, b, bounds, (index) => expected(a, share(index), 1 - share(index), index)),
  };
}

function known(values: Float64Array): readonly (number | undefined)[] {
  return [...values].map((value) => (Number.isNaN(value) ? undefined : value));
}
