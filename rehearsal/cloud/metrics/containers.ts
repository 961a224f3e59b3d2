/**
 * What cAdvisor tells of a gateway's container. The use is modelled, a fixed part and a part per request: how much the
 * stand-in processes themselves use says nothing about a gateway.
 */

/** CPU seconds a second of an idle gateway (heartbeats, health checks, timers). */
const IDLE_CORES = 0.02;
/** CPU seconds of one request with a handful of plugins: about 4,000 requests a second on a core. */
const SECONDS_PER_REQUEST = 0.000_25;
const IDLE_BYTES = 180 * 1024 * 1024;
/** Buffers and shared dictionaries: what each connection in use adds. */
const BYTES_PER_CONNECTION = 64 * 1024;

/** A pod's counters, as its own metrics last told them. */
export interface PodUse {
  readonly atMs: number;
  readonly requests: number;
  readonly connections: number;
}

export class ContainerUse {
  #last: PodUse | undefined;
  #cpuSeconds = 0;

  /** @param costFactor how many times the usual CPU time a request takes now */
  add(use: PodUse, costFactor: number): void {
    const last = this.#last;
    this.#last = use;
    if (last === undefined) {
      this.#cpuSeconds = use.requests * SECONDS_PER_REQUEST;
      return;
    }
    // A container that began anew counts from 0 again, as its requests do.
    if (use.requests < last.requests) this.#cpuSeconds = 0;
    const requests = use.requests < last.requests ? use.requests : use.requests - last.requests;
    this.#cpuSeconds += ((use.atMs - last.atMs) / 1000) * IDLE_CORES + requests * SECONDS_PER_REQUEST * costFactor;
  }

  /** In the text format. The pause container and the pod's own sum are there too, as cAdvisor has them. */
  render(namespace: string, pod: string, container: string): string {
    const bytes = IDLE_BYTES + (this.#last?.connections ?? 0) * BYTES_PER_CONNECTION;
    const rows = [
      [container, this.#cpuSeconds, bytes],
      ["POD", 0.01, 700_000],
      ["", this.#cpuSeconds + 0.01, bytes + 700_000],
    ] as const;
    return rows
      .flatMap(([name, cpu, memory]) => {
        const labels = `{container="${name}",namespace="${namespace}",pod="${pod}"}`;
        return [
          `container_cpu_usage_seconds_total${labels} ${cpu}`,
          `container_memory_working_set_bytes${labels} ${memory}`,
        ];
      })
      .join("\n");
  }
}
