import { type Side } from "../judge/sample";
import { type CountFault } from "./counters";
import { endOf, type Grid } from "./grid";

/**
 * From the load balancer's counts by target group (facts/aws.md 3) to what a cluster did in each interval. Counts of
 * errors are sent only when they are not zero, so that a missing one is zero, as long as anything shows that counts
 * arrive at all; where nothing does, nothing is known.
 */

/** One target group on a grid, NaN where there is no value. */
export interface TargetGroupCounts {
  readonly group: string;
  readonly requests: Float64Array;
  /** Answers 5xx of the targets. */
  readonly errors: Float64Array;
  readonly connectionErrors: Float64Array;
  readonly healthy: Float64Array;
  /** Answers by the time until their first byte, one list per bucket. */
  readonly buckets: readonly Float64Array[];
  /** Answers 5xx of the load balancer itself, of all target groups together. */
  readonly balancerErrors: Float64Array;
}

export interface TargetGroupSide {
  readonly sides: readonly (Side | undefined)[];
  readonly faults: readonly CountFault[];
}

/** Requests that have to be expected before their absence is a fault: 20 come out as none once in 500 million cases. */
const EXPECTED_REQUESTS = 20;
/** By how much answers may differ from requests: they end in the next interval, or their clients went away. */
const TOLERANCE = { share: 0.01, requests: 5 };

/**
 * One target group.
 * @param boundsMs upper bounds of the buckets, the last one `null` for infinity
 * @param expectedAt requests that have to be expected in an interval, by the other cluster's and the weights
 */
export function countTargetGroup(
  grid: Grid,
  counts: TargetGroupCounts,
  boundsMs: readonly (number | null)[],
  expectedAt: (index: number) => number,
): TargetGroupSide {
  const faults: CountFault[] = [];
  const sides = Array.from({ length: grid.count }, (_, index): Side | undefined => {
    const fault = faultAt(counts, index, expectedAt(index));
    if (fault === undefined) return sideAt(counts, index, boundsMs);
    faults.push({ atMs: endOf(grid, index), text: `target group ${counts.group}: ${fault}` });
    return undefined;
  });
  return { sides, faults };
}

function faultAt({ requests, healthy }: TargetGroupCounts, index: number, expected: number): string | undefined {
  if (!Number.isNaN(requests[index] ?? Number.NaN)) return undefined;
  if (Number.isNaN(healthy[index] ?? Number.NaN)) return "neither RequestCount nor HealthyHostCount is there";
  if (expected >= EXPECTED_REQUESTS) {
    return `no RequestCount, where about ${Math.round(expected)} requests have to be expected`;
  }
  return undefined;
}

function sideAt(counts: TargetGroupCounts, index: number, boundsMs: readonly (number | null)[]): Side {
  const requests = value(counts.requests, index);
  const buckets = counts.buckets.map((bucket) => value(bucket, index));
  const answered = buckets.reduce((sum, count) => sum + count, 0);
  const balancerErrors = value(counts.balancerErrors, index);
  const tolerance = Math.max(TOLERANCE.requests, TOLERANCE.share * requests);
  const unanswered = Math.max(0, requests - answered);
  // Requests without an answer are this group's part of the 502, 503 and 504 that the load balancer answered itself.
  const inItsStead = Math.min(unanswered, balancerErrors);
  const explained = unanswered <= inItsStead + tolerance;
  const total = answered > requests && answered - requests <= tolerance ? answered : requests;
  // What never came is slower than any bound. What is not explained is left out: the judge calls it partial.
  const count = buckets.map((bucket, at) => (at === buckets.length - 1 && explained ? bucket + unanswered : bucket));
  const healthy = counts.healthy[index] ?? Number.NaN;
  return {
    requests: total,
    errors: Math.min(total, value(counts.errors, index) + inItsStead),
    latencyMs: { le: boundsMs, count },
    grpc: undefined,
    connectionErrors: value(counts.connectionErrors, index),
    healthyTargets: Number.isNaN(healthy) ? undefined : healthy,
    withoutControlPlane: undefined,
  };
}

/** A cluster is the sum of its target groups; it is known only where all of them are. */
export function addSides(all: readonly (Side | undefined)[]): Side | undefined {
  const [first, ...rest] = all;
  return rest.reduce((sum, side) => (sum === undefined || side === undefined ? undefined : added(sum, side)), first);
}

function added(one: Side, other: Side): Side {
  const least = [one.healthyTargets, other.healthyTargets].filter((count) => count !== undefined);
  return {
    requests: one.requests + other.requests,
    errors: one.errors + other.errors,
    latencyMs: one.latencyMs && {
      le: one.latencyMs.le,
      count: one.latencyMs.count.map((count, at) => count + (other.latencyMs?.count[at] ?? 0)),
    },
    grpc: undefined,
    connectionErrors: (one.connectionErrors ?? 0) + (other.connectionErrors ?? 0),
    // One group without a healthy target is one too many.
    healthyTargets: least.length < 2 ? undefined : Math.min(...least),
    withoutControlPlane: undefined,
  };
}

function value(values: Float64Array, index: number): number {
  const found = values[index] ?? Number.NaN;
  return Number.isNaN(found) ? 0 : found;
}
