import { join } from "node:path";
import { installChart, type Values } from "../kubernetes/charts";
import { RealCluster } from "../kubernetes/real/cluster";
import { Etcd } from "../kubernetes/real/controlPlane";
import { helmInstall } from "../kubernetes/real/helm";
import { RealApi } from "../kubernetes/real/api";
import { type Programs } from "../kubernetes/real/programs";
import { KubernetesCluster, type PodCommand, type PodInfo, type TargetRegistry } from "./kubernetes";
import { KINDS, type Kind } from "./kubernetes/api/kinds";
import { type ObjectInput } from "./kubernetes/api/objects";
import { KubeClient } from "./kubernetes/client";

/** One cluster of either tier, as the clouds use it. */
export interface Cluster {
  readonly name: "a" | "b";
  readonly kubeconfigPath: string;
  /** Address of the API server. */
  readonly server: string;
  setApi(up: boolean): Promise<void>;
  pods(selector?: string): readonly PodInfo[];
  /** Sets a Deployment's size behind everybody's back. @throws Error when there is no such Deployment */
  setReplicas(namespace: string, deployment: string, replicas: number): Promise<void>;
  /** Installs a chart as its owners do, with Helm, and waits for its pods. */
  install(release: OwnersRelease): Promise<void>;
  /** Makes an object as its owners do, by hand. */
  create(kind: Kind, namespace: string, object: ObjectInput): Promise<void>;
}

export interface OwnersRelease {
  /** Path of the archive. */
  readonly chart: string;
  readonly name: string;
  /** Made when it is not there. */
  readonly namespace: string;
  /** May hold secrets. */
  readonly values: Values;
}

/** Where the pods of the two clusters have their addresses: first three numbers. */
export interface PodNetworks {
  readonly a: string;
  readonly b: string;
}

export interface ClustersOptions {
  /** The /16 of loopback that the run owns: `127.R`. */
  readonly network: string;
  readonly podNetworks: PodNetworks;
  readonly home: string;
  readonly pace: number;
  readonly targets: TargetRegistry;
  readonly podCommand: PodCommand;
  /** The programs of a real control plane; without them the stand-in serves. */
  readonly programs?: Programs | undefined;
}

export interface Clusters {
  readonly a: Cluster;
  readonly b: Cluster;
  stop(): Promise<void>;
}

/** Name of A's owners in `managedFields`. */
const OWNERS = "owners";
/** Ports of the API servers on the same address; a real control plane takes the next two as well. */
const PORTS = { standIn: { a: 6443, b: 6444 }, real: { a: 6443, b: 6543 } } as const;
const ETCD_PORT = 2379;

/** Starts both clusters, of the real tier when there are programs for it. */
export async function startClusters(options: ClustersOptions): Promise<Clusters> {
  const { programs } = options;
  return programs === undefined ? standIns(options) : real(options, programs);
}

async function standIns({ network, podNetworks, home, ...common }: ClustersOptions): Promise<Clusters> {
  const address = `${network}.0.1`;
  const start = async (name: "a" | "b"): Promise<{ cluster: KubernetesCluster; as: Cluster }> => {
    const port = PORTS.standIn[name];
    const cluster = await KubernetesCluster.start({
      name,
      address,
      port,
      podNetwork: podNetworks[name],
      home: join(home, `cluster-${name}`),
      pace: common.pace,
      targets: common.targets,
      podCommand: common.podCommand,
    });
    return { cluster, as: ofStandIn(cluster, `http://${address}:${port}`) };
  };
  const [a, b] = [await start("a"), await start("b")];
  return {
    a: a.as,
    b: b.as,
    stop: async () => {
      await Promise.all([a.cluster.stop(), b.cluster.stop()]);
    },
  };
}

function ofStandIn(cluster: KubernetesCluster, server: string): Cluster {
  const { name, kubeconfigPath } = cluster;
  return {
    name,
    kubeconfigPath,
    server,
    setApi: async (up) => cluster.setApi(up),
    pods: (selector) => cluster.pods(selector),
    async setReplicas(namespace, deployment, replicas) {
      const client = await KubeClient.open(kubeconfigPath);
      const object = await client.find(KINDS.deployment, namespace, deployment);
      if (object === undefined) throw new Error(`cluster ${name} has no Deployment ${deployment}`);
      const spec = { ...(object.spec as Record<string, unknown>), replicas };
      await client.replace(KINDS.deployment, { ...object, spec }, "somebody");
    },
    async install(release) {
      await installChart({ kubeconfigPath, ...release });
    },
    async create(kind, namespace, object) {
      const client = await KubeClient.open(kubeconfigPath);
      await client.create(kind, namespace, object, OWNERS);
    },
  };
}

async function real(options: ClustersOptions, programs: Programs): Promise<Clusters> {
  const { network, podNetworks, home, pace, targets, podCommand } = options;
  const address = `${network}.0.1`;
  const etcd = await Etcd.start(programs.etcd, address, ETCD_PORT, join(home, "etcd"));
  const running: RealCluster[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(running.map(async (cluster) => cluster.stop()));
    await etcd.stop();
  };
  const start = async (name: "a" | "b"): Promise<Cluster> => {
    const cluster = await RealCluster.start({
      name,
      programs,
      address,
      port: PORTS.real[name],
      etcd: etcd.url,
      podNetwork: podNetworks[name],
      home: join(home, `cluster-${name}`),
      pace,
      targets,
      podCommand,
    });
    running.push(cluster);
    return ofReal(cluster, programs, join(home, "helm"));
  };
  try {
    return { a: await start("a"), b: await start("b"), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function ofReal(cluster: RealCluster, programs: Programs, helmHome: string): Cluster {
  const { name, kubeconfigPath, server } = cluster;
  return {
    name,
    kubeconfigPath,
    server,
    setApi: async (up) => cluster.setApi(up),
    pods: (selector) => cluster.pods(selector),
    setReplicas: async (namespace, deployment, replicas) => cluster.scale(namespace, deployment, replicas),
    install: async (release) => helmInstall({ ...release, helm: programs.helm, home: helmHome, kubeconfigPath }),
    async create(kind, namespace, object) {
      const api = RealApi.open(kubeconfigPath);
      try {
        await api.create(kind, namespace, object, OWNERS);
      } finally {
        api.close();
      }
    },
  };
}
