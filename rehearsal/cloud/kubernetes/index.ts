import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { KINDS } from "./api/kinds";
import { type Pod } from "./api/objects";
import { Resources } from "./api/resources";
import { ApiServer } from "./api/server";
import { Store } from "./api/store";
import { AutoscalerController } from "./controllers/autoscalers";
import { ControllerLoop } from "./controllers/controller";
import { DeploymentController } from "./controllers/deployments";
import { EventRecorder } from "./controllers/events";
import { GarbageCollector } from "./controllers/garbage";
import { HostsController } from "./controllers/hosts";
import { TargetGroupBindingController, type TargetRegistry } from "./controllers/targetGroupBindings";
import { writeKubeconfig } from "./kubeconfig";
import { Kubelet } from "./pods/kubelet";
import { podInfos, type PodInfo } from "./podInfo";
import { type PodCommand } from "./pods/podRun";

export { type Target, type TargetRegistry } from "./controllers/targetGroupBindings";
export { type PodInfo } from "./podInfo";
export { type PodCommand } from "./pods/podRun";

export interface ClusterOptions {
  readonly name: "a" | "b";
  /** Loopback address of the API server. */
  readonly address: string;
  /** Port of the API server; 0 takes a free one. */
  readonly port: number;
  /** First three numbers of the pods' addresses, as `127.12.10`. */
  readonly podNetwork: string;
  /** Folder for kubeconfig, hosts files and the pods' mounted files. Emptied of pods at the end. */
  readonly home: string;
  /** How much faster than real waits go: delays and periods of probes, preStop, grace, back-off. At least 1. */
  readonly pace: number;
  /** Where TargetGroupBindings register pods. */
  readonly targets: TargetRegistry;
  readonly podCommand: PodCommand;
  /** Gets a line for what an operator would want to know. Holds no secrets. */
  readonly log?: (line: string) => void;
}

/**
 * One Kubernetes cluster on this computer: an API server on loopback, the controllers that the migration meets, and
 * one node that runs pods as processes. Objects live in memory, outside of every plugin.
 */
export class KubernetesCluster {
  readonly kubeconfigPath: string;
  /** Bearer token of the kubeconfig. Secret. */
  readonly token: string;

  private constructor(
    readonly name: "a" | "b",
    private readonly resources: Resources,
    private readonly loop: ControllerLoop,
    private readonly kubelet: Kubelet,
    private readonly api: ApiServer,
    access: { readonly kubeconfigPath: string; readonly token: string },
  ) {
    this.kubeconfigPath = access.kubeconfigPath;
    this.token = access.token;
  }

  /** @throws Error when the address or port is taken */
  static async start(options: ClusterOptions): Promise<KubernetesCluster> {
    const { name, address, port, home, pace, podCommand, podNetwork, targets } = options;
    if (!(pace >= 1)) {
      throw new RangeError(`pace is ${pace}, expected 1 or more`);
    }
    mkdirSync(home, { recursive: true, mode: 0o700 });
    const report = (line: string): void => options.log?.(`cluster ${name}: ${line}`);
    const resources = new Resources(new Store());
    const events = new EventRecorder(resources, report);
    const loop = new ControllerLoop(report);
    const hosts = new HostsController(resources.store, join(home, "hosts"));
    const kubelet = new Kubelet({
      resources,
      events,
      cluster: name,
      podNetwork,
      folder: join(home, "pods"),
      pace,
      podCommand,
      hostsFile: (namespace) => hosts.file(namespace),
    });
    const token = randomBytes(24).toString("base64url");
    const api = new ApiServer({ address, port, token, resources, node: kubelet });
    await api.start();
    const kubeconfigPath = join(home, "kubeconfig.yaml");
    writeKubeconfig(kubeconfigPath, { name, server: `http://${address}:${api.port}`, token });

    for (const namespace of ["default", "kube-system"]) {
      resources.create(KINDS.namespace, undefined, { metadata: { name: namespace } }, { manager: "kube-apiserver" });
    }
    resources.store.onChange(loop.wake);
    loop.run([
      new AutoscalerController(resources),
      new DeploymentController(resources, loop.wake, pace),
      new GarbageCollector(resources),
      hosts,
      kubelet,
      new TargetGroupBindingController(resources, targets, events, loop.wake),
    ]);
    return new KubernetesCluster(name, resources, loop, kubelet, api, { kubeconfigPath, token });
  }

  /** Takes the API server down (connections are refused, those open are cut) or up again. Pods go on either way. */
  async setApi(up: boolean): Promise<void> {
    if (up && !this.api.listening) {
      await this.api.start();
    } else if (!up) {
      await this.api.stop();
    }
  }

  /** All pods, or those with the labels of a selector such as `app.kubernetes.io/component=dashboard`. */
  pods(selector = ""): readonly PodInfo[] {
    return podInfos(this.resources.store, this.kubelet, selector);
  }

  /**
   * Sends a signal to the processes of a pod, as a fault would: the pod stays, its containers start again.
   * @throws Error when there is no such pod or none of its containers runs
   */
  killPod(name: string, signal: NodeJS.Signals = "SIGKILL"): void {
    const pod = (this.resources.store.list(KINDS.pod) as readonly Pod[]).find(({ metadata }) => metadata.name === name);
    const containers = pod === undefined ? [] : (this.kubelet.run(pod)?.containers ?? []);
    const killed = containers.filter((container) => container.kill(signal));
    if (killed.length === 0) {
      const known = this.pods().map((one) => one.name);
      throw new Error(`Cluster ${this.name} runs no pod "${name}". It has: ${known.join(", ") || "none"}.`);
    }
  }

  /** Kills all pods, ends the API server. */
  async stop(): Promise<void> {
    await this.api.stop();
    await this.loop.stop();
  }
}
