/** Limits and forms of Elastic Load Balancing (facts/aws.md 1), for the API and for the plugin's checks alike. */

/** Groups in one forward action. */
export const MAXIMUM_GROUPS = 5;
export const MAXIMUM_WEIGHT = 999;
/** Group stickiness lasts 1 s to 7 days. */
export const STICKINESS_SECONDS = { minimum: 1, maximum: 604_800 } as const;
export const PRIORITY = { minimum: 1, maximum: 50_000 } as const;
/** Over all conditions of one rule. */
export const MAXIMUM_CONDITION_VALUES = 5;
/** `*` and `?` over all conditions of one rule. */
export const MAXIMUM_WILDCARDS = 6;
export const MAXIMUM_CONDITION_LENGTH = 128;
/** Rules of one load balancer beside the default rules. */
export const MAXIMUM_RULES = 100;
export const DEREGISTRATION_DELAY_SECONDS = { minimum: 0, maximum: 3600 } as const;
export const IDLE_TIMEOUT_SECONDS = { minimum: 1, maximum: 4000 } as const;
export const CLIENT_KEEP_ALIVE_SECONDS = { minimum: 60, maximum: 604_800 } as const;
export const MAXIMUM_NAME = 32;
export const MAXIMUM_FIXED_BODY = 1024;

export const HEALTH_CHECK = {
  intervalSeconds: { minimum: 5, maximum: 300 },
  timeoutSeconds: { minimum: 2, maximum: 120 },
  threshold: { minimum: 2, maximum: 10 },
  maximumPath: 1024,
} as const;

export const FIXED_CONTENT_TYPES = [
  "text/plain",
  "text/css",
  "text/html",
  "application/javascript",
  "application/json",
] as const;

/** A fixed response may have these status codes. */
export const FIXED_STATUS = /^[245]\d\d$/;

/** RFC 7240 tokens. */
export const HEADER_NAME = /^[0-9A-Za-z_!#$%&'*+,.^`|~-]{1,40}$/;
export const METHOD = /^[A-Z_-]{1,40}$/;
export const TARGET_GROUP_ARN =
  /^arn:aws[a-z-]*:elasticloadbalancing:[a-z0-9-]+:\d{12}:targetgroup\/[^/]+\/[0-9a-f]{16}$/;

export interface Range {
  readonly minimum: number;
  readonly maximum: number;
}

export function inRange(value: number, { minimum, maximum }: Range): boolean {
  return Number.isInteger(value) && value >= minimum && value <= maximum;
}

/** What is wrong with the name of a target group or load balancer, if anything. */
export function nameFault(kind: "target group" | "load balancer", name: string): string | undefined {
  if (name.length < 1 || name.length > MAXIMUM_NAME) {
    return `"${name}" has ${name.length} characters; a ${kind}'s name has 1 to ${MAXIMUM_NAME}.`;
  }
  if (!/^[0-9A-Za-z-]+$/.test(name)) return `"${name}" may hold only letters, digits and hyphens.`;
  if (/^-|-$/.test(name)) return `"${name}" may neither begin nor end with a hyphen.`;
  if (kind === "load balancer" && name.startsWith("internal-")) return `"${name}" may not begin with "internal-".`;
  return undefined;
}

/**
 * What is wrong with a success code list, if anything: codes 200-499, as one value (`200`), several (`200,202`) or a
 * range (`200-299`).
 */
export function matcherFault(matcher: string): string | undefined {
  const codes = matcher.split(",").flatMap((part) => part.split("-"));
  const shaped = /^\d{3}(-\d{3})?(,\d{3}(-\d{3})?)*$/.test(matcher);
  if (shaped && codes.every((code) => Number(code) >= 200 && Number(code) <= 499)) return undefined;
  return `"${matcher}" is no list of success codes; expected codes of 200-499 as "200", "200,202" or "200-299".`;
}

/** What is wrong with the port of a health check, if anything. */
export function healthCheckPortFault(port: string): string | undefined {
  if (port === "traffic-port" || (/^\d+$/.test(port) && Number(port) >= 1 && Number(port) <= 65_535)) return undefined;
  return `"${port}" is neither "traffic-port" nor a port of 1-65535.`;
}
