import { join } from "node:path";
import { ChildProcess } from "../loadBalancer/childProcess";
import { type UpstreamMethods } from "./methods";

/**
 * The services behind the gateways, in a process of their own: see `upstreamServer.ts` for what they answer. The process
 * ends with the one that started it.
 */
export class Upstream {
  readonly #child: ChildProcess<UpstreamMethods>;

  private constructor(child: ChildProcess<UpstreamMethods>) {
    this.#child = child;
  }

  /**
   * Starts listening on `address:port` (loopback).
   *
   * @param options.meanMs mean time that an ordinary answer takes. Default 0: at once
   * @throws Error when the address is taken or not a loopback address
   */
  static async start(options: {
    readonly address: string;
    readonly port: number;
    readonly meanMs?: number;
    readonly log?: (line: string) => void;
  }): Promise<Upstream> {
    const { address, port, meanMs = 0, log = () => undefined } = options;
    const child = ChildProcess.start<UpstreamMethods>(join(__dirname, "upstreamMain.ts"), "upstream", log);
    try {
      await child.call("start", { address, port, meanMs });
    } catch (error) {
      await child.stop();
      throw error;
    }
    return new Upstream(child);
  }

  /** Process id, for measurements. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Ends the process; connections are cut. */
  stop(): Promise<void> {
    return this.#child.stop();
  }
}
