import assert from "node:assert/strict";
import { KINDS } from "../../../rehearsal/cloud/kubernetes/api/kinds";
import { type TargetGroupBindingSpec } from "../../../rehearsal/cloud/kubernetes/api/objects";
import { KubeError } from "../../../rehearsal/cloud/kubernetes/client";
import { FakeTargets, NAMESPACE, TestCluster, until } from "./fixture";

const ARN = "arn:aws:elasticloadbalancing:eu-central-1:1:targetgroup/shared/1";

async function serve(test: TestCluster, replicas = 2): Promise<void> {
  // A deleted pod goes on for 0.4 s before it gets its signal.
  const container = { lifecycle: { preStop: { sleep: { seconds: 20 } } } };
  await test.deploy("gateway", { replicas, container });
  const ports = [
    { name: "apisix-gateway", port: 80, targetPort: 9080 },
    { name: "status", port: 7085, targetPort: "http" },
  ];
  await test.create(KINDS.service, { metadata: { name: "gateway" }, spec: { selector: { app: "gateway" }, ports } });
  await until(() => test.readyPods().length === replicas, "ready pods");
}

async function bind(test: TestCluster, name: string, spec: Partial<TargetGroupBindingSpec> = {}): Promise<void> {
  const full = { serviceRef: { name: "gateway", port: 80 }, targetGroupARN: ARN, ...spec };
  await test.client.create(KINDS.targetGroupBinding, NAMESPACE, { metadata: { name }, spec: full }, "test");
}

describe("Kubernetes TargetGroupBinding", () => {
  let a: TestCluster;
  let b: TestCluster;
  const targets = new FakeTargets();
  const addresses = (test: TestCluster): string[] =>
    test.cluster
      .pods()
      .flatMap(({ ip }) => ip ?? [])
      .sort();
  const registered = (): string[] =>
    targets
      .of(ARN)
      .map(({ id }) => id)
      .sort();
  const holds = async (test: TestCluster): Promise<void> =>
    until(() => registered().join() === addresses(test).join(), `the pods of ${test.cluster.name} in the group`);

  before(async () => {
    [a, b] = await Promise.all([
      TestCluster.start({ name: "a", targets, pods: "30" }),
      TestCluster.start({ name: "b", targets, pods: "40" }),
    ]);
    await Promise.all([serve(a), serve(b)]);
  });
  after(async () => {
    await Promise.all([a.stop(), b.stop()]);
  });

  it("registers ready pods at the Service's target port, and follows them", async () => {
    await bind(a, "first");
    await holds(a);
    assert.deepEqual([...new Set(targets.of(ARN).map(({ port }) => port))], [9080]);
    const [pod] = a.readyPods();
    await a.raw(`/api/v1/namespaces/${NAMESPACE}/pods/${pod ?? ""}:9080/proxy/unready`);
    await until(() => registered().length === 1, "the unready pod's deregistration");
    a.cluster.killPod(pod ?? "");
    await holds(a);
  });

  it("deregisters a pod as soon as its deletion starts, before it ends", async () => {
    const [pod] = a.cluster.pods();
    await a.raw(`/api/v1/namespaces/${NAMESPACE}/pods/${pod?.name ?? ""}`, { method: "DELETE" });
    await until(() => !registered().includes(pod?.ip ?? ""), "the deregistration");
    const leaving = a.cluster.pods().find(({ name }) => name === pod?.name);
    assert.deepEqual([leaving?.terminating, leaving?.ready], [true, true]);
    await until(() => a.readyPods().length === 2 && a.cluster.pods().length === 2, "another pod");
    await holds(a);
  });

  it("throws out the targets of another cluster that has the same group", async () => {
    await bind(b, "second");
    await holds(b);
  });

  it("leaves other targets alone with multiClusterTargetGroup", async () => {
    await b.client.delete(KINDS.targetGroupBinding, NAMESPACE, "second");
    await until(() => registered().length === 0, "the end of the second binding");
    await a.client.delete(KINDS.targetGroupBinding, NAMESPACE, "first");
    await bind(a, "first");
    await holds(a);
    await bind(b, "second", { multiClusterTargetGroup: true });
    await until(() => registered().length === 4, "both clusters' pods");
  });

  it("deregisters only its own at its end, and is gone only then", async () => {
    await b.client.delete(KINDS.targetGroupBinding, NAMESPACE, "second");
    await until(
      async () => (await b.client.find(KINDS.targetGroupBinding, NAMESPACE, "second")) === undefined,
      "its end",
    );
    assert.deepEqual(registered(), addresses(a));
  });

  it("waits with its end while the load balancer's API fails, says so, and goes on by itself", async () => {
    targets.failure = "ServiceUnavailable";
    await a.client.delete(KINDS.targetGroupBinding, NAMESPACE, "first");
    const events = async (): Promise<(string | undefined)[]> =>
      (await a.core.listNamespacedEvent({ namespace: NAMESPACE, fieldSelector: "reason=FailedReconcile" })).items.map(
        ({ message }) => message,
      );
    await until(async () => (await events()).includes("ServiceUnavailable"), "the event");
    const held = await a.client.find(KINDS.targetGroupBinding, NAMESPACE, "first");
    assert.deepEqual(held?.metadata.finalizers, ["elbv2.k8s.aws/resources"]);
    targets.failure = undefined;
    await until(
      async () => (await a.client.find(KINDS.targetGroupBinding, NAMESPACE, "first")) === undefined,
      "its end",
    );
    assert.deepEqual(registered(), []);
  });

  it("names a port of the Service by name, and empties the group when the Service is gone", async () => {
    await bind(b, "named", { serviceRef: { name: "gateway", port: "status" } });
    await holds(b);
    assert.deepEqual([...new Set(targets.of(ARN).map(({ port }) => port))], [9080]);
    await b.client.delete(KINDS.service, NAMESPACE, "gateway");
    await until(() => registered().length === 0, "the empty group");
    await b.client.delete(KINDS.targetGroupBinding, NAMESPACE, "named");
  });

  it("is refused without a group, for nodes, and cannot be moved to another group", async () => {
    const refused = (message: RegExp) => (error: unknown) =>
      error instanceof KubeError && error.code === 422 && message.test(error.message);
    await assert.rejects(bind(a, "x", { targetGroupARN: "" }), refused(/spec.targetGroupARN: Required value/));
    await assert.rejects(bind(a, "x", { targetType: "instance" }), refused(/registers pods only/));
    await bind(a, "moved");
    await until(() => registered().length === 2, "its pods");
    const live = await a.client.find(KINDS.targetGroupBinding, NAMESPACE, "moved");
    assert.ok(live !== undefined);
    const spec = { ...(live.spec as TargetGroupBindingSpec), targetGroupARN: `${ARN}2` };
    await assert.rejects(
      a.client.replace(KINDS.targetGroupBinding, { ...live, spec }, "test"),
      refused(/may not mutate/),
    );
  });
});
