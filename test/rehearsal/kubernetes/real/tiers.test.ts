import assert from "node:assert/strict";
import { mkdtempSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Provider } from "@pulumi/kubernetes";
import { CustomResource } from "@pulumi/kubernetes/apiextensions";
import { DeploymentPatch } from "@pulumi/kubernetes/apps/v1";
import { HorizontalPodAutoscalerPatch } from "@pulumi/kubernetes/autoscaling/v2";
import { Namespace, Secret } from "@pulumi/kubernetes/core/v1";
import { Release } from "@pulumi/kubernetes/helm/v3";
import { NetworkPolicy } from "@pulumi/kubernetes/networking/v1";
import { PodDisruptionBudget } from "@pulumi/kubernetes/policy/v1";
import { type PulumiFn } from "@pulumi/pulumi/automation";
import { parse } from "yaml";
import { KINDS } from "../../../../rehearsal/cloud/kubernetes/api/kinds";
import { type Deployment } from "../../../../rehearsal/cloud/kubernetes/api/objects";
import { writeCharts } from "../../../../rehearsal/kubernetes/charts";
import { NAMESPACE, until } from "../fixture";
import { differences, realTier, secondName, standInTier, type TierUnderTest } from "./bothTiers";
import { BUILD_MS } from "./realCluster";

const ARN = "arn:aws:elasticloadbalancing:eu-central-1:1:targetgroup/b/1";
const STEP_MS = 10 * 60_000;
const SECONDS = 180;

interface Wish {
  readonly replicas?: number;
  readonly maxUnavailable?: number;
  readonly password?: string;
  readonly kubeconfig?: string;
  readonly clusterIdentifier?: string;
  readonly image?: string;
}

/** What the program makes in cluster B, in small. */
function clusterB(tier: TierUnderTest, chart: string, wish: Wish = {}): PulumiFn {
  return () => {
    const { replicas = 1, maxUnavailable = 1, password = "one", clusterIdentifier = "b", image } = wish;
    const kubeconfig = wish.kubeconfig ?? tier.kubeconfig;
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
    new NetworkPolicy(
      "policy",
      {
        metadata: metadata("policy"),
        spec: {
          podSelector: { matchLabels: { "app.kubernetes.io/instance": "gateway" } },
          policyTypes: ["Egress"],
          egress: [{ to: [{ ipBlock: { cidr: "0.0.0.0/0", except: ["10.1.0.0/24"] } }] }],
        },
      },
      inside,
    );
    const release = new Release(
      "gateway",
      {
        ...metadata("gateway"),
        chart,
        timeout: 120,
        values: {
          apisix: {
            replicaCount: replicas,
            podDisruptionBudget: { enabled: true },
            ...(image === undefined ? {} : { image: { repository: image } }),
          },
          gateway: { type: "ClusterIP" },
          api7ee: { status_endpoint: { enabled: true } },
        },
      },
      inside,
    );
    const spec = { serviceRef: { name: "gateway-gateway", port: 80 }, targetGroupARN: ARN, targetType: "ip" };
    new CustomResource(
      "targets",
      { apiVersion: "elbv2.k8s.aws/v1beta1", kind: "TargetGroupBinding", metadata: metadata("targets"), spec },
      { ...options, dependsOn: [release] },
    );
    return Promise.resolve();
  };
}

/** Everything that the program above leaves in a cluster. */
const MADE = [
  [KINDS.namespace, undefined, "home"],
  [KINDS.secret, "home", "tls"],
  [KINDS.podDisruptionBudget, "home", "budget"],
  [KINDS.networkPolicy, "home", "policy"],
  [KINDS.targetGroupBinding, "home", "targets"],
  [KINDS.configMap, "home", "gateway"],
  [KINDS.service, "home", "gateway-gateway"],
  [KINDS.deployment, "home", "gateway"],
  [KINDS.podDisruptionBudget, "home", "gateway"],
] as const;

