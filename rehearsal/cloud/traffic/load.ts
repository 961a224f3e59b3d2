import { join } from "node:path";
import { ChildProcess } from "../loadBalancer/childProcess";
import { type LoadMethods } from "./methods";
import { type LoadOptions, type LoadSnapshot } from "./types";

/**
 * An open-loop load on the load balancer, in a process of its own: requests are sent at their scheduled times whatever the
 * answers do, each answer is checked, and nothing is ever sent twice. The process ends with the one that started it.
 */
export class Load {
  readonly #child: ChildProcess<LoadMethods>;

  private constructor(child: ChildProcess<LoadMethods>) {
    this.#child = child;
  }

  /**
   * Starts sending.
   *
   * @throws Error when an option is out of range or the catalogue has no sample of a kind that is asked for
   */
  static async start(options: LoadOptions & { readonly log?: (line: string) => void }): Promise<Load> {
    const { log = () => undefined, ...request } = options;
    const child = ChildProcess.start<LoadMethods>(join(__dirname, "loadMain.ts"), "load", log);
    try {
      await child.call("start", request);
    } catch (error) {
      await child.stop();
      throw error;
    }
    return new Load(child);
  }

  /** Process id, for measurements. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** What happened so far. */
  snapshot(): Promise<LoadSnapshot> {
    return this.#child.call("snapshot", null);
  }

  /**
   * Stops scheduling, closes the WebSockets in order, lets everything else finish (at most 60 s; what is unanswered then
   * has failed), ends the process and returns the final count. When all is well, scheduled = sent = answered in it.
   */
  async stop(): Promise<LoadSnapshot> {
    try {
      return await this.#child.call("stop", null);
    } finally {
      await this.#child.stop();
    }
  }
}
