import assert from "node:assert/strict";
import { parseGateRequest } from "../../../checks/request";
import { SECRET_VARIABLES } from "../../../migration/gateRequest";
import { canonicalJson } from "../../../migration/record";
import { gateRequestOf } from "../../../migration/scope";
import { headersByCluster } from "../../../migration/settings/metricsSchema";
import { outcomeOf, PROJECT, SECRET_KEYS, settingsOf, STACKS } from "../../migration/stackConfig";

describe("what the gate is told of metrics", () => {
  const SOURCES: readonly unknown[] = [
    { source: "none", by: "Ada", reason: "a lab" },
    { source: "cloudwatch", containerInsights: "b" },
    { source: "prometheus", a: { url: "http://a:9090" }, b: { url: "http://b:9090" } },
  ];
  for (const stack of STACKS) {
    it(`${stack}: travels whole, for every source`, () => {
      for (const metrics of SOURCES) {
        const request = gateRequestOf(settingsOf(stack, { metrics, stage: "traffic-5" }));
        assert.deepEqual(parseGateRequest(canonicalJson(request)).metrics, JSON.parse(canonicalJson(request.metrics)));
      }
      const { gatewaysB } = gateRequestOf(settingsOf(stack)).metrics ?? {};
      assert.ok((gatewaysB?.cpuCores ?? 0) > 0.5 && (gatewaysB?.memoryBytes ?? 0) >= 2 ** 29);
    });
  }

  it("counts what B's gateways may use at their full number", () => {
    const resources = { requests: { cpu: "500m", memory: "1Gi" }, limits: { memory: "2Gi" } };
    const { metrics } = gateRequestOf(
      settingsOf("staging", {
        "gatewayGroups[0].clusterB.resources": resources,
        "gatewayGroups[0].clusterB.autoscaling": { maximum: 10 },
      }),
    );
    assert.deepEqual(metrics?.gatewaysB, { cpuCores: 5, memoryBytes: 20 * 2 ** 30 });
  });

  it("holds no credentials: they are secret, and travel in the environment", () => {
    const credentials = '{"a":{"Authorization":"Bearer made-up-bearer"}}';
    const outcome = outcomeOf("prod", { metricsCredentials: credentials }, [
      ...SECRET_KEYS,
      `${PROJECT}:metricsCredentials`,
    ]);
    assert.ok(outcome.kind === "settings");
    assert.ok(!canonicalJson(gateRequestOf(outcome.settings)).includes("made-up-bearer"));
    assert.equal(SECRET_VARIABLES.metricsCredentials, "MIGRATION_METRICS_CREDENTIALS");
  });

  it("takes headers for one cluster or both, and nothing else", () => {
    assert.deepEqual(headersByCluster('{"b":{"X-Scope-OrgID":"7"}}'), { b: { "X-Scope-OrgID": "7" } });
    for (const wrong of [
      "Bearer x",
      "[]",
      '{"c":{}}',
      '{"a":"Bearer x"}',
      '{"a":{"A B":"x"}}',
      '{"a":{"A":"x\\r\\nB: y"}}',
    ]) {
      assert.equal(headersByCluster(wrong), undefined, wrong);
    }
  });

  it("a missing source holds no rollback", () => {
    assert.equal(outcomeOf("prod", { metrics: undefined, stage: "rollback" }).kind, "settings");
    assert.equal(outcomeOf("prod", { metrics: undefined, stage: "traffic-5" }).kind, "refused");
    const before = outcomeOf("prod", { metrics: undefined, stage: "start" });
    assert.ok(before.kind === "settings");
    assert.ok(before.warnings.some(({ path }) => path === "metrics"));
  });
});
