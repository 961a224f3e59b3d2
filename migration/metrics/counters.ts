import { type Histogram, type Side } from "../judge/sample";
import { endOf, type Grid, type GridSeries } from "./grid";
import { instancesOf, type Instance } from "./instances";

/**
 * From the raw counters of one cluster's gateways to what the cluster did in each interval. An interval of which anything
 * is missing (a gateway that was not scraped, that began to count anew, or that ended with requests under way) has no
 * counts at all: half of them would look like a quiet cluster.
 */

export interface ClusterCounters {
  /** Time of the newest scrape by gateway, seconds since 1970. */
  readonly scrapes: readonly GridSeries[];
  /** Whether the gateway reaches its control plane, by gateway: 1 or 0. */
  readonly reachable: readonly GridSeries[];
  /** Requests by gateway and service, counting up. */
  readonly requests: readonly GridSeries[];
  /** The same of answers 5xx. */
  readonly errors: readonly GridSeries[];
  /** Requests by gateway and `le` (milliseconds, cumulative), counting up. */
  readonly buckets: readonly GridSeries[];
}

export interface CountOptions {
  readonly instanceLabel: string;
  readonly serviceLabel: string;
  /** Usual interval of scrapes, milliseconds. */
  readonly baseMs: number;
}

/** Why an interval has no counts. */
export interface CountFault {
  readonly atMs: number;
  readonly text: string;
}

export interface ClusterCounts {
  /** One per interval; undefined where it could not be counted. */
  readonly sides: readonly (Side | undefined)[];
  /** The same by service. */
  readonly services: ReadonlyMap<string, readonly (Side | undefined)[]>;
  readonly faults: readonly CountFault[];
}

/** A gateway without its control plane counts as such after so long: a restart of the control plane is no loss. */
const UNREACHABLE_MS = 60_000;
/** By how much the latency histogram may differ from the requests: both are read one after the other. */
const READ_TOLERANCE = { share: 0.02, requests: 5 };
/** Services without a name: routes that belong to none. */
export const NO_SERVICE = "(none)";

export function countCluster(grid: Grid, counters: ClusterCounters, options: CountOptions): ClusterCounts {
  const instances = instancesOf(grid, counters.scrapes, options.instanceLabel, options.baseMs);
  const tally = new Tally(grid, instances, options);
  const requests = tally.addRequests(counters.requests);
  const errors = tally.add(counters.errors, options.serviceLabel);
  const buckets = tally.add(counters.buckets, "le");
  tally.judgeComings();
  const lost = unreachableGateways(grid, counters.reachable, options.instanceLabel);
  const bounds = boundsOf(buckets);
  const services = new Map<string, (Side | undefined)[]>();
  const sides = Array.from({ length: grid.count }, (_, index) => {
    const fault = tally.faultAt(index);
    for (const key of requests.keys()) {
      const name = key === "" ? NO_SERVICE : key;
      const list = services.get(name) ?? [];
      list.push(fault === undefined ? plainSide(at(requests, key, index), at(errors, key, index)) : undefined);
      services.set(name, list);
    }
    if (fault !== undefined) return undefined;
    const histogram = bounds && histogramAt(buckets, bounds, index);
    const counted = sideOf(sumAt(requests, index), sumAt(errors, index), histogram);
    return { ...counted, withoutControlPlane: lost[index] };
  });
  return { sides, services, faults: tally.faults() };
}

/** Differences per interval by key (a service, a bucket), summed over the gateways. */
type Sums = Map<string, Float64Array>;

class Tally {
  private readonly texts: (string | undefined)[];
  /** Requests by gateway and interval. */
  private readonly byInstance = new Map<string, Float64Array>();

  constructor(
    private readonly grid: Grid,
    private readonly instances: ReadonlyMap<string, Instance>,
    private readonly options: CountOptions,
  ) {
    this.texts = Array.from({ length: grid.count }, (_, index) => this.absence(index));
  }

  /** Requests by service; they also tell how much each gateway had. */
  addRequests(all: readonly GridSeries[]): Sums {
    if (all.length === 0) this.texts.forEach((_, index) => this.fault(index, "no requests are counted at all"));
    return this.add(all, this.options.serviceLabel, this.byInstance);
  }

  /** @param keyLabel label whose values are told apart */
  add(all: readonly GridSeries[], keyLabel: string, byInstance?: Map<string, Float64Array>): Sums {
    const sums: Sums = new Map();
    for (const series of all) {
      const name = series.labels[this.options.instanceLabel] ?? "";
      const instance = this.instances.get(name);
      if (instance === undefined) {
        this.unknownGateway(name, series);
        continue;
      }
      const key = series.labels[keyLabel] ?? "";
      const sum = sums.get(key) ?? new Float64Array(this.grid.count);
      sums.set(key, sum);
      const own = byInstance?.get(name) ?? new Float64Array(this.grid.count);
      byInstance?.set(name, own);
      this.addSeries(series, instance, [sum, own]);
    }
    return sums;
  }

  /** Whether gateways that came brought counts of before, and whether those that went took counts with them. */
  judgeComings(): void {
    for (const { name, presence } of this.instances.values()) {
      const own = this.byInstance.get(name);
      for (let index = 0; index < this.grid.count; index += 1) {
        const had = own?.[index] ?? 0;
        if (presence[index] === "new" && had > this.plausible(name, index)) {
          this.fault(index, `gateway ${name} came with ${had} requests: more than it can have had in this interval`);
        }
        if (presence[index] === "gone" && (index === 0 || (own?.[index - 1] ?? 0) > 0)) {
          this.fault(index, `gateway ${name} ended while it had requests: its last ones are not counted`);
        }
      }
    }
  }

