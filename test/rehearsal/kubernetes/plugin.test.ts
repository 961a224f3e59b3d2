import assert from "node:assert/strict";
import { readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { Provider } from "@pulumi/kubernetes";
import { CustomResource } from "@pulumi/kubernetes/apiextensions";
import { DeploymentPatch } from "@pulumi/kubernetes/apps/v1";
import { HorizontalPodAutoscalerPatch } from "@pulumi/kubernetes/autoscaling/v2";
import { Namespace, Secret, Service } from "@pulumi/kubernetes/core/v1";
import { Release } from "@pulumi/kubernetes/helm/v3";
import { NetworkPolicy } from "@pulumi/kubernetes/networking/v1";
import { PodDisruptionBudget } from "@pulumi/kubernetes/policy/v1";
import * as pulumi from "@pulumi/pulumi";
import { type PulumiFn } from "@pulumi/pulumi/automation";
import { KINDS } from "../../../rehearsal/cloud/kubernetes/api/kinds";
import { type Deployment } from "../../../rehearsal/cloud/kubernetes/api/objects";
import { installChart, writeCharts } from "../../../rehearsal/kubernetes/charts";
import { EngineRun, pluginSource } from "../providers/engineRun";
import { NAMESPACE, TestCluster, until } from "./fixture";

const SECRET = "4dabf18193072939515e22adb298388d";
const PASSWORD = "very-secret-password";
const ARN = "arn:aws:elasticloadbalancing:eu-central-1:1:targetgroup/b/1";
const RELEASE = "kubernetes:helm.sh/v3:Release";

/** What the engine said to a refused operation, everything it printed. */
async function refusal(operation: Promise<unknown>): Promise<string> {
  try {
    await operation;
  } catch (error) {
    assert.ok(error instanceof Error);
    assert.doesNotMatch(error.message, new RegExp(PASSWORD));
    return error.message;
  }
  return assert.fail("the operation was not refused");
}

describe("plugin kubernetes on the real engine", function () {
  this.timeout(60_000);
  let test: TestCluster;
  let run: EngineRun;
  let charts: Awaited<ReturnType<typeof writeCharts>>;

  before(async () => {
    test = await TestCluster.start({ pace: 100, pods: "60" });
    charts = await writeCharts(join(test.home, "charts"));
    run = await EngineRun.start([pluginSource("kubernetes")]);
  });
  after(async () => {
    await test.stop();
    run.remove();
  });

  const live = async (name: string): Promise<Deployment> =>
    (await test.client.find(KINDS.deployment, NAMESPACE, name)) as Deployment;
  /** `up --refresh`. */
  const refreshed = async (): Promise<object> => (await run.stack.up({ refresh: true })).summary.resourceChanges ?? {};

  describe("objects and a release", () => {
    interface Wish {
      readonly replicas?: number;
      readonly maxUnavailable?: number;
      readonly egress?: boolean;
      readonly password?: string;
      readonly clusterIdentifier?: string;
    }
    /** What the program makes in B, in small. */
    const clusterB =
      (wish: Wish = {}): PulumiFn =>
      () => {
        const { replicas = 1, maxUnavailable = 1, egress = false, password = PASSWORD, clusterIdentifier = "b" } = wish;
        const { kubeconfigPath: kubeconfig } = test.cluster;
        const options = { provider: new Provider("b", { kubeconfig, clusterIdentifier }) };
        const home = new Namespace("home", { metadata: { name: "home" } }, options);
        const metadata = (name: string): { name: string; namespace: string } => ({ name, namespace: "home" });
        const inside = { ...options, dependsOn: [home] };
        new Secret("tls", { metadata: metadata("tls"), stringData: { key: password } }, inside);
        new PodDisruptionBudget(
          "budget",
          { metadata: metadata("budget"), spec: { maxUnavailable, selector: { matchLabels: { app: "x" } } } },
          inside,
        );
        const policyTypes = egress ? ["Ingress", "Egress"] : ["Ingress"];
        new NetworkPolicy("policy", { metadata: metadata("policy"), spec: { podSelector: {}, policyTypes } }, inside);
        const release = new Release(
          "gateway",
          {
            ...metadata("gateway"),
            chart: charts.gateway.file,
            version: charts.gateway.version,
            timeout: 20,
            values: pulumi.secret({ apisix: { replicaCount: replicas, podAnnotations: { hidden: PASSWORD } } }),
          },
          inside,
        );
        const served = { ...options, dependsOn: [release] };
        const selector = { "app.kubernetes.io/instance": "gateway" };
        new Service("entry", { metadata: metadata("entry"), spec: { selector, ports: [{ port: 80 }] } }, served);
        new CustomResource(
          "targets",
          {
            apiVersion: "elbv2.k8s.aws/v1beta1",
            kind: "TargetGroupBinding",
            metadata: metadata("targets"),
            spec: { serviceRef: { name: "gateway-gateway", port: 80 }, targetGroupARN: ARN, targetType: "ip" },
          },
          served,
        );
        const { status } = release;
        return Promise.resolve({ revision: status.revision, name: status.name, version: status.appVersion });
      };
    const last = { replicas: 2, maxUnavailable: 2 };

    it("are created in one go, pods ready, targets registered; the same program changes nothing", async () => {
      assert.deepEqual(await run.up(clusterB()), { create: 9 });
      const { revision, name, version } = await run.stack.outputs();
      assert.deepEqual([revision?.value, name?.value, version?.value], [1, "gateway", "3.9.18"]);
      assert.equal(test.readyPods().length, 1);
      await until(() => test.targets.of(ARN).length === 1, "the pod in the target group");
      assert.deepEqual(await refreshed(), { same: 9 });
    });

    it("keep secret values secret in the state, and have the real provider's outputs", async () => {
      const [release] = await run.stored(RELEASE);
      assert.equal(release?.id, "home/gateway");
      assert.ok(SECRET in (release.outputs?.["values"] as object));
      const names = release.outputs?.["resourceNames"] as Record<string, unknown>;
      assert.deepEqual(names["Deployment.apps/apps/v1"], ["home/gateway"]);
      const [secret] = await run.stored("kubernetes:core/v1:Secret");
      assert.ok(SECRET in (secret?.outputs?.["data"] as object));
      const state = readFileSync(join(run.folder, "state", ".pulumi", "stacks", "things", "test.json"), "utf8");
      assert.ok(state.includes(RELEASE));
      assert.equal(state.includes(PASSWORD), false);
      assert.equal(state.includes(Buffer.from(PASSWORD).toString("base64")), false);
    });

    it("are updated in place where the real provider does so, and replaced where it does not", async () => {
      assert.deepEqual(await run.up(clusterB(last)), { same: 7, update: 2 });
      assert.equal(test.readyPods().length, 2);
      assert.equal((await run.stack.outputs())["revision"]?.value, 2);
      assert.deepEqual(await run.preview(clusterB({ ...last, password: "other" })), { same: 8, replace: 1 });
      const elsewhere = await run.preview(clusterB({ ...last, clusterIdentifier: "c" }));
      assert.deepEqual(elsewhere, { same: 1, replace: 8 });
    });

    it("show what somebody else changed on refresh, and name who owns it now", async () => {
      run.program = clusterB(last);
      const spec = { maxUnavailable: 7 };
      const kubectl = { manager: "kubectl", force: true };
      await test.client.apply(KINDS.podDisruptionBudget, "home", "budget", { spec }, kubectl);
      assert.deepEqual(await run.up(), { same: 9 });
      const conflict = /field conflict detected.*conflict with "kubectl" using policy\/v1: \.spec\.maxUnavailable/s;
      assert.match(await refusal(refreshed()), conflict);
      await test.client.apply(KINDS.podDisruptionBudget, "home", "budget", { spec: { maxUnavailable: 2 } }, kubectl);
      assert.deepEqual(await refreshed(), { same: 9 });
    });

    it("do not need the API server while nothing changes, and fail fast when something does", async () => {
      await test.cluster.setApi(false);
      try {
        assert.deepEqual(await run.up(clusterB(last)), { same: 9 });
        const message = await refusal(run.up(clusterB({ ...last, replicas: 3 })));
        assert.match(message, /configured Kubernetes cluster is unreachable: http:.*ECONNREFUSED/);
      } finally {
        await test.cluster.setApi(true);
      }
    });

    it("fail at check when the chart is gone, changed or not; other targets do not look at it", async () => {
      const { file } = charts.gateway;
      renameSync(file, `${file}.aside`);
      try {
        const message = await refusal(run.preview(clusterB({ ...last, egress: true })));
        assert.match(message, /gateway-3\.9\.10\.tgz" not found; check the chart name/);
        const target = ["urn:pulumi:test::things::kubernetes:networking.k8s.io/v1:NetworkPolicy::policy"];
        const { summary } = await run.stack.up({ target });
        assert.equal(summary.resourceChanges?.update, 1);
      } finally {
        renameSync(`${file}.aside`, file);
      }
    });

    it("are refused when they exist already, with the way out", async () => {
      const program: PulumiFn = async () => {
        await clusterB({ ...last, egress: true })();
        const provider = new Provider("other", { kubeconfig: test.cluster.kubeconfigPath });
        new Namespace("second", { metadata: { name: NAMESPACE } }, { provider });
      };
      assert.match(await refusal(run.up(program)), /namespaces "api7" already exists.*use a Patch resource/s);
    });

    it("end with the stack: nothing is left in the cluster, and no process", async () => {
      await run.destroy();
      assert.deepEqual(test.targets.of(ARN), []);
      assert.equal(await test.client.find(KINDS.namespace, undefined, "home"), undefined);
      assert.equal(test.cluster.pods().length, 0);
      assert.deepEqual(run.processes(), []);
    });
  });

  describe("patches of somebody else's objects", () => {
    interface Wish {
      readonly replicas?: number;
      readonly minimum?: number;
      readonly forced?: boolean;
      readonly retain?: boolean;
      readonly name?: string;
    }
    const patch =
      ({ replicas, minimum, forced = true, retain = false, name = "gateway" }: Wish): PulumiFn =>
      () => {
        const { kubeconfigPath: kubeconfig } = test.cluster;
        const provider = new Provider("a", { kubeconfig, clusterIdentifier: "a" });
        const options = { provider, retainOnDelete: retain };
        const annotations = { "pulumi.com/patchForce": String(forced) };
        const metadata = { name, namespace: NAMESPACE, annotations };
        if (replicas !== undefined) {
          new DeploymentPatch("size", { metadata, spec: { replicas } }, options);
        }
        if (minimum !== undefined) {
          new HorizontalPodAutoscalerPatch("minimum", { metadata, spec: { minReplicas: minimum } }, options);
        }
        return Promise.resolve();
      };

    before(async () => {
      const { kubeconfigPath } = test.cluster;
      const values = { apisix: { replicaCount: 2 } };
      await installChart({ kubeconfigPath, chart: charts.gateway.file, name: "gateway", namespace: NAMESPACE, values });
    });

    it("fail on a field of Helm's without force, and take it with force, waiting for the pods", async () => {
      const message = await refusal(run.up(patch({ replicas: 1, forced: false })));
      assert.match(message, /conflict with "helm" using apps\/v1: \.spec\.replicas/);
      assert.equal((await live("gateway")).spec.replicas, 2);
      assert.equal((await run.up(patch({ replicas: 3 })))["create"], 1);
      assert.equal(test.readyPods().length, 3);
      assert.deepEqual(await run.up(patch({ replicas: 0 })), { same: 2, update: 1 });
      assert.equal((await live("gateway")).status?.replicas, 0);
    });

    it("say same when somebody scales behind them, and put it right on refresh", async () => {
      const spec = { replicas: 1 };
      await test.client.apply(KINDS.deployment, NAMESPACE, "gateway", { spec }, { manager: "kubectl", force: true });
      assert.deepEqual(await run.up(), { same: 3 });
      assert.equal((await live("gateway")).spec.replicas, 1);
      assert.deepEqual(await refreshed(), { same: 2, update: 1 });
      assert.equal((await live("gateway")).spec.replicas, 0);
    });

    it("leave one replica behind when they are removed", async () => {
      await run.up(patch({}));
      assert.equal((await live("gateway")).spec.replicas, 1);
    });

    it("leave the value behind with retainOnDelete; an autoscaler's minimum falls back to 1 without", async () => {
      const kind = KINDS.horizontalPodAutoscaler;
      const minimum = async (): Promise<unknown> =>
        ((await test.client.find(kind, NAMESPACE, "gateway"))?.spec as { minReplicas: number }).minReplicas;
      await run.up(patch({ replicas: 2, retain: true }));
      const scaleTargetRef = { kind: "Deployment", name: "gateway", apiVersion: "apps/v1" };
      const spec = { scaleTargetRef, minReplicas: 2, maxReplicas: 5 };
      await test.create(kind, { metadata: { name: "gateway" }, spec });
      await run.up(patch({ minimum: 3 }));
      assert.equal(await minimum(), 3);
      // Three by the autoscaler, up from the two that the removed patch left.
      await until(() => test.readyPods().length === 3, "three pods");
      await run.up(patch({}));
      assert.equal(await minimum(), 1);
      assert.equal((await live("gateway")).spec.replicas, 3);
    });

    it("refuse an object that does not exist", async () => {
      const message = await refusal(run.up(patch({ replicas: 1, name: "absent" })));
      assert.match(message, /Deployment "api7\/absent" does not exist: a patch changes an object/);
    });
  });

  describe("releases that go wrong", () => {
    const release =
      (values: object): PulumiFn =>
      () => {
        const provider = new Provider("b", { kubeconfig: test.cluster.kubeconfigPath, clusterIdentifier: "b" });
        const { file: chart } = charts.gateway;
        const at = { name: "bad", namespace: NAMESPACE };
        new Release("bad", { ...at, chart, timeout: 3, values: pulumi.secret(values) }, { provider });
        return Promise.resolve();
      };

    it("are refused in preview when the chart does not know a value", async () => {
      const message = await refusal(run.preview(release({ etcd: { hosts: [PASSWORD] } })));
      assert.match(message, /values\.etcd\.hosts.*Did you mean etcd\.host\?/s);
    });

    it("fail within their timeout, stay in the state as failed, and are repeated as an update", async () => {
      const podAnnotations = { hidden: PASSWORD };
      const message = await refusal(
        run.up(release({ apisix: { image: { repository: "missing/x" }, podAnnotations } })),
      );
      assert.match(message, /Helm release "api7\/bad" was created, but failed to initialize completely/);
      assert.match(message, /Deployment bad-gateway: 0 of 1 pods of its newest template are ready \(ErrImagePull\)/);
      const [stored] = await run.stored(RELEASE);
      assert.deepEqual([stored?.id, stored?.initErrors?.length], ["api7/bad", 1]);
      assert.equal((stored?.outputs?.["status"] as { status: string }).status, "failed");
      assert.equal((await run.up(release({})))["update"], 1);
    });

    it("cannot be made again once their state is lost; end with the program that names them", async () => {
      const exported = await run.stack.exportStack();
      const deployment = exported.deployment as { resources: { type: string }[] };
      const resources = deployment.resources.filter(({ type }) => type !== RELEASE);
      await run.stack.importStack({ ...exported, deployment: { ...deployment, resources } });
      assert.match(await refusal(run.up()), /cannot re-use a name that is still in use/);
      await run.stack.importStack(exported);
      await run.up(() => Promise.resolve());
      assert.equal(await live("bad-gateway"), undefined);
    });
  });
});
