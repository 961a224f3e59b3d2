import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { V1Container } from "@kubernetes/client-node";
import { isDeepStrictEqual } from "node:util";
import { type ClusterObjects, type EventSink } from "../api/clusterObjects";
import { KINDS } from "../api/kinds";
import { timestamp, type Condition, type ContainerStatus, type Pod, type PodStatus } from "../api/objects";
import { Container } from "./container";
import { egressPolicies } from "./egress";
import { containerEnvironment } from "./environment";
import { NotReadyYet } from "./missing";
import { mountFiles } from "./volumes";

/** What a container's spec starts in place of the image's own command. */
export interface OwnCommand {
  readonly command: readonly string[];
  readonly args: readonly string[];
}

/** What stands for an image: the command of a process, or `undefined` for an unknown image. May throw for a bad tag. */
export type PodCommand = (image: string, component?: string, own?: OwnCommand) => readonly string[] | undefined;

export interface PodRunOptions {
  readonly resources: ClusterObjects;
  readonly events: EventSink;
  readonly cluster: string;
  readonly pace: number;
  readonly podCommand: PodCommand;
  /** The pod's own address. */
  readonly address: string;
  /** Folder for the pod's mounted files, removed at its end. */
  readonly folder: string;
  readonly hostsFile: string;
  /** The node's address, as pods see it. */
  readonly nodeAddress: string;
}

/** Wait before another look for what a container lacks, in seconds of the cluster's time. */
const RETRY_SECONDS = 2;
const SHORTEST_RETRY_MS = 200;

/** One pod: its processes, its files and its status. */
export class PodRun {
  readonly containers: readonly Container[];
  private readonly startTime = timestamp();
  private readonly timers = new Set<NodeJS.Timeout>();
  /** Starts under way, which write files. */
  private readonly starts = new Set<Promise<void>>();
  private stopping: Promise<void> | undefined;
  /** Nothing may be started any more. */
  private over = false;

  constructor(
    readonly pod: Pod,
    private readonly options: PodRunOptions,
  ) {
    this.containers = pod.spec.containers.map(
      (spec) =>
        new Container({
          spec,
          address: options.address,
          pace: options.pace,
          restarts: (pod.spec.restartPolicy ?? "Always") === "Always",
          onChange: () => this.report(),
          onWarning: (reason, message) => options.events.warn(pod, reason, message),
        }),
    );
  }

  get address(): string {
    return this.options.address;
  }

  start(): void {
    this.report();
    this.pod.spec.containers.forEach((spec, at) => this.begin(spec, at));
  }

  /**
   * Ends the pod within its grace period (paced, shortened by a repeated call with less) and removes it.
   * @param graceSeconds seconds of the cluster's time; 0 kills at once
   */
  async stop(graceSeconds: number): Promise<void> {
    if (graceSeconds <= 0) {
      await this.end();
      return;
    }
    this.stopping ??= this.stopGracefully(graceSeconds);
    await this.stopping;
  }

  /** Kills everything at once and removes the files. */
  async end(): Promise<void> {
    this.over = true;
    this.timers.forEach((timer) => clearTimeout(timer));
    await Promise.all(this.containers.map((container) => container.end()));
    await this.clean();
  }

  private async stopGracefully(graceSeconds: number): Promise<void> {
    this.over = true;
    this.timers.forEach((timer) => clearTimeout(timer));
    const deadline = Date.now() + (graceSeconds * 1000) / this.options.pace;
    await Promise.all(
      this.containers.map((container, at) =>
        container.stop((preStopSeconds(this.pod.spec.containers[at]) * 1000) / this.options.pace, deadline),
      ),
    );
    await this.clean();
  }

  private async clean(): Promise<void> {
    await Promise.all(this.starts);
    await rm(this.options.folder, { recursive: true, force: true });
  }

  private begin(spec: V1Container, at: number): void {
    const start = this.startContainer(spec, at).finally(() => this.starts.delete(start));
    this.starts.add(start);
  }

  private async startContainer(spec: V1Container, at: number): Promise<void> {
    const { resources, folder, pace, events } = this.options;
    const container = this.containers[at];
    try {
      const argv = this.command(spec);
      const root = join(folder, spec.name);
      await mountFiles(resources, this.livePod(), spec, root);
      const variables = containerEnvironment(resources.store, this.livePod(), spec);
      if (!this.over) {
        container?.start({ argv, env: { ...this.nodeEnvironment(root), ...variables } });
      }
    } catch (error) {
      if (this.over) {
        return;
      }
      const missing =
        error instanceof NotReadyYet ? error : new NotReadyYet("ContainerCreating", "FailedMount", String(error));
      events.warn(this.pod, missing.event, missing.message);
      container?.wait(missing.reason, missing.message);
      const timer = setTimeout(
        () => {
          this.timers.delete(timer);
          this.begin(spec, at);
        },
        Math.max((RETRY_SECONDS * 1000) / pace, SHORTEST_RETRY_MS),
      );
      this.timers.add(timer);
    }
  }

