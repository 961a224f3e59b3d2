import { setTimeout as delay } from "node:timers/promises";
import { endOf, type Grid, type GridSeries } from "../../../migration/metrics/grid";
import { exchange, type HttpAnswer } from "../../clients/http";
import { CouldNotLook, redact } from "../../result";
import { parseMatrix, type MatrixSeries } from "./matrix";

/**
 * One Prometheus, by its HTTP API (https://prometheus.io/docs/prometheus/latest/querying/api/, range queries). Raw series
 * only: what is asked stays cheap for the server, and what is concluded stays exact.
 */

/** Points of one query; Prometheus itself refuses more than 11,000 a series. */
const MAX_POINTS = 500;
/** Values of one answer: about 9 MB of JSON, of the 16 MiB that are read. */
const MAX_ANSWER_VALUES = 300_000;
/** Values of one look at one server. */
const MAX_VALUES = 8_000_000;
const MAX_SERIES = 20_000;
const PARALLEL = 4;
const QUERY_SECONDS = 10;
const AGAIN_MS = 500;

export interface ServerOptions {
  /** For messages: `Prometheus of A`. */
  readonly label: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** How far its clock may be from this machine's. */
  readonly clockSkewSeconds: number;
  readonly signal: AbortSignal;
  readonly now?: () => number;
}

export class PrometheusServer {
  private values = 0;
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly options: ServerOptions) {}

  get label(): string {
    return this.options.label;
  }

  /** Every series of a query on the times of the grid. @throws CouldNotLook */
  async range(query: string, grid: Grid): Promise<readonly GridSeries[]> {
    if (grid.count <= 0) return [];
    const newest = await this.ask(query, { ...grid, fromMs: endOf(grid, grid.count - 1), count: 0 });
    const points = Math.min(MAX_POINTS, Math.max(10, Math.floor(MAX_ANSWER_VALUES / Math.max(1, newest.length))));
    const all = new Map<string, GridSeries>();
    const parts: Grid[] = [];
    for (let first = 0; first <= grid.count; first += points) {
      const fromMs = grid.fromMs + first * grid.periodMs;
      parts.push({ ...grid, fromMs, count: Math.min(points, grid.count + 1 - first) - 1 });
    }
    await Promise.all(
      parts.map(async (part) => {
        const found = await this.ask(query, part);
        for (const series of found) place(all, series, grid, this.subject(query));
      }),
    );
    return [...all.values()];
  }

  /** One query; `count` + 1 points. */
  private async ask(query: string, grid: Grid): Promise<readonly MatrixSeries[]> {
    await this.turn();
    try {
      return await this.askNow(query, grid);
    } finally {
      this.running -= 1;
      this.waiting.shift()?.();
    }
  }

  private async turn(): Promise<void> {
    while (this.running >= PARALLEL) await new Promise<void>((resolve) => this.waiting.push(resolve));
    this.running += 1;
  }

  private async askNow(query: string, grid: Grid): Promise<readonly MatrixSeries[]> {
    const url = new URL(`${this.options.url.replace(/\/+$/, "")}/api/v1/query_range`);
    url.searchParams.set("query", query);
    url.searchParams.set("start", String(grid.fromMs / 1000));
    url.searchParams.set("end", String((grid.fromMs + grid.count * grid.periodMs) / 1000));
    url.searchParams.set("step", String(grid.periodMs / 1000));
    url.searchParams.set("timeout", `${QUERY_SECONDS}s`);
    const answer = await this.answerOf(url, query);
    const series = parseMatrix(answer.body, grid, this.subject(query));
    if (series.length > MAX_SERIES) throw this.tooMuch(query, `${series.length} series, limit ${MAX_SERIES}`);
    this.values += series.reduce((sum, { points }) => sum + points.length, 0);
    if (this.values > MAX_VALUES) throw this.tooMuch(query, `more than ${MAX_VALUES} values in one look`);
    return series;
  }

  /** Tries once more what may be better in a moment. */
  private async answerOf(url: URL, query: string): Promise<HttpAnswer> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const before = this.now();
        const answer = await this.exchange(url, query);
        this.refuse(answer, query);
        this.compareClocks(answer, before, this.now());
        return answer;
      } catch (error) {
        const again = error instanceof CouldNotLook && !error.lasting && attempt < 2 && !this.options.signal.aborted;
        if (!again) throw error;
        await delay(AGAIN_MS);
      }
    }
  }

  private exchange(url: URL, query: string): Promise<HttpAnswer> {
    const { headers, signal } = this.options;
    return exchange({ url, headers: { accept: "application/json", ...headers }, signal, subject: this.subject(query) });
  }

  private refuse({ status, body }: HttpAnswer, query: string): void {
    if (status === 200) return;
    const said = redact(body.replaceAll(/\s+/g, " ").slice(0, 200));
    const lasting = status < 500 && status !== 429 && status !== 408;
    const remedy =
      status === 401 || status === 403
        ? `give a valid login: pulumi config set --secret metricsCredentials '{"a": {"Authorization": "Bearer ..."}, ...}'`
        : status === 404
          ? "correct metrics.a.url or metrics.b.url: the address before /api/v1"
          : lasting
            ? "correct the setting metrics that this query is made of"
            : "look at the server's load and logs, then run again";
    throw new CouldNotLook(this.subject(query), `HTTP ${status}: ${said}`, remedy, { lasting });
  }

  private compareClocks({ date }: HttpAnswer, before: number, after: number): void {
    const { label, clockSkewSeconds, url } = this.options;
    const remedy = "synchronize both clocks (chronyc tracking, timedatectl), then run again";
    if (date === undefined) {
      throw new CouldNotLook(
        label,
        `${url} answers without the header Date: its clock is not known`,
        "ask the server itself, or let the proxy in front of it keep the header Date",
        { lasting: true },
      );
    }
    // The header has whole seconds, cut off.
    const ahead = Math.max(date.getTime() - after, before - date.getTime() - 1000, 0) / 1000;
    if (ahead <= clockSkewSeconds) return;
    const which = date.getTime() > after ? "ahead of" : "behind";
    throw new CouldNotLook(
      label,
      `its clock is ${Math.round(ahead)} s ${which} this machine's (limit ${clockSkewSeconds} s): nothing tells how old its counts are`,
      remedy,
    );
  }

  private tooMuch(query: string, seen: string): CouldNotLook {
    return new CouldNotLook(
      this.subject(query),
      seen,
      "narrow metrics.a.selector and metrics.b.selector, or raise metrics.periodSeconds",
      { lasting: true },
    );
  }

  private subject(query: string): string {
    return `${this.options.label}, ${query}`;
  }

  private now(): number {
    return (this.options.now ?? Date.now)();
  }
}

/** Puts the points of one part where they belong on the whole grid. */
function place(all: Map<string, GridSeries>, { key, labels, points }: MatrixSeries, grid: Grid, subject: string): void {
  let series = all.get(key);
  if (series === undefined) {
    series = { labels, values: new Float64Array(grid.count + 1).fill(Number.NaN) };
    all.set(key, series);
  }
  for (const [atMs, value] of points) {
    const index = Math.round((atMs - grid.fromMs) / grid.periodMs);
    if (!Number.isNaN(series.values[index] ?? Number.NaN)) {
      throw new CouldNotLook(
        subject,
        `a second value for ${new Date(atMs).toISOString()}`,
        "look whether a proxy mixes several servers",
      );
    }
    series.values[index] = value;
  }
}
