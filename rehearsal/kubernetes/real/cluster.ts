import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { KINDS } from "../../cloud/kubernetes/api/kinds";
import { ControllerLoop } from "../../cloud/kubernetes/controllers/controller";
import { HostsController } from "../../cloud/kubernetes/controllers/hosts";
import {
  TargetGroupBindingController,
  type TargetRegistry,
} from "../../cloud/kubernetes/controllers/targetGroupBindings";
import { podInfos, type PodInfo } from "../../cloud/kubernetes/podInfo";
import { Kubelet } from "../../cloud/kubernetes/pods/kubelet";
import { type PodCommand } from "../../cloud/kubernetes/pods/podRun";
import { RealApi } from "./api";
import { ControlPlane } from "./controlPlane";
import { defineKinds } from "./definitions";
import { Mirror } from "./mirror";
import { NODE_NAME, NodePresence } from "./node";
import { NODE_HOST } from "./podNetworks";
import { type Programs } from "./programs";
import { RemoteObjects } from "./remoteObjects";

export interface RealClusterOptions {
  readonly name: "a" | "b";
  readonly programs: Programs;
  /** Loopback address of the control plane. */
  readonly address: string;
  /** Port of the API server; the two after it are taken as well. */
  readonly port: number;
  /** `http://127.12.0.1:2379`: etcd that both clusters share, each with its own prefix. */
  readonly etcd: string;
  /** First three numbers of the pods' addresses, no loopback: `198.18.12`. */
  readonly podNetwork: string;
  /** Folder for credentials, logs, hosts files and the pods' mounted files. */
  readonly home: string;
  /** As in the default tier: how much faster than real the node's waits go. */
  readonly pace: number;
  readonly targets: TargetRegistry;
  readonly podCommand: PodCommand;
  /** Gets a line for what an operator would want to know. Holds no secrets. */
  readonly log?: (line: string) => void;
}

/** What the node and the load balancer's controller look at. */
const FOLLOWED = [
  KINDS.namespace,
  KINDS.configMap,
  KINDS.secret,
  KINDS.service,
  KINDS.networkPolicy,
  KINDS.pod,
  KINDS.targetGroupBinding,
];

/**
 * One real Kubernetes cluster on this computer: kube-apiserver, kube-controller-manager and kube-scheduler. The node is
 * the only stand-in: it runs pods as processes, as in the default tier, by the same code. The load balancer's controller
 * is the default tier's, too.
 */
export class RealCluster {
  /** For an administrator; Helm, the provider and the checks use it. */
  readonly kubeconfigPath: string;
  readonly server: string;

  private constructor(
    readonly name: "a" | "b",
    private readonly plane: ControlPlane,
    private readonly parts: {
      readonly mirror: Mirror;
      readonly objects: RemoteObjects;
      readonly loop: ControllerLoop;
      readonly kubelet: Kubelet;
      readonly node: NodePresence;
      readonly apis: readonly RealApi[];
    },
  ) {
    this.kubeconfigPath = plane.credentials.kubeconfigs.admin;
    this.server = plane.server;
  }

  /** @throws Error with the end of the log of what did not start */
  static async start(options: RealClusterOptions): Promise<RealCluster> {
    const { name, podNetwork, home, pace, podCommand, targets } = options;
    mkdirSync(home, { recursive: true, mode: 0o700 });
    const report = (line: string): void => options.log?.(`cluster ${name}: ${line}`);
    const nodeAddress = `${podNetwork}.${NODE_HOST}`;
    const plane = await ControlPlane.start({ ...options, nodeAddress, folder: join(home, "control-plane") });
    const apis: RealApi[] = [];
    const open = (user: "admin" | "node" | "load-balancer"): RealApi => {
      const api = RealApi.open(plane.credentials.kubeconfigs[user]);
      apis.push(api);
      return api;
    };
    const ends: (() => Promise<void>)[] = [];
    try {
      await defineKinds(open("admin"));
      const loop = new ControllerLoop(report);
      const api = open("node");
      const mirror = new Mirror(api, loop.wake, report);
      ends.unshift(async () => mirror.stop());
      await mirror.follow(FOLLOWED);
      const objects = new RemoteObjects(api, mirror, report);
      const bindings = new RemoteObjects(open("load-balancer"), mirror, report);
      const hosts = new HostsController(mirror, join(home, "hosts"));
      const kubelet = new Kubelet({
        resources: objects,
        events: objects,
        cluster: name,
        podNetwork,
        folder: join(home, "pods"),
        pace,
        podCommand,
        hostsFile: (namespace) => hosts.file(namespace),
        nodeName: NODE_NAME,
        nodeAddress,
      });
      const node = await NodePresence.start({
        api,
        store: mirror,
        kubelet,
        address: nodeAddress,
        credentials: plane.credentials,
        kubernetesVersion: await versionOf(api),
        report,
      });
      ends.unshift(async () => node.stop());
      loop.run([hosts, kubelet, new TargetGroupBindingController(bindings, targets, bindings, loop.wake)]);
      return new RealCluster(name, plane, { mirror, objects, loop, kubelet, node, apis });
    } catch (error) {
      for (const end of ends) await end();
      apis.forEach((api) => api.close());
      await plane.stop();
      throw error;
    }
  }

  /** Takes the API server down at once, or up again; pods, controllers and scheduler go on either way. */
  async setApi(up: boolean): Promise<void> {
    await this.plane.setApi(up);
  }

  /** All pods, or those with the labels of a selector such as `app.kubernetes.io/component=dashboard`. */
  pods(selector = ""): readonly PodInfo[] {
    return podInfos(this.parts.mirror, this.parts.kubelet, selector);
  }

  /** Sets a Deployment's size as somebody else than the program would, by its subresource `scale`. */
  async scale(namespace: string, deployment: string, replicas: number): Promise<void> {
    const api = RealApi.open(this.kubeconfigPath);
    try {
      const target = { metadata: { namespace, name: deployment } };
      await api.merge(KINDS.deployment, target, { spec: { replicas } }, { manager: "somebody", subresource: "scale" });
    } finally {
      api.close();
    }
  }

  /** Kills all pods, ends node and control plane. */
  async stop(): Promise<void> {
    const { loop, node, mirror, objects, apis } = this.parts;
    await loop.stop();
    await objects.stop();
    await mirror.stop();
    await node.stop();
    apis.forEach((api) => api.close());
    await this.plane.stop();
  }
}

async function versionOf(api: RealApi): Promise<string> {
  const { gitVersion } = (await api.get("/version")) as { readonly gitVersion: string };
  return gitVersion;
}
