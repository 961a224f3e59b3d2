import { isIPv4 } from "node:net";
import { parseMatcher } from "./healthCheck";
import { type Action, type ListenerConfig, type LoadBalancerConfig, type TargetGroupConfig } from "./types";

/** Limits of an Application Load Balancer (facts/aws.md 1). */
const MAX_GROUPS_PER_ACTION = 5;
const MAX_WEIGHT = 999;
const MAX_STICKINESS_SECONDS = 7 * 24 * 3600;
const MAX_DEREGISTRATION_DELAY_SECONDS = 3600;

/**
 * Refuses a configuration that an Application Load Balancer would not accept.
 *
 * @throws Error naming the field, what it holds and what it may hold
 */
export function validateConfig(config: LoadBalancerConfig): void {
  if (!isIPv4(config.address) || !config.address.startsWith("127.")) {
    fail("address", config.address, "a loopback address (127.0.0.0/8)");
  }
  inRange("idleTimeoutSeconds", config.idleTimeoutSeconds, 1, 4000);
  const arns = config.targetGroups.map((group) => group.arn);
  unique("targetGroups.arn", arns);
  config.targetGroups.forEach(validateTargetGroup);
  unique(
    "listeners.port",
    config.listeners.map((listener) => listener.port),
  );
  const known = new Set(arns);
  config.listeners.forEach((listener) => validateListener(listener, known));
}

function validateTargetGroup(group: TargetGroupConfig): void {
  const at = `targetGroups[${group.arn}]`;
  const check = group.healthCheck;
  integer(`${at}.healthCheck.intervalSeconds`, check.intervalSeconds, 5, 300);
  integer(`${at}.healthCheck.timeoutSeconds`, check.timeoutSeconds, 2, 120);
  integer(`${at}.healthCheck.healthyThreshold`, check.healthyThreshold, 2, 10);
  integer(`${at}.healthCheck.unhealthyThreshold`, check.unhealthyThreshold, 2, 10);
  if (!check.path.startsWith("/")) {
    fail(`${at}.healthCheck.path`, check.path, 'a path that starts with "/"');
  }
  if (check.port !== "traffic-port") {
    integer(`${at}.healthCheck.port`, check.port, 1, 65_535);
  }
  parseMatcher(check.matcher);
  integer(`${at}.deregistrationDelaySeconds`, group.deregistrationDelaySeconds, 0, MAX_DEREGISTRATION_DELAY_SECONDS);
  unique(
    `${at}.targets`,
    group.targets.map((target) => `${target.id}:${target.port}`),
  );
  for (const target of group.targets) {
    if (!isIPv4(target.id)) {
      fail(`${at}.targets.id`, target.id, "an IPv4 address");
    }
    integer(`${at}.targets[${target.id}].port`, target.port, 1, 65_535);
  }
}

function validateListener(listener: ListenerConfig, knownGroups: ReadonlySet<string>): void {
  const at = `listeners[${listener.arn}]`;
  integer(`${at}.port`, listener.port, 1, 65_535);
  unique(
    `${at}.rules.priority`,
    listener.rules.map((rule) => rule.priority),
  );
  const defaults = listener.rules.filter((rule) => rule.priority === "default");
  if (defaults.length !== 1) {
    fail(`${at}.rules`, `${defaults.length} default rules`, "exactly one");
  }
  for (const rule of listener.rules) {
    const conditions = [rule.hosts, rule.paths, rule.methods, rule.headers].filter((values) => values.length > 0);
    if (rule.priority === "default" && conditions.length > 0) {
      fail(`${at}.rules[default]`, `${conditions.length} conditions`, "none");
    }
    if (rule.priority !== "default") {
      integer(`${at}.rules[${rule.arn}].priority`, rule.priority, 1, 50_000);
      if (conditions.length === 0) {
        fail(`${at}.rules[${rule.priority}]`, "no condition", "at least one");
      }
    }
    validateAction(`${at}.rules[${rule.priority}].action`, rule.action, knownGroups);
  }
}

function validateAction(at: string, action: Action, knownGroups: ReadonlySet<string>): void {
  if (action.type === "fixed-response") {
    integer(`${at}.statusCode`, action.statusCode, 200, 599);
    return;
  }
  const { groups, stickiness } = action.forward;
  integer(`${at}.forward.groups.length`, groups.length, 1, MAX_GROUPS_PER_ACTION);
  unique(
    `${at}.forward.groups.arn`,
    groups.map((group) => group.arn),
  );
  for (const group of groups) {
    integer(`${at}.forward.groups[${group.arn}].weight`, group.weight, 0, MAX_WEIGHT);
    if (!knownGroups.has(group.arn)) {
      fail(`${at}.forward.groups`, group.arn, `one of the target groups (${[...knownGroups].join(", ") || "none"})`);
    }
  }
  if (stickiness?.enabled === true) {
    integer(`${at}.forward.stickiness.durationSeconds`, stickiness.durationSeconds, 1, MAX_STICKINESS_SECONDS);
  }
}

function integer(field: string, value: number, min: number, max: number): void {
  if (!Number.isInteger(value) || value < min || value > max) {
    fail(field, value, `an integer from ${min} to ${max}`);
  }
}

function inRange(field: string, value: number, min: number, max: number): void {
  if (!(value >= min && value <= max)) {
    fail(field, value, `a number from ${min} to ${max}`);
  }
}

function unique(field: string, values: readonly (string | number)[]): void {
  const twice = values.find((value, i) => values.indexOf(value) !== i);
  if (twice !== undefined) {
    fail(field, twice, "each value once");
  }
}

function fail(field: string, read: string | number, expected: string): never {
  throw new Error(`load balancer configuration refused: ${field} is ${read}, expected ${expected}`);
}
