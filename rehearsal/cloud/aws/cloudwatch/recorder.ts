import { timeOfBucket } from "../../loadBalancer/counters";
import { type TargetGroupCounters } from "../../loadBalancer";
import { type LoadBalancerPort } from "../elb/records";

/**
 * The load balancers' metrics, minute by minute, as they come to CloudWatch: made from the counters that the load balancers
 * keep. What did not happen has no data point (facts/aws.md 3).
 */

/** One target group in one minute. */
export interface GroupMinute {
  requests: number;
  target5xx: number;
  connectionErrors: number;
  /** 5xx that the load balancer made itself; it tells them of the load balancer as a whole. */
  elb5xx: number;
  /** Fewest and most healthy targets, at the looks in this minute. */
  healthyLeast: number;
  healthyMost: number;
  /** Looks in this minute. */
  looks: number;
  /** Number of answers by their time in milliseconds. */
  readonly times: Map<number, number>;
}

export interface Recorded {
  readonly arn: string;
  readonly process: Pick<LoadBalancerPort, "state">;
}

const MINUTE_MS = 60_000;
/** How often counters are looked at, at whole multiples of the clock: what a look finds belongs to the minute it ends in. */
const LOOK_MS = 5_000;
/** Minutes that are kept: longer than any rehearsal. */
const KEPT_MINUTES = 12 * 60;

export class MetricRecorder {
  /** By load balancer, target group and minute (milliseconds since 1970 of its beginning). */
  readonly #minutes = new Map<string, Map<string, Map<number, GroupMinute>>>();
  readonly #last = new Map<string, TargetGroupCounters>();
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();

  constructor(private readonly loadBalancers: () => Iterable<Recorded>) {}

  start(): void {
    const next = (): void => {
      this.#timer = setTimeout(
        () => {
          this.#looking = this.look(Date.now());
          void this.#looking.finally(next);
        },
        LOOK_MS - (Date.now() % LOOK_MS),
      );
    };
    next();
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#looking;
    clearTimeout(this.#timer);
  }

  /** Reads all counters once. What happened since the look before belongs to the minute that has just passed, or passes. */
  async look(nowMs: number): Promise<void> {
    const minute = Math.floor((nowMs - LOOK_MS / 2) / MINUTE_MS) * MINUTE_MS;
    for (const { arn, process } of this.loadBalancers()) {
      // A load balancer that is gone has no more metrics.
      const state = await process.state().catch(() => undefined);
      for (const [group, counters] of Object.entries(state?.counters ?? {})) {
        const healthy = (state?.targets[group] ?? []).filter((target) => target.state === "healthy").length;
        this.#add(arn, group, minute, counters, healthy);
      }
    }
  }

  /** Everything of one target group at one load balancer, by minute. */
  group(loadBalancerArn: string, targetGroupArn: string): ReadonlyMap<number, GroupMinute> {
    return this.#minutes.get(loadBalancerArn)?.get(targetGroupArn) ?? new Map<number, GroupMinute>();
  }

  /** The target groups that a load balancer had. */
  groups(loadBalancerArn: string): readonly ReadonlyMap<number, GroupMinute>[] {
    return [...(this.#minutes.get(loadBalancerArn)?.values() ?? [])];
  }

  #add(loadBalancer: string, group: string, minute: number, counters: TargetGroupCounters, healthy: number): void {
    const byGroup = this.#minutes.get(loadBalancer) ?? new Map<string, Map<number, GroupMinute>>();
    this.#minutes.set(loadBalancer, byGroup);
    const byMinute = byGroup.get(group) ?? new Map<number, GroupMinute>();
    byGroup.set(group, byMinute);
    const into = byMinute.get(minute) ?? emptyMinute(healthy);
    byMinute.set(minute, into);
    const key = `${loadBalancer} ${group}`;
    const before = this.#last.get(key);
    this.#last.set(key, counters);
    into.requests += counters.requests - (before?.requests ?? 0);
    into.target5xx += counters.responses["5xx"] - (before?.responses["5xx"] ?? 0);
    into.connectionErrors += counters.connectionErrors - (before?.connectionErrors ?? 0);
    into.elb5xx += counters.elb5xx - (before?.elb5xx ?? 0);
    into.healthyLeast = Math.min(into.healthyLeast, healthy);
    into.healthyMost = Math.max(into.healthyMost, healthy);
    into.looks += 1;
    for (const [bucket, count] of Object.entries(counters.times)) {
      const more = count - (before?.times[bucket] ?? 0);
      const timeMs = timeOfBucket(Number(bucket));
      if (more > 0) into.times.set(timeMs, (into.times.get(timeMs) ?? 0) + more);
    }
    for (const old of byMinute.keys()) if (old < minute - KEPT_MINUTES * MINUTE_MS) byMinute.delete(old);
  }
}

function emptyMinute(healthy: number): GroupMinute {
  return {
    requests: 0,
    target5xx: 0,
    connectionErrors: 0,
    elb5xx: 0,
    healthyLeast: healthy,
    healthyMost: healthy,
    looks: 0,
    times: new Map(),
  };
}
