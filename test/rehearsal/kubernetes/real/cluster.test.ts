import assert from "node:assert/strict";
import { request } from "node:https";
import { KINDS } from "../../../../rehearsal/cloud/kubernetes/api/kinds";
import { type ObjectInput } from "../../../../rehearsal/cloud/kubernetes/api/objects";
import { deployment, until } from "../fixture";
import { BUILD_MS, RealTestCluster } from "./realCluster";

const NAMESPACE = "api7";
const ARN = "arn:aws:elasticloadbalancing:eu-central-1:1:targetgroup/a/1";
/** Controllers, scheduler and a busy machine; what is waited for takes seconds on an idle one. */
const SECONDS = 120;

/** The status of a request to the node's own port without a certificate, or the code of the refused connection. */
function askNode(host: string): Promise<string> {
  return new Promise((resolve) => {
    const asked = request(
      { host, port: 10250, path: "/containerLogs/a/b/c", rejectUnauthorized: false },
      (response) => {
        response.resume();
        resolve(String(response.statusCode));
      },
    );
    asked.once("error", (error) => resolve("code" in error ? String(error.code) : error.message));
    asked.end();
  });
}

describe("real cluster: a real control plane with processes as pods", function () {
  this.timeout(SECONDS * 2000);
  let test: RealTestCluster;

  before(async function () {
    this.timeout(BUILD_MS);
    test = await RealTestCluster.start();
    await test.create(KINDS.namespace, undefined, { metadata: { name: NAMESPACE } });
    await test.create(KINDS.configMap, NAMESPACE, { metadata: { name: "settings" }, data: { "config.yaml": "a: 1" } });
    await test.create(
      KINDS.deployment,
      NAMESPACE,
      deployment("web", {
        replicas: 2,
        spec: { volumes: [{ name: "config", configMap: { name: "settings" } }] },
        container: { volumeMounts: [{ name: "config", mountPath: "/conf" }] },
      }),
    );
    const ports = [{ name: "http", port: 80, targetPort: "http" }];
    await test.create(KINDS.service, NAMESPACE, {
      metadata: { name: "web" },
      spec: { selector: { app: "web" }, ports },
    });
    await until(() => test.readyPods("app=web").length === 2, "two ready pods", SECONDS);
  });
  after(async () => test.stop());

  const path = (text: string): string => `/api/v1/namespaces/${NAMESPACE}/${text}`;
  const pod = (): string => test.readyPods("app=web")[0] ?? assert.fail("no pod is ready");

  it("schedules pods to the node, which runs them with their files and a token of their service account", async () => {
    const config = await test.api.text(path(`pods/${pod()}:9080/proxy/file?path=/conf/config.yaml`));
    assert.equal(config, "a: 1");
    const token = "/var/run/secrets/kubernetes.io/serviceaccount/token";
    const [, payload = ""] = (await test.api.text(path(`pods/${pod()}:9080/proxy/file?path=${token}`))).split(".");
    const claims = JSON.parse(Buffer.from(payload, "base64url").toString("utf8")) as Record<string, unknown>;
    assert.equal(claims["sub"], `system:serviceaccount:${NAMESPACE}:default`);
    assert.equal((claims["kubernetes.io"] as { pod: { name: string } }).pod.name, pod());
  });

  it("reaches pods through the API server: by their name, by a Service's, and their output", async () => {
    assert.equal(await test.api.text(path(`pods/${pod()}:9080/proxy/x`)), "GET /x on 9080");
    await until(
      async () => (await test.api.text(path("services/web:http/proxy/y")).catch(() => "")) === "GET /y on 9080",
      "an endpoint of the Service",
      SECONDS,
    );
    assert.equal(await test.api.log(NAMESPACE, pod()), `started ${pod()}\n`);
    assert.equal(await test.api.log(NAMESPACE, pod(), "?tailLines=0"), "");
    await assert.rejects(
      async () => test.api.log(NAMESPACE, pod(), "?container=other"),
      /container other is not valid/,
    );
  });

  it("gives a pod's output to nobody but the API server", async () => {
    assert.notEqual(await askNode(`${test.tier.podNetworks.a}.255`), "200");
  });

  it("registers ready pods as targets, refuses a binding of another form, and lets a binding go with its targets", async () => {
    const binding = (spec: object): ObjectInput => ({ metadata: { name: "web" }, spec });
    const serviceRef = { name: "web", port: 80 };
    await assert.rejects(
      async () => test.create(KINDS.targetGroupBinding, NAMESPACE, binding({ serviceRef, targetType: "ip" })),
      /spec\.targetGroupARN: Required value/,
    );
    const spec = { serviceRef, targetGroupARN: ARN, targetType: "ip" };
    const made = await test.create(KINDS.targetGroupBinding, NAMESPACE, binding(spec));
    await until(() => test.targets.of(ARN).length === 2, "two targets", SECONDS);
    const finalizers = async (): Promise<unknown> =>
      (await test.api.find(KINDS.targetGroupBinding, NAMESPACE, "web"))?.metadata.finalizers;
    await until(async () => JSON.stringify(await finalizers()) === '["elbv2.k8s.aws/resources"]', "finalizer", SECONDS);
    await test.api.delete(KINDS.targetGroupBinding, made);
    await until(async () => (await finalizers()) === undefined, "the end of the binding", SECONDS);
    assert.equal(test.targets.of(ARN).length, 0);
  });

  it("replaces a pod that is deleted, and ends the process of one that is deleted without grace", async () => {
    const [first] = test.cluster.pods("app=web");
    const live = await test.api.find(KINDS.pod, NAMESPACE, first?.name ?? "");
    assert.ok(first?.pid !== undefined && live !== undefined);
    await test.api.delete(KINDS.pod, live, { gracePeriodSeconds: 0 });
    const isGone = (): boolean => {
      try {
        process.kill(first.pid ?? 0, 0);
        return false;
      } catch {
        return true;
      }
    };
    await until(isGone, "the end of its process", SECONDS);
    await until(() => test.readyPods("app=web").length === 2, "another pod in its place", SECONDS);
    assert.ok(!test.readyPods("app=web").includes(first.name));
  });

  it("goes on serving while the API server is down, and follows it again when it is back", async () => {
    const { ip } = test.cluster.pods("app=web")[0] ?? assert.fail("no pod");
    await test.cluster.setApi(false);
    await assert.rejects(async () => test.api.isReady());
    assert.equal(await (await fetch(`http://${ip ?? ""}:9080/z`)).text(), "GET /z on 9080");
    await test.cluster.setApi(true);
    await test.cluster.scale(NAMESPACE, "web", 1);
    await until(() => test.cluster.pods("app=web").length === 1, "one pod", SECONDS);
  });

  it("tells why a pod does not start, and forgets what is deleted", async () => {
    await test.create(KINDS.deployment, NAMESPACE, deployment("lost", { image: "missing:1" }));
    const reason = async (): Promise<unknown> => {
      const { name } = test.cluster.pods("app=lost")[0] ?? { name: "none yet" };
      const live = await test.api.find(KINDS.pod, NAMESPACE, name);
      const status = live?.status as { containerStatuses?: { state: { waiting?: { reason: string } } }[] } | undefined;
      return status?.containerStatuses?.[0]?.state.waiting?.reason;
    };
    await until(async () => (await reason()) === "ErrImagePull", "the reason", SECONDS);
    const live = await test.api.find(KINDS.deployment, NAMESPACE, "lost");
    await test.api.delete(KINDS.deployment, live ?? assert.fail("no Deployment"));
    await until(() => test.cluster.pods("app=lost").length === 0, "its pods' end", SECONDS);
  });
});
