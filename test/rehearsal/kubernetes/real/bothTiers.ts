import { readFileSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { type Kind } from "../../../../rehearsal/cloud/kubernetes/api/kinds";
import { type KubeObject } from "../../../../rehearsal/cloud/kubernetes/api/objects";
import { installChart } from "../../../../rehearsal/kubernetes/charts";
import { helmInstall } from "../../../../rehearsal/kubernetes/real/helm";
import { useRealProvider } from "../../../../rehearsal/kubernetes/real/tier";
import { EngineRun, pluginSource } from "../../providers/engineRun";
import { NAMESPACE, TestCluster, type FakeTargets } from "../fixture";
import { RealTestCluster } from "./realCluster";

/** A cluster and an engine of one tier, under the same names in both. */
export interface TierUnderTest {
  readonly title: "stand-in" | "real";
  readonly run: EngineRun;
  readonly kubeconfig: string;
  readonly targets: FakeTargets;
  find(kind: Kind, namespace: string | undefined, name: string): Promise<KubeObject | undefined>;
  readyPods(selector: string): readonly string[];
  podCount(): number;
  setApi(up: boolean): Promise<void>;
  /** Installs a release as a cluster's owners do. */
  install(chart: string, name: string, values: Readonly<Record<string, unknown>>): Promise<void>;
  stop(): Promise<void>;
}

export async function standInTier(): Promise<TierUnderTest> {
  const test = await TestCluster.start({ pace: 100, pods: "61" });
  const run = await EngineRun.start([pluginSource("kubernetes")]);
  const { cluster, client, targets } = test;
  return {
    title: "stand-in",
    run,
    kubeconfig: cluster.kubeconfigPath,
    targets,
    find: async (kind, namespace, name) => client.find(kind, namespace, name),
    readyPods: (selector) => test.readyPods(selector),
    podCount: () => cluster.pods().length,
    setApi: async (up) => cluster.setApi(up),
    install: async (chart, name, values) => {
      await installChart({ kubeconfigPath: cluster.kubeconfigPath, chart, name, namespace: NAMESPACE, values });
    },
    stop: async () => {
      run.remove();
      await test.stop();
    },
  };
}

export async function realTier(): Promise<TierUnderTest> {
  const test = await RealTestCluster.start({ clients: true });
  const { cluster, api, tier, targets } = test;
  // The launcher that it makes is replaced by the real provider's.
  const run = await EngineRun.start([pluginSource("kubernetes")]);
  await useRealProvider(join(run.folder, "bin"), tier);
  return {
    title: "real",
    run,
    kubeconfig: cluster.kubeconfigPath,
    targets,
    find: async (kind, namespace, name) => api.find(kind, namespace, name),
    readyPods: (selector) => test.readyPods(selector),
    podCount: () => cluster.pods().length,
    setApi: async (up) => cluster.setApi(up),
    install: async (chart, name, values) =>
      helmInstall({
        helm: tier.programs.helm,
        home: join(test.home, "helm"),
        kubeconfigPath: cluster.kubeconfigPath,
        chart,
        name,
        namespace: NAMESPACE,
        values,
      }),
    stop: async () => {
      run.remove();
      await test.stop();
    },
  };
}

/** Another way to the same API server, by the name `localhost`. */
export async function secondName(tier: TierUnderTest): Promise<{ kubeconfig: string; close: () => void }> {
  const text = readFileSync(tier.kubeconfig, "utf8");
  const server = /server: (\S+)/.exec(text)?.[1] ?? "";
  const { hostname, port, protocol } = new URL(server);
  const forward = createServer((socket) => {
    const onward = connect({ host: hostname, port: Number(port) });
    socket.on("error", () => onward.destroy()).pipe(onward);
    onward.on("error", () => socket.destroy()).pipe(socket);
  });
  await new Promise<void>((resolve) => forward.listen(0, "127.0.0.1", resolve));
  const address = forward.address();
  const local = typeof address === "object" && address !== null ? address.port : 0;
  const kubeconfig = join(tier.run.folder, "second.kubeconfig");
  writeFileSync(kubeconfig, text.replace(server, `${protocol}//localhost:${local}`), { mode: 0o600 });
  return { kubeconfig, close: () => forward.close() };
}

type Fields = Readonly<Record<string, unknown>>;

/** Set by the server, another one each time, or the address of one cluster. */
const OWN = new Set([
  "uid",
  "resourceVersion",
  "creationTimestamp",
  "generation",
  "managedFields",
  "clusterIP",
  "clusterIPs",
  "nodePort",
  "checksum/config",
]);

/** Paths at which the second object differs from the first; what only the second has are the server's defaults. */
export function differences(first: unknown, second: unknown, path = ""): readonly string[] {
  if (Array.isArray(first)) {
    if (!Array.isArray(second) || first.length !== second.length) return [path];
    return first.flatMap((one, at) => differences(one, (second as readonly unknown[])[at], `${path}[${at}]`));
  }
  if (typeof first === "object" && first !== null) {
    const other = (typeof second === "object" && second !== null ? second : {}) as Fields;
    return Object.entries(first as Fields)
      .filter(([key]) => !OWN.has(key))
      .flatMap(([key, value]) => differences(value, other[key], `${path}.${key}`));
  }
  return first === second ? [] : [`${path}: ${JSON.stringify(first)} and ${JSON.stringify(second)}`];
}