  private command({ image = "", command, args = [] }: V1Container): readonly string[] {
    const own = command === undefined ? undefined : { command, args };
    const component = this.pod.metadata.labels?.["app.kubernetes.io/component"];
    let argv: readonly string[] | undefined;
    try {
      argv = this.options.podCommand(image, component, own);
    } catch (error) {
      throw pullFailed(image, error instanceof Error ? error.message : String(error));
    }
    if (argv === undefined) {
      throw pullFailed(image, "no process stands for it here");
    }
    return argv;
  }

  /** What every process gets; the container's own variables win. */
  private nodeEnvironment(root: string): Record<string, string> {
    const { metadata } = this.pod;
    const inherited = ["PATH", "HOME", "TMPDIR", "LANG"].flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value] as const];
    });
    return {
      ...Object.fromEntries(inherited),
      HOSTNAME: metadata.name,
      POD_NAME: metadata.name,
      POD_NAMESPACE: metadata.namespace ?? "",
      POD_IP: this.options.address,
      REHEARSAL_ROOT: root,
      REHEARSAL_CLUSTER: this.options.cluster,
      REHEARSAL_HOSTS: this.options.hostsFile,
      REHEARSAL_PACE: String(this.options.pace),
      REHEARSAL_EGRESS: JSON.stringify(
        egressPolicies(this.options.resources.store.list(KINDS.networkPolicy), this.pod),
      ),
    };
  }

  /** The pod with its address, which variables and files may ask for. */
  private livePod(): Pod {
    return { ...this.pod, status: { phase: "Pending", podIP: this.options.address, hostIP: this.options.nodeAddress } };
  }

  /** How a pod whose containers are not started again has ended; undefined while one of them runs or waits. */
  private outcome(containers: readonly ContainerStatus[]): "Succeeded" | "Failed" | undefined {
    if ((this.pod.spec.restartPolicy ?? "Always") === "Always") {
      return undefined;
    }
    const codes = containers.map(({ state }) => state.terminated?.exitCode);
    if (codes.includes(undefined)) {
      return undefined;
    }
    return codes.every((code) => code === 0) ? "Succeeded" : "Failed";
  }

  private report(): void {
    const { resources, address, nodeAddress } = this.options;
    const live = resources.store.get(KINDS.pod, this.pod.metadata.namespace, this.pod.metadata.name) as Pod | undefined;
    const containerStatuses = this.containers.map(({ status }) => status);
    const ready = containerStatuses.every((status) => status.ready);
    const everStarted = containerStatuses.every(
      ({ state, restartCount }) => state.running !== undefined || state.terminated !== undefined || restartCount > 0,
    );
    const before = live?.status?.conditions;
    const status: PodStatus = {
      phase:
        this.outcome(containerStatuses) ?? (everStarted || live?.status?.phase === "Running" ? "Running" : "Pending"),
      podIP: address,
      podIPs: [{ ip: address }],
      hostIP: nodeAddress,
      startTime: this.startTime,
      conditions: [
        condition("PodScheduled", true, before),
        condition("Initialized", true, before),
        condition("ContainersReady", ready, before),
        condition("Ready", ready, before),
      ],
      containerStatuses,
    };
    if (live !== undefined && !isDeepStrictEqual(live.status, status)) {
      resources.setStatus(KINDS.pod, this.pod, status);
    }
  }
}

function condition(type: string, holds: boolean, before: readonly Condition[] | undefined): Condition {
  const status = holds ? "True" : "False";
  const same = before?.find((one) => one.type === type && one.status === status);
  return {
    type,
    status,
    lastTransitionTime: same?.lastTransitionTime ?? timestamp(),
    ...(holds ? {} : { reason: "ContainersNotReady", message: "containers with unready status" }),
  };
}

function pullFailed(image: string, why: string): NotReadyYet {
  return new NotReadyYet("ErrImagePull", "Failed", `Failed to pull image "${image}": ${why}`);
}

/** Seconds that a container's preStop hook sleeps: `sleep` of the kubelet, or a shell's `sleep N`. Others take none. */
function preStopSeconds(container: V1Container | undefined): number {
  const hook = container?.lifecycle?.preStop;
  const shell = /(?:^|\s)sleep\s+(\d+(?:\.\d+)?)\s*$/.exec(hook?.exec?.command?.join(" ") ?? "");
  return hook?.sleep?.seconds ?? Number(shell?.[1] ?? 0);
}
