import type { Action, RuleCondition } from "@aws-sdk/client-elastic-load-balancing-v2";
import { type ActionInputs, type ConditionInputs } from "./inputs";

/** Actions as the provider sends them. */
export function apiActions(actions: readonly ActionInputs[]): Action[] {
  return actions.map(({ type, order, targetGroupArn, forward, fixedResponse }, index) => ({
    Type: type as "forward",
    Order: order ?? index + 1,
    TargetGroupArn: targetGroupArn,
    ...(forward === undefined
      ? {}
      : {
          ForwardConfig: {
            TargetGroups: forward.targetGroups.map(({ arn, weight = 1 }) => ({ TargetGroupArn: arn, Weight: weight })),
            ...(forward.stickiness === undefined
              ? {}
              : {
                  TargetGroupStickinessConfig: {
                    Enabled: forward.stickiness.enabled ?? false,
                    DurationSeconds: forward.stickiness.duration,
                  },
                }),
          },
        }),
    ...(fixedResponse === undefined
      ? {}
      : {
          FixedResponseConfig: {
            ContentType: fixedResponse.contentType,
            MessageBody: fixedResponse.messageBody,
            StatusCode: fixedResponse.statusCode,
          },
        }),
  }));
}

/** Actions as the provider reads them. */
export function liveActions(actions: readonly Action[] | undefined): Record<string, unknown>[] {
  return (actions ?? []).map((action) => {
    const { ForwardConfig: forward, FixedResponseConfig: fixed } = action;
    const stickiness = forward?.TargetGroupStickinessConfig;
    return {
      type: action.Type,
      order: action.Order,
      targetGroupArn: action.TargetGroupArn,
      forward: forward && {
        targetGroups: (forward.TargetGroups ?? []).map(({ TargetGroupArn, Weight }) => ({
          arn: TargetGroupArn,
          weight: Weight,
        })),
        stickiness: stickiness && { enabled: stickiness.Enabled, duration: stickiness.DurationSeconds },
      },
      fixedResponse: fixed && {
        contentType: fixed.ContentType,
        messageBody: fixed.MessageBody,
        statusCode: fixed.StatusCode,
      },
    };
  });
}

/** Conditions as the provider sends them: one kind each. */
export function apiConditions(conditions: readonly ConditionInputs[]): RuleCondition[] {
  return conditions.map((condition) => {
    if (condition.hostHeader)
      return { Field: "host-header", HostHeaderConfig: { Values: condition.hostHeader.values } };
    if (condition.pathPattern) {
      return { Field: "path-pattern", PathPatternConfig: { Values: condition.pathPattern.values } };
    }
    if (condition.httpRequestMethod) {
      return { Field: "http-request-method", HttpRequestMethodConfig: { Values: condition.httpRequestMethod.values } };
    }
    const { httpHeaderName, values } = condition.httpHeader ?? {};
    return { Field: "http-header", HttpHeaderConfig: { HttpHeaderName: httpHeaderName, Values: values } };
  });
}

/** Conditions as the provider reads them. */
export function liveConditions(conditions: readonly RuleCondition[] | undefined): Record<string, unknown>[] {
  return (conditions ?? []).map((condition) => ({
    hostHeader: condition.HostHeaderConfig && { values: condition.HostHeaderConfig.Values },
    pathPattern: condition.PathPatternConfig && { values: condition.PathPatternConfig.Values },
    httpRequestMethod: condition.HttpRequestMethodConfig && { values: condition.HttpRequestMethodConfig.Values },
    httpHeader: condition.HttpHeaderConfig && {
      httpHeaderName: condition.HttpHeaderConfig.HttpHeaderName,
      values: condition.HttpHeaderConfig.Values,
    },
  }));
}
