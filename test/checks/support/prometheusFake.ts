import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo } from "node:net";

/**
 * A Prometheus HTTP API over scrapes that a test gives it. Knows what the checks ask (a selector, its `timestamp`, a sum
 * by labels, on a range), and refuses every other query, so that nothing passes by accident.
 */

export interface RawSeries {
  readonly labels: Readonly<Record<string, string>>;
  /** Time of the scrape (milliseconds) and value, rising. */
  readonly points: (readonly [number, number])[];
  /** From when on the target is gone, as the server knows it. */
  endedMs?: number | undefined;
}

export interface Fault {
  readonly status?: number;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string | undefined>>;
  /** Cuts the connection in the middle of the answer. */
  readonly cut?: boolean;
}

const LOOKBACK_MS = 300_000;

export class PrometheusFake {
  /** By the metric's name. */
  readonly series = new Map<string, RawSeries[]>();
  readonly queries: string[] = [];
  readonly requests: {
    readonly query: string;
    readonly points: number;
    readonly headers: IncomingMessage["headers"];
  }[] = [];
  /** Answers otherwise than it should. */
  fault: ((query: string) => Fault | undefined) | undefined;
  /** Changes an answer before it is sent. */
  mangle: ((answer: { status: string; data: { resultType: string; result: unknown[] } }) => unknown) | undefined;
  private readonly server: Server;

  private constructor() {
    this.server = createServer((request, response) => this.answer(request, response));
  }

  static async start(): Promise<PrometheusFake> {
    const fake = new PrometheusFake();
    await new Promise<void>((resolve) => fake.server.listen(0, "127.0.0.1", resolve));
    return fake;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    await closed;
  }

  add(metric: string, labels: RawSeries["labels"]): RawSeries {
    const series: RawSeries = { labels, points: [] };
    this.series.set(metric, [...(this.series.get(metric) ?? []), series]);
    return series;
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? "/", this.url);
    const query = url.searchParams.get("query") ?? "";
    const [start, end, step] = ["start", "end", "step"].map((name) => Number(url.searchParams.get(name)) * 1000);
    this.queries.push(query);
    const fault = this.fault?.(query);
    const points = Math.round(((end ?? 0) - (start ?? 0)) / (step ?? 1)) + 1;
    this.requests.push({ query, points, headers: request.headers });
    const { status, body } = this.bodyOf(url, query, [start ?? 0, end ?? 0, step ?? 0]);
    const text = fault?.body ?? body;
    for (const [name, value] of Object.entries(fault?.headers ?? {})) {
      if (value === undefined) response.sendDate = false;
      else response.setHeader(name, value);
    }
    response.writeHead(fault?.status ?? status, {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(text),
    });
    if (fault?.cut === true) {
      response.write(text.slice(0, 10));
      setImmediate(() => response.destroy());
    } else response.end(text);
  }

  private bodyOf(url: URL, query: string, range: readonly [number, number, number]): { status: number; body: string } {
    const refused = (error: string): { status: number; body: string } => ({
      status: 400,
      body: JSON.stringify({ status: "error", errorType: "bad_data", error }),
    });
    if (url.pathname !== "/api/v1/query_range") return { status: 404, body: "404 page not found" };
    const parsed = parseQuery(query);
    if (parsed === undefined) return refused(`cannot parse ${query}`);
    const [start, end, step] = range;
    if (!(step > 0) || (end - start) / step > 11_000) return refused("exceeded maximum resolution of 11,000 points");
    const groups = new Map<string, { metric: Record<string, string>; values: Map<number, number> }>();
    for (const series of this.series.get(parsed.metric) ?? []) {
      if (!parsed.matchers.every((matches) => matches(series.labels))) continue;
      const all =
        parsed.by === undefined
          ? Object.entries(series.labels)
          : parsed.by.map((name) => [name, series.labels[name] ?? ""] as const);
      const metric = Object.fromEntries(all.filter(([, value]) => value !== ""));
      const key = JSON.stringify(metric);
      const group = groups.get(key) ?? { metric, values: new Map<number, number>() };
      groups.set(key, group);
      for (let at = start; at <= end; at += step) {
        const point = newest(series, at);
        if (point === undefined) continue;
        const value = parsed.timestamp ? point[0] / 1000 : point[1];
        group.values.set(at, (group.values.get(at) ?? 0) + value);
      }
    }
    const result = [...groups.values()]
      .filter(({ values }) => values.size > 0)
      .map(({ metric, values }) => ({ metric, values: [...values].map(([at, value]) => [at / 1000, String(value)]) }));
    const whole = { status: "success", data: { resultType: "matrix", result: result as unknown[] } };
    return { status: 200, body: JSON.stringify(this.mangle === undefined ? whole : this.mangle(whole)) };
  }
}

function newest({ points, endedMs }: RawSeries, at: number): readonly [number, number] | undefined {
  if (endedMs !== undefined && at >= endedMs) return undefined;
  let low = 0;
  let high = points.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((points[middle]?.[0] ?? 0) <= at) low = middle + 1;
    else high = middle;
  }
  const point = points[low - 1];
  return point !== undefined && at - point[0] < LOOKBACK_MS ? point : undefined;
}

interface Parsed {
  readonly metric: string;
  readonly matchers: readonly ((labels: RawSeries["labels"]) => boolean)[];
  readonly by: readonly string[] | undefined;
  readonly timestamp: boolean;
}

const SELECTOR = /^([a-z_]+)(?:\{(.*)\})?$/;
const MATCHER = /^([a-zA-Z_]\w*)(=~|!=|=|!~)"((?:[^"\\]|\\.)*)"(?:,|$)/;

function parseQuery(query: string): Parsed | undefined {
  const sum = /^sum by \(([\w, ]+)\) \((.*)\)$/.exec(query);
  const stamp = /^timestamp\((.*)\)$/.exec(query);
  const inner = SELECTOR.exec(sum?.[2] ?? stamp?.[1] ?? query);
  if (inner === null) return undefined;
  const matchers: Parsed["matchers"][number][] = [];
  for (let rest = inner[2] ?? ""; rest !== "";) {
    const found = MATCHER.exec(rest);
    if (found === null) return undefined;
    const [whole, name = "", operator, text = ""] = found;
    const value = JSON.parse(`"${text}"`) as string;
    const pattern = new RegExp(`^(?:${value})$`);
    matchers.push((labels) => {
      const own = labels[name] ?? "";
      const same = operator === "=" || operator === "!=" ? own === value : pattern.test(own);
      return operator === "=" || operator === "=~" ? same : !same;
    });
    rest = rest.slice(whole.length);
  }
  return { metric: inner[1] ?? "", matchers, by: sum?.[1]?.split(", "), timestamp: stamp !== null };
}
