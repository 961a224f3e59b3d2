import { join } from "node:path";
import { ApiError, badRequest } from "../api/errors";
import { KINDS } from "../api/kinds";
import { type ClusterObjects, type EventSink } from "../api/clusterObjects";
import { type KubeObject, type Pod } from "../api/objects";
import { type Controller } from "../controllers/controller";
import { PodAddresses } from "./addresses";
import { PodRun, type PodCommand } from "./podRun";

export interface KubeletOptions {
  readonly resources: ClusterObjects;
  readonly events: EventSink;
  readonly cluster: string;
  /** First three numbers of the pods' addresses. */
  readonly podNetwork: string;
  /** Folder for the files of all pods. */
  readonly folder: string;
  readonly pace: number;
  readonly podCommand: PodCommand;
  readonly hostsFile: (namespace: string) => string;
  /** Only pods that a scheduler has bound to this node. Default: all pods, where there is no scheduler. */
  readonly nodeName?: string;
  /** The node's address, as pods see it. Default: 127.0.0.1. */
  readonly nodeAddress?: string;
}

/** The cluster's one node: runs every pod that there is, and ends those that are being deleted. */
export class Kubelet implements Controller {
  private readonly runs = new Map<string, PodRun>();
  /** Grace with which a pod is being stopped, in seconds. */
  private readonly stopping = new Map<string, number>();
  private readonly ending = new Set<Promise<void>>();
  private readonly addresses: PodAddresses;
  private stopped = false;

  constructor(private readonly options: KubeletOptions) {
    this.addresses = new PodAddresses(options.podNetwork);
  }

  sync(): void {
    const { resources, nodeName } = this.options;
    const pods = (resources.store.list(KINDS.pod) as readonly Pod[]).filter(
      ({ spec }) => nodeName === undefined || spec.nodeName === nodeName,
    );
    this.endForgotten(new Set(pods.map(({ metadata }) => metadata.uid)));
    for (const pod of pods) {
      const { uid, deletionTimestamp, deletionGracePeriodSeconds = 0 } = pod.metadata;
      if (deletionTimestamp === undefined) {
        if (!this.runs.has(uid) && !this.stopped && !hasEnded(pod)) {
          this.start(pod);
        }
      } else if (deletionGracePeriodSeconds < (this.stopping.get(uid) ?? Infinity)) {
        this.stopping.set(uid, deletionGracePeriodSeconds);
        this.finish(pod, deletionGracePeriodSeconds);
      }
    }
  }

  /** Kills all processes at once. */
  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all([...this.runs.values()].map((run) => run.end()));
    await Promise.all(this.ending);
  }

  run(pod: KubeObject): PodRun | undefined {
    return this.runs.get(pod.metadata.uid);
  }

  /** Answers `undefined` while nothing has been written. @throws ApiError 400 for a container that is not there */
  log(pod: KubeObject, query: URLSearchParams): string | undefined {
    const run = this.runs.get(pod.metadata.uid);
    const names = (pod as Pod).spec.containers.map(({ name }) => name);
    const asked = query.get("container");
    if (asked === null && names.length > 1) {
      throw badRequest(
        `a container name must be specified for pod ${pod.metadata.name}, choose one of: [${names.join(" ")}]`,
      );
    }
    const at = asked === null ? 0 : names.indexOf(asked);
    if (at < 0) {
      throw badRequest(`container ${asked ?? ""} is not valid for pod ${pod.metadata.name}`);
    }
    const container = run?.containers[at];
    const waiting = container?.status.state.waiting;
    if (container === undefined || (waiting !== undefined && container.previousLog === undefined)) {
      const reason = waiting?.reason ?? "ContainerCreating";
      throw badRequest(`container "${names[at] ?? ""}" in pod "${pod.metadata.name}" is waiting to start: ${reason}`);
    }
    if (query.get("previous") !== "true") {
      return container.log.read(query);
    }
    if (container.status.restartCount === 0 || container.previousLog === undefined) {
      throw new ApiError(
        400,
        "BadRequest",
        `previous terminated container "${names[at] ?? ""}" in pod "${pod.metadata.name}" not found`,
      );
    }
    return container.previousLog.read(query);
  }

  /** Kills what runs for pods that are no more: somebody deleted them without grace. */
  private endForgotten(known: ReadonlySet<string>): void {
    for (const [uid, run] of this.runs) {
      if (!known.has(uid) && !this.stopping.has(uid)) {
        this.stopping.set(uid, 0);
        this.finish(run.pod, 0);
      }
    }
  }

  private start(pod: Pod): void {
    const { resources, events, cluster, folder, pace, podCommand, hostsFile, nodeAddress } = this.options;
    const { uid, name, namespace = "" } = pod.metadata;
    const run = new PodRun(pod, {
      resources,
      events,
      cluster,
      pace,
      podCommand,
      address: this.addresses.take(),
      folder: join(folder, `${namespace}-${name}`),
      hostsFile: hostsFile(namespace),
      nodeAddress: nodeAddress ?? "127.0.0.1",
    });
    this.runs.set(uid, run);
    run.start();
  }

  private finish(pod: Pod, graceSeconds: number): void {
    const run = this.runs.get(pod.metadata.uid);
    const stopped = (run?.stop(graceSeconds) ?? Promise.resolve()).catch((error: unknown) =>
      // Its processes are gone, its files may not be.
      this.options.events.warn(pod, "FailedKillPod", String(error)),
    );
    const task = stopped.then(() => {
      this.ending.delete(task);
      if (this.runs.delete(pod.metadata.uid) && run !== undefined) {
        this.addresses.release(run.address);
      }
      this.stopping.delete(pod.metadata.uid);
      this.options.resources.remove(KINDS.pod, pod);
    });
    this.ending.add(task);
  }
}

/** A pod that has done its work and is not started again. */
function hasEnded({ status }: Pod): boolean {
  return status?.phase === "Succeeded" || status?.phase === "Failed";
}
