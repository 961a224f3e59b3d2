import { setTimeout as sleep } from "node:timers/promises";
import { ContainerUse } from "./containers";
import { Target } from "./store";

/** A gateway pod to be scraped. */
export interface ScrapedPod {
  readonly namespace: string;
  readonly name: string;
  readonly ip: string;
}

export interface ScraperOptions {
  readonly cluster: "a" | "b";
  readonly periodMs: number;
  /** Port and path of the gateways' exporter (facts/api7.md 1.4). */
  readonly exporter: { readonly port: number; readonly path: string };
  readonly log: (line: string) => void;
}

/** Samples are kept for so long: longer than any step, with production's limits too. */
const RETENTION_MS = 6 * 3_600_000;
const FORGET_EVERY_MS = 60_000;
/** Prometheus' usual limit of one scrape, although the period is shorter here: a busy computer's scrape is late, not lost. */
const SCRAPE_MS = 10_000;
/** Metrics that the server keeps; its relabelling drops the others, the bulk of which is the bandwidth of each route. */
const KEPT =
  /^(apisix_(http_status|http_latency_(bucket|count|sum)|http_requests_total|nginx_http_current_connections|etcd_reachable|etcd_modify_indexes|node_info)|container_.*)$/;

/** One pod: its exporter, and its container as the node's cAdvisor sees it. */
interface Scraped {
  readonly pod: ScrapedPod;
  readonly gateway: Target;
  readonly container: Target;
  readonly use: ContainerUse;
  readonly ending: AbortController;
}

/** Scrapes the gateways of one cluster, each at its own moment of the period, as Prometheus does. */
export class Scraper {
  readonly #options: ScraperOptions;
  readonly #scraped = new Map<string, Scraped>();
  /** Targets of pods that are gone: their samples can still be asked for. */
  readonly #gone: Target[] = [];
  readonly #cleaner: NodeJS.Timeout;
  #paused = false;
  /** How many times the usual CPU time a request takes on this cluster. */
  costFactor = 1;

  constructor(options: ScraperOptions) {
    this.#options = options;
    this.#cleaner = setInterval(() => this.#forget(), FORGET_EVERY_MS);
  }

  *targets(): Iterable<Target> {
    for (const { gateway, container } of this.#scraped.values()) yield* [gateway, container];
    yield* this.#gone;
  }

  /** The pods there are now. Those that are gone end at once; new ones are scraped from now on. */
  use(pods: readonly ScrapedPod[]): void {
    const wanted = new Map(pods.map((pod) => [`${pod.namespace}/${pod.name}/${pod.ip}`, pod]));
    for (const [key, scraped] of this.#scraped) {
      if (wanted.delete(key)) continue;
      this.#end(scraped);
      this.#scraped.delete(key);
      this.#gone.push(scraped.gateway, scraped.container);
    }
    for (const [key, pod] of wanted) {
      const scraped = this.#begin(pod);
      this.#scraped.set(key, scraped);
      void this.#loop(scraped);
    }
  }

  /** While paused nothing is scraped: a server that is down. What it had it still has afterwards. */
  pause(paused: boolean): void {
    this.#paused = paused;
  }

  stop(): void {
    clearInterval(this.#cleaner);
    for (const scraped of this.#scraped.values()) this.#end(scraped);
    this.#scraped.clear();
  }

  #begin(pod: ScrapedPod): Scraped {
    const { cluster, exporter } = this.#options;
    const { namespace, name, ip } = pod;
    return {
      pod,
      gateway: new Target({ cluster, job: "apisix", instance: `${ip}:${exporter.port}`, namespace, pod: name }),
      // The samples themselves name namespace and pod, as `honor_labels: true` leaves them.
      container: new Target({ cluster, job: "cadvisor", instance: `node-${cluster}` }),
      use: new ContainerUse(),
      ending: new AbortController(),
    };
  }

  #end({ gateway, container, ending }: Scraped): void {
    ending.abort();
    const now = Date.now();
    gateway.fail(now);
    container.fail(now);
  }

  async #loop(scraped: Scraped): Promise<void> {
    const { periodMs, log } = this.#options;
    const { signal } = scraped.ending;
    const ended = (): boolean => signal.aborted;
    for (let next = Date.now(); !ended(); next = Math.max(next + periodMs, Date.now())) {
      await sleep(Math.max(0, next - Date.now()), undefined, { signal }).catch(() => undefined);
      if (ended() || this.#paused) continue;
      const atMs = Date.now();
      try {
        await this.#scrape(scraped, atMs, AbortSignal.any([signal, AbortSignal.timeout(SCRAPE_MS)]));
      } catch (error) {
        if (ended()) return;
        scraped.gateway.fail(atMs);
        log(`scrape of ${scraped.pod.name}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }

  async #scrape({ pod, gateway, container, use }: Scraped, atMs: number, signal: AbortSignal): Promise<void> {
    const { exporter } = this.#options;
    const response = await fetch(`http://${pod.ip}:${exporter.port}${exporter.path}`, { signal });
    if (!response.ok) throw new Error(`server returned HTTP status ${response.status}`);
    gateway.add(atMs, await response.text(), (name) => KEPT.test(name));
    use.add(
      { atMs, requests: sumOf(gateway, atMs, REQUESTS), connections: sumOf(gateway, atMs, CONNECTIONS) },
      this.costFactor,
    );
    container.add(atMs, use.render(pod.namespace, pod.name, "gateway"), () => true);
  }

  #forget(): void {
    const before = Date.now() - RETENTION_MS;
    for (const target of this.targets()) target.forget(before);
    for (let index = this.#gone.length - 1; index >= 0; index -= 1) {
      if (this.#gone[index]?.empty === true) this.#gone.splice(index, 1);
    }
  }
}

const REQUESTS = { __name__: "apisix_http_requests_total" } as const;
const CONNECTIONS = { __name__: "apisix_nginx_http_current_connections", state: "active" } as const;

/** Sum of the target's newest values of the series with these labels. */
function sumOf(target: Target, atMs: number, labels: Readonly<Record<string, string>>): number {
  let sum = 0;
  for (const series of target.series) {
    if (Object.entries(labels).every(([label, value]) => series.labels[label] === value)) {
      sum += target.valueIn(series, atMs) ?? 0;
    }
  }
  return sum;
}
