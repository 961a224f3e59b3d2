import { availableParallelism } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { messageOf, type Log } from "../common/log";
import { paced, type Pod } from "../common/pod";
import { Configuration } from "./configuration";
import { Compacted, type ControlPlane } from "./controlPlane";
import { type Metrics } from "./metrics";
import { type GatewaySettings } from "./settings";

/** Facts/api7.md 3.3. */
const HEARTBEAT_MS = 10_000;
const METRICS_MS = 15_000;
const START_ATTEMPTS = 2;
const ATTEMPTS_BEFORE_LOUD = 3;

/** Keeps a data plane in touch with its control plane: configuration, heartbeats, metrics. */
export class ControlPlaneAgent {
  configuration = new Configuration();
  /** Everything of the control plane's last known revision is applied. */
  synced = false;
  /** The watch on the configuration is up. */
  reachable = false;
  gatewayGroupId = "";
  private revision = 0;
  private endpointIndex = 0;
  private failedHeartbeats = 0;
  private readonly stopping = new AbortController();

  constructor(
    private readonly pod: Pod,
    private readonly settings: GatewaySettings,
    private readonly controlPlane: ControlPlane,
    private readonly instanceId: string,
    private readonly metrics: Metrics,
    private readonly log: Log,
    private readonly onConfiguration: (configuration: Configuration) => void,
  ) {}

  /**
   * Connects for the first time and reads everything.
   * @throws Error when no DP Manager can be reached or one refuses the certificate: a gateway does not start without (facts/api7.md 3.4).
   */
  async start(): Promise<void> {
    const endpoint = await this.firstReachable();
    await this.controlPlane.initDirectories(endpoint);
    await this.readAll(endpoint);
    await this.heartbeat();
  }

  /** Follows changes and reports until `stop`. */
  run(): void {
    void this.follow();
    const every = (ms: number, work: () => Promise<void>): void => {
      let busy = false;
      const timer = setInterval(() => {
        if (busy) return;
        busy = true;
        void work().finally(() => (busy = false));
      }, ms);
      this.stopping.signal.addEventListener("abort", () => clearInterval(timer));
    };
    every(paced(this.pod, HEARTBEAT_MS, 500), () => this.heartbeat());
    every(paced(this.pod, METRICS_MS, 1000), () => this.reportMetrics());
  }

  stop(): void {
    this.stopping.abort();
  }

  /** Whether any DP Manager answers and has a database; what `/status/ready` asks. */
  async anyReachable(): Promise<boolean> {
    for (const endpoint of this.settings.endpoints) {
      try {
        await this.controlPlane.version(endpoint, 3000);
        return true;
      } catch {
        // The next one is asked; the answer to the probe says that none was reached.
      }
    }
    return false;
  }

  private async firstReachable(): Promise<URL> {
    for (let attempt = 1; attempt <= START_ATTEMPTS; attempt += 1) {
      for (const [index, endpoint] of this.settings.endpoints.entries()) {
        try {
          await this.controlPlane.version(endpoint);
          this.endpointIndex = index;
          return endpoint;
        } catch (error) {
          this.log("error", `request etcd endpoint '${new URL("/version", endpoint).href}' error, ${messageOf(error)}`);
        }
      }
      if (attempt < START_ATTEMPTS) await delay(500);
    }
    throw new Error(`all etcd nodes are unavailable (addresses from ${this.settings.endpointsFrom})`);
  }

  private async readAll(endpoint: URL): Promise<void> {
    const { items, revision } = await this.controlPlane.readAll(endpoint);
    const fresh = new Configuration();
    fresh.apply(items);
    this.configuration = fresh;
    this.revision = revision;
    this.onConfiguration(fresh);
    this.synced = true;
  }

  /** Goes on from the last revision at the next DP Manager whenever a connection ends; what is served stays meanwhile. */
  private async follow(): Promise<void> {
    const { signal } = this.stopping;
    const { endpoints } = this.settings;
    const stopped = (): boolean => signal.aborted;
    let failures = 0;
    while (!stopped()) {
      const endpoint = endpoints[this.endpointIndex % endpoints.length] ?? endpoints[0];
      if (!endpoint) return;
      try {
        await this.controlPlane.version(endpoint);
        if (failures > 0) this.log("info", `reconnected to etcd ${endpoint.href}`);
        failures = 0;
        this.reachable = true;
        if (!this.synced) await this.readAll(endpoint);
        await this.controlPlane.watch(
          endpoint,
          this.revision,
          (items, revision) => this.apply(items, revision),
          signal,
        );
      } catch (error) {
        if (stopped()) return;
        if (error instanceof Compacted) {
          this.log("warn", `${messageOf(error)}, reading everything anew`);
          this.synced = false;
          continue;
        }
        this.reachable = false;
        failures += 1;
        this.endpointIndex += 1;
        this.log("error", `failed to fetch data from etcd ${endpoint.href}: ${messageOf(error)}`);
        if (failures % ATTEMPTS_BEFORE_LOUD === 0) this.log("error", "no healthy etcd endpoint available");
        await delay(paced(this.pod, Math.min(failures, 5) * 1000, 250), undefined, { signal }).catch(() => undefined);
      }
    }
  }

  private apply(items: Parameters<Configuration["apply"]>[0], revision: number): void {
    this.configuration.apply(items);
    this.revision = revision;
    this.onConfiguration(this.configuration);
  }

  private async heartbeat(): Promise<void> {
    try {
      const answer = (await this.controlPlane.report("heartbeat", {
        hostname: this.pod.name,
        ip: this.pod.ip,
        cores: availableParallelism(),
        config_version: this.revision,
        synced: this.synced,
        gateway_group_short_id: this.settings.groupShortId,
      })) as { readonly gateway_group_id?: unknown; readonly instance_id?: unknown };
      if (typeof answer.gateway_group_id !== "string")
        throw new Error("missing gateway_group_id in heartbeat response");
      if (answer.instance_id !== this.instanceId)
        this.log("warn", `instance_id changed to ${String(answer.instance_id)}`);
      this.gatewayGroupId = answer.gateway_group_id;
      this.failedHeartbeats = 0;
    } catch (error) {
      this.failedHeartbeats += 1;
      this.log("error", `failed to send heartbeat to control plane: ${messageOf(error)}`);
      if (this.failedHeartbeats === ATTEMPTS_BEFORE_LOUD) {
        this.log("error", `failed to connect with control plane after ${ATTEMPTS_BEFORE_LOUD} attempts`);
      }
    }
  }

  private async reportMetrics(): Promise<void> {
    const services = this.metrics.takeCalls();
    if (services.length === 0 || this.gatewayGroupId === "") return;
    try {
      await this.controlPlane.report("metrics", { gateway_group_id: this.gatewayGroupId, services });
    } catch (error) {
      this.log("error", `upload metrics failed: ${messageOf(error)}`);
    }
  }
}
