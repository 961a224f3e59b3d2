import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { Socket } from "node:net";
import { answer, Exchange } from "./exchange";
import { route, type Routes } from "./routing";
import { answerUpgrade, Tunnel } from "./tunnel";

/** Idle timeout until the first configuration is in effect: AWS's default. */
const DEFAULT_IDLE_TIMEOUT_MS = 60_000;

/** One open port. What it does with a request is one field, so that a changed configuration takes effect at once and whole. */
export class Listener {
  readonly address: string;
  readonly port: number;
  readonly #server: Server;
  /** `undefined` until the first configuration with this listener is in effect: 503. */
  #routes: Routes | undefined;

  private constructor(address: string, port: number) {
    this.address = address;
    this.port = port;
    // No limit on the time of a whole request: uploads may be long. Silence is limited on the target's side.
    this.#server = createServer({ requestTimeout: 0, keepAliveTimeout: DEFAULT_IDLE_TIMEOUT_MS });
    this.#server.on("request", (request, response) => this.#request(request, response));
    this.#server.on("upgrade", (request, socket, head) => {
      if (socket instanceof Socket) {
        this.#upgrade(request, socket, head);
      } else {
        socket.destroy();
      }
    });
  }

  /** @throws Error when the port cannot be bound */
  static open(address: string, port: number): Promise<Listener> {
    const listener = new Listener(address, port);
    return new Promise((resolve, reject) => {
      listener.#server.once("error", (error: NodeJS.ErrnoException) => {
        reject(
          new Error(
            `listener ${address}:${port} cannot be opened: ${error.code === "EADDRINUSE" ? "the port is taken; end the process that holds it" : error.message}`,
          ),
        );
      });
      // A burst of new connections must not be refused because two cores are busy.
      listener.#server.listen({ host: address, port, backlog: 4096 }, () => resolve(listener));
    });
  }

  /** From the next request on; requests in flight stay where they are. */
  use(routes: Routes): void {
    this.#routes = routes;
    this.#server.keepAliveTimeout = routes.idleTimeoutMs;
  }

  /** Accepts nothing new; what is in flight ends by itself. */
  close(): void {
    this.#server.close();
    this.#server.closeIdleConnections();
  }

  #request(request: IncomingMessage, response: ServerResponse): void {
    const decision = route(this.#routes, request);
    if (decision.to === "client") {
      answer(response, decision.answer);
    } else {
      new Exchange(request, response, decision, this.port, this.#routes?.idleTimeoutMs ?? DEFAULT_IDLE_TIMEOUT_MS);
    }
  }

  #upgrade(request: IncomingMessage, client: Socket, head: Buffer): void {
    const decision = route(this.#routes, request);
    if (decision.to === "client") {
      client.on("error", () => client.destroy());
      answerUpgrade(client, decision.answer);
    } else {
      const idleTimeoutMs = this.#routes?.idleTimeoutMs ?? DEFAULT_IDLE_TIMEOUT_MS;
      new Tunnel(request, client, head, decision, this.port, idleTimeoutMs);
    }
  }
}
