import {
  CLIENT_KEEP_ALIVE_SECONDS,
  DEREGISTRATION_DELAY_SECONDS,
  HEADER_NAME,
  HEALTH_CHECK,
  healthCheckPortFault,
  IDLE_TIMEOUT_SECONDS,
  matcherFault,
  MAXIMUM_CONDITION_LENGTH,
  MAXIMUM_CONDITION_VALUES,
  MAXIMUM_WILDCARDS,
  METHOD,
  nameFault,
  PRIORITY,
  STICKINESS_SECONDS,
} from "../../../cloud/aws/elb/limits";
import { type Failure, type Props } from "../../framework";
import { actionFailures } from "./actions";
import {
  among,
  asObject,
  demand,
  failure,
  flag,
  given,
  list,
  number,
  object,
  onlyModelled,
  text,
  texts,
  within,
} from "./read";

const PORT = { minimum: 1, maximum: 65_535 } as const;

/** `aws.lb.TargetGroup` beyond its schema. */
export function targetGroupFailures(news: Props): Failure[] {
  const name = text(news, "name");
  const needed = ["port", "protocol", "vpcId"].flatMap((key) =>
    demand(given(news, key), key, `A target group of type "${text(news, "targetType") ?? "ip"}" needs it.`),
  );
  const slowStart = number(news, "slowStart") ?? 0;
  return [
    ...(name === undefined ? [] : failure("name", nameFault("target group", name))),
    ...needed,
    ...within(news, "port", PORT),
    // Modelled are pods behind HTTP; the rest is refused here, before anything is made.
    ...among(news, "protocol", ["HTTP"]),
    ...among(news, "protocolVersion", ["HTTP1"]),
    ...among(news, "targetType", ["ip"]),
    ...among(news, "ipAddressType", ["ipv4"]),
    ...within(news, "deregistrationDelay", DEREGISTRATION_DELAY_SECONDS),
    ...demand(
      slowStart === 0 || (Number.isInteger(slowStart) && slowStart >= 30 && slowStart <= 900),
      "slowStart",
      `${slowStart} must be 0 or a whole number of 30 to 900.`,
    ),
    ...among(news, "loadBalancingAlgorithmType", ["round_robin", "least_outstanding_requests", "weighted_random"]),
    ...among(news, "loadBalancingAnomalyMitigation", ["on", "off"]),
    ...healthCheckFailures(object(news, "healthCheck") ?? {}),
    ...targetStickinessFailures(object(news, "stickiness") ?? {}),
  ];
}

function healthCheckFailures(check: Props): Failure[] {
  const at = (key: string): string => `healthCheck.${key}`;
  const path = text(check, "path");
  const matcher = text(check, "matcher");
  const port = text(check, "port");
  const interval = number(check, "interval") ?? 30;
  const timeout = number(check, "timeout");
  return [
    ...demand(flag(check, "enabled") !== false, at("enabled"), "Health checks of ip targets cannot be switched off."),
    ...among(check, "protocol", ["HTTP"], at("protocol")),
    ...within(check, "interval", HEALTH_CHECK.intervalSeconds, at("interval")),
    ...within(check, "timeout", HEALTH_CHECK.timeoutSeconds, at("timeout")),
    ...within(check, "healthyThreshold", HEALTH_CHECK.threshold, at("healthyThreshold")),
    ...within(check, "unhealthyThreshold", HEALTH_CHECK.threshold, at("unhealthyThreshold")),
    ...demand(
      timeout === undefined || timeout < interval,
      at("timeout"),
      `${timeout ?? ""} s must be less than the interval of ${interval} s.`,
    ),
    ...demand(
      path === undefined || (path.startsWith("/") && path.length <= HEALTH_CHECK.maximumPath),
      at("path"),
      `"${path ?? ""}" must begin with "/" and have at most ${HEALTH_CHECK.maximumPath} characters.`,
    ),
    ...(matcher === undefined ? [] : failure(at("matcher"), matcherFault(matcher))),
    ...(port === undefined ? [] : failure(at("port"), healthCheckPortFault(port))),
  ];
}

function targetStickinessFailures(stickiness: Props): Failure[] {
  const appCookie = text(stickiness, "type") === "app_cookie";
  return [
    ...among(stickiness, "type", ["lb_cookie", "app_cookie"], "stickiness.type"),
    ...within(stickiness, "cookieDuration", STICKINESS_SECONDS, "stickiness.cookieDuration"),
    ...demand(
      !appCookie || given(stickiness, "cookieName"),
      "stickiness.cookieName",
      "Stickiness by the application's cookie needs the cookie's name.",
    ),
  ];
}

