import { spawn, type ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import type { V1Container } from "@kubernetes/client-node";
import { timestamp, type ContainerState, type ContainerStatus } from "../api/objects";
import { ContainerLog } from "./log";
import { ProbeLoop, type ProbeResult } from "./probe";

/** Waits before the 2nd, 3rd, ... restart of a crashing container, in seconds: as the kubelet has them. */
const BACK_OFF_SECONDS = { first: 10, last: 300 };
/** A container that ran this long starts over with the shortest wait, in seconds. */
const BACK_OFF_RESET_SECONDS = 600;

/** What a container's process is started with. */
export interface Launch {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export interface ContainerOptions {
  readonly spec: V1Container;
  readonly address: string;
  readonly pace: number;
  /** Whether its process is started again when it ends (`restartPolicy: Always`). */
  readonly restarts: boolean;
  /** Called after every change of the status. */
  readonly onChange: () => void;
  /** Something that belongs into an event. */
  readonly onWarning: (reason: string, message: string) => void;
}

/** One container of a pod: one process, started again when it ends, watched by the probes of its spec. */
export class Container {
  log = new ContainerLog();
  /** Output of the run before this one. */
  previousLog: ContainerLog | undefined;

  private process: ChildProcess | undefined;
  private exited: Promise<void> = Promise.resolve();
  private launch: Launch | undefined;
  private state: ContainerState = { waiting: { reason: "ContainerCreating" } };
  private lastState: ContainerState = {};
  private restarts = 0;
  private crashesInARow = 0;
  private ready = false;
  private started = false;
  private stopping = false;
  private probes: ProbeLoop[] = [];
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly options: ContainerOptions) {}

  get status(): ContainerStatus {
    const { name, image = "" } = this.options.spec;
    const digest = createHash("sha256").update(image).digest("hex");
    return {
      name,
      image,
      imageID: `${image.replace(/:[^:/]*$/, "")}@sha256:${digest}`,
      ready: this.ready,
      started: this.started,
      restartCount: this.restarts,
      state: this.state,
      lastState: this.lastState,
    };
  }

  get pid(): number | undefined {
    return this.process?.pid;
  }

  /** It cannot start: why it waits. */
  wait(reason: string, message: string): void {
    this.state = { waiting: { reason, message } };
    this.options.onChange();
  }

  start(launch: Launch): void {
    this.launch = launch;
    this.run(launch);
  }

  kill(signal: NodeJS.Signals): boolean {
    return this.process?.kill(signal) ?? false;
  }

  /**
   * Ends the process and answers when it is gone: preStop's wait, SIGTERM, and SIGKILL at the deadline.
   * @param deadlineMs time of the end of the grace period, as `Date.now()` counts
   */
  async stop(preStopMs: number, deadlineMs: number): Promise<void> {
    this.stopping = true;
    clearTimeout(this.timer);
    if (this.process === undefined) {
      this.endProbes();
      return;
    }
    await this.within(Math.min(preStopMs, deadlineMs - Date.now()));
    this.endProbes();
    this.kill("SIGTERM");
    await this.within(Math.max(deadlineMs - Date.now(), SHORTEST_GRACE_MS));
    this.kill("SIGKILL");
    await this.exited;
  }

  /** At once, without asking. */
  async end(): Promise<void> {
    this.stopping = true;
    clearTimeout(this.timer);
    this.endProbes();
    this.kill("SIGKILL");
    await this.exited;
  }

  /** Waits for the process to end, at most so long. */
  private async within(ms: number): Promise<void> {
    if (this.process === undefined || ms <= 0) {
      return;
    }
    let timer: NodeJS.Timeout | undefined;
    const elapsed = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ms);
    });
    await Promise.race([this.exited, elapsed]);
    clearTimeout(timer);
  }

  private run({ argv, env }: Launch): void {
    const [command = "", ...rest] = argv;
    const startedAt = timestamp();
    const startedMs = Date.now();
    // The channel and the open standard input tell the process when its parent is gone.
    const child = spawn(command, rest, { env, stdio: ["pipe", "pipe", "pipe", "ipc"] });
    this.process = child;
    this.log = new ContainerLog();
    for (const stream of [child.stdout, child.stderr]) {
      if (stream !== null) {
        this.log.follow(stream);
      }
    }
    child.stdin?.on("error", () => undefined);
    child.on("error", () => undefined);
    this.state = { running: { startedAt } };
    this.exited = new Promise((resolve) => {
      const ended = (code: number | null, signal: NodeJS.Signals | null): void => {
        if (this.process === child) {
          this.process = undefined;
          this.ended(startedAt, Date.now() - startedMs, code, signal);
        }
        resolve();
      };
      child.once("close", ended);
      // A command that cannot be started has no end of its own.
      child.once("error", () => {
        if (child.pid === undefined) {
          ended(128, null);
        }
      });
    });
    this.watch();
    this.options.onChange();
  }

  private ended(startedAt: string, ranMs: number, code: number | null, signal: NodeJS.Signals | null): void {
    this.endProbes();
    const exitCode = code ?? 128 + (signal === null ? 0 : (SIGNAL_NUMBERS[signal] ?? 0));
    const terminated = {
      exitCode,
      reason: exitCode === 0 ? "Completed" : "Error",
      startedAt,
      finishedAt: timestamp(),
      ...(signal === null ? {} : { signal: SIGNAL_NUMBERS[signal] ?? 0 }),
    };
    this.previousLog = this.log;
    this.state = { terminated };
    if (!this.stopping) {
      this.lastState = { terminated };
      if (this.options.restarts) {
        this.scheduleRestart(ranMs);
      }
    }
    this.options.onChange();
  }

  private scheduleRestart(ranMs: number): void {
    const { pace, onWarning } = this.options;
    this.crashesInARow = ranMs > (BACK_OFF_RESET_SECONDS * 1000) / pace ? 1 : this.crashesInARow + 1;
    const { first, last } = BACK_OFF_SECONDS;
    // The first restart comes at once.
    const seconds = this.crashesInARow === 1 ? 0 : Math.min(first * 2 ** (this.crashesInARow - 2), last);
    if (seconds > 0) {
      const message = `back-off ${seconds}s restarting failed container=${this.options.spec.name}`;
      this.state = { waiting: { reason: "CrashLoopBackOff", message } };
      onWarning("BackOff", message);
    }
    this.timer = setTimeout(
      () => {
        if (!this.stopping && this.launch !== undefined) {
          this.restarts += 1;
          this.run(this.launch);
        }
      },
      (seconds * 1000) / pace,
    );
  }

  /** Readiness and liveness start when the startup probe, if there is one, has succeeded. */
  private watch(): void {
    const { startupProbe } = this.options.spec;
    if (startupProbe === undefined) {
      this.watchLife();
      return;
    }
    this.probe("startupProbe", (result) => {
      if (result.ok) {
        this.watchLife();
        this.options.onChange();
      } else {
        this.unhealthy("Startup", result);
      }
    });
  }

  private watchLife(): void {
    const { readinessProbe, livenessProbe } = this.options.spec;
    this.started = true;
    this.ready = readinessProbe === undefined;
    this.probe("readinessProbe", (result) => {
      this.ready = result.ok;
      if (!result.ok) {
        this.options.onWarning("Unhealthy", `Readiness probe failed: ${result.message}`);
      }
      this.options.onChange();
    });
    if (livenessProbe !== undefined) {
      this.probe("livenessProbe", (result) => {
        if (!result.ok) {
          this.unhealthy("Liveness", result);
        }
      });
    }
  }

  private probe(
    kind: "startupProbe" | "readinessProbe" | "livenessProbe",
    onChange: (result: ProbeResult) => void,
  ): void {
    const { spec, address, pace } = this.options;
    const probe = spec[kind];
    if (probe !== undefined) {
      this.probes.push(new ProbeLoop({ container: spec, address, probe, pace, onChange }));
    }
  }

  /** Ends the process; what runs next is a restart as after a crash. */
  private unhealthy(kind: string, { message }: ProbeResult): void {
    const { name } = this.options.spec;
    this.options.onWarning("Unhealthy", `${kind} probe failed: ${message}`);
    this.options.onWarning("Killing", `Container ${name} failed ${kind.toLowerCase()} probe, will be restarted`);
    this.kill("SIGKILL");
  }

  private endProbes(): void {
    this.probes.forEach((probe) => probe.stop());
    this.probes = [];
    this.ready = false;
    this.started = false;
  }
}

/** However fast time runs: so long a process has at least to end on SIGTERM, in milliseconds. */
const SHORTEST_GRACE_MS = 2000;

const SIGNAL_NUMBERS: Readonly<Partial<Record<NodeJS.Signals, number>>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGPIPE: 13,
  SIGTERM: 15,
};
