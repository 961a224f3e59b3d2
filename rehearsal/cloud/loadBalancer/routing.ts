import { type IncomingMessage, STATUS_CODES } from "node:http";
import { type CompiledRule, findRule } from "./rules";
import { type Stickiness } from "./stickiness";
import { type Target } from "./target";
import { type TargetGroup } from "./targetGroup";
import { type ForwardAction } from "./types";

/** What is in effect at a listener; replaced as a whole by one assignment. */
export interface Routes {
  readonly rules: readonly CompiledRule[];
  readonly groups: ReadonlyMap<string, TargetGroup>;
  readonly stickiness: Stickiness;
  readonly idleTimeoutMs: number;
}

/** An answer that the load balancer gives by itself. */
export interface OwnAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** Where a request goes. */
export type Route =
  | {
      readonly to: "target";
      readonly group: TargetGroup;
      readonly target: Target;
      /** The rule that decided has a header condition. */
      readonly picked: boolean;
      readonly setCookies: readonly string[];
    }
  | { readonly to: "client"; readonly answer: OwnAnswer };

/** The page that an ALB answers when it has no better one. */
export function errorPage(status: 502 | 503 | 504): OwnAnswer {
  const title = `${status} ${STATUS_CODES[status] ?? ""}`;
  return {
    status,
    contentType: "text/html",
    body: `<html>\r\n<head><title>${title}</title></head>\r\n<body>\r\n<center><h1>${title}</h1></center>\r\n</body>\r\n</html>\r\n`,
  };
}

/** Decides one request: its rule, its group by weight or cookie, its target. */
export function route(routes: Routes | undefined, request: IncomingMessage): Route {
  if (routes === undefined) {
    return { to: "client", answer: errorPage(503) };
  }
  const { action, headers } = findRule(routes.rules, request).config;
  if (action.type === "fixed-response") {
    const { statusCode, contentType, body } = action;
    return { to: "client", answer: { status: statusCode, contentType, body } };
  }
  const { forward } = action;
  const nowMs = Date.now();
  const sticky = forward.stickiness?.enabled === true ? forward.stickiness : undefined;
  const bound =
    sticky &&
    routes.stickiness.groupOf(
      request.headers.cookie,
      forward.groups.map((group) => group.arn),
      nowMs,
    );
  const arn = bound ?? chooseGroup(forward, Math.random());
  const group = arn === undefined ? undefined : routes.groups.get(arn);
  const target = group?.next();
  if (group === undefined || target === undefined) {
    // An empty group keeps its share and answers 503: no other group takes it over (facts/aws.md 1).
    group?.counters.refused();
    return { to: "client", answer: errorPage(503) };
  }
  const setCookies = sticky === undefined ? [] : routes.stickiness.cookies(group.arn, sticky.durationSeconds, nowMs);
  return { to: "target", group, target, picked: headers.length > 0, setCookies };
}

/**
 * One group, drawn with the probability weight / sum of weights; `undefined` when all weights are 0.
 *
 * @param random uniform in [0, 1)
 */
export function chooseGroup(forward: ForwardAction, random: number): string | undefined {
  let sum = 0;
  for (const group of forward.groups) {
    sum += group.weight;
  }
  let rest = random * sum;
  for (const group of forward.groups) {
    if (rest < group.weight) {
      return group.arn;
    }
    rest -= group.weight;
  }
  return undefined;
}
