/**
 * What the load balancer is told and what it tells: plain data, so that it can cross a process boundary as JSON.
 * The words and limits are those of an AWS Application Load Balancer (facts/aws.md 1).
 */

/** One target as DescribeTargetHealth would report it. */
export interface TargetState {
  /** IP address of the target. */
  readonly id: string;
  readonly port: number;
  readonly state: "initial" | "healthy" | "unhealthy" | "draining" | "unused";
  /** AWS's reason code, e.g. `Target.FailedHealthChecks`; absent when healthy. */
  readonly reason?: string;
}

/** How a target group looks at its targets. Seconds are the configured ones; the process's `pace` shortens intervals. */
export interface HealthCheckConfig {
  readonly path: string;
  readonly port: number | "traffic-port";
  readonly protocol: "HTTP";
  readonly intervalSeconds: number;
  readonly timeoutSeconds: number;
  /** Consecutive successes that bring an unhealthy target back. A new target needs one. */
  readonly healthyThreshold: number;
  /** Consecutive failures that make a target unhealthy. */
  readonly unhealthyThreshold: number;
  /** Status codes that count as success: `"200"`, `"200,204"` or `"200-299"`. */
  readonly matcher: string;
}

export interface TargetGroupConfig {
  readonly arn: string;
  readonly healthCheck: HealthCheckConfig;
  /** How long requests in flight may go on after their target was deregistered; 0-3600 s, divided by `pace`. */
  readonly deregistrationDelaySeconds: number;
  readonly targets: readonly { readonly id: string; readonly port: number }[];
}

/** Share of a group = its weight / sum of the weights. */
export interface ForwardAction {
  /** 1-5 groups, weights 0-999. */
  readonly groups: readonly { readonly arn: string; readonly weight: number }[];
  /** Group stickiness by the cookie `AWSALBTG`, 1 s to 7 days; the cookie outranks the weight. */
  readonly stickiness?: { readonly enabled: boolean; readonly durationSeconds: number };
}

export interface FixedResponseAction {
  readonly type: "fixed-response";
  readonly statusCode: number;
  readonly body: string;
  readonly contentType: string;
}

export type Action = { readonly type: "forward"; readonly forward: ForwardAction } | FixedResponseAction;

/** A rule matches when each non-empty list of conditions has one value that matches. */
export interface RuleConfig {
  readonly arn: string;
  /** Lowest number first; exactly one `"default"` rule a listener, tried last, without conditions. */
  readonly priority: number | "default";
  /** Host patterns, `*` and `?` as wildcards, case-insensitive, compared without the port. */
  readonly hosts: readonly string[];
  /** Path patterns, `*` and `?` as wildcards, case-sensitive, compared without the query. */
  readonly paths: readonly string[];
  /** Request methods, compared exactly. */
  readonly methods: readonly string[];
  /** Request headers: all of them must match, each by one of its values (wildcards, case-insensitive). */
  readonly headers: readonly { readonly name: string; readonly values: readonly string[] }[];
  readonly action: Action;
}

export interface ListenerConfig {
  readonly arn: string;
  readonly port: number;
  readonly rules: readonly RuleConfig[];
}

export interface LoadBalancerConfig {
  /** Loopback address (127.0.0.0/8) that all listeners bind. */
  readonly address: string;
  /** Silence on a connection, in either direction, after which it is closed. AWS's default is 60 s. */
  readonly idleTimeoutSeconds: number;
  readonly listeners: readonly ListenerConfig[];
  readonly targetGroups: readonly TargetGroupConfig[];
}

/** Counters of one target group since it was first configured; they only rise (`active` excepted). */
export interface TargetGroupCounters {
  /** Requests for which a target of this group was chosen, WebSocket upgrades included. */
  readonly requests: number;
  /** Those among them that a rule with a header condition sent here, whatever the weights: compared requests. */
  readonly picked: number;
  /** Answers that came from targets, by class. A WebSocket's 101 is in none of them. */
  readonly responses: Readonly<Record<"2xx" | "3xx" | "4xx" | "5xx", number>>;
  /** 502, 503 and 504 that the load balancer made itself because of this group. */
  readonly elb5xx: number;
  /** Connections to targets that could not be established. */
  readonly connectionErrors: number;
  /** When the last request was sent to a target of this group: ISO 8601 with milliseconds. */
  readonly lastRequestAt?: string;
  /** Requests and WebSockets in flight now. */
  readonly active: number;
  /**
   * Time from sending a request to the head of its answer, as a histogram: `count[i]` answers took more than `le[i-1]`
   * and at most `le[i]` milliseconds. The last bound is `null`, for infinity.
   */
  readonly latencyMs: { readonly le: readonly (number | null)[]; readonly count: readonly number[] };
  /**
   * The same times finely: numbers of answers by the number of the bucket, each 2 % wider than the one before; bucket `i` is
   * about `timeOfBucket(i)` milliseconds.
   */
  readonly times: Readonly<Record<string, number>>;
}

export interface LoadBalancerState {
  /** By target group ARN, for the groups of the accepted configuration. */
  readonly targets: Readonly<Record<string, readonly TargetState[]>>;
  /** By target group ARN, for every group that was ever configured. */
  readonly counters: Readonly<Record<string, TargetGroupCounters>>;
}
