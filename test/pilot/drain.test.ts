import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { describeDrain, drainB } from "../../pilot/drain";
import { type MigrationScope } from "../../migration/gateRequest";
import { KINDS } from "../../rehearsal/cloud/kubernetes/api/kinds";
import { KubeClient } from "../../rehearsal/cloud/kubernetes/client";
import { TestCluster } from "../rehearsal/kubernetes/fixture";

/** Draining B after a rollback, against a cluster whose pods are processes. */

const NOW = new Date("2026-03-02T22:00:00Z");

describe("the way back drains B by choice", function () {
  this.timeout(60_000);
  let cluster: TestCluster;

  beforeEach(async () => {
    cluster = await TestCluster.start();
  });
  afterEach(async () => cluster.stop());

  async function until(what: string, holds: () => boolean): Promise<void> {
    for (const end = Date.now() + 30_000; Date.now() < end;) {
      if (holds()) return;
      await sleep(50);
    }
    assert.fail(`not within 30 s: ${what}`);
  }

  function scope(
    deployments: readonly string[],
    kubeconfig = cluster.cluster.kubeconfigPath,
  ): Pick<MigrationScope, "clusterB"> {
    const dataPlanes = deployments.map((deployment) => ({
      group: "default",
      deployment,
      replicas: 2,
      targetGroup: "b",
    }));
    return { clusterB: { kubeconfig, namespace: "api7", controlPlane: "api7ee3", dataPlanes } };
  }

  it("replaces every gateway, whose connections end with it, and nothing else", async () => {
    await cluster.deploy("gateway-default", { replicas: 2 });
    await cluster.deploy("other");
    await until("three pods", () => cluster.readyPods().length === 3);
    const before = cluster.readyPods();
    const drained = await drainB(scope(["gateway-default"]), NOW);
    assert.deepEqual(drained, [{ deployment: "gateway-default" }]);
    await until("new gateways, and the old ones gone", () => {
      const names = cluster.readyPods();
      const gateways = names.filter((name) => name.startsWith("gateway-default-"));
      return gateways.length === 2 && gateways.every((name) => !before.includes(name));
    });
    assert.deepEqual(
      cluster.readyPods().filter((name) => name.startsWith("other-")),
      before.filter((name) => name.startsWith("other-")),
    );
    const client = await KubeClient.open(cluster.cluster.kubeconfigPath);
    const deployment = await client.find(KINDS.deployment, "api7", "gateway-default");
    assert.match(JSON.stringify(deployment), /"kubectl.kubernetes.io\/restartedAt":"2026-03-02T22:00:00.000Z"/);
    assert.match(describeDrain(drained).join(), /gateway-default are being replaced: .* after 300 s at the latest/);
  });

  it("says which gateways it could not replace, with the command, and replaces the others", async () => {
    await cluster.deploy("gateway-default");
    const [missing, there] = await drainB(scope(["gateway-none", "gateway-default"]), NOW);
    assert.match(missing?.trouble ?? "", /404.*gateway-none/);
    assert.equal(there?.trouble, undefined);
    assert.match(describeDrain([missing ?? assert.fail()]).join(), /kubectl rollout restart deployment gateway-none/);
  });

  it("does not throw when B's API server is dead", async () => {
    await cluster.deploy("gateway-default");
    await cluster.cluster.setApi(false);
    const [drained] = await drainB(scope(["gateway-default"]), NOW);
    assert.match(drained?.trouble ?? "", /cluster B/);
    const [unknown] = await drainB(scope(["gateway-default"], "/nowhere/kubeconfig.yaml"), NOW);
    assert.match(unknown?.trouble ?? "", /\/nowhere\/kubeconfig\.yaml/);
  });
});
