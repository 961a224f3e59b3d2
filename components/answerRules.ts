import { type types } from "@pulumi/aws";
import { ListenerRule } from "@pulumi/aws/lb";
import * as pulumi from "@pulumi/pulumi";
import { type Settings } from "../migration/settings";
import { type GroupSplit, type TrafficSplit } from "./trafficSplit";

/**
 * Rules for tests: a request with the settings' header reaches one cluster, whatever the weights are. One for each
 * cluster and gateway group, before the group's own rule. They carry no weights, so that no stage changes them.
 */
export class AnswerRules extends pulumi.ComponentResource {
  constructor(name: string, settings: Settings, split: TrafficSplit, options?: pulumi.ComponentResourceOptions) {
    super("api7-migration:components:AnswerRules", name, {}, options);
    const { compareAnswers, tags } = settings;
    if (compareAnswers === undefined)
      throw new Error("the settings have no compareAnswers: there is nothing to declare");
    const { priority, headerName, headerValue } = compareAnswers;
    for (const [index, target] of split.groups.entries()) {
      for (const [offset, cluster] of (["a", "b"] as const).entries()) {
        new ListenerRule(
          `${name}-${target.group.name}-${cluster}`,
          {
            listenerArn: split.listenerArn,
            priority: priority + 2 * index + offset,
            conditions: [
              { httpHeader: { httpHeaderName: headerName, values: [`${headerValue}-${cluster}`] } },
              ...conditionsOf(target),
            ],
            actions: [forwardTo(target, cluster)],
            tags,
          },
          { parent: this },
        );
      }
    }
    this.registerOutputs();
  }
}

/** The same requests as the group's own rule. */
function conditionsOf({ group }: GroupSplit): types.input.lb.ListenerRuleCondition[] {
  const { hosts = [], paths = [] } = group.match ?? {};
  return [
    ...(hosts.length === 0 ? [] : [{ hostHeader: { values: [...hosts] } }]),
    ...(paths.length === 0 ? [] : [{ pathPattern: { values: [...paths] } }]),
  ];
}

/** Both groups, as everywhere; one of them gets everything. */
function forwardTo(target: GroupSplit, cluster: "a" | "b"): types.input.lb.ListenerRuleAction {
  return {
    type: "forward",
    forward: {
      targetGroups: [
        { arn: target.targetGroupA, weight: cluster === "a" ? 100 : 0 },
        { arn: target.targetGroupB, weight: cluster === "b" ? 100 : 0 },
      ],
      stickiness: { enabled: false, duration: 1 },
    },
  };
}
