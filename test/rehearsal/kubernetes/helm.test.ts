import assert from "node:assert/strict";
import { gunzipSync } from "node:zlib";
import { join } from "node:path";
import { KINDS } from "../../../rehearsal/cloud/kubernetes/api/kinds";
import { type Deployment, type Secret } from "../../../rehearsal/cloud/kubernetes/api/objects";
import {
  Helm,
  ReleaseFailed,
  installChart,
  writeCharts,
  type ReleaseRequest,
} from "../../../rehearsal/kubernetes/charts";
import { NAMESPACE, TestCluster, until } from "./fixture";

/** Probes of the charts wait up to 10 s before the first look. */
const PACE = 100;

describe("Helm's releases", () => {
  let test: TestCluster;
  let helm: Helm;
  let chart: string;
  before(async () => {
    test = await TestCluster.start({ pace: PACE, pods: "50" });
    helm = new Helm(test.client);
    chart = (await writeCharts(join(test.home, "charts"))).gateway.file;
  });
  after(async () => test.stop());

  const request = (values: ReleaseRequest["values"] = {}, more: Partial<ReleaseRequest> = {}): ReleaseRequest => ({
    chart,
    name: "gateway",
    namespace: NAMESPACE,
    values,
    timeoutSeconds: 15,
    ...more,
  });
  const live = async (): Promise<Deployment> =>
    (await test.client.find(KINDS.deployment, NAMESPACE, "gateway")) as Deployment;
  const statuses = async (): Promise<(string | undefined)[]> =>
    (await test.client.list(KINDS.secret, NAMESPACE, "owner=helm,name=gateway")).map(
      ({ metadata }) => `${metadata.name} ${metadata.labels?.["status"] ?? ""}`,
    );

  it("installs, waits for the pods, and keeps the revision in a Secret", async () => {
    const record = await helm.install(request({ apisix: { replicaCount: 2 } }));
    assert.deepEqual([record.version, record.info.status], [1, "deployed"]);
    assert.equal(test.readyPods().length, 2);
    assert.deepEqual(await statuses(), ["sh.helm.release.v1.gateway.v1 deployed"]);
    const secret = (await test.client.find(KINDS.secret, NAMESPACE, "sh.helm.release.v1.gateway.v1")) as Secret;
    assert.equal(secret.type, "helm.sh/release.v1");
    const packed = Buffer.from(Buffer.from(secret.data?.["release"] ?? "", "base64").toString(), "base64");
    assert.equal((JSON.parse(gunzipSync(packed).toString()) as { name: string }).name, "gateway");
    const { metadata } = await live();
    assert.equal(metadata.annotations?.["meta.helm.sh/release-name"], "gateway");
    assert.deepEqual(
      metadata.managedFields?.map(({ manager }) => manager),
      ["helm"],
    );
  });

  it("refuses a name in use", async () => {
    await assert.rejects(helm.install(request()), /^Error: cannot re-use a name that is still in use$/);
    assert.deepEqual(await statuses(), ["sh.helm.release.v1.gateway.v1 deployed"]);
  });

  it("upgrades: only what changes, and back to the chart's size whoever changed it", async () => {
    const patch = { metadata: { name: "gateway" }, spec: { replicas: 1 } };
    await test.client.apply(KINDS.deployment, NAMESPACE, "gateway", patch, { manager: "pulumi", force: true });
    await until(() => test.cluster.pods().filter(({ terminating }) => !terminating).length === 1, "one pod");
    const [kept] = test.readyPods();
    const config = await test.client.find(KINDS.configMap, NAMESPACE, "gateway");

    const record = await helm.upgrade(request({ apisix: { replicaCount: 2, podDisruptionBudget: { enabled: true } } }));
    assert.deepEqual([record.version, (await live()).spec.replicas], [2, 2]);
    assert.deepEqual(await statuses(), [
      "sh.helm.release.v1.gateway.v1 superseded",
      "sh.helm.release.v1.gateway.v2 deployed",
    ]);
    assert.ok(test.readyPods().includes(kept ?? ""), "a pod of an unchanged template stays");
    assert.deepEqual(await test.client.find(KINDS.configMap, NAMESPACE, "gateway"), config);
    assert.notEqual(await test.client.find(KINDS.podDisruptionBudget, NAMESPACE, "gateway"), undefined);

    await helm.upgrade(request({ apisix: { replicaCount: 2 } }));
    assert.equal(await test.client.find(KINDS.podDisruptionBudget, NAMESPACE, "gateway"), undefined);
  });

  it("replaces pods one by one when the config changes", async () => {
    const before = test.readyPods();
    await helm.upgrade(request({ apisix: { replicaCount: 2 }, etcd: { host: ["https://other:7943"] } }));
    await until(
      () => test.cluster.pods().length === 2 && before.every((name) => !test.readyPods().includes(name)),
      "new pods only",
    );
  });

  it("fails within its timeout, says what is missing, stays as failed, and goes on from there", async () => {
    const broken = request(
      // One old pod that is ready beside a new one that is not: the old one must not count.
      { apisix: { replicaCount: 1, image: { repository: "missing/image" } } },
      { timeoutSeconds: 1 },
    );
    const started = Date.now();
    await assert.rejects(helm.upgrade(broken), (error) => {
      assert.ok(error instanceof ReleaseFailed);
      assert.equal(error.record.info.status, "failed");
      assert.match(
        error.message,
        /^context deadline exceeded: Deployment gateway: 0 of 1 pods of its newest template are ready \(ErrImagePull\)$/,
      );
      return true;
    });
    assert.ok(Date.now() - started < 5000);
    assert.equal((await statuses()).at(-1), "sh.helm.release.v1.gateway.v5 failed");
    assert.equal((await helm.upgrade(request({ apisix: { replicaCount: 2 } }))).info.status, "deployed");
    assert.equal((await statuses()).at(-1), "sh.helm.release.v1.gateway.v6 deployed");
  });

  it("does not wait when told so", async () => {
    const record = await helm.upgrade(
      request({ apisix: { image: { repository: "missing/image" } } }, { timeoutSeconds: 0 }),
    );
    assert.equal(record.info.status, "deployed");
  });

  it("uninstalls: objects and history are gone, pods ended; again is fine", async () => {
    await helm.uninstall(NAMESPACE, "gateway", 30);
    assert.equal(await live(), undefined);
    assert.deepEqual(await statuses(), []);
    await until(() => test.cluster.pods().length === 0, "no pod");
    await helm.uninstall(NAMESPACE, "gateway", 30);
    await assert.rejects(helm.upgrade(request()), /"gateway" has no deployed releases/);
  });

  it("leaves nothing behind when it cannot install: missing chart, wrong values, somebody else's object", async () => {
    await assert.rejects(helm.install(request({}, { chart: "/nowhere.tgz" })), /path "\/nowhere\.tgz" not found/);
    await assert.rejects(helm.install(request({ apisix: { replica: 1 } })), /no value apisix\.replica/);
    await test.create(KINDS.configMap, { metadata: { name: "gateway" }, data: {} });
    await assert.rejects(
      helm.install(request()),
      /ConfigMap "gateway" in namespace "api7" exists and cannot be imported/,
    );
    assert.deepEqual(await statuses(), []);
    await test.client.delete(KINDS.configMap, NAMESPACE, "gateway");
  });

  it("installs into a namespace of its own, as the world before the migration is made", async () => {
    const { kubeconfigPath } = test.cluster;
    const record = await installChart({
      kubeconfigPath,
      chart,
      name: "gateway",
      namespace: "before",
      values: {},
      timeoutSeconds: 15,
    });
    assert.equal(record.info.status, "deployed");
    assert.deepEqual(
      test.cluster.pods().map(({ namespace, ready }) => [namespace, ready]),
      [["before", true]],
    );
  });
});
