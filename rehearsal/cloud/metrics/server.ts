import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { evaluate, type Row } from "./evaluate";
import { type MetricsFault } from "./faults";
import { NotModelled, ParseError, parsePromql } from "./promql";
import { type Target } from "./store";

/** The HTTP API of a Prometheus server, as far as queries go, with its limits and its form of errors. */

/** `query.max-samples` apart, this is what the real server refuses first. */
const MAXIMUM_POINTS = 11_000;
const MAXIMUM_BYTES = 1024 * 1024;

/** An answer that is no data: status, `errorType` and text of the real API. */
class ApiError extends Error {
  override readonly name = "ApiError";

  constructor(
    readonly status: number,
    readonly errorType: string,
    message: string,
  ) {
    super(message);
  }
}

export class MetricsServer {
  #server: Server | undefined;
  #fault: MetricsFault | undefined;

  constructor(
    private readonly address: string,
    private readonly port: number,
    private readonly targets: () => Iterable<Target>,
  ) {}

  /** @throws Error when the address is taken */
  async listen(): Promise<void> {
    if (this.#server !== undefined) return;
    const server = createServer((request, response) => {
      void this.#answer(request, response).catch(() => response.destroy());
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(this.port, this.address, () => {
        server.off("error", reject);
        resolve();
      });
    });
    this.#server = server;
  }

  /** Nobody listens any more; calls under way are cut. */
  async close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    await closed;
  }

  async useFault(fault: MetricsFault | undefined): Promise<void> {
    this.#fault = fault;
    if (fault?.kind === "down") await this.close();
    else await this.listen();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (this.#fault?.kind === "slow") await sleep(this.#fault.delayMs);
    try {
      const url = new URL(request.url ?? "/", "http://localhost");
      const data = await this.#query(request, url);
      send(response, 200, { status: "success", data });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.errorType === "") response.writeHead(error.status, { "content-type": "text/plain" }).end(error.message);
      else send(response, error.status, { status: "error", errorType: error.errorType, error: error.message });
    }
  }

  async #query(request: IncomingMessage, url: URL): Promise<unknown> {
    const path = url.pathname;
    if (path !== "/api/v1/query_range" && path !== "/api/v1/query") throw new ApiError(404, "", "404 page not found\n");
    if (request.method !== "GET" && request.method !== "POST") throw new ApiError(405, "", "Method Not Allowed\n");
    const parameters = request.method === "POST" ? await formOf(request) : url.searchParams;
    const expression = parse(parameters.get("query") ?? "");
    durationOf("timeout", parameters.get("timeout") ?? "2m");
    if (path === "/api/v1/query") {
      const at = parameters.get("time") === null ? Date.now() : timeOf("time", parameters);
      const rows = this.#rows(expression, [at]);
      const result = rows.map(({ metric, values }) => ({ metric, value: values[0] }));
      return { resultType: "vector", result };
    }
    const rows = this.#rows(expression, timesOf(parameters));
    return { resultType: "matrix", result: rows };
  }

  #rows(expression: ReturnType<typeof parsePromql>, timesMs: readonly number[]): readonly Row[] {
    const fault = this.#fault;
    const newestMs = fault?.kind === "late" ? Date.now() - fault.seconds * 1000 : Infinity;
    const rows = evaluate(expression, this.targets(), timesMs, newestMs);
    if (fault?.kind !== "zero") return rows;
    return rows.map(({ metric, values }) => ({ metric, values: values.map(([at]) => [at, "0"] as const) }));
  }
}

function parse(query: string): ReturnType<typeof parsePromql> {
  try {
    if (query.trim() === "") throw new ParseError("unknown position: parse error: no expression found in input");
    return parsePromql(query);
  } catch (error) {
    if (error instanceof ParseError) throw badData("query", error.message);
    if (error instanceof NotModelled) {
      throw new ApiError(422, "execution", `the local server does not model ${error.message}: ${query}`);
    }
    throw error;
  }
}

function timesOf(parameters: URLSearchParams): readonly number[] {
  const start = timeOf("start", parameters);
  const end = timeOf("end", parameters);
  if (end < start) throw badData("end", "end timestamp must not be before start time");
  const step = durationOf("step", parameters.get("step") ?? "") * 1000;
  if (step <= 0) {
    throw badData("step", "zero or negative query resolution step widths are not accepted. Try a positive integer");
  }
  if ((end - start) / step > MAXIMUM_POINTS) {
    throw new ApiError(
      400,
      "bad_data",
      "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
    );
  }
  return Array.from({ length: Math.floor((end - start) / step) + 1 }, (_, index) => start + index * step);
}

/** Seconds since 1970, or RFC 3339; the answer is in milliseconds. */
function timeOf(name: string, parameters: URLSearchParams): number {
  const text = parameters.get(name) ?? "";
  const ms = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : /^\d{4}-\d\d-\d\dT/.test(text) ? Date.parse(text) : NaN;
  if (Number.isFinite(ms)) return ms;
  throw badData(name, `cannot parse ${JSON.stringify(text)} to a valid timestamp`);
}

const UNIT_SECONDS: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400 };

/** Seconds as a number, or a duration such as `15s`. */
function durationOf(name: string, text: string): number {
  if (/^-?\d+(\.\d+)?$/.test(text)) return Number(text);
  const found = /^(\d+)(ms|s|m|h|d)$/.exec(text);
  if (found) return Number(found[1]) * (UNIT_SECONDS[found[2] ?? ""] ?? NaN);
  throw badData(name, `cannot parse ${JSON.stringify(text)} to a valid duration`);
}

function badData(parameter: string, message: string): ApiError {
  return new ApiError(400, "bad_data", `invalid parameter ${JSON.stringify(parameter)}: ${message}`);
}

async function formOf(request: IncomingMessage): Promise<URLSearchParams> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length;
    if (bytes > MAXIMUM_BYTES)
      throw new ApiError(400, "bad_data", "error parsing form values: http: request body too large");
    chunks.push(chunk as Buffer);
  }
  return new URLSearchParams(Buffer.concat(chunks).toString("utf8"));
}

function send(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  response
    .writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) })
    .end(text);
}
