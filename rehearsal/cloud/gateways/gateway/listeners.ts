import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { Server as NetServer, type Socket } from "node:net";
import { createSecureContext, type SecureContext } from "node:tls";
import { setTimeout as delay } from "node:timers/promises";
import { listen } from "../common/http";
import { type Log } from "../common/log";
import { listenAddress, type Pod } from "../common/pod";
import { type SslValue } from "./configuration";
import { type Proxy } from "./proxy";
import { type Endpoint } from "./settings";
import { type WebSocketProxy } from "./websocket";

/** Idle connections are kept this long after a stop: a caller that has just chosen one still gets its answer. */
const IDLE_GRACE_MS = 1000;
const POLL_MS = 50;

/** The ports of a data plane. */
export class Listeners {
  private readonly traffic: Server[] = [];
  private readonly helpers: Server[] = [];
  private readonly connections = new Set<Socket>();
  private contexts = new Map<string, SecureContext>();

  constructor(
    private readonly pod: Pod,
    private readonly proxy: Proxy,
    private readonly webSockets: WebSocketProxy,
    private readonly keepAliveMs: number,
    private readonly log: Log,
  ) {}

  get open(): number {
    return this.connections.size;
  }

  async openTraffic(plain: readonly Endpoint[], encrypted: readonly Endpoint[]): Promise<void> {
    for (const endpoint of plain) await this.openProxy(createServer(this.proxy.handle), endpoint);
    const SNICallback = (name: string, done: (error: Error | null, context?: SecureContext) => void): void => {
      const context = this.contexts.get(name.toLowerCase()) ?? this.contexts.get(`*${name.slice(name.indexOf("."))}`);
      if (context) done(null, context);
      else done(new Error(`failed to match any SSL certificate by SNI: ${name}`));
    };
    for (const endpoint of encrypted)
      await this.openProxy(createHttpsServer({ SNICallback }, this.proxy.handle), endpoint);
  }

  /** A port of its own beside the traffic: status, metrics. Nothing is opened on the pod's own loopback. */
  async openHelper(endpoint: Endpoint, handler: RequestListener): Promise<void> {
    const address = listenAddress(this.pod, endpoint.host);
    if (address === undefined) return;
    const server = createServer(handler);
    await listen(server, address, endpoint.port);
    this.helpers.push(server);
  }

  useCertificates(ssls: Iterable<SslValue>): void {
    const contexts = new Map<string, SecureContext>();
    for (const { snis, cert, key } of ssls) {
      const context = createSecureContext({ cert, key });
      for (const sni of snis) contexts.set(sni.toLowerCase(), context);
    }
    this.contexts = contexts;
  }

  /**
   * Graceful stop, as nginx does it: no new connections; answers in flight are finished and end their connection;
   * tunnels go on until their ends close them; after `limitMs` what is left is cut.
   */
  async drain(limitMs: number): Promise<void> {
    this.proxy.draining = true;
    // Not http's own close(): that one closes idle connections at once, under the feet of callers about to use them.
    for (const server of [...this.traffic, ...this.helpers]) NetServer.prototype.close.call(server);
    const deadline = Date.now() + limitMs;
    await delay(Math.min(IDLE_GRACE_MS, limitMs));
    while (Date.now() < deadline && (this.proxy.active > 0 || this.webSockets.open > 0)) {
      for (const server of this.traffic) server.closeIdleConnections();
      await delay(POLL_MS);
    }
    const left = this.proxy.active + this.webSockets.open;
    if (left > 0) this.log("warn", `${left} requests were still in flight after ${limitMs} ms and are cut`);
    this.webSockets.destroyAll();
    for (const server of [...this.traffic, ...this.helpers]) {
      server.closeAllConnections();
    }
  }

  private async openProxy(server: Server, endpoint: Endpoint): Promise<void> {
    const address = listenAddress(this.pod, endpoint.host);
    if (address === undefined) return;
    server.requestTimeout = 0;
    server.on("upgrade", (request: IncomingMessage, socket: Socket, head: Buffer) =>
      this.webSockets.handle(request, socket, head),
    );
    server.on("connection", (socket: Socket) => {
      socket.setNoDelay(true);
      this.connections.add(socket);
      socket.once("close", () => this.connections.delete(socket));
    });
    await listen(server, address, endpoint.port, this.keepAliveMs);
    this.traffic.push(server);
    this.log("info", `listening on ${address}:${endpoint.port}`);
  }
}

/**
 * The status port. `/status` is matched as a prefix, as nginx does with API7's location: every path that begins with it
 * answers 200, a mistyped `/status/ready` too (facts/api7.md 3.1).
 */
export function statusHandler(isSynced: () => boolean, anyReachable: () => Promise<boolean>): RequestListener {
  return (request, response) => {
    const path = (request.url ?? "/").split("?")[0] ?? "/";
    if (path === "/status/ready") void ready(response);
    else if (path.startsWith("/status")) send(response, 200, { status: "ok" });
    else send(response, 404, { error: "not found" });
  };

  async function ready(response: ServerResponse): Promise<void> {
    if (!isSynced())
      send(response, 503, { status: "error", error: `Worker pid ${process.pid} is out of sync with etcd` });
    else if (await anyReachable()) send(response, 200, { status: "ok" });
    else send(response, 503, { status: "error", error: "none of the configured dp_manager available" });
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(text) });
  response.end(text);
}
