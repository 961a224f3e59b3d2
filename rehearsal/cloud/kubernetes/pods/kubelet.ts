import { join } from "node:path";
import { ApiError, badRequest } from "../api/errors";
import { KINDS } from "../api/kinds";
import { type KubeObject, type Pod } from "../api/objects";
import { type Resources } from "../api/resources";
import { type Controller } from "../controllers/controller";
import { type EventRecorder } from "../controllers/events";
import { PodAddresses } from "./addresses";
import { PodRun, type PodCommand } from "./podRun";

export interface KubeletOptions {
  readonly resources: Resources;
  readonly events: EventRecorder;
  readonly cluster: string;
  /** First three numbers of the pods' addresses. */
  readonly podNetwork: string;
  /** Folder for the files of all pods. */
  readonly folder: string;
  readonly pace: number;
  readonly podCommand: PodCommand;
  readonly hostsFile: (namespace: string) => string;
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
    const pods = this.options.resources.store.list(KINDS.pod) as readonly Pod[];
    for (const pod of pods) {
      const { uid, deletionTimestamp, deletionGracePeriodSeconds = 0 } = pod.metadata;
      if (deletionTimestamp === undefined) {
        if (!this.runs.has(uid) && !this.stopped) {
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

  private start(pod: Pod): void {
    const { resources, events, cluster, folder, pace, podCommand, hostsFile } = this.options;
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