  faultAt(index: number): string | undefined {
    return this.texts[index];
  }

  faults(): readonly CountFault[] {
    return this.texts.flatMap((text, index) => (text === undefined ? [] : [{ atMs: endOf(this.grid, index), text }]));
  }

  private addSeries({ values }: GridSeries, { name, presence }: Instance, sums: readonly Float64Array[]): void {
    for (let index = 0; index < this.grid.count; index += 1) {
      const state = presence[index];
      if (state !== "counted" && state !== "new") continue;
      const before = state === "new" ? 0 : zeroed(values[index]);
      const after = values[index + 1] ?? Number.NaN;
      const more = zeroed(after) - before;
      // A series that ends while its gateway goes on was taken away: by a restart, or because it was not used for long.
      if (more < 0) this.fault(index, `gateway ${name} began to count anew`);
      else for (const sum of sums) sum[index] = (sum[index] ?? 0) + more;
    }
  }

  /** Counts of a gateway whose scrapes are not known: whether they are whole is not known either. */
  private unknownGateway(name: string, { values }: GridSeries): void {
    for (let index = 0; index < this.grid.count; index += 1) {
      if (Number.isNaN(values[index + 1] ?? Number.NaN)) continue;
      this.fault(
        index,
        `gateway ${name === "" ? "without a name" : name} counts requests, but its scrapes are not known`,
      );
    }
  }

  /** The most that another gateway had in this interval, twice over; a floor for quiet clusters. */
  private plausible(name: string, index: number): number {
    let most = 0;
    for (const [other, own] of this.byInstance) if (other !== name) most = Math.max(most, own[index] ?? 0);
    return 2 * most + 100;
  }

  private absence(index: number): string | undefined {
    let there = false;
    for (const { name, presence, faults } of this.instances.values()) {
      if (presence[index] === "faulty") return `gateway ${name} ${faults[index] ?? ""}`;
      if (presence[index] !== "absent") there = true;
    }
    return there ? undefined : "no gateway was scraped";
  }

  private fault(index: number, text: string): void {
    this.texts[index] ??= text;
  }
}

function sideOf(requests: number, errors: number, histogram: Histogram | undefined): Side {
  const total = histogram?.count.reduce((sum, count) => sum + count, 0);
  const tolerance = Math.max(READ_TOLERANCE.requests, READ_TOLERANCE.share * requests);
  // What differs by more is left as it is: the judge calls it partial.
  const agreed = total !== undefined && Math.abs(total - requests) <= tolerance ? total : requests;
  const excess = errors - agreed;
  return { ...plainSide(agreed, excess > 0 && excess <= tolerance ? agreed : errors), latencyMs: histogram };
}

function plainSide(requests: number, errors: number): Side {
  return {
    requests,
    errors,
    latencyMs: undefined,
    grpc: undefined,
    connectionErrors: undefined,
    healthyTargets: undefined,
    withoutControlPlane: undefined,
  };
}

interface Bound {
  readonly le: string;
  readonly bound: number;
}

/** Upper bounds, rising; undefined when they are those of no histogram. */
function boundsOf(buckets: Sums): readonly Bound[] | undefined {
  const bounds = [...buckets.keys()]
    .map((le) => ({ le, bound: le === "+Inf" ? Number.POSITIVE_INFINITY : Number(le === "" ? Number.NaN : le) }))
    .sort((one, other) => one.bound - other.bound);
  const whole = bounds.at(-1)?.bound === Number.POSITIVE_INFINITY && bounds.every(({ bound }) => !Number.isNaN(bound));
  return whole ? bounds : undefined;
}

/** Counts per bucket; undefined when the cumulative ones do not rise. */
function histogramAt(buckets: Sums, bounds: readonly Bound[], index: number): Histogram | undefined {
  let below = 0;
  const count: number[] = [];
  for (const { le } of bounds) {
    const cumulative = at(buckets, le, index);
    if (cumulative < below) return undefined;
    count.push(cumulative - below);
    below = cumulative;
  }
  return { le: bounds.map(({ bound }) => (Number.isFinite(bound) ? bound : null)), count };
}

/** How many gateways have been without their control plane for a minute, at the end of each interval. */
function unreachableGateways(
  grid: Grid,
  reachable: readonly GridSeries[],
  label: string,
): readonly (number | undefined)[] {
  const points = Math.max(2, Math.ceil(UNREACHABLE_MS / grid.periodMs) + 1);
  const byName = new Map<string, GridSeries[]>();
  for (const series of reachable) {
    const name = series.labels[label] ?? "";
    byName.set(name, [...(byName.get(name) ?? []), series]);
  }
  const zeroAt = (own: readonly GridSeries[], point: number): boolean => own.some(({ values }) => values[point] === 0);
  return Array.from({ length: grid.count }, (_, index) => {
    const known = reachable.some(({ values }) => !Number.isNaN(values[index + 1] ?? Number.NaN));
    if (!known) return undefined;
    const lost = (own: readonly GridSeries[]): boolean => {
      for (let back = 0; back < points; back += 1) if (!zeroAt(own, index + 1 - back)) return false;
      return true;
    };
    return [...byName.values()].filter(lost).length;
  });
}

function at(sums: Sums, key: string, index: number): number {
  return sums.get(key)?.[index] ?? 0;
}

function sumAt(sums: Sums, index: number): number {
  let sum = 0;
  for (const values of sums.values()) sum += values[index] ?? 0;
  return sum;
}

function zeroed(value: number | undefined): number {
  return value === undefined || Number.isNaN(value) ? 0 : value;
}
