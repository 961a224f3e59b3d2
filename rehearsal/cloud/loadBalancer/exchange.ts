import { type ClientRequest, type IncomingMessage, request as httpRequest, type ServerResponse } from "node:http";
import { requestHeaders, responseHeaders } from "./messageHeads";
import { errorPage, type OwnAnswer, type Route } from "./routing";
import { type InFlight } from "./target";

type ToTarget = Extract<Route, { readonly to: "target" }>;

/** An answer of the load balancer's own. */
export function answer(response: ServerResponse, own: OwnAnswer): void {
  response.writeHead(own.status, {
    Server: "awselb/2.0",
    "Content-Type": own.contentType,
    "Content-Length": Buffer.byteLength(own.body),
  });
  response.end(own.body);
}

function hasBody(request: IncomingMessage): boolean {
  return request.headers["transfer-encoding"] !== undefined || (request.headers["content-length"] ?? "0") !== "0";
}

/**
 * One HTTP request on its way to a target and the answer on its way back, both streamed. It is sent once: whatever goes
 * wrong is answered with 502 or 504, or, when the answer has begun, by breaking the client's connection, so that a part
 * is never taken for the whole.
 */
export class Exchange implements InFlight {
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #route: ToTarget;
  readonly #outgoing: ClientRequest;
  readonly #startedAt = performance.now();
  #timedOut = false;
  #complete = false;

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    route: ToTarget,
    listenerPort: number,
    idleTimeoutMs: number,
  ) {
    this.#request = request;
    this.#response = response;
    this.#route = route;
    const { group, target } = route;
    group.counters.begin(route.picked);
    target.enter(this);
    this.#outgoing = httpRequest({
      agent: target.agent,
      host: target.id,
      port: target.port,
      method: request.method,
      path: request.url,
      headers: requestHeaders(request, listenerPort),
      timeout: idleTimeoutMs,
    });
    this.#outgoing.on("response", (incoming) => this.#answered(incoming));
    this.#outgoing.on("error", (error) => this.#failed(error));
    this.#outgoing.on("timeout", () => {
      this.#timedOut = true;
      this.#outgoing.destroy(new Error("the target was silent for the idle timeout"));
    });
    response.on("close", () => this.#closed());
    if (hasBody(request)) {
      request.pipe(this.#outgoing);
    } else {
      this.#outgoing.end();
    }
  }

  cut(): void {
    this.#outgoing.destroy(new Error("the deregistration delay is over"));
  }

  #answered(incoming: IncomingMessage): void {
    const status = incoming.statusCode ?? 0;
    if (status < 200) {
      this.#outgoing.destroy(new Error(`the target answered with status ${status}`));
      return;
    }
    this.#route.group.counters.answered(status, performance.now() - this.#startedAt);
    incoming.on("end", () => {
      this.#complete = incoming.complete;
    });
    incoming.on("error", () => this.#breakOff());
    this.#response.writeHead(status, responseHeaders(incoming, this.#route.setCookies));
    if (incoming.headers["content-length"] === undefined) {
      // A stream: its head goes out now, not with the first event.
      this.#response.flushHeaders();
    }
    incoming.pipe(this.#response);
  }

  #failed(error: NodeJS.ErrnoException): void {
    if (this.#response.headersSent || this.#response.destroyed) {
      this.#breakOff();
      return;
    }
    const { counters } = this.#route.group;
    if (error.syscall === "connect") {
      counters.connectionError();
    }
    counters.refused();
    this.#request.unpipe(this.#outgoing);
    answer(this.#response, errorPage(this.#timedOut ? 504 : 502));
    this.#request.resume();
  }

  /** The answer has begun and will not be completed: a reset cannot be mistaken for its end. */
  #breakOff(): void {
    if (!this.#complete && !this.#response.destroyed) {
      this.#request.socket.resetAndDestroy();
    }
  }

  /** The client has got everything, or has gone away. */
  #closed(): void {
    if (!this.#complete || !this.#request.complete) {
      this.#outgoing.destroy();
      this.#request.unpipe(this.#outgoing);
      this.#request.resume();
    }
    this.#route.group.counters.end();
    this.#route.target.leave(this);
  }
}
