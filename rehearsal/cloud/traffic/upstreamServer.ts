import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { isIPv4 } from "node:net";
import { WebSocketServer } from "ws";
import { STREAM_EVENT_MS, type StreamEnd } from "./protocol";

/** Longer than any balancer's or gateway's idle timeout (60 s): whoever keeps a connection closes it first. */
const KEEP_ALIVE_MS = 75_000;
const MAX_DELAY_MS = 60_000;
/** What the path prefixes `/slow/` and `/stream/` stand for when the query does not say. */
const DEFAULT_DELAY_MS = 2_000;
const DEFAULT_STREAM_SECONDS = 5;

/** No answer takes longer than so many times the mean. */
const LONGEST_OF_MEAN = 8;

/**
 * What the upstream services answer, at any host and path:
 *
 * - a JSON echo `{nonce, method, path, host}`, `nonce` being the request's header `x-nonce`; after a time of its own,
 *   exponentially distributed, when a mean was given;
 * - with `?delay_ms=N` (or under `/slow/`) the same, N milliseconds later (at most 60 s);
 * - with `?stream_seconds=N` (or under `/stream/`) server-sent events, one each 200 ms, numbered from 1, the last of which
 *   is named `end` and carries the nonce and the number of events: without it the answer was cut;
 * - to a request with a body, also `bytes` and `sha256` of what arrived;
 * - to a WebSocket, every message as it came.
 */
export class UpstreamServer {
  readonly #server: Server;

  private constructor(meanMs: number) {
    this.#server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS, requestTimeout: 0 });
    const workMs = (): number =>
      meanMs === 0 ? 0 : Math.min(LONGEST_OF_MEAN * meanMs, -meanMs * Math.log(1 - Math.random()));
    this.#server.on("request", (request, response) => answer(request, response, workMs));
    const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
    this.#server.on("upgrade", (request, socket, head) => {
      sockets.handleUpgrade(request, socket, head, (webSocket) => {
        webSocket.on("message", (data, isBinary) => webSocket.send(data, { binary: isBinary }));
        webSocket.on("error", () => webSocket.terminate());
      });
    });
  }

  /**
   * @param meanMs mean time that an answer takes unless the request asks for another one; 0: at once
   * @throws Error when the address is not a loopback address or is taken
   */
  static start(address: string, port: number, meanMs = 0): Promise<UpstreamServer> {
    if (!isIPv4(address) || !address.startsWith("127.")) {
      throw new Error(`upstream address is ${address}, expected a loopback address (127.0.0.0/8)`);
    }
    const upstream = new UpstreamServer(meanMs);
    return new Promise((resolve, reject) => {
      upstream.#server.once("error", (error) =>
        reject(new Error(`upstream ${address}:${port} cannot be opened: ${error.message}`)),
      );
      upstream.#server.listen({ host: address, port, backlog: 4096 }, () => resolve(upstream));
    });
  }
}

/** What a request asks for: the query first, then the path's prefix. */
interface Wish {
  /** Undefined: it does not say. */
  readonly delayMs: number | undefined;
  readonly streamSeconds: number | undefined;
}

function wishOf(url: string): Wish {
  const at = url.indexOf("?");
  const query = at === -1 ? undefined : new URLSearchParams(url.slice(at + 1));
  const delay = query?.get("delay_ms");
  const stream = query?.get("stream_seconds");
  return {
    delayMs: number(delay) ?? (url.startsWith("/slow/") ? DEFAULT_DELAY_MS : undefined),
    streamSeconds: number(stream) ?? (url.startsWith("/stream/") ? DEFAULT_STREAM_SECONDS : undefined),
  };
}

function number(text: string | null | undefined): number | undefined {
  const value = text === null || text === undefined || text === "" ? NaN : Number(text);
  return value >= 0 ? value : undefined;
}

function answer(request: IncomingMessage, response: ServerResponse, workMs: () => number): void {
  const wish = wishOf(request.url ?? "/");
  const delayMs = Math.min(MAX_DELAY_MS, wish.delayMs ?? workMs());
  if (wish.streamSeconds !== undefined) {
    request.resume();
    stream(request, response, wish.streamSeconds);
  } else if (delayMs > 0) {
    const timer = setTimeout(() => echo(request, response), delayMs);
    response.on("close", () => clearTimeout(timer));
  } else {
    echo(request, response);
  }
}

function nonceOf(request: IncomingMessage): string | undefined {
  const nonce = request.headers["x-nonce"];
  return typeof nonce === "string" ? nonce : undefined;
}

function echo(request: IncomingMessage, response: ServerResponse): void {
  const { method, url: path, headers } = request;
  const seen = { nonce: nonceOf(request), method, path, host: headers.host };
  if (headers["content-length"] === undefined && headers["transfer-encoding"] === undefined) {
    sendJson(response, seen);
    return;
  }
  const hash = createHash("sha256");
  let bytes = 0;
  request.on("data", (chunk: Buffer) => {
    hash.update(chunk);
    bytes += chunk.length;
  });
  request.on("end", () => sendJson(response, { ...seen, bytes, sha256: hash.digest("hex") }));
}

function sendJson(response: ServerResponse, body: unknown): void {
  const text = JSON.stringify(body);
  response.writeHead(200, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(text) });
  response.end(text);
}

function stream(request: IncomingMessage, response: ServerResponse, seconds: number): void {
  const events = Math.max(1, Math.round((seconds * 1000) / STREAM_EVENT_MS));
  let sent = 0;
  response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
  response.flushHeaders();
  const timer = setInterval(() => {
    sent += 1;
    response.write(`id: ${sent}\ndata: {"event":${sent}}\n\n`);
    if (sent >= events) {
      const end: StreamEnd = { nonce: nonceOf(request), events };
      response.end(`event: end\ndata: ${JSON.stringify(end)}\n\n`);
      clearInterval(timer);
    }
  }, STREAM_EVENT_MS);
  response.on("close", () => clearInterval(timer));
}
