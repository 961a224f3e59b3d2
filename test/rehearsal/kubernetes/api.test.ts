import assert from "node:assert/strict";
import { ApiException } from "@kubernetes/client-node";
import { KubeClient, UnreachableError, resolveAccess } from "../../../rehearsal/cloud/kubernetes/client";
import { KINDS } from "../../../rehearsal/cloud/kubernetes/api/kinds";
import { NAMESPACE, TestCluster, body, deployment, until } from "./fixture";

/** The Status with which a call was refused. */
async function refusal(call: Promise<unknown>): Promise<{ code: number; reason: string; message: string }> {
  try {
    await call;
  } catch (error) {
    assert.ok(error instanceof ApiException);
    return JSON.parse(error.body as string) as { code: number; reason: string; message: string };
  }
  assert.fail("the call was not refused");
}

describe("Kubernetes API", () => {
  let test: TestCluster;
  before(async () => {
    test = await TestCluster.start();
  });
  after(async () => test.stop());

  it("serves objects to the official client: create, read, list by label and field, replace, delete", async () => {
    const { core } = test;
    const data = { "config.yaml": "a: 1" };
    await core.createNamespacedConfigMap({
      namespace: NAMESPACE,
      body: body({ metadata: { name: "one", labels: { tier: "a" } }, data }),
    });
    await core.createNamespacedConfigMap({
      namespace: NAMESPACE,
      body: body({ metadata: { name: "two", labels: { tier: "b" } } }),
    });
    const one = await core.readNamespacedConfigMap({ namespace: NAMESPACE, name: "one" });
    assert.deepEqual(one.data, data);
    assert.match(one.metadata?.uid ?? "", /^[0-9a-f-]{36}$/);

    const names = async (labelSelector = "", fieldSelector = ""): Promise<(string | undefined)[]> =>
      (await core.listNamespacedConfigMap({ namespace: NAMESPACE, labelSelector, fieldSelector })).items.map(
        (item) => item.metadata?.name,
      );
    assert.deepEqual(await names(), ["one", "two"]);
    assert.deepEqual(await names("tier=b"), ["two"]);
    assert.deepEqual(await names("tier in (a, c),tier!=b"), ["one"]);
    assert.deepEqual(await names("!tier"), []);
    assert.deepEqual(await names("", "metadata.name=two"), ["two"]);

    const replaced = await core.replaceNamespacedConfigMap({
      namespace: NAMESPACE,
      name: "one",
      body: body({ metadata: { name: "one", resourceVersion: one.metadata?.resourceVersion }, data: { b: "2" } }),
    });
    assert.deepEqual(replaced.data, { b: "2" });
    assert.ok(Number(replaced.metadata?.resourceVersion) > Number(one.metadata?.resourceVersion));

    await core.deleteNamespacedConfigMap({ namespace: NAMESPACE, name: "two" });
    assert.deepEqual(await names(), ["one"]);
  });

  it("leaves an object alone that a write does not change", async () => {
    const before = await test.core.readNamespacedConfigMap({ namespace: NAMESPACE, name: "one" });
    const after = await test.core.replaceNamespacedConfigMap({ namespace: NAMESPACE, name: "one", body: before });
    assert.equal(after.metadata?.resourceVersion, before.metadata?.resourceVersion);
  });

  it("refuses as the real server does", async () => {
    const { core, apps } = test;
    const missing = await refusal(core.readNamespacedSecret({ namespace: NAMESPACE, name: "gone" }));
    assert.deepEqual([missing.code, missing.reason, missing.message], [404, "NotFound", 'secrets "gone" not found']);

    const homeless = await refusal(
      core.createNamespacedConfigMap({ namespace: "nowhere", body: body({ metadata: { name: "x" } }) }),
    );
    assert.deepEqual([homeless.code, homeless.message], [404, 'namespaces "nowhere" not found']);

    const twice = await refusal(
      core.createNamespacedConfigMap({ namespace: NAMESPACE, body: body({ metadata: { name: "one" } }) }),
    );
    assert.deepEqual([twice.code, twice.reason], [409, "AlreadyExists"]);

    const stale = await refusal(
      core.replaceNamespacedConfigMap({
        namespace: NAMESPACE,
        name: "one",
        body: body({ metadata: { name: "one", resourceVersion: "1" } }),
      }),
    );
    assert.deepEqual([stale.code, stale.reason], [409, "Conflict"]);
    assert.match(stale.message, /the object has been modified/);

    const fit = deployment("bad");
    const unfit = { ...fit, spec: { ...(fit["spec"] as object), selector: { matchLabels: { app: "other" } } } };
    const invalid = await refusal(apps.createNamespacedDeployment({ namespace: NAMESPACE, body: body(unfit) }));
    assert.deepEqual([invalid.code, invalid.reason], [422, "Invalid"]);
    assert.match(
      invalid.message,
      /^Deployment.apps "bad" is invalid: spec.template.metadata.labels: .*`selector` does not match/,
    );

    const name = await refusal(
      core.createNamespacedService({ namespace: NAMESPACE, body: body({ metadata: { name: "Big_Name" }, spec: {} }) }),
    );
    assert.equal(name.code, 422);
    assert.match(name.message, /\[metadata.name: Invalid value.*, spec.ports: Required value\]/);

    const secret = await refusal(
      core.createNamespacedSecret({
        namespace: NAMESPACE,
        body: body({ metadata: { name: "s" }, data: { key: "not base64!" } }),
      }),
    );
    assert.equal(secret.code, 422);
    assert.doesNotMatch(secret.message, /not base64!/);
  });

  it("asks for its token, answers 404 to kinds that it does not serve, and says what it serves", async () => {
    const { server } = test.client.access;
    assert.equal((await fetch(`${server}/api/v1/namespaces`)).status, 401);
    assert.equal(
      (await fetch(`${server}/api/v1/namespaces`, { headers: { authorization: "Bearer other" } })).status,
      401,
    );
    assert.equal((await test.raw("/apis/batch/v1/jobs")).status, 404);
    assert.equal((await test.raw(`/api/v1/namespaces/${NAMESPACE}/pods/x/exec`)).status, 404);
    assert.equal((await test.raw("/apis/networking.k8s.io/v1/ingresses")).status, 404);
    assert.equal((await fetch(`${server}/readyz`)).status, 200);
    assert.match((await test.raw("/version")).body, /"gitVersion":"v1\.\d+\.\d+"/);
    assert.match((await test.raw("/apis/elbv2.k8s.aws/v1beta1")).body, /targetgroupbindings/);
    assert.equal((await test.raw("/api/v1/pods?labelSelector=a+b+c")).status, 400);
    assert.equal((await test.raw("/api/v1/pods?watch=true")).status, 405);
  });

  it("turns a Secret's texts into data, and fills in defaults", async () => {
    const secret = await test.core.createNamespacedSecret({
      namespace: NAMESPACE,
      body: body({ metadata: { name: "texts" }, stringData: { a: "b" } }),
    });
    assert.deepEqual([secret.type, secret.data, secret.stringData], ["Opaque", { a: "Yg==" }, undefined]);
    const service = await test.core.createNamespacedService({
      namespace: NAMESPACE,
      body: body({ metadata: { name: "svc" }, spec: { type: "NodePort", ports: [{ port: 80 }] } }),
    });
    const [port] = service.spec?.ports ?? [];
    assert.deepEqual([port?.protocol, port?.targetPort], ["TCP", 80]);
    assert.ok((port?.nodePort ?? 0) >= 30000);
    assert.match(service.spec?.clusterIP ?? "", /^10\.96\./);
    const again = await test.core.replaceNamespacedService({
      namespace: NAMESPACE,
      name: "svc",
      body: body({ metadata: { name: "svc" }, spec: { type: "NodePort", ports: [{ port: 80 }] } }),
    });
    assert.deepEqual(again.spec, service.spec);
  });

  it("ends a namespace with everything in it", async () => {
    await test.core.createNamespace({ body: body({ metadata: { name: "passing" } }) });
    await test.core.createNamespacedConfigMap({ namespace: "passing", body: body({ metadata: { name: "x" } }) });
    const ending = await test.core.deleteNamespace({ name: "passing" });
    assert.equal((ending as unknown as { status: { phase: string } }).status.phase, "Terminating");
    await until(
      async () => (await test.client.find(KINDS.namespace, undefined, "passing")) === undefined,
      "the namespace's end",
    );
    assert.equal((await test.client.list(KINDS.configMap, "passing", "")).length, 0);
  });

  it("can be dead for a while; objects outlive that", async () => {
    await test.cluster.setApi(false);
    await assert.rejects(test.client.find(KINDS.configMap, NAMESPACE, "one"), (error) => {
      assert.ok(error instanceof UnreachableError);
      assert.match(
        error.message,
        /^configured Kubernetes cluster is unreachable: http:.*(ECONNREFUSED|UND_ERR_SOCKET)$/,
      );
      return true;
    });
    await test.cluster.setApi(true);
    await test.cluster.setApi(true);
    assert.notEqual(await test.client.find(KINDS.configMap, NAMESPACE, "one"), undefined);
  });

  it("is found by a kubeconfig's path or content, and names what one lacks", async () => {
    await assert.rejects(
      KubeClient.open("/nowhere/config"),
      /failed to read kubeconfig file "\/nowhere\/config": ENOENT/,
    );
    await assert.rejects(KubeClient.open(test.cluster.kubeconfigPath, { context: "z" }), /context "z" does not exist/);
    assert.throws(
      () => resolveAccess("contexts: [{name: c, context: {cluster: k, user: u}}]\ncurrent-context: c"),
      /cluster "k" .* no server/,
    );
  });
});
