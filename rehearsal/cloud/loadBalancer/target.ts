import { Agent } from "node:http";
import { HealthCheck, HealthRecord, type CheckResult } from "./healthCheck";
import { type HealthCheckConfig, type TargetState } from "./types";

/**
 * Idle connections to targets are closed after this long: long before a target would (75 s), because a request that meets a
 * closing connection is lost; nothing is ever sent twice.
 */
const POOL_IDLE_MS = 30_000;

/** A request or WebSocket that a target is serving. */
export interface InFlight {
  /** Ends it at once, visibly: nobody may take the rest for a complete answer. */
  cut(): void;
}

/**
 * One registered target: its pool of connections, its health, and what it is serving now. A target that is deregistered
 * drains: what it serves may finish within the deregistration delay; registering the same address again makes a new one.
 */
export class Target {
  readonly id: string;
  readonly port: number;
  /** Kept-alive connections. */
  readonly agent = new Agent({ keepAlive: true, maxSockets: Infinity, maxFreeSockets: 1024, timeout: POOL_IDLE_MS });
  #record = new HealthRecord();
  #check: HealthCheck | undefined;
  readonly #inFlight = new Set<InFlight>();
  #draining = false;
  #drainTimer: NodeJS.Timeout | undefined;
  #onDrained: (() => void) | undefined;

  constructor(address: { readonly id: string; readonly port: number }) {
    this.id = address.id;
    this.port = address.port;
  }

  get name(): string {
    return `${this.id}:${this.port}`;
  }

  get healthy(): boolean {
    return this.#record.health === "healthy";
  }

  get draining(): boolean {
    return this.#draining;
  }

  get active(): number {
    return this.#inFlight.size;
  }

  state(): TargetState {
    const { id, port } = this;
    if (this.draining) {
      return { id, port, state: "draining", reason: "Target.DeregistrationInProgress" };
    }
    if (this.#check === undefined) {
      return { id, port, state: "unused", reason: "Target.NotInUse" };
    }
    const { health, reason } = this.#record;
    return reason === undefined ? { id, port, state: health } : { id, port, state: health, reason };
  }

  /** Checks the target from now on, or goes on with a changed configuration. `onChange` gets each change of health. */
  watch(
    config: HealthCheckConfig,
    pace: number,
    onChange: (from: string, to: string, seen: CheckResult) => void,
  ): void {
    if (this.#check !== undefined) {
      this.#check.configure(config);
      return;
    }
    this.#record = new HealthRecord();
    this.#check = new HealthCheck(this, config, pace, (result, thresholds) => {
      const before = this.#record.health;
      if (this.#record.add(result, thresholds)) {
        onChange(before, this.#record.health, result);
      }
    });
  }

  /** A target whose group is in no rule is not checked (facts/aws.md 1). */
  unwatch(): void {
    this.#check?.stop();
    this.#check = undefined;
  }

  enter(request: InFlight): void {
    this.#inFlight.add(request);
  }

  leave(request: InFlight): void {
    this.#inFlight.delete(request);
    if (this.#inFlight.size === 0) {
      this.#drained();
    }
  }

  /**
   * Takes no new requests: idle connections are closed at once, others when their request ends.
   *
   * @param delayMs what is still in flight after this time is cut; without it, nothing is
   * @param done called once, when nothing is in flight any more, with how many requests were cut
   */
  drain(delayMs: number | undefined, done: (cut: number) => void): void {
    this.#draining = true;
    this.unwatch();
    this.agent.maxFreeSockets = 0;
    for (const sockets of Object.values(this.agent.freeSockets)) {
      sockets?.forEach((socket) => socket.destroy());
    }
    let cut = 0;
    this.#onDrained = () => done(cut);
    if (this.#inFlight.size === 0) {
      this.#drained();
    } else if (delayMs !== undefined) {
      this.#drainTimer = setTimeout(() => {
        cut = this.#inFlight.size;
        for (const request of [...this.#inFlight]) {
          request.cut();
        }
      }, delayMs);
    }
  }

  #drained(): void {
    clearTimeout(this.#drainTimer);
    this.#onDrained?.();
    this.#onDrained = undefined;
  }
}
