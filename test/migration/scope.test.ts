import assert from "node:assert/strict";
import { parseGateRequest, parseScope, parseWayBack } from "../../checks/request";
import {
  databaseBIdentifier,
  dpManagerAddressB,
  gatewayRelease,
  snapshotIdentifier,
  targetGroupName,
} from "../../migration/names";
import { gateRequestOf, scopeOf, wayBackRequestOf } from "../../migration/scope";
import { allStages } from "../../migration/stages";
import { settingsOf, STACKS } from "./stackConfig";

describe("what the commands are told", () => {
  for (const stack of STACKS) {
    it(`${stack}: is what they take, at every stage`, () => {
      for (const stage of allStages(settingsOf(stack).trafficSteps)) {
        const settings = settingsOf(stack, { stage });
        const request = gateRequestOf(settings);
        const plain = JSON.parse(JSON.stringify(request)) as unknown;
        assert.deepEqual(JSON.parse(JSON.stringify(parseGateRequest(JSON.stringify(request)))), plain);
        assert.deepEqual(
          JSON.parse(JSON.stringify(parseScope(JSON.stringify(scopeOf(settings))))),
          JSON.parse(JSON.stringify(scopeOf(settings))),
        );
      }
    });

    it(`${stack}: is the same at every stage but for the stage`, () => {
      const scopes = allStages([5, 25, 50, 75, 100]).map((stage) =>
        JSON.stringify(scopeOf(settingsOf(stack, { stage }))),
      );
      assert.equal(new Set(scopes).size, 1);
    });

    it(`${stack}: holds no secret`, () => {
      assert.doesNotMatch(JSON.stringify(gateRequestOf(settingsOf(stack))), /made-up/);
    });
  }

  it("on the way back alone is enough to record it", () => {
    const request = wayBackRequestOf(settingsOf("prod", { stage: "rollback" }));
    assert.deepEqual(parseWayBack(JSON.stringify(request)), { stage: "rollback", recordFolder: "record/prod" });
  });

  it("finds A's own target group by ARN and the program's by name", () => {
    const groups = (stack: "prod" | "staging"): readonly string[] =>
      scopeOf(settingsOf(stack)).clusterA.dataPlanes.map(({ targetGroup }) => targetGroup);
    assert.deepEqual(groups("staging"), ["api7-staging-default-a"]);
    assert.match(groups("prod").join(), /^arn:aws:elasticloadbalancing:.*:targetgroup\/api7-gateway-a/);
  });

  it("finds a rule by listener and priority, and a default action by load balancer and port", () => {
    assert.deepEqual(JSON.parse(JSON.stringify(scopeOf(settingsOf("staging")).rules)), [
      { group: "default", loadBalancerName: "api7-staging", port: 443 },
    ]);
    assert.deepEqual(
      scopeOf(settingsOf("prod")).rules.map(({ group, priority, listenerArn }) => [
        group,
        priority,
        listenerArn?.split("/").at(-1),
      ]),
      [
        ["default", 20, "f2f7dc8efc522ab2"],
        ["partner", 21, "f2f7dc8efc522ab2"],
      ],
    );
  });
});

describe("names that the checks find things by", () => {
  const settings = settingsOf("prod", { "databaseB.copy": 3 });
  it("hold the number of the copy where a new copy must lie beside the old one", () => {
    assert.deepEqual([databaseBIdentifier(settings), snapshotIdentifier(settings)], ["api7-prod-b-3", "api7-prod-a-3"]);
  });
  it("of target groups and releases hold the gateway group", () => {
    assert.deepEqual(
      [targetGroupName("prod", { name: "partner" }, "a"), gatewayRelease({ name: "partner" })],
      ["api7-prod-partner-a", "gateway-partner"],
    );
  });
  it("of the DP Manager is the one that its certificate is made for", () => {
    assert.equal(dpManagerAddressB("api7"), "https://api7ee3-dp-manager.api7.svc.cluster.local:7943");
  });
});
