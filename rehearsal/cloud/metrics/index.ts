import { join } from "node:path";
import { ChildProcess } from "../loadBalancer/childProcess";
import { type MetricsFault } from "./faults";
import { type Cluster, type MetricsMethods } from "./methods";
import { type ScrapedPod } from "./scraper";

export { type MetricsFault } from "./faults";
export { type ScrapedPod } from "./scraper";

/** Where Prometheus listens unless it is told otherwise. */
export const METRICS_PORT = 9090;
/** Where the official chart lets the gateways' exporter listen (facts/api7.md 1.4). */
const EXPORTER = { port: 9091, path: "/apisix/prometheus/metrics" } as const;

/**
 * A Prometheus server for each cluster, in a process of their own: they scrape the gateways' exporters and answer queries
 * over HTTP as the real one does. The process ends when `stop` is called, or with the one that started it.
 */
export class MetricsServers {
  readonly #child: ChildProcess<MetricsMethods>;
  readonly #known = new Map<Cluster, string>();

  private constructor(
    child: ChildProcess<MetricsMethods>,
    /** Base URLs. */
    readonly urls: Readonly<Record<Cluster, string>>,
  ) {
    this.#child = child;
  }

  /**
   * @param o.addresses loopback addresses of the two servers
   * @param o.periodMs distance of two scrapes of a gateway
   */
  static async start(o: {
    readonly addresses: Readonly<Record<Cluster, string>>;
    readonly periodMs: number;
    readonly port?: number;
    readonly exporter?: { readonly port: number; readonly path: string };
    readonly log?: (line: string) => void;
  }): Promise<MetricsServers> {
    const { addresses, periodMs, port = METRICS_PORT, exporter = EXPORTER, log = () => undefined } = o;
    const child = ChildProcess.start<MetricsMethods>(join(__dirname, "main.ts"), "metrics servers", log);
    try {
      await child.call("start", { addresses, port, periodMs, exporter });
    } catch (error) {
      await child.stop();
      throw error;
    }
    return new MetricsServers(child, {
      a: `http://${addresses.a}:${port}/`,
      b: `http://${addresses.b}:${port}/`,
    });
  }

  /** The gateway pods of a cluster as its API lists them now. The same list again costs nothing. */
  async usePods(cluster: Cluster, pods: readonly ScrapedPod[]): Promise<void> {
    const text = JSON.stringify(pods);
    if (this.#known.get(cluster) === text) return;
    this.#known.set(cluster, text);
    await this.#child.call("pods", { cluster, pods });
  }

  /** What is wrong with a cluster's server from now on; undefined: nothing. */
  async useFault(cluster: Cluster, fault: MetricsFault | undefined): Promise<void> {
    await this.#child.call("fault", { cluster, fault: fault ?? null });
  }

  /** A request on this cluster takes so many times the usual CPU time, as its containers' metrics tell it. */
  async useCost(cluster: Cluster, factor: number): Promise<void> {
    await this.#child.call("cost", { cluster, factor });
  }

  async stop(): Promise<void> {
    await this.#child.stop();
  }
}
