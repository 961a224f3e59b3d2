import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Kind } from "../../../../rehearsal/cloud/kubernetes/api/kinds";
import { type KubeObject, type ObjectInput } from "../../../../rehearsal/cloud/kubernetes/api/objects";
import { RealApi } from "../../../../rehearsal/kubernetes/real/api";
import { RealCluster } from "../../../../rehearsal/kubernetes/real/cluster";
import { Etcd } from "../../../../rehearsal/kubernetes/real/controlPlane";
import { openTier, type Tier } from "../../../../rehearsal/kubernetes/real/tier";
import { claimNetwork } from "../../../../rehearsal/network";
import { FakeTargets, podCommand } from "../fixture";

/** A machine on which nothing was built yet needs this long when it is busy. */
export const BUILD_MS = 90 * 60_000;

/** What a cluster runs by itself, without Helm and Pulumi's provider. */
const CONTROL_PLANE = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"] as const;

/** One real cluster in a folder of its own, and a client for it. */
export class RealTestCluster {
  private constructor(
    readonly tier: Tier,
    readonly home: string,
    readonly cluster: RealCluster,
    readonly targets: FakeTargets,
    readonly api: RealApi,
    /** What the node told. */
    readonly lines: readonly string[],
    private readonly ends: readonly (() => Promise<void> | void)[],
  ) {}

  /** Builds what the machine lacks, and starts. @param o `clients`: with Helm and the provider */
  static async start(o: { readonly clients?: boolean } = {}): Promise<RealTestCluster> {
    const ends: (() => Promise<void> | void)[] = [];
    try {
      const network = await claimNetwork();
      ends.unshift(() => network.release());
      const tier = await openTier(network.prefix, () => undefined, o.clients === true ? undefined : CONTROL_PLANE);
      ends.unshift(() => tier.podNetworks.release());
      const home = mkdtempSync(join(tmpdir(), "real-cluster-"));
      ends.unshift(() => rmSync(home, { recursive: true, force: true }));
      const address = `${network.prefix}.0.1`;
      const etcd = await Etcd.start(tier.programs.etcd, address, 2379, join(home, "etcd"));
      ends.unshift(() => etcd.stop());
      const targets = new FakeTargets();
      const lines: string[] = [];
      const cluster = await RealCluster.start({
        name: "a",
        programs: tier.programs,
        address,
        port: 6443,
        etcd: etcd.url,
        podNetwork: tier.podNetworks.a,
        home,
        pace: 50,
        targets,
        podCommand,
        log: (line) => lines.push(line),
      });
      ends.unshift(() => cluster.stop());
      const api = RealApi.open(cluster.kubeconfigPath);
      ends.unshift(() => api.close());
      return new RealTestCluster(tier, home, cluster, targets, api, lines, ends);
    } catch (error) {
      for (const end of ends) await end();
      throw error;
    }
  }

  async create(kind: Kind, namespace: string | undefined, object: ObjectInput): Promise<KubeObject> {
    return this.api.create(kind, namespace, object, "helm");
  }

  readyPods(selector = ""): readonly string[] {
    return this.cluster.pods(selector).flatMap(({ name, ready, terminating }) => (ready && !terminating ? [name] : []));
  }

  async stop(): Promise<void> {
    for (const end of this.ends) await end();
  }
}
