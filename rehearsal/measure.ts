import { type LoadBalancerState } from "./cloud/loadBalancer";
import { type LoadSnapshot, type LongRequest } from "./cloud/traffic";

/** What was counted up to one instant: by the load generator, and by the load balancer for each cluster's target groups. */
export interface Count {
  readonly at: Date;
  readonly sent: number;
  readonly failed: number;
  /** Requests that the load balancer sent to A's and to B's targets by weight; those picked by a header are the checks' own. */
  readonly a: number;
  readonly b: number;
  readonly lastOnB: Date | undefined;
}

/** One stretch of time, as the difference of two counts. */
export interface Stretch {
  readonly sent: number;
  readonly failed: number;
  readonly a: number;
  readonly b: number;
  /** B's share of what the load balancer sent to A or B, percent. */
  readonly shareB: number;
}

/** Counts now. Target groups that are not A's are B's. */
export function count(load: LoadSnapshot, balancer: LoadBalancerState, targetGroupsA: readonly string[]): Count {
  let a = 0;
  let b = 0;
  let lastOnB: Date | undefined;
  for (const [arn, counters] of Object.entries(balancer.counters)) {
    if (targetGroupsA.includes(arn)) {
      a += counters.requests - counters.picked;
      continue;
    }
    b += counters.requests - counters.picked;
    if (counters.lastRequestAt === undefined) continue;
    const last = new Date(counters.lastRequestAt);
    if (lastOnB === undefined || last > lastOnB) lastOnB = last;
  }
  return { at: new Date(), sent: load.sent, failed: load.failed, a, b, lastOnB };
}

export function between(before: Count, after: Count): Stretch {
  const a = after.a - before.a;
  const b = after.b - before.b;
  return {
    sent: after.sent - before.sent,
    failed: after.failed - before.failed,
    a,
    b,
    shareB: a + b === 0 ? 0 : round((100 * b) / (a + b), 3),
  };
}

/** How far, in standard deviations, a measured share may be from its weight: by chance once in about 15,000 looks. */
const SHARE_SIGMA = 4;

/**
 * Why the measured share does not fit the weight, or undefined when it fits. The load balancer chooses for each request on
 * its own, so the number on B is binomial; at 0 and 100 % not one request may stray.
 */
export function shareMisfit(stretch: Stretch, weightB: number): string | undefined {
  const n = stretch.a + stretch.b;
  if (n === 0) return "the load balancer sent no request at all";
  const p = weightB / 100;
  const allowed = SHARE_SIGMA * Math.sqrt(n * p * (1 - p));
  const off = Math.abs(stretch.b - n * p);
  if (off <= allowed) return undefined;
  return (
    `B got ${stretch.b} of ${n} requests (${stretch.shareB} %), its weight is ${weightB} %: ` +
    `off by ${round(off, 1)}, allowed ${round(allowed, 1)}`
  );
}

/** The long requests that were open at this instant. */
export function inFlightAt(snapshot: LoadSnapshot, at: Date): readonly LongRequest[] {
  const time = at.getTime();
  return snapshot.long.filter(
    ({ startedAt, endedAt }) => Date.parse(startedAt) < time && (endedAt === undefined || Date.parse(endedAt) > time),
  );
}

export function round(value: number, digits: number): number {
  const factor = 10 ** digits;
  return Math.round(value * factor) / factor;
}
