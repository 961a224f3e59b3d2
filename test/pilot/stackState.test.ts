import assert from "node:assert/strict";
import { gateEnvironment, recordOf, weightCarriers, type StackState } from "../../pilot/stackState";

const URN = "urn:pulumi:prod::api7-migration::api7-migration:components:";
const RULE_ARN = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener-rule/app/api/1/2/3";

function rule(urn: string, weights: readonly [number, number]): NonNullable<StackState["resources"]>[number] {
  const [a, b] = weights;
  const targetGroups = [
    { arn: "arn:a", weight: a },
    { arn: "arn:b", weight: b },
  ];
  return {
    urn,
    type: "aws:lb/listenerRule:ListenerRule",
    inputs: { actions: [{ type: "forward", forward: { targetGroups } }] },
    outputs: { arn: RULE_ARN },
  };
}

const GATE = {
  urn: `${URN}StageGate$command:local:Command::gate`,
  type: "command:local:Command",
  inputs: {
    environment: {
      PLAIN: "text",
      HIDDEN: { "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", plaintext: '"secret text"' },
      ENCRYPTED: { "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", ciphertext: "v1:..." },
    },
  },
  outputs: { stdout: "" },
};

describe("what the pilot reads of a stack's state", () => {
  it("are the rules that carry weights, and no rule that a stage does not move", () => {
    const state: StackState = {
      resources: [
        rule(`${URN}TrafficSplit$aws:lb/listenerRule:ListenerRule::traffic-default`, [75, 25]),
        rule(`${URN}AnswerRules$aws:lb/listenerRule:ListenerRule::answers-default-b`, [0, 100]),
        { urn: `${URN}TrafficSplit$aws:lb/targetGroup:TargetGroup::b`, type: "aws:lb/targetGroup:TargetGroup" },
        GATE,
      ],
    };
    assert.deepEqual(weightCarriers(state), [
      {
        urn: `${URN}TrafficSplit$aws:lb/listenerRule:ListenerRule::traffic-default`,
        kind: "rule",
        arn: RULE_ARN,
        region: "eu-west-1",
        targetGroupA: "arn:a",
        targetGroupB: "arn:b",
        weightA: 75,
        weightB: 25,
      },
    ]);
  });

  it("is the gate's environment, as far as the export shows its secrets", () => {
    assert.deepEqual(gateEnvironment({ resources: [GATE] }), { PLAIN: "text", HIDDEN: "secret text" });
  });

  it("is nothing where there is no gate yet", () => {
    assert.deepEqual(gateEnvironment({}), {});
    assert.equal(recordOf({}), undefined);
    assert.equal(recordOf({ resources: [GATE] }), undefined);
    assert.deepEqual(weightCarriers({}), []);
  });
});
