import { validationError } from "../errors";
import {
  CLIENT_KEEP_ALIVE_SECONDS,
  DEREGISTRATION_DELAY_SECONDS,
  IDLE_TIMEOUT_SECONDS,
  inRange,
  type Range,
} from "./limits";
import { type Attributes } from "./records";

/** The attributes that a kind of resource has, what AWS sets them to, and what they may be. */
export interface AttributeSet {
  readonly defaults: Attributes;
  readonly allowed: Readonly<Record<string, (value: string) => boolean>>;
}

const flag = (value: string): boolean => value === "true" || value === "false";
const text = (): boolean => true;
const oneOf =
  (...values: readonly string[]) =>
  (value: string): boolean =>
    values.includes(value);
const integer =
  (range: Range) =>
  (value: string): boolean =>
    /^\d+$/.test(value) && inRange(Number(value), range);
const countOrOff = (value: string): boolean => value === "off" || integer({ minimum: 1, maximum: 1000 })(value);
const percentOrOff = (value: string): boolean => value === "off" || integer({ minimum: 1, maximum: 100 })(value);

/**
 * Attributes of target groups. The local load balancer acts on the deregistration delay alone; target stickiness,
 * slow start and the health thresholds are kept and shown.
 */
export const TARGET_GROUP_ATTRIBUTES = attributeSet({
  "deregistration_delay.timeout_seconds": ["300", integer(DEREGISTRATION_DELAY_SECONDS)],
  "load_balancing.algorithm.type": [
    "round_robin",
    oneOf("round_robin", "least_outstanding_requests", "weighted_random"),
  ],
  "load_balancing.algorithm.anomaly_mitigation": ["off", oneOf("on", "off")],
  "load_balancing.cross_zone.enabled": [
    "use_load_balancer_configuration",
    oneOf("true", "false", "use_load_balancer_configuration"),
  ],
  "slow_start.duration_seconds": ["0", (value) => value === "0" || integer({ minimum: 30, maximum: 900 })(value)],
  "stickiness.enabled": ["false", flag],
  "stickiness.type": ["lb_cookie", oneOf("lb_cookie", "app_cookie")],
  "stickiness.lb_cookie.duration_seconds": ["86400", integer({ minimum: 1, maximum: 604_800 })],
  "stickiness.app_cookie.cookie_name": ["", text],
  "stickiness.app_cookie.duration_seconds": ["86400", integer({ minimum: 1, maximum: 604_800 })],
  "target_group_health.dns_failover.minimum_healthy_targets.count": ["1", countOrOff],
  "target_group_health.dns_failover.minimum_healthy_targets.percentage": ["off", percentOrOff],
  "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": [
    "1",
    integer({ minimum: 1, maximum: 1000 }),
  ],
  "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": ["off", percentOrOff],
});

/** Attributes of load balancers. The local one acts on the idle timeout and deletion protection; the rest is kept and shown. */
export const LOAD_BALANCER_ATTRIBUTES = attributeSet({
  "access_logs.s3.enabled": ["false", flag],
  "access_logs.s3.bucket": ["", text],
  "access_logs.s3.prefix": ["", text],
  "client_keep_alive.seconds": ["3600", integer(CLIENT_KEEP_ALIVE_SECONDS)],
  "connection_logs.s3.enabled": ["false", flag],
  "connection_logs.s3.bucket": ["", text],
  "connection_logs.s3.prefix": ["", text],
  "deletion_protection.enabled": ["false", flag],
  "idle_timeout.timeout_seconds": ["60", integer(IDLE_TIMEOUT_SECONDS)],
  "load_balancing.cross_zone.enabled": ["true", oneOf("true")],
  "routing.http.desync_mitigation_mode": ["defensive", oneOf("monitor", "defensive", "strictest")],
  "routing.http.drop_invalid_header_fields.enabled": ["false", flag],
  "routing.http.preserve_host_header.enabled": ["false", flag],
  "routing.http.x_amzn_tls_version_and_cipher_suite.enabled": ["false", flag],
  "routing.http.xff_client_port.enabled": ["false", flag],
  "routing.http.xff_header_processing.mode": ["append", oneOf("append", "preserve", "remove")],
  "routing.http2.enabled": ["true", flag],
  "waf.fail_open.enabled": ["false", flag],
  "zonal_shift.config.enabled": ["false", flag],
});

/** The attributes after a change. @throws AwsError for unknown keys and for values that AWS refuses */
export function mergeAttributes(
  set: AttributeSet,
  before: Attributes,
  changes: readonly { readonly Key?: string | undefined; readonly Value?: string | undefined }[] | undefined,
): Attributes {
  const after: Record<string, string> = { ...before };
  for (const { Key: key = "", Value: value = "" } of changes ?? []) {
    const allowed = set.allowed[key];
    if (allowed === undefined) throw validationError(`Attribute key '${key}' is not recognized`);
    if (!allowed(value)) throw validationError(`Attribute value '${value}' is not valid for key '${key}'`);
    after[key] = value;
  }
  if (
    after["load_balancing.algorithm.anomaly_mitigation"] === "on" &&
    after["load_balancing.algorithm.type"] !== "weighted_random"
  ) {
    throw validationError("Anomaly mitigation needs the load balancing algorithm 'weighted_random'");
  }
  if (
    after["slow_start.duration_seconds"] !== undefined &&
    after["slow_start.duration_seconds"] !== "0" &&
    after["load_balancing.algorithm.type"] !== "round_robin"
  ) {
    throw validationError("Slow start needs the load balancing algorithm 'round_robin'");
  }
  return after;
}

function attributeSet(
  table: Readonly<Record<string, readonly [value: string, allowed: (value: string) => boolean]>>,
): AttributeSet {
  const entries = Object.entries(table);
  return {
    defaults: Object.fromEntries(entries.map(([key, [value]]) => [key, value])),
    allowed: Object.fromEntries(entries.map(([key, [, allowed]]) => [key, allowed])),
  };
}
