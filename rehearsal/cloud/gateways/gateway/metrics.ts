import { type CompiledRoute } from "./router";

/** Upper bounds in milliseconds of the gateway's latency histogram (facts/api7.md 5.3). */
const BUCKETS_MS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000] as const;

/** `request` is the whole, `upstream` the upstream's part, `apisix` the gateway's own. */
const LATENCY_TYPES = ["request", "upstream", "apisix"] as const;

/** One finished request. */
export interface Finished {
  readonly route: CompiledRoute;
  readonly host: string;
  readonly status: number;
  readonly consumer: string;
  /** Address of the upstream node, empty when none was asked. */
  readonly node: string;
  readonly requestMs: number;
  readonly upstreamMs: number;
  readonly egressBytes: number;
  readonly ingressBytes: number;
}

interface Histogram {
  readonly counts: number[];
  sum: number;
  total: number;
}

interface Series {
  readonly labels: string;
  readonly byCode: Map<number, number>;
  readonly latency: Readonly<Record<(typeof LATENCY_TYPES)[number], Histogram>>;
  ingress: number;
  egress: number;
}

/** What the metrics say beside requests; asked at each scrape. */
export interface GatewayState {
  readonly instanceId: string;
  readonly gatewayGroupId: string;
  readonly hostname: string;
  readonly version: string;
  readonly etcdReachable: boolean;
  readonly modifyIndexes: ReadonlyMap<string, number>;
  readonly connections: Readonly<Record<"active" | "waiting", number>>;
}

/** Counts requests and writes them in Prometheus' text format, under API7's names. */
export class Metrics {
  private readonly series = new Map<string, Series>();
  private readonly calls = new Map<string, { calls: number; bytes: number }>();
  private requests = 0;

  record(finished: Finished): void {
    this.requests += 1;
    const series = this.seriesOf(finished);
    series.byCode.set(finished.status, (series.byCode.get(finished.status) ?? 0) + 1);
    series.egress += finished.egressBytes;
    series.ingress += finished.ingressBytes;
    observe(series.latency.request, finished.requestMs);
    observe(series.latency.upstream, finished.upstreamMs);
    observe(series.latency.apisix, Math.max(0, finished.requestMs - finished.upstreamMs));
    const calls = this.calls.get(finished.route.serviceId) ?? { calls: 0, bytes: 0 };
    calls.calls += 1;
    calls.bytes += finished.egressBytes;
    this.calls.set(finished.route.serviceId, calls);
  }

  /** A request that no route matched: counted in the total only. */
  recordUnmatched(): void {
    this.requests += 1;
  }

  /** Calls by service since the last time this was asked, for the report to the control plane. */
  takeCalls(): readonly { readonly service_id: string; readonly calls: number; readonly bytes: number }[] {
    const taken = [...this.calls].map(([id, counted]) => ({ service_id: id, ...counted }));
    this.calls.clear();
    return taken;
  }

  render(prefix: string, state: GatewayState): string {
    const own = `gateway_group_id="${state.gatewayGroupId}",instance_id="${state.instanceId}"`;
    const lines: string[] = [];
    const family = (
      name: string,
      type: "counter" | "gauge" | "histogram",
      help: string,
      samples: readonly (readonly [string, string, number])[],
    ): void => {
      lines.push(`# HELP ${prefix}${name} ${help}`, `# TYPE ${prefix}${name} ${type}`);
      for (const [suffix, labels, value] of samples)
        lines.push(`${prefix}${name}${suffix}{${labels === "" ? own : `${labels},${own}`}} ${value}`);
    };
    const all = [...this.series.values()];
    family(
      "http_status",
      "counter",
      "HTTP status codes per service in APISIX",
      all.flatMap(({ byCode, labels }) =>
        [...byCode].map(([code, count]) => ["", `code="${code}",${labels}`, count] as const),
      ),
    );
    family(
      "http_latency",
      "histogram",
      "HTTP request latency in milliseconds per service in APISIX",
      all.flatMap(({ labels, latency }) =>
        LATENCY_TYPES.flatMap((type) => histogramSamples(`type="${type}",${labels}`, latency[type])),
      ),
    );
    family(
      "bandwidth",
      "counter",
      "Total bandwidth in bytes consumed per service in APISIX",
      all.flatMap(({ labels, ingress, egress }) => [
        ["", `type="ingress",${labels}`, ingress] as const,
        ["", `type="egress",${labels}`, egress] as const,
      ]),
    );
    family("http_requests_total", "gauge", "The total number of client requests since APISIX started", [
      ["", "", this.requests],
    ]);
    family(
      "nginx_http_current_connections",
      "gauge",
      "Number of HTTP connections",
      Object.entries(state.connections).map(([name, count]) => ["", `state="${name}"`, count] as const),
    );
    family("etcd_reachable", "gauge", "Config server etcd reachable from APISIX, 0 is unreachable", [
      ["", "", state.etcdReachable ? 1 : 0],
    ]);
    const indexes = [...state.modifyIndexes].map(([key, revision]) => ["", `key="${key}"`, revision] as const);
    const highest = Math.max(0, ...state.modifyIndexes.values());
    family("etcd_modify_indexes", "gauge", "Etcd modify index for APISIX keys", [
      ...indexes,
      ["", 'key="max_modify_index"', highest],
    ]);
    family("node_info", "gauge", "Info of APISIX node", [
      ["", `hostname="${state.hostname}",version="${state.version}"`, 1],
    ]);
    return `${lines.join("\n")}\n`;
  }

  private seriesOf({ route, host, consumer, node }: Finished): Series {
    const key = `${route.id} ${route.uri} ${host} ${consumer} ${node}`;
    let series = this.series.get(key);
    if (!series) {
      const labels =
        `route="${escape(route.name)}",route_id="${escape(route.id)}",matched_uri="${escape(route.uri)}",matched_host="${escape(host)}",` +
        `service="${escape(route.serviceName)}",service_id="${escape(route.serviceId)}",consumer="${escape(consumer)}",node="${escape(node)}"`;
      const latency = { request: histogram(), upstream: histogram(), apisix: histogram() };
      series = { labels, byCode: new Map(), latency, ingress: 0, egress: 0 };
      this.series.set(key, series);
    }
    return series;
  }
}

function histogram(): Histogram {
  return { counts: BUCKETS_MS.map(() => 0), sum: 0, total: 0 };
}

function observe(into: Histogram, ms: number): void {
  into.sum += ms;
  into.total += 1;
  const bucket = BUCKETS_MS.findIndex((bound) => ms <= bound);
  if (bucket !== -1) into.counts[bucket] = (into.counts[bucket] ?? 0) + 1;
}

/** Prometheus' buckets are cumulative. */
function histogramSamples(labels: string, from: Histogram): (readonly [string, string, number])[] {
  let cumulative = 0;
  const buckets = BUCKETS_MS.map((bound, index) => {
    cumulative += from.counts[index] ?? 0;
    return ["_bucket", `${labels},le="${bound}"`, cumulative] as const;
  });
  return [
    ...buckets,
    ["_bucket", `${labels},le="+Inf"`, from.total],
    ["_sum", labels, from.sum],
    ["_count", labels, from.total],
  ];
}

function escape(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
