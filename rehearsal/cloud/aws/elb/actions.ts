import type { Action as ApiAction, ForwardActionConfig } from "@aws-sdk/client-elastic-load-balancing-v2";
import { AwsError, notModelled, validationError } from "../errors";
import {
  FIXED_CONTENT_TYPES,
  FIXED_STATUS,
  inRange,
  MAXIMUM_FIXED_BODY,
  MAXIMUM_GROUPS,
  MAXIMUM_WEIGHT,
  STICKINESS_SECONDS,
} from "./limits";
import { type Action, type LoadBalancer, type TargetGroup } from "./records";
import { groupArns, type ElbState } from "./state";

type Forward = Extract<Action, { type: "forward" }>["forward"];

/** From the API's form, with everything that AWS checks before it looks at other resources. */
export function parseActions(actions: readonly ApiAction[] | undefined): Action {
  const [action, ...more] = actions ?? [];
  if (action === undefined) throw validationError("You must specify at least one action");
  if (more.length > 0) {
    throw notModelled("several actions in one rule (authentication before forwarding)", "Give one action.");
  }
  const type: string | undefined = action.Type;
  switch (type) {
    case "forward":
      return { type: "forward", forward: parseForward(action.TargetGroupArn, action.ForwardConfig) };
    case "fixed-response":
      return parseFixedResponse(action);
    case "redirect":
    case "authenticate-oidc":
    case "authenticate-cognito":
    case "jwt-validation":
      throw notModelled(`actions of type '${type}'`, "It has 'forward' and 'fixed-response'.");
    default:
      throw validationError(`Action type '${type ?? ""}' must be one of 'forward' or 'fixed-response'`);
  }
}

/** Into the API's form. A single group appears as `TargetGroupArn` as well. */
export function describeAction(action: Action): ApiAction {
  if (action.type === "fixed-response") {
    const { statusCode, body, contentType } = action;
    return {
      Type: "fixed-response",
      Order: 1,
      FixedResponseConfig: { MessageBody: body, StatusCode: String(statusCode), ContentType: contentType },
    };
  }
  const { groups, stickiness } = action.forward;
  const [only, ...others] = groups;
  return {
    Type: "forward",
    Order: 1,
    ...(only !== undefined && others.length === 0 ? { TargetGroupArn: only.arn } : {}),
    ForwardConfig: {
      TargetGroups: groups.map(({ arn, weight }) => ({ TargetGroupArn: arn, Weight: weight })),
      TargetGroupStickinessConfig: {
        Enabled: stickiness?.enabled ?? false,
        ...(stickiness === undefined ? {} : { DurationSeconds: stickiness.durationSeconds }),
      },
    },
  };
}

/**
 * Everything that AWS checks against other resources: the groups exist, lie in the load balancer's VPC, belong to no
 * other load balancer, and those with target stickiness get group stickiness.
 */
export function checkForward(state: ElbState, loadBalancer: LoadBalancer, action: Action): void {
  const arns = groupArns(action);
  for (const arn of arns) {
    const group = state.targetGroup(arn);
    if (group.vpcId !== loadBalancer.vpcId) {
      throw new AwsError(
        "InvalidConfigurationRequest",
        `Target group '${arn}' is in VPC '${group.vpcId}', load balancer '${loadBalancer.arn}' in '${loadBalancer.vpcId}'`,
      );
    }
    const other = state.usersOf(arn).find((user) => user.arn !== loadBalancer.arn);
    if (other !== undefined) {
      throw new AwsError(
        "TargetGroupAssociationLimit",
        `The following target groups cannot be associated with more than one load balancer: ${arn}`,
      );
    }
  }
  checkStickiness(
    action,
    arns.map((arn) => state.targetGroup(arn)),
  );
}

/** Several groups, of which one has target stickiness, need group stickiness (facts/aws.md 1). */
export function checkStickiness(action: Action, groups: readonly TargetGroup[]): void {
  if (action.type !== "forward" || groups.length < 2 || action.forward.stickiness?.enabled === true) return;
  const sticky = groups.find(({ attributes }) => attributes["stickiness.enabled"] === "true");
  if (sticky === undefined) return;
  throw new AwsError(
    "InvalidConfigurationRequest",
    `You must enable group stickiness on a rule if you enabled target stickiness on one of its target groups (${sticky.arn})`,
  );
}

function parseForward(targetGroupArn: string | undefined, config: ForwardActionConfig | undefined): Forward {
  const tuples = config?.TargetGroups ?? [];
  if (tuples.length === 0 && targetGroupArn === undefined) {
    throw validationError("A target group ARN must be specified for an action of type 'forward'");
  }
  if (tuples.length === 0) return { groups: [{ arn: targetGroupArn ?? "", weight: 1 }] };
  if (tuples.length > MAXIMUM_GROUPS) {
    throw validationError(`A forward action can have at most ${MAXIMUM_GROUPS} target groups, not ${tuples.length}`);
  }
  if (targetGroupArn !== undefined && (tuples.length > 1 || tuples[0]?.TargetGroupArn !== targetGroupArn)) {
    throw validationError("TargetGroupArn and ForwardConfig name different target groups; leave TargetGroupArn out");
  }
  const groups = tuples.map(({ TargetGroupArn: arn, Weight: weight = 1 }) => {
    if (arn === undefined) throw validationError("A target group ARN must be specified");
    if (!inRange(weight, { minimum: 0, maximum: MAXIMUM_WEIGHT })) {
      throw validationError(`Weight '${weight}' must be an integer between 0 and ${MAXIMUM_WEIGHT} inclusive`);
    }
    return { arn, weight };
  });
  if (new Set(groups.map(({ arn }) => arn)).size < groups.length) {
    throw validationError("A target group can be specified only once in an action");
  }
  const stickiness = parseStickiness(config);
  // AWS drops the stickiness of an action with one group.
  return groups.length > 1 && stickiness !== undefined ? { groups, stickiness } : { groups };
}

function parseStickiness(config: ForwardActionConfig | undefined): Forward["stickiness"] {
  const { Enabled: enabled = false, DurationSeconds: seconds } = config?.TargetGroupStickinessConfig ?? {};
  if (seconds !== undefined && !inRange(seconds, STICKINESS_SECONDS)) {
    throw validationError(
      `Stickiness duration '${seconds}' must be between ${STICKINESS_SECONDS.minimum} and ${STICKINESS_SECONDS.maximum} seconds`,
    );
  }
  if (enabled && seconds === undefined) {
    throw validationError("A duration must be specified when target group stickiness is enabled");
  }
  return seconds === undefined ? undefined : { enabled, durationSeconds: seconds };
}

function parseFixedResponse({ FixedResponseConfig: config }: ApiAction): Action {
  const { StatusCode: status = "", MessageBody: body = "", ContentType: contentType = "text/plain" } = config ?? {};
  if (!FIXED_STATUS.test(status)) throw validationError(`Status code '${status}' must be 2XX, 4XX or 5XX`);
  if (body.length > MAXIMUM_FIXED_BODY) {
    throw validationError(`The body of a fixed response can have at most ${MAXIMUM_FIXED_BODY} characters`);
  }
  if (!FIXED_CONTENT_TYPES.some((known) => known === contentType)) {
    throw validationError(`Content type '${contentType}' must be one of ${FIXED_CONTENT_TYPES.join(", ")}`);
  }
  return { type: "fixed-response", statusCode: Number(status), body, contentType };
}
