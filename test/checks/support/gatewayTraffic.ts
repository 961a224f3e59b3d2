import { type PrometheusFake, type RawSeries } from "./prometheusFake";

/** Gateways of one cluster that count requests, and are scraped: the same numbers in every run. */

export const BUCKETS_MS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000] as const;

/** What one gateway does in one interval of a scrape. */
export interface Doing {
  readonly requests: number;
  readonly errors?: number;
  /** Requests slower than 100 ms, within `requests`. Default 3 %. */
  readonly slow?: number;
}

export interface GatewayOptions {
  readonly cluster: "a" | "b";
  readonly name: string;
  readonly service?: string;
  /** Whether it is scraped; a gateway goes on counting when it is not. Default: always. */
  readonly scraped?: (atMs: number) => boolean;
  readonly reachable?: (atMs: number) => boolean;
  /** Further label of the scrape: a second job scrapes the same gateway again. */
  readonly job?: string;
}

/** One gateway's counters. */
export class GatewayFake {
  private total = 0;
  private errors = 0;
  private slow = 0;
  private readonly all: RawSeries[] = [];

  constructor(
    private readonly fake: PrometheusFake,
    private readonly options: GatewayOptions,
  ) {}

  /** Counts, and is scraped at this time. */
  step(atMs: number, { requests, errors = 0, slow = requests * 0.03 }: Doing): void {
    this.total += requests;
    this.errors += errors;
    this.slow += slow;
    if (this.options.scraped?.(atMs) === false) return;
    const { service = "shop" } = this.options;
    this.point("apisix_etcd_reachable", {}, atMs, this.options.reachable?.(atMs) === false ? 0 : 1);
    this.point("apisix_http_status", { code: "200", service }, atMs, this.total - this.errors);
    if (this.errors > 0) this.point("apisix_http_status", { code: "502", service }, atMs, this.errors);
    for (const bound of [...BUCKETS_MS.map(String), "+Inf"]) {
      const cumulative =
        bound === "+Inf" || Number(bound) >= 500 ? this.total : Number(bound) >= 20 ? this.total - this.slow : 0;
      this.point("apisix_http_latency_bucket", { type: "request", le: bound, service }, atMs, cumulative);
    }
    this.point("apisix_nginx_http_current_connections", { state: "active" }, atMs, 6);
    this.point("apisix_nginx_http_current_connections", { state: "waiting" }, atMs, 5);
  }

  /** Counts from zero again, under the same name. */
  restart(): void {
    this.total = 0;
    this.errors = 0;
    this.slow = 0;
  }

  /** The server knows that it is gone. */
  end(atMs: number): void {
    for (const series of this.all) series.endedMs = atMs;
  }

  private point(metric: string, more: Readonly<Record<string, string>>, atMs: number, value: number): void {
    const { cluster, name, job = "gateways" } = this.options;
    const labels = { cluster, instance_id: name, job, ...more };
    const key = JSON.stringify(labels);
    let series = this.fake.series
      .get(metric)
      ?.find((one) => JSON.stringify(one.labels) === key && one.endedMs === undefined);
    if (series === undefined) {
      series = this.fake.add(metric, labels);
      this.all.push(series);
    }
    series.points.push([atMs, value]);
  }
}

export const SCRAPE_MS = 15_000;

/**
 * Both clusters over a time, two gateways each.
 * @param weightAt B's share in percent
 * @param doing requests of both clusters together in one interval, and what B does worse
 */
export function traffic(
  fake: PrometheusFake,
  time: { readonly fromMs: number; readonly untilMs: number },
  weightAt: (atMs: number) => number,
  doing: {
    readonly requests: number;
    readonly errorShareA?: number;
    readonly errorShareB?: number;
    readonly slowShareB?: number;
    /** B's share of the requests where it is not its weight. */
    readonly shareB?: (atMs: number) => number;
  },
): void {
  const gateways = (["a", "b"] as const).flatMap((cluster) =>
    [1, 2].map((number) => ({
      cluster,
      gateway: new GatewayFake(fake, { cluster, name: `${cluster}-${number}` }),
      owed: { requests: 0, errors: 0 },
    })),
  );
  for (let at = time.fromMs; at <= time.untilMs; at += SCRAPE_MS) {
    const share = (doing.shareB?.(at) ?? weightAt(at)) / 100;
    for (const { cluster, gateway, owed } of gateways) {
      owed.requests += (doing.requests * (cluster === "b" ? share : 1 - share)) / 2;
      const requests = Math.floor(owed.requests);
      owed.requests -= requests;
      owed.errors += requests * ((cluster === "b" ? doing.errorShareB : doing.errorShareA) ?? 0.001);
      const errors = Math.min(requests, Math.floor(owed.errors));
      owed.errors -= errors;
      const slow = cluster === "b" ? doing.slowShareB : undefined;
      gateway.step(at + 3000, { requests, errors, ...(slow !== undefined && { slow: requests * slow }) });
    }
  }
}
