import { request as httpRequest, ServerResponse, type IncomingMessage } from "node:http";
import { type Socket } from "node:net";
import { messageOf, type Log } from "../common/log";
import { callerHeaders, upstreamHeaders } from "./headers";
import { type Exchange } from "./plugins/plugin";
import { limitTimes, type Proxy } from "./proxy";

/** Requests for another protocol: routes that allow WebSockets get a tunnel, others are treated as ordinary requests. */
export class WebSocketProxy {
  private readonly tunnels = new Set<Socket>();

  constructor(
    private readonly proxy: Proxy,
    private readonly log: Log,
  ) {}

  get open(): number {
    return this.tunnels.size;
  }

  readonly handle = (request: IncomingMessage, socket: Socket, head: Buffer): void => {
    socket.on("error", () => socket.destroy());
    const exchange = this.proxy.exchangeOf(request);
    if (exchange?.route.websocket !== true) {
      this.proxy.handle(request, plainResponse(request, socket));
      return;
    }
    this.proxy.runPlugins(exchange, 0, (refusal) => {
      if (refusal)
        this.proxy.refuse(plainResponse(request, socket), exchange.responseHeaders, refusal.status, refusal.body);
      else this.connect(exchange, socket, head);
    });
  };

  /** Cuts what is still open. */
  destroyAll(): void {
    for (const socket of this.tunnels) socket.destroy();
  }

  private connect(exchange: Exchange, socket: Socket, head: Buffer): void {
    const { request, route } = exchange;
    const refuse = (status: number, message: string): void =>
      this.proxy.refuse(plainResponse(request, socket), exchange.responseHeaders, status, { error_msg: message });
    let node: ReturnType<Proxy["nodeOf"]>;
    try {
      node = this.proxy.nodeOf(route.upstream);
    } catch (error) {
      this.log("error", `failed to set upstream: ${messageOf(error)}`);
      refuse(503, "no upstream is available");
      return;
    }
    const upstream = httpRequest({
      agent: false,
      host: node.host,
      port: node.port,
      method: exchange.method,
      path: exchange.path + exchange.query,
      headers: upstreamHeaders(exchange, true),
      setHost: false,
    });
    const timedOut = limitTimes(upstream, exchange);
    upstream.on("upgrade", (answer, upstreamSocket, upstreamHead) => {
      // The request's own idle limit ends with the answer; the tunnel's begins.
      upstream.setTimeout(0);
      this.tunnel(exchange, answer, [socket, head], [upstreamSocket, upstreamHead]);
    });
    // The upstream does not want to: its answer goes to the caller as it is.
    upstream.on("response", (answer) => {
      const response = plainResponse(request, socket);
      response.writeHead(answer.statusCode ?? 502, [
        ...callerHeaders(answer.rawHeaders),
        ...this.proxy.ownHeaders(exchange.responseHeaders),
      ]);
      answer.on("error", () => response.destroy());
      answer.pipe(response);
    });
    upstream.on("error", (error) => {
      if (this.tunnels.has(socket) || socket.destroyed) return;
      this.log(
        "error",
        `connect() failed (${messageOf(error)}) while connecting to upstream ${node.host}:${node.port}`,
      );
      refuse(timedOut() ? 504 : 502, timedOut() ? "504 Gateway Time-out" : "502 Bad Gateway");
    });
    socket.once("close", () => upstream.destroy());
    upstream.end();
  }

  private tunnel(
    exchange: Exchange,
    answer: IncomingMessage,
    [socket, head]: [Socket, Buffer],
    [upstream, upstreamHead]: [Socket, Buffer],
  ): void {
    const fields = [...callerHeaders(answer.rawHeaders), ...this.proxy.ownHeaders(exchange.responseHeaders)];
    const lines = [
      "HTTP/1.1 101 Switching Protocols",
      "Connection: Upgrade",
      `Upgrade: ${answer.headers.upgrade ?? "websocket"}`,
    ];
    for (let index = 0; index < fields.length; index += 2) {
      // A tunnel lives on while the gateway stops; "Connection: close" has no meaning in it.
      if (fields[index]?.toLowerCase() !== "connection")
        lines.push(`${fields[index] ?? ""}: ${fields[index + 1] ?? ""}`);
    }
    this.tunnels.add(socket);
    socket.write(`${lines.join("\r\n")}\r\n\r\n`);
    if (upstreamHead.length > 0) socket.write(upstreamHead);
    if (head.length > 0) upstream.write(head);
    const end = (): void => {
      this.tunnels.delete(socket);
      socket.destroy();
      upstream.destroy();
    };
    const idleMs = exchange.route.timeout.read * 1000;
    upstream.setTimeout(idleMs, end);
    socket.setNoDelay(true);
    upstream.setNoDelay(true);
    for (const side of [socket, upstream]) {
      side.on("error", end);
      side.on("close", end);
    }
    socket.pipe(upstream);
    upstream.pipe(socket);
  }
}

/** An ordinary answer on a connection that Node has handed over for an upgrade; the connection ends with it. */
function plainResponse(request: IncomingMessage, socket: Socket): ServerResponse {
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(socket);
  response.once("finish", () => socket.end());
  return response;
}
