import assert from "node:assert/strict";
import { AnswerRules } from "../../components/answerRules";
import { TrafficNetwork } from "../../components/network";
import { StageGate } from "../../components/stageGate";
import { TrafficSplit } from "../../components/trafficSplit";
import { gateRequestOf } from "../../migration/scope";
import { settingsOf } from "../migration/stackConfig";
import { record, type Recording } from "./recorder";

const RULE = "aws:lb/listenerRule:ListenerRule";
const SETTING = { priority: 1, headerValue: "made-up-value-0001" };

function rulesOf(compareAnswers: unknown = SETTING): Promise<Recording> {
  const settings = settingsOf("prod", { compareAnswers, stage: "traffic-25" });
  return record(() => {
    const host = { startedAt: new Date(0), programFolder: "", projectFolder: "", environment: {} };
    const gate = new StageGate("gate", { request: gateRequestOf(settings), secrets: {}, host });
    const { loadBalancerSecurityGroups: securityGroups } = new TrafficNetwork("network", settings);
    const split = new TrafficSplit("traffic", { settings, securityGroups, gate });
    new AnswerRules("answers", settings, split);
    return {};
  });
}

describe("test rules of the listener", () => {
  it("send a request with the header to one cluster, whatever the weights are", async () => {
    const { resources } = await rulesOf();
    const rules = resources.filter(({ type, name }) => type === RULE && name.startsWith("answers-"));
    const seen = rules.map(({ name, inputs }) => {
      const { priority, conditions, actions } = inputs as {
        priority: number;
        conditions: readonly { httpHeader?: { httpHeaderName: string; values: string[] } }[];
        actions: readonly {
          forward: { targetGroups: readonly { weight: number }[]; stickiness: { enabled: boolean } };
        }[];
      };
      const header = conditions[0]?.httpHeader;
      const weights = actions[0]?.forward.targetGroups.map(({ weight }) => weight);
      return [
        name,
        priority,
        header?.httpHeaderName,
        header?.values[0],
        weights,
        actions[0]?.forward.stickiness.enabled,
      ];
    });
    assert.deepEqual(
      seen.sort((a, b) => Number(a[1]) - Number(b[1])),
      [
        ["answers-default-a", 1, "x-api7-migration", "made-up-value-0001-a", [100, 0], false],
        ["answers-default-b", 2, "x-api7-migration", "made-up-value-0001-b", [0, 100], false],
        ["answers-partner-a", 3, "x-api7-migration", "made-up-value-0001-a", [100, 0], false],
        ["answers-partner-b", 4, "x-api7-migration", "made-up-value-0001-b", [0, 100], false],
      ],
    );
  });

  it("keep to the group's own hosts and paths", async () => {
    const { resources } = await rulesOf();
    const partner = resources.find(({ name }) => name === "answers-partner-b");
    const { conditions } = partner?.inputs as { conditions: readonly object[] };
    assert.deepEqual(conditions.slice(1), [{ hostHeader: { values: ["partner.example.com"] } }]);
  });
});
