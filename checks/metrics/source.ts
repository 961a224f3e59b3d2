import { type Reading } from "../../migration/metrics/samples";
import { type Grid } from "../../migration/metrics/grid";

/**
 * Where the counts of A and B come from. Every implementation asks for raw counts, leaves out what is not final yet, and
 * throws `CouldNotLook` when a system does not answer, answers in part, or has another clock. What is missing of single
 * intervals is no error: the samples lack it, and the reading says so.
 */
export interface MetricSource {
  /** For messages: `Prometheus`, `CloudWatch`. */
  readonly name: string;
  /** Usual distance of two samples, milliseconds. */
  readonly periodMs: number;
  /** End of the newest interval that is final, milliseconds since 1970. */
  newestMs(now: Date): number;
  /**
   * What A and B did in each interval of the grid, per service too where the source tells them apart.
   * @param weightAt B's weight in percent at a time, milliseconds since 1970
   */
  samples(grid: Grid, weightAt: (atMs: number) => number): Promise<Reading>;
  /** What B's gateways and its database used, of what they can have at most. */
  useOfB(grid: Grid): Promise<readonly ResourceUse[]>;
  /** Requests per second of A and B together in each interval; undefined where either is not known. */
  rates(grid: Grid): Promise<readonly (number | undefined)[]>;
  /** Whether a cluster still has requests, and connections with something under way. */
  activity(cluster: "A" | "B", grid: Grid): Promise<Activity>;
  /** What is worth knowing beside: throughput, connections, answers of the load balancer itself. For the evidence. */
  context(grid: Grid): Promise<readonly ContextSeries[]>;
}

/** One resource of B. */
export interface ResourceUse {
  /** `CPU of B's gateways`. */
  readonly name: string;
  /** What there is of it, in the unit of `used`. */
  readonly limit: number;
  /** One per interval of the grid; undefined where it is not known. */
  readonly used: readonly (number | undefined)[];
  /** Where it was looked for, for what to do when nothing is known. */
  readonly where: string;
}

export interface Activity {
  /** Requests in the whole time; undefined when they could not be counted whole. */
  readonly requests: number | undefined;
  /** Why they could not. */
  readonly faults: readonly string[];
  /** Long-lived connections (WebSockets, streams) that were open to the end; undefined when the source cannot tell. */
  readonly longLived: number | undefined;
}

export interface ContextSeries {
  readonly name: string;
  readonly cluster: "A" | "B" | "both";
  readonly unit: string;
  /** Mean and highest of the time asked for; null without any value. */
  readonly mean: number | null;
  readonly highest: number | null;
}

/** Mean and highest of values, of which some may not be known. */
export function summarized(
  name: string,
  cluster: ContextSeries["cluster"],
  unit: string,
  values: readonly (number | undefined)[],
): ContextSeries {
  const known = values.filter((value) => value !== undefined);
  const round = (value: number): number => Math.round(value * 1000) / 1000;
  return {
    name,
    cluster,
    unit,
    mean: known.length === 0 ? null : round(known.reduce((sum, value) => sum + value, 0) / known.length),
    highest: known.length === 0 ? null : round(known.reduce((most, value) => Math.max(most, value))),
  };
}
