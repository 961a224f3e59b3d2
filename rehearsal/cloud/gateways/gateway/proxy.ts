import {
  Agent,
  request as httpRequest,
  type ClientRequest,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import { messageOf, type Log } from "../common/log";
import { resolveName } from "../common/names";
import { type Pod } from "../common/pod";
import { type GatewayFaults } from "./faults";
import { callerHeaders, hasHeader, upstreamHeaders } from "./headers";
import { type Metrics } from "./metrics";
import { type Exchange, type Refusal, type ResponseHead } from "./plugins/plugin";
import { type CompiledUpstream, type Router } from "./router";

/**
 * Idle connections to upstreams are closed after this long, before the upstream does it (75 s): a request that meets a
 * closing connection would be lost, as nothing is sent twice.
 */
const POOL_IDLE_MS = 60_000;

const NOT_FOUND = { error_msg: "404 Route Not Found" } as const;

/** What is measured and told of one request beside its exchange. */
interface Progress {
  readonly startedAt: number;
  readonly bytesWrittenBefore: number;
  node: string;
  upstreamStartedAt: number | undefined;
  upstreamEndedAt: number | undefined;
}

/** Finds a request's route and passes it on, once: there is no retry. */
export class Proxy {
  readonly agent = new Agent({ keepAlive: true, maxSockets: Infinity, maxFreeSockets: 512, timeout: POOL_IDLE_MS });
  /** Answers in the making. */
  active = 0;
  /** From now on every answer ends its connection. */
  draining = false;
  private turn = 0;
  private router: Router;

  constructor(
    private readonly pod: Pod,
    private readonly version: string,
    router: Router,
    private readonly metrics: Metrics,
    private readonly log: Log,
    private readonly faults: GatewayFaults,
  ) {
    this.router = router;
  }

  use(router: Router): void {
    this.router = router;
  }

  readonly handle = (request: IncomingMessage, response: ServerResponse): void => {
    const startedAt = performance.now();
    this.active += 1;
    response.once("close", () => (this.active -= 1));
    const exchange = this.exchangeOf(request);
    if (!exchange) {
      this.metrics.recordUnmatched();
      this.refuse(response, [], 404, NOT_FOUND);
      return;
    }
    const bytesWrittenBefore = request.socket.bytesWritten;
    const progress: Progress = {
      startedAt,
      bytesWrittenBefore,
      node: "",
      upstreamStartedAt: undefined,
      upstreamEndedAt: undefined,
    };
    if (this.router.measured) response.once("close", () => this.measure(exchange, progress, response));
    const spoiled = this.faults.spoil(exchange.route.serviceName);
    const goOn = (): void => {
      if (spoiled?.answer === undefined) this.serve(exchange, progress, response);
      else this.refuse(response, exchange.responseHeaders, spoiled.answer.status, spoiled.answer.body);
    };
    if (spoiled === undefined || spoiled.delayMs === 0) goOn();
    else setTimeout(goOn, spoiled.delayMs);
  };

  private serve(exchange: Exchange, progress: Progress, response: ServerResponse): void {
    this.runPlugins(exchange, 0, (refusal) => {
      if (refusal) this.refuse(response, exchange.responseHeaders, refusal.status, refusal.body);
      else this.tryForward(exchange, progress, response);
    });
  }

  /** Undefined: no route. */
  exchangeOf(request: IncomingMessage): Exchange | undefined {
    const url = request.url ?? "/";
    const mark = url.indexOf("?");
    const path = mark === -1 ? url : url.slice(0, mark);
    const host = (request.headers.host ?? "").replace(/:\d+$/, "").toLowerCase();
    const method = request.method ?? "GET";
    const route = this.router.find(host, path, method);
    if (!route) return undefined;
    return {
      request,
      route,
      remoteAddress: request.socket.remoteAddress ?? "",
      host,
      method,
      path,
      query: mark === -1 ? "" : url.slice(mark),
      consumer: "",
      upstreamHost: undefined,
      requestHeaders: new Map(),
      responseHeaders: [],
    };
  }

  /** One after the other; waits only for a plugin that has to. */
  runPlugins(exchange: Exchange, from: number, done: (refusal: Refusal | undefined) => void): void {
    const { plugins } = exchange.route;
    for (let index = from; index < plugins.length; index += 1) {
      const result = plugins[index]?.onRequest?.(exchange);
      if (result instanceof Promise) {
        result.then(
          (refusal) => (refusal ? done(refusal) : this.runPlugins(exchange, index + 1, done)),
          (error: unknown) => {
            this.log("error", `plugin ${plugins[index]?.name ?? ""} failed: ${messageOf(error)}`);
            done({ status: 500, body: { error_msg: "internal error" } });
          },
        );
        return;
      }
      if (result) {
        done(result);
        return;
      }
    }
    done(undefined);
  }

  /** Address and port of the node whose turn it is, by weight. @throws Error when there is none, or its name is unknown. */
  nodeOf(upstream: CompiledUpstream | undefined): {
    readonly host: string;
    readonly port: number;
    readonly name: string;
  } {
    const nodes = upstream?.nodes ?? [];
    let position = upstream && upstream.totalWeight > 0 ? (this.turn += 1) % upstream.totalWeight : 0;
    const node = nodes.length === 1 ? nodes[0] : nodes.find(({ weight }) => (position -= weight) < 0);
    if (!node) throw new Error("no valid upstream node");
    return { host: resolveName(this.pod, node.host)[0] ?? node.host, port: node.port, name: node.host };
  }

  /** Headers that every answer of this data plane carries. */
  ownHeaders(exchangeHeaders: Exchange["responseHeaders"]): string[] {
    const own = [
      "Server",
      `API7/${this.version}`,
      "x-rehearsal-cluster",
      this.pod.cluster,
      "x-rehearsal-pod",
      this.pod.name,
    ];
    for (const [name, value] of exchangeHeaders) own.push(name, value);
    if (this.draining) own.push("Connection", "close");
    return own;
  }

  refuse(
    response: ServerResponse,
    extra: Exchange["responseHeaders"],
    status: number,
    body: Readonly<Record<string, string>>,
  ): void {
    const text = `${JSON.stringify(body)}\n`;
    response.writeHead(status, [
      ...this.ownHeaders(extra),
      "Content-Type",
      "application/json",
      "Content-Length",
      String(Buffer.byteLength(text)),
    ]);
    response.end(text);
  }

  /** What Node refuses to send (a path or header with characters that HTTP does not allow) is the caller's fault. */
  private tryForward(exchange: Exchange, progress: Progress, response: ServerResponse): void {
    try {
      this.forward(exchange, progress, response);
    } catch (error) {
      this.log("error", `request cannot be passed on: ${messageOf(error)}`);
      if (response.headersSent) response.destroy();
      else this.refuse(response, exchange.responseHeaders, 400, { error_msg: "400 Bad Request" });
    }
  }

  private forward(exchange: Exchange, progress: Progress, response: ServerResponse): void {
    const { request, route } = exchange;
    let node: ReturnType<Proxy["nodeOf"]>;
    try {
      node = this.nodeOf(route.upstream);
    } catch (error) {
      this.log("error", `failed to set upstream: ${messageOf(error)}`);
      this.refuse(response, exchange.responseHeaders, 503, { error_msg: "no upstream is available" });
      return;
    }
    progress.node = node.host;
    progress.upstreamStartedAt = performance.now();
    if (route.upstream?.passHost === "node") exchange.upstreamHost ??= `${node.name}:${node.port}`;
    const upstream = httpRequest({
      agent: this.agent,
      host: node.host,
      port: node.port,
      method: exchange.method,
      path: exchange.path + exchange.query,
      headers: upstreamHeaders(exchange),
      setHost: false,
    });
    const timedOut = limitTimes(upstream, exchange);
    upstream.on("response", (answer) => {
      try {
        this.passOn(answer, exchange, progress, response);
      } catch (error) {
        upstream.destroy(error instanceof Error ? error : new Error(String(error)));
      }
    });
    upstream.on("error", (error) => {
      progress.upstreamEndedAt = performance.now();
      if (response.closed || response.destroyed) return;
      this.log(
        "error",
        `${timedOut() ? "upstream timed out" : "connect() or recv() failed"} (${messageOf(error)}) while reading from upstream ${node.host}:${node.port}, request: ${exchange.method} ${exchange.path}`,
      );
      if (response.headersSent) response.destroy();
      else
        this.refuse(response, exchange.responseHeaders, timedOut() ? 504 : 502, {
          error_msg: timedOut() ? "504 Gateway Time-out" : "502 Bad Gateway",
        });
    });
    // The caller went away: nobody waits for the answer.
    response.once("close", () => response.writableFinished || upstream.destroy());
    if (request.headers["content-length"] !== undefined || request.headers["transfer-encoding"] !== undefined)
      request.pipe(upstream);
    else upstream.end();
  }

  private passOn(answer: IncomingMessage, exchange: Exchange, progress: Progress, response: ServerResponse): void {
    const head: ResponseHead = {
      status: answer.statusCode ?? 502,
      headers: callerHeaders(answer.rawHeaders),
      body: undefined,
    };
    for (const plugin of exchange.route.plugins) plugin.onResponse?.(head);
    const ended = (): void => void (progress.upstreamEndedAt = performance.now());
    answer.on("end", ended);
    // Cut off in the middle: the caller must not take what it has for the whole.
    answer.on("error", () => response.destroy());
    response.writeHead(head.status, [...head.headers, ...this.ownHeaders(exchange.responseHeaders)]);
    if (head.body !== undefined) {
      answer.resume();
      response.end(head.body);
      return;
    }
    // An answer of unknown length may come slowly: its head goes out at once. Others go out with their first bytes.
    if (!hasHeader(head.headers, "content-length")) response.flushHeaders();
    answer.pipe(response);
  }

  private measure(exchange: Exchange, progress: Progress, response: ServerResponse): void {
    const now = performance.now();
    const upstreamMs =
      progress.upstreamStartedAt === undefined ? 0 : (progress.upstreamEndedAt ?? now) - progress.upstreamStartedAt;
    this.metrics.record({
      route: exchange.route,
      host: exchange.host,
      // 499 is nginx's number for a caller that did not wait.
      status: response.writableFinished ? response.statusCode : 499,
      consumer: exchange.consumer,
      node: progress.node,
      requestMs: now - progress.startedAt,
      upstreamMs,
      egressBytes: Math.max(0, exchange.request.socket.bytesWritten - progress.bytesWrittenBefore),
      ingressBytes: Number(exchange.request.headers["content-length"] ?? 0),
    });
  }
}

/** Ends an upstream request that does not connect, or is silent, for longer than its route allows. */
export function limitTimes(upstream: ClientRequest, exchange: Exchange): () => boolean {
  const { connect, read } = exchange.route.timeout;
  let late = false;
  const giveUp = (what: string, seconds: number): void => {
    late = true;
    upstream.destroy(new Error(`${what} timeout after ${seconds} s`));
  };
  upstream.setTimeout(read * 1000, () => giveUp("read", read));
  upstream.once("socket", (socket) => {
    if (!socket.connecting) return;
    const timer = setTimeout(() => giveUp("connect", connect), connect * 1000);
    socket.once("connect", () => clearTimeout(timer));
    socket.once("close", () => clearTimeout(timer));
  });
  return () => late;
}