/** `aws.lb.LoadBalancer` beyond its schema. */
export function loadBalancerFailures(news: Props): Failure[] {
  const name = text(news, "name");
  const subnets = list(news, "subnets");
  return [
    ...(name === undefined ? [] : failure("name", nameFault("load balancer", name))),
    ...among(news, "loadBalancerType", ["application"]),
    ...among(news, "ipAddressType", ["ipv4"]),
    ...demand(given(news, "subnets"), "subnets", "A load balancer needs subnets in at least two zones."),
    ...demand(
      subnets === undefined || new Set(subnets).size >= 2,
      "subnets",
      "A load balancer needs subnets in at least two zones.",
    ),
    ...within(news, "idleTimeout", IDLE_TIMEOUT_SECONDS),
    ...within(news, "clientKeepAlive", CLIENT_KEEP_ALIVE_SECONDS),
    ...among(news, "desyncMitigationMode", ["monitor", "defensive", "strictest"]),
    ...among(news, "xffHeaderProcessingMode", ["append", "preserve", "remove"]),
  ];
}

/** `aws.lb.Listener` beyond its schema. */
export function listenerFailures(news: Props): Failure[] {
  const secure = text(news, "protocol") === "HTTPS";
  const known = text(news, "protocol") !== undefined || !given(news, "protocol");
  const plain = known && !secure;
  return [
    ...demand(given(news, "port"), "port", "A listener of an Application Load Balancer needs a port."),
    ...within(news, "port", PORT),
    ...among(news, "protocol", ["HTTP", "HTTPS"]),
    ...demand(!secure || given(news, "certificateArn"), "certificateArn", "An HTTPS listener needs a certificate."),
    ...demand(
      !plain || !given(news, "certificateArn"),
      "certificateArn",
      "An HTTP listener cannot have a certificate.",
    ),
    ...demand(!plain || !given(news, "sslPolicy"), "sslPolicy", "An HTTP listener cannot have an SSL policy."),
    ...actionFailures(news, "defaultActions"),
  ];
}

/** `aws.lb.ListenerRule` beyond its schema. */
export function listenerRuleFailures(news: Props): Failure[] {
  const conditions = list(news, "conditions")?.map(asObject);
  return [
    ...within(news, "priority", PRIORITY),
    ...actionFailures(news, "actions"),
    ...demand(conditions === undefined || conditions.length > 0, "conditions", "At least one condition must be given."),
    ...(conditions ?? []).flatMap((condition, index) =>
      condition === undefined ? [] : conditionFailures(condition, `conditions[${index}]`),
    ),
    ...conditionLimits(conditions ?? []),
  ];
}

const CONDITIONS = ["hostHeader", "pathPattern", "httpRequestMethod", "httpHeader"] as const;

function conditionFailures(condition: Props, path: string): Failure[] {
  const kinds = Object.keys(condition);
  if (kinds.length !== 1) {
    return [{ property: path, reason: `Exactly one kind must be given in each condition, not ${kinds.length}.` }];
  }
  const [kind = ""] = kinds;
  const block = object(condition, kind);
  if (!CONDITIONS.some((known) => known === kind)) return onlyModelled(condition, CONDITIONS, path);
  if (block === undefined) return [];
  const at = `${path}.${kind}`;
  const name = text(block, "httpHeaderName");
  return [
    ...onlyModelled(block, kind === "httpHeader" ? ["httpHeaderName", "values"] : ["values"], at),
    ...demand((list(block, "values") ?? [""]).length > 0, `${at}.values`, "At least one value must be given."),
    ...texts(block, "values").flatMap((value) =>
      demand(
        value.length >= 1 && value.length <= MAXIMUM_CONDITION_LENGTH,
        `${at}.values`,
        `"${value}" must have 1 to ${MAXIMUM_CONDITION_LENGTH} characters.`,
      ),
    ),
    ...(kind === "httpRequestMethod" ? texts(block, "values") : []).flatMap((value) =>
      demand(METHOD.test(value), `${at}.values`, `"${value}" must be a method in capital letters.`),
    ),
    ...demand(
      name === undefined || HEADER_NAME.test(name),
      `${at}.httpHeaderName`,
      `"${name ?? ""}" is no name of a header of at most 40 characters.`,
    ),
    ...demand(name?.toLowerCase() !== "host", `${at}.httpHeaderName`, "For the host header use hostHeader."),
  ];
}

function conditionLimits(conditions: readonly (Props | undefined)[]): Failure[] {
  const blocks = conditions.flatMap((condition) => Object.entries(condition ?? {}));
  const values = blocks.flatMap(([, block]) => list(asObject(block) ?? {}, "values") ?? []);
  const wildcards = values
    .filter((value) => typeof value === "string")
    .join("")
    .replace(/[^*?]/g, "").length;
  const once = CONDITIONS.filter((kind) => kind !== "httpHeader").flatMap((kind) =>
    demand(
      blocks.filter(([key]) => key === kind).length <= 1,
      "conditions",
      `A rule can have only one ${kind} condition.`,
    ),
  );
  return [
    ...once,
    ...demand(
      values.length <= MAXIMUM_CONDITION_VALUES,
      "conditions",
      `${values.length} values; a rule can have at most ${MAXIMUM_CONDITION_VALUES} over all its conditions.`,
    ),
    ...demand(
      wildcards <= MAXIMUM_WILDCARDS,
      "conditions",
      `${wildcards} wildcards; a rule can have at most ${MAXIMUM_WILDCARDS} over all its conditions.`,
    ),
  ];
}
