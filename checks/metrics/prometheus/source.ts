import { countCluster, type ClusterCounts } from "../../../migration/metrics/counters";
import { gridOf, type Grid, type GridSeries } from "../../../migration/metrics/grid";
import { type GatewaysOfB, type PrometheusSettings } from "../../../migration/metrics/metricsRequest";
import { samplesOf, type Reading } from "../../../migration/metrics/samples";
import { summarized, type Activity, type ContextSeries, type MetricSource, type ResourceUse } from "../source";
import { openAtTheEnd } from "./connections";
import { gatewayQueries, podQueries, type GatewayQueries } from "./queries";
import { type PrometheusServer } from "./server";
import { increasePerSecond, levels } from "./use";

/** A's and B's counts from the gateways' own metrics, as Prometheus keeps them. */

export interface PrometheusSourceOptions {
  readonly settings: PrometheusSettings;
  readonly servers: { readonly a: PrometheusServer; readonly b: PrometheusServer };
  readonly gatewaysB: GatewaysOfB;
  readonly namespaceB: string;
  readonly deploymentsB: readonly string[];
}

const MINUTE_MS = 60_000;
/** Connections are looked at over this time: what is open in all of it is long-lived. */
const LONG_LIVED_MS = 5 * MINUTE_MS;

export class PrometheusSource implements MetricSource {
  readonly name = "Prometheus";
  readonly periodMs: number;
  private readonly queries: { readonly a: GatewayQueries; readonly b: GatewayQueries };

  constructor(private readonly options: PrometheusSourceOptions) {
    const { settings } = options;
    this.periodMs = settings.periodSeconds * 1000;
    this.queries = { a: gatewayQueries(settings.a, settings), b: gatewayQueries(settings.b, settings) };
  }

  newestMs(now: Date): number {
    const final = now.getTime() - this.options.settings.delaySeconds * 1000;
    return Math.floor(final / this.periodMs) * this.periodMs;
  }

  async samples(grid: Grid, weightAt: (atMs: number) => number): Promise<Reading> {
    const [a, b] = await Promise.all([this.whole("a", grid), this.whole("b", grid)]);
    return samplesOf(grid, a, b, weightAt);
  }

  async rates(grid: Grid): Promise<readonly (number | undefined)[]> {
    const [a, b] = await Promise.all([this.totals("a", grid), this.totals("b", grid)]);
    return Array.from({ length: grid.count }, (_, index) => {
      const ofA = a.counts.sides[index]?.requests;
      // Before B there is nothing of it to count.
      const ofB = isAbsent(b.scrapes, index) ? 0 : b.counts.sides[index]?.requests;
      return ofA === undefined || ofB === undefined ? undefined : ((ofA + ofB) * 1000) / grid.periodMs;
    });
  }

  async useOfB(grid: Grid): Promise<readonly ResourceUse[]> {
    const { settings, servers, gatewaysB, namespaceB, deploymentsB } = this.options;
    const pods = podQueries(settings.b, namespaceB, deploymentsB);
    const where = (query: string): string => `${servers.b.label}, ${query}`;
    return Promise.all([
      servers.b.range(pods.cpu, grid).then((series): ResourceUse => ({
        name: "CPU of B's gateways",
        limit: gatewaysB.cpuCores,
        used: increasePerSecond(grid, series),
        where: where(pods.cpu),
      })),
      servers.b.range(pods.memory, grid).then((series): ResourceUse => ({
        name: "memory of B's gateways",
        limit: gatewaysB.memoryBytes,
        used: levels(grid, series),
        where: where(pods.memory),
      })),
      ...settings.resources.map(async ({ name, query, counter, limit }): Promise<ResourceUse> => {
        const series = await servers.b.range(query, grid);
        const used = counter ? increasePerSecond(grid, series) : levels(grid, series);
        return { name, limit, used, where: where(query) };
      }),
    ]);
  }

  async activity(cluster: "A" | "B", grid: Grid): Promise<Activity> {
    const side = cluster === "A" ? "a" : "b";
    const { counts } = await this.totals(side, grid);
    const untilMs = grid.fromMs + grid.count * grid.periodMs;
    const recent = gridOf(untilMs - LONG_LIVED_MS, untilMs, this.periodMs);
    const server = this.options.servers[side];
    const [active, waiting] = await Promise.all([
      server.range(this.queries[side].active, recent),
      server.range(this.queries[side].waiting, recent),
    ]);
    const known = counts.faults.length === 0 && grid.count > 0;
    return {
      requests: known ? counts.sides.reduce((sum, counted) => sum + (counted?.requests ?? 0), 0) : undefined,
      faults: counts.faults.map(({ atMs, text }) => `${new Date(atMs).toISOString()}: ${text}`),
      longLived: openAtTheEnd(active, waiting, this.options.settings.instanceLabel),
    };
  }

  async context(grid: Grid): Promise<readonly ContextSeries[]> {
    const both = ["a", "b"] as const;
    const all = await Promise.all(
      both.map(async (side) => {
        const active = await this.options.servers[side].range(this.queries[side].active, grid);
        return summarized(
          "open connections of the gateways",
          side === "a" ? "A" : "B",
          "connections",
          levels(grid, active),
        );
      }),
    );
    return all;
  }

  private async whole(side: "a" | "b", grid: Grid): Promise<ClusterCounts> {
    const server = this.options.servers[side];
    const { scrapes, reachable, requests, errors, buckets } = this.queries[side];
    const [times, reached, total, failed, histogram] = await Promise.all(
      [scrapes, reachable, requests, errors, buckets].map((query) => server.range(query, grid)),
    );
    const counters = {
      scrapes: times ?? [],
      reachable: reached ?? [],
      requests: total ?? [],
      errors: failed ?? [],
      buckets: histogram ?? [],
    };
    return countCluster(grid, counters, this.countOptions());
  }

  /** Requests alone. */
  private async totals(
    side: "a" | "b",
    grid: Grid,
  ): Promise<{ readonly counts: ClusterCounts; readonly scrapes: readonly GridSeries[] }> {
    const server = this.options.servers[side];
    const [scrapes, requests] = await Promise.all([
      server.range(this.queries[side].scrapes, grid),
      server.range(this.queries[side].totals, grid),
    ]);
    const counters = { scrapes, reachable: [], requests, errors: [], buckets: [] };
    return { counts: countCluster(grid, counters, this.countOptions()), scrapes };
  }

  private countOptions(): { instanceLabel: string; serviceLabel: string; baseMs: number } {
    const { instanceLabel, serviceLabel } = this.options.settings;
    return { instanceLabel, serviceLabel, baseMs: this.periodMs };
  }
}

/** Whether no gateway was there at either end of an interval. */
function isAbsent(scrapes: readonly GridSeries[], index: number): boolean {
  return scrapes.every(({ values }) => [index, index + 1].every((point) => Number.isNaN(values[point] ?? Number.NaN)));
}
