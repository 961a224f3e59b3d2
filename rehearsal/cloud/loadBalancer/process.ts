import { join } from "node:path";
import { ChildProcess } from "./childProcess";
import { type LoadBalancerMethods } from "./methods";
import { type LoadBalancerConfig, type LoadBalancerState } from "./types";

export interface LoadBalancerOptions {
  /** Divides waits: health check intervals (never below 200 ms) and deregistration delays. At least 1; nothing else is shortened. */
  readonly pace: number;
  /** How long an accepted configuration takes to come into effect, in milliseconds. Default 300. */
  readonly propagationMs?: number;
  /** Gets one line for each notable event: health transitions, configurations in effect, deregistrations. */
  readonly log?: (line: string) => void;
}

/**
 * The load balancer's process. It ends when `stop` is called, or with the process that started it.
 */
export class LoadBalancerProcess {
  readonly #child: ChildProcess<LoadBalancerMethods>;

  private constructor(child: ChildProcess<LoadBalancerMethods>) {
    this.#child = child;
  }

  /** Starts the process without any listener: the first `apply` brings them. */
  static async start(options: LoadBalancerOptions): Promise<LoadBalancerProcess> {
    const log = options.log ?? (() => undefined);
    const child = ChildProcess.start<LoadBalancerMethods>(join(__dirname, "main.ts"), "load balancer", log);
    try {
      await child.call("start", { pace: options.pace, propagationMs: options.propagationMs ?? 300 });
    } catch (error) {
      await child.stop();
      throw error;
    }
    return new LoadBalancerProcess(child);
  }

  /** Process id, for measurements. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /**
   * Replaces the whole configuration. Resolves when it is accepted, as the ELB API does; it takes effect in one atomic
   * swap `propagationMs` later, and never disturbs requests in flight.
   *
   * @throws Error when the configuration is refused (the message names the field), or a listener's port is taken
   */
  async apply(config: LoadBalancerConfig): Promise<void> {
    await this.#child.call("apply", config);
  }

  /** Target health and counters. What is accepted and not yet in effect shows as `initial`, `unused` or `draining`. */
  state(): Promise<LoadBalancerState> {
    return this.#child.call("state", null);
  }

  /** Ends the process; connections are cut. */
  stop(): Promise<void> {
    return this.#child.stop();
  }
}
