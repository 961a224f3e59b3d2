import { type ClientRequest, type IncomingMessage, request as httpRequest } from "node:http";
import { type Socket } from "node:net";
import { type Duplex } from "node:stream";
import { requestHeaders, responseHeaders, writtenHead } from "./messageHeads";
import { errorPage, type OwnAnswer, type Route } from "./routing";
import { type InFlight } from "./target";

type ToTarget = Extract<Route, { readonly to: "target" }>;

/** An answer of the load balancer's own to a request for an upgrade; the connection ends with it. */
export function answerUpgrade(client: Duplex, own: OwnAnswer): void {
  const headers = ["Server", "awselb/2.0", "Content-Type", own.contentType, "Connection", "close"];
  headers.push("Content-Length", String(Buffer.byteLength(own.body)));
  client.end(writtenHead(own.status, headers) + own.body);
}

/**
 * A WebSocket (or another upgraded connection): after the target's 101 two sockets joined, until one side closes or both
 * are silent for the idle timeout. A changed weight does not touch it; deregistration ends it after the delay.
 */
export class Tunnel implements InFlight {
  readonly #client: Socket;
  readonly #route: ToTarget;
  readonly #idleTimeoutMs: number;
  readonly #outgoing: ClientRequest;
  readonly #startedAt = performance.now();
  #target: Socket | undefined;
  #timedOut = false;
  #headWritten = false;

  constructor(
    request: IncomingMessage,
    client: Socket,
    early: Buffer,
    route: ToTarget,
    listenerPort: number,
    idleTimeoutMs: number,
  ) {
    this.#client = client;
    this.#route = route;
    this.#idleTimeoutMs = idleTimeoutMs;
    route.group.counters.begin(route.picked);
    route.target.enter(this);
    const headers = requestHeaders(request, listenerPort);
    headers.push("Connection", "Upgrade", "Upgrade", request.headers.upgrade ?? "");
    const { id: host, port } = route.target;
    this.#outgoing = httpRequest({
      agent: false,
      host,
      port,
      method: request.method,
      path: request.url,
      headers,
      timeout: idleTimeoutMs,
    });
    this.#outgoing.on("upgrade", (incoming, socket, head) => this.#joined(incoming, socket, early, head));
    this.#outgoing.on("response", (incoming) => this.#declined(incoming));
    this.#outgoing.on("error", (error) => this.#failed(error));
    this.#outgoing.on("timeout", () => {
      this.#timedOut = true;
      this.#outgoing.destroy(new Error("the target was silent for the idle timeout"));
    });
    client.on("error", () => this.cut());
    client.on("close", () => this.#closed());
    this.#outgoing.end();
  }

  cut(): void {
    this.#outgoing.destroy();
    this.#target?.destroy();
    this.#client.resetAndDestroy();
  }

  #joined(incoming: IncomingMessage, target: Socket, early: Buffer, head: Buffer): void {
    this.#target = target;
    const status = incoming.statusCode ?? 101;
    this.#route.group.counters.answered(status, performance.now() - this.#startedAt);
    const headers = responseHeaders(incoming, this.#route.setCookies);
    headers.push("Connection", "Upgrade", "Upgrade", incoming.headers.upgrade ?? "");
    this.#headWritten = true;
    this.#client.write(writtenHead(status, headers));
    this.#client.write(head);
    target.write(early);
    target.on("error", () => this.cut());
    target.on("close", () => closeWhenWritten(this.#client));
    for (const socket of [this.#client, target]) {
      socket.setNoDelay(true);
      socket.setTimeout(this.#idleTimeoutMs, () => this.cut());
    }
    this.#client.pipe(target);
    target.pipe(this.#client);
  }

  /** The target answers the request instead of upgrading: its answer is passed on and ends the connection. */
  #declined(incoming: IncomingMessage): void {
    const status = incoming.statusCode ?? 502;
    this.#route.group.counters.answered(status, performance.now() - this.#startedAt);
    const headers = responseHeaders(incoming, this.#route.setCookies);
    headers.push("Connection", "close");
    this.#headWritten = true;
    this.#client.write(writtenHead(status, headers));
    incoming.on("error", () => this.cut());
    incoming.pipe(this.#client);
  }

  #failed(error: NodeJS.ErrnoException): void {
    if (this.#headWritten || this.#client.destroyed) {
      this.#client.resetAndDestroy();
      return;
    }
    const { counters } = this.#route.group;
    if (error.syscall === "connect") {
      counters.connectionError();
    }
    counters.refused();
    const page = errorPage(this.#timedOut ? 504 : 502);
    this.#headWritten = true;
    answerUpgrade(this.#client, page);
  }

  #closed(): void {
    if (this.#target === undefined) {
      this.#outgoing.destroy();
    } else {
      closeWhenWritten(this.#target);
    }
    this.#route.group.counters.end();
    this.#route.target.leave(this);
  }
}

/** The other side is gone: what it said before still goes out, then nobody is left to talk to. */
function closeWhenWritten(socket: Socket): void {
  if (socket.writableFinished || socket.destroyed) {
    socket.destroy();
  } else {
    socket.once("finish", () => socket.destroy());
    socket.end();
  }
}
