import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { type CloudMessage, type CloudMethod, type CloudMethods, type RealTier } from "./world";

export { type World, type CloudMethods, type RealTier } from "./world";

/** What the process of the clouds is started with. */
export interface CloudOptions {
  /** Folder of this run: kubeconfigs, charts, databases, logs. */
  readonly home: string;
  /** The /16 of loopback that this run owns: `127.R`. */
  readonly network: string;
  /** Divides every wait of the clouds (health checks, probes, back-offs); never a rate. */
  readonly pace: number;
  readonly routes: number;
  /** Distance of two scrapes of the gateways' metrics, seconds. */
  readonly scrapeSeconds: number;
  /** Real control planes; stand-ins without it. */
  readonly kubernetes?: RealTier | undefined;
  readonly report: (line: string) => void;
}

/** Starting both clusters, the databases and the load balancer may take this long. */
const START_SECONDS = 300;

/** The local clouds: AWS, both clusters, their databases and gateways, in a process of their own. */
export class Clouds {
  private readonly waiting = new Map<number, (message: CloudMessage) => void>();
  private nextId = 1;

  /** Resolves when the process is gone, however it ended. */
  private readonly gone: Promise<void>;
  private isGone = false;

  private constructor(private readonly child: ChildProcess) {
    // A process that cannot be started at all has no exit; a message to one that is gone has an error.
    child.on("error", () => this.end());
    this.gone = once(child, "exit").then(() => this.end());
  }

  /** Starts the process and everything that exists before a migration. */
  static async start(options: CloudOptions): Promise<Clouds> {
    const { home, network, pace, routes, scrapeSeconds, kubernetes } = options;
    const child = fork(
      resolve(__dirname, "main.ts"),
      [JSON.stringify({ home, network, pace, routes, scrapeSeconds, kubernetes })],
      {
        execArgv: ["--import", "tsx"],
        stdio: ["ignore", "inherit", "inherit", "ipc"],
      },
    );
    const clouds = new Clouds(child);
    try {
      await clouds.ready(options.report);
    } catch (error) {
      await clouds.stop();
      throw error;
    }
    return clouds;
  }

  async call<M extends CloudMethod>(
    method: M,
    ...args: Parameters<CloudMethods[M]>
  ): Promise<Awaited<ReturnType<CloudMethods[M]>>> {
    const id = this.nextId++;
    if (this.isGone) throw new Error(`The clouds could not do ${method}: their process has ended.`);
    const answer = new Promise<CloudMessage>((done) => this.waiting.set(id, done));
    this.child.send({ id, method, args }, (error) => {
      if (error !== null) this.waiting.get(id)?.({ id, error: error.message });
    });
    const message = await answer;
    this.waiting.delete(id);
    if ("error" in message) throw new Error(`The clouds could not do ${method}: ${message.error}`);
    return ("value" in message ? message.value : undefined) as Awaited<ReturnType<CloudMethods[M]>>;
  }

  async stop(): Promise<void> {
    if (this.isGone) return;
    if (this.child.connected) this.child.disconnect();
    const force = setTimeout(() => this.child.kill("SIGKILL"), 20_000);
    await this.gone;
    clearTimeout(force);
  }

  private end(): void {
    this.isGone = true;
    for (const [id, answer] of this.waiting) answer({ id, error: "their process has ended" });
    this.waiting.clear();
  }

  private async ready(report: (line: string) => void): Promise<void> {
    await new Promise<void>((done, fail) => {
      const limit = setTimeout(() => {
        this.child.kill("SIGTERM");
        fail(new Error(`The local clouds were not up after ${START_SECONDS} s.`));
      }, START_SECONDS * 1000);
      this.child.on("message", (message: CloudMessage) => {
        if ("progress" in message) report(message.progress);
        else if ("ready" in message) done();
        else if ("failed" in message) fail(new Error(`The local clouds did not start: ${message.failed}`));
        else this.waiting.get(message.id)?.(message);
        if ("ready" in message || "failed" in message) clearTimeout(limit);
      });
      this.child.once("exit", (code, signal) => {
        clearTimeout(limit);
        fail(new Error(`The process of the local clouds ended with ${code ?? signal ?? "?"}.`));
      });
    });
  }
}