/** What the engine said to an operation that it has to refuse. */
async function refusal(operation: Promise<unknown>): Promise<string> {
  try {
    await operation;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return assert.fail("the operation was not refused");
}

describe("kubernetes: the default tier's plugin against the real provider, Helm and API server", function () {
  this.timeout(STEP_MS);
  const folder = mkdtempSync(join(tmpdir(), "tiers-"));
  const tiers: TierUnderTest[] = [];
  let chart: string;

  before(async function () {
    this.timeout(BUILD_MS);
    chart = (await writeCharts(folder)).gateway.file;
    tiers.push(await standInTier());
    tiers.push(await realTier());
  });
  after(async () => {
    for (const tier of tiers) await tier.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** The same in both tiers, one after the other; answers what both gave when it is equal. */
  async function both<T>(look: (tier: TierUnderTest) => T | Promise<T>): Promise<T> {
    const answers: T[] = [];
    for (const tier of tiers) answers.push(await look(tier));
    const [standIn, real] = answers;
    assert.deepEqual(real, standIn, "the real tier (first) differs from the stand-in");
    return standIn as T;
  }

  const last = { replicas: 2, maxUnavailable: 2 };

  describe("objects and a release", () => {
    it("are made by the same steps, and nothing is left to do", async () => {
      assert.deepEqual(await both(async (tier) => tier.run.up(clusterB(tier, chart))), { create: 8 });
      assert.deepEqual(await both(async (tier) => tier.run.preview()), { same: 8 });
    });

    it("are the same objects: all that the stand-in keeps, the real server keeps too", async () => {
      const [standIn, real] = tiers;
      for (const [kind, namespace, name] of MADE) {
        const mine = await standIn?.find(kind, namespace, name);
        const theirs = await real?.find(kind, namespace, name);
        assert.ok(mine !== undefined && theirs !== undefined, `${kind.kind} ${name} is in both`);
        const content = (object: Readonly<Record<string, unknown>>): unknown => {
          const { metadata, spec, data, type } = object;
          const { labels, finalizers, name: own } = metadata as Readonly<Record<string, unknown>>;
          // The same config file may be written in another order and with other quotes.
          const texts = Object.entries((kind === KINDS.configMap ? data : {}) as Readonly<Record<string, string>>);
          const files = texts.map(([key, text]) => [key, parse(text) as unknown] as const);
          return {
            metadata: { labels, finalizers, own },
            spec,
            data: files.length === 0 ? data : Object.fromEntries(files),
            type,
          };
        };
        assert.deepEqual(differences(content(mine), content(theirs)), [], `${kind.kind} ${name}`);
      }
      await both(async (tier) => {
        await until(() => tier.targets.of(ARN).length === 1, `a target in tier ${tier.title}`, SECONDS);
        return tier.targets.of(ARN).map(({ port }) => port);
      });
    });

    it("are updated in place, or replaced, by the same changes", async () => {
      assert.deepEqual(await both(async (tier) => tier.run.up(clusterB(tier, chart, last))), { same: 6, update: 2 });
      assert.equal(await both((tier) => tier.readyPods("app.kubernetes.io/instance=gateway").length), 2);
      const other = async (wish: Wish): Promise<object> =>
        both(async (tier) => tier.run.preview(clusterB(tier, chart, { ...last, ...wish })));
      assert.deepEqual(await other({ password: "two" }), { same: 7, replace: 1 });
      assert.deepEqual(await other({ clusterIdentifier: "c" }), { same: 1, replace: 7 });
    });

    it("stay when the same API server is reached by another name", async () => {
      const changes = await both(async (tier) => {
        const second = await secondName(tier);
        try {
          const { kubeconfig } = second;
          const {
            replace = 0,
            create = 0,
            delete: gone = 0,
          } = await tier.run.preview(clusterB(tier, chart, { ...last, kubeconfig }));
          return { replace, create, gone };
        } finally {
          second.close();
        }
      });
      assert.deepEqual(changes, { replace: 0, create: 0, gone: 0 });
    });

    it("need no API server while nothing changes, and fail when something does", async () => {
      const answers = await both(async (tier) => {
        await tier.setApi(false);
        try {
          const unchanged = await tier.run.up(clusterB(tier, chart, last));
          const message = await refusal(tier.run.up(clusterB(tier, chart, { ...last, replicas: 3 })));
          return { unchanged, unreachable: /cluster is unreachable|connection refused|ECONNREFUSED/.test(message) };
        } finally {
          await tier.setApi(true);
        }
      });
      assert.deepEqual(answers, { unchanged: { same: 8 }, unreachable: true });
    });

    it("fail when the chart is gone, with its path", async () => {
      renameSync(chart, `${chart}.aside`);
      try {
        const named = await both(async (tier) => {
          const message = await refusal(tier.run.preview(clusterB(tier, chart, { ...last, replicas: 3 })));
          return /gateway-3\.9\.10\.tgz/.test(message);
        });
        assert.equal(named, true);
      } finally {
        renameSync(`${chart}.aside`, chart);
      }
    });

    it("end with the stack: nothing is left in the cluster", async () => {
      const left = await both(async (tier) => {
        tier.run.program = clusterB(tier, chart, last);
        await tier.run.destroy();
        await until(
          async () => (await tier.find(KINDS.namespace, undefined, "home")) === undefined && tier.podCount() === 0,
          `the end of the namespace in tier ${tier.title}`,
          SECONDS,
        );
        return tier.targets.of(ARN);
      });
      assert.deepEqual(left, []);
    });
  });

  describe("patches of a cluster that Helm owns, with three replicas", () => {
    interface Patches {
      readonly replicas?: number;
      readonly minimum?: number;
      readonly forced?: boolean;
    }
    /** As the program freezes, abandons and decommissions A. */
    const patched =
      (tier: TierUnderTest, { replicas, minimum, forced = true }: Patches): PulumiFn =>
      () => {
        const provider = new Provider("a", { kubeconfig: tier.kubeconfig, clusterIdentifier: "a" });
        const options = { provider, retainOnDelete: true };
        const annotations = { "pulumi.com/patchForce": String(forced) };
        const metadata = { name: "gateway", namespace: NAMESPACE, annotations };
        if (replicas !== undefined) new DeploymentPatch("size", { metadata, spec: { replicas } }, options);
        if (minimum !== undefined) {
          new HorizontalPodAutoscalerPatch("minimum", { metadata, spec: { minReplicas: minimum } }, options);
        }
        return Promise.resolve();
      };
    const size = async (tier: TierUnderTest): Promise<number | undefined> => {
      const wanted = ((await tier.find(KINDS.deployment, NAMESPACE, "gateway")) as Deployment).spec.replicas;
      await until(() => tier.podCount() === wanted, `${wanted} pods in tier ${tier.title}`, SECONDS);
      return wanted;
    };

    before(async function () {
      this.timeout(STEP_MS);
      for (const tier of tiers) {
        const values = { apisix: { replicaCount: 3 }, autoscaling: { enabled: false } };
        await tier.install(chart, "gateway", values);
      }
    });

    it("conflict with Helm without force, and name the field", async () => {
      const said = await both(async (tier) => {
        const message = await refusal(tier.run.up(patched(tier, { replicas: 0, forced: false })));
        return [/conflict with "helm" using apps\/v1/.test(message), message.includes(".spec.replicas")];
      });
      assert.deepEqual(said, [true, true]);
      assert.equal(await both(size), 3);
    });

    it("set the size with force, and bring it back: freeze leaves none, abandon three, letting go three", async () => {
      assert.equal((await both(async (tier) => tier.run.up(patched(tier, { replicas: 0 }))))["create"], 1);
      assert.equal(await both(size), 0);
      assert.equal((await both(async (tier) => tier.run.up(patched(tier, { replicas: 3 }))))["update"], 1);
      assert.equal(await both(size), 3);
      await both(async (tier) => tier.run.up(patched(tier, {})));
      assert.equal(await both(size), 3);
    });

    it("leave no replica behind at decommission, and none when they are let go after it", async () => {
      await both(async (tier) => tier.run.up(patched(tier, { replicas: 0 })));
      assert.equal(await both(size), 0);
      await both(async (tier) => tier.run.up(patched(tier, {})));
      assert.equal(await both(size), 0);
    });
  });
});
