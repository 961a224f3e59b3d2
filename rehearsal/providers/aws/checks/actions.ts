import {
  FIXED_CONTENT_TYPES,
  FIXED_STATUS,
  MAXIMUM_FIXED_BODY,
  MAXIMUM_GROUPS,
  MAXIMUM_WEIGHT,
  STICKINESS_SECONDS,
  TARGET_GROUP_ARN,
} from "../../../cloud/aws/elb/limits";
import { type Failure, type Props } from "../../framework";
import { among, asObject, demand, given, list, object, onlyModelled, text, within } from "./read";

const MODELLED_ACTION = ["type", "order", "targetGroupArn", "forward", "fixedResponse"] as const;

/** What is wrong with the actions of a listener or a rule. */
export function actionFailures(inputs: Props, key: "defaultActions" | "actions"): Failure[] {
  const actions = list(inputs, key);
  if (actions === undefined) return [];
  if (actions.length === 0) return [{ property: key, reason: "At least one action must be given." }];
  const single = demand(
    actions.length === 1,
    key,
    "The local AWS does not model several actions in one rule (authentication before forwarding). Give one.",
  );
  return [
    ...single,
    ...actions.flatMap((action, index) => {
      const known = asObject(action);
      return known === undefined ? [] : oneAction(known, `${key}[${index}]`);
    }),
  ];
}

function oneAction(action: Props, path: string): Failure[] {
  const unmodelled = onlyModelled(action, MODELLED_ACTION, path);
  switch (text(action, "type")) {
    case undefined:
      return unmodelled;
    case "forward":
      return [...unmodelled, ...forwardFailures(action, path)];
    case "fixed-response":
      return [...unmodelled, ...fixedResponseFailures(action, path)];
    default:
      return [...unmodelled, ...among(action, "type", ["forward", "fixed-response"], `${path}.type`)];
  }
}

function forwardFailures(action: Props, path: string): Failure[] {
  const misplaced = demand(
    !given(action, "fixedResponse"),
    `${path}.fixedResponse`,
    "Belongs to another type of action.",
  );
  if (!given(action, "forward") && !given(action, "targetGroupArn")) {
    return [...misplaced, { property: path, reason: "An action of type forward needs forward or targetGroupArn." }];
  }
  const forward = object(action, "forward");
  const groups = forward === undefined ? undefined : list(forward, "targetGroups");
  if (forward === undefined || groups === undefined) return misplaced;
  return [
    ...misplaced,
    ...demand(groups.length > 0, `${path}.forward.targetGroups`, "At least one target group must be given."),
    ...demand(
      groups.length <= MAXIMUM_GROUPS,
      `${path}.forward.targetGroups`,
      `${groups.length} target groups; an action can have at most ${MAXIMUM_GROUPS}.`,
    ),
    ...groups.flatMap((group, index) => groupFailures(asObject(group) ?? {}, `${path}.forward.targetGroups[${index}]`)),
    ...duplicates(groups, `${path}.forward.targetGroups`),
    ...agreement(action, groups, path),
    ...stickinessFailures(forward, `${path}.forward.stickiness`),
  ];
}

function groupFailures(group: Props, path: string): Failure[] {
  const arn = text(group, "arn");
  return [
    ...demand(
      arn === undefined || TARGET_GROUP_ARN.test(arn),
      `${path}.arn`,
      `"${arn ?? ""}" is no ARN of a target group.`,
    ),
    ...within(group, "weight", { minimum: 0, maximum: MAXIMUM_WEIGHT }, `${path}.weight`),
  ];
}

function duplicates(groups: readonly unknown[], path: string): Failure[] {
  const arns = groups.flatMap((group) => text(asObject(group) ?? {}, "arn") ?? []);
  return demand(new Set(arns).size === arns.length, path, "A target group can be given only once in an action.");
}

/** `targetGroupArn` beside `forward` is taken only when both say the same (facts/aws.md 2). */
function agreement(action: Props, groups: readonly unknown[], path: string): Failure[] {
  if (!given(action, "targetGroupArn")) return [];
  const arn = text(action, "targetGroupArn");
  const only = groups.length === 1 ? text(asObject(groups[0]) ?? {}, "arn") : undefined;
  const unknown = groups.length === 1 && (arn === undefined || only === undefined);
  return demand(
    unknown || (arn !== undefined && arn === only),
    `${path}.targetGroupArn`,
    "Contradicts forward.targetGroups. Leave targetGroupArn out.",
  );
}

function stickinessFailures(forward: Props, path: string): Failure[] {
  const stickiness = object(forward, "stickiness");
  return stickiness === undefined ? [] : within(stickiness, "duration", STICKINESS_SECONDS, `${path}.duration`);
}

function fixedResponseFailures(action: Props, path: string): Failure[] {
  const response = object(action, "fixedResponse");
  if (response === undefined) {
    return demand(given(action, "fixedResponse"), path, "An action of type fixed-response needs fixedResponse.");
  }
  const status = text(response, "statusCode");
  const body = text(response, "messageBody");
  return [
    ...demand(!given(action, "forward"), `${path}.forward`, "Belongs to another type of action."),
    ...demand(!given(action, "targetGroupArn"), `${path}.targetGroupArn`, "Belongs to another type of action."),
    ...among(response, "contentType", FIXED_CONTENT_TYPES, `${path}.fixedResponse.contentType`),
    ...demand(
      given(response, "statusCode"),
      `${path}.fixedResponse.statusCode`,
      "A fixed response needs a status code.",
    ),
    ...demand(
      status === undefined || FIXED_STATUS.test(status),
      `${path}.fixedResponse.statusCode`,
      `"${status ?? ""}" must be 2XX, 4XX or 5XX.`,
    ),
    ...demand(
      body === undefined || body.length <= MAXIMUM_FIXED_BODY,
      `${path}.fixedResponse.messageBody`,
      `${body?.length ?? 0} characters; at most ${MAXIMUM_FIXED_BODY} fit.`,
    ),
  ];
}
