import { countCluster, type ClusterCounters, type CountOptions } from "../../../migration/metrics/counters";
import { type Grid, type GridSeries } from "../../../migration/metrics/grid";
import { samplesOf, type Reading } from "../../../migration/metrics/samples";

/** Counters of two gateways of each cluster on a grid, as a metrics server has them; and what can happen to them. */

export const PERIOD_MS = 15_000;
export const OPTIONS: CountOptions = { instanceLabel: "instance_id", serviceLabel: "service", baseMs: PERIOD_MS };
export const START_MS = Date.parse("2026-03-01T10:00:00Z");

export function gridFor(count: number): Grid {
  return { fromMs: START_MS, periodMs: PERIOD_MS, count };
}

type Mutable = { readonly labels: Record<string, string>; readonly values: Float64Array };
export type MutableCounters = Record<keyof ClusterCounters, Mutable[]>;

/** @param requestsAt requests of one gateway in an interval */
export function counters(grid: Grid, cluster: string, requestsAt: (index: number) => number): MutableCounters {
  const result: MutableCounters = { scrapes: [], reachable: [], requests: [], errors: [], buckets: [] };
  for (const name of [`${cluster}-1`, `${cluster}-2`]) addGateway(result, grid, name, requestsAt);
  return result;
}

export function addGateway(
  into: MutableCounters,
  grid: Grid,
  name: string,
  requestsAt: (index: number) => number,
  before = 0,
): void {
  const points = grid.count + 1;
  const series = (labels: Record<string, string>): Mutable => ({
    labels: { instance_id: name, ...labels },
    values: new Float64Array(points),
  });
  const scrapes = series({});
  const reachable = series({});
  const requests = series({ service: "shop" });
  const errors = series({ service: "shop" });
  const buckets = ["50", "100", "500", "+Inf"].map((le) => series({ le }));
  let total = before;
  for (let point = 0; point < points; point += 1) {
    if (point > 0) total += requestsAt(point - 1);
    scrapes.values[point] = (grid.fromMs + point * grid.periodMs) / 1000 - 3;
    reachable.values[point] = 1;
    requests.values[point] = total;
    errors.values[point] = Math.floor(total * 0.001);
    const shares = [0.9, 0.95, 0.99, 1];
    for (const [at, bucket] of buckets.entries()) bucket.values[point] = Math.floor(total * (shares[at] ?? 1));
  }
  into.scrapes.push(scrapes);
  into.reachable.push(reachable);
  into.requests.push(requests);
  into.errors.push(errors);
  into.buckets.push(...buckets);
}

/** Every series of one gateway. */
export function seriesOf(all: MutableCounters, name: string): readonly Mutable[] {
  return Object.values(all)
    .flat()
    .filter(({ labels }) => labels["instance_id"] === name);
}

/** What a server without newer scrapes answers: the last value again. */
export function repeatLast(all: readonly GridSeries[], from: number, until: number): void {
  for (const { values } of all) {
    for (let point = from; point < Math.min(until, values.length); point += 1)
      values[point] = values[from - 1] ?? Number.NaN;
  }
}

export function readingOf(
  grid: Grid,
  a: ClusterCounters,
  b: ClusterCounters,
  weightAt: (atMs: number) => number,
): Reading {
  return samplesOf(grid, countCluster(grid, a, OPTIONS), countCluster(grid, b, OPTIONS), weightAt);
}
