import { WebSocket } from "ws";
import { type LoadContext } from "./httpRequests";
import { type Entry } from "./tally";
import { type TrafficSample } from "./types";

const MESSAGE_EVERY_MS = 250;
/** How long an echo, an upgrade or a close may take. */
const TIMEOUT_MS = 30_000;
const NORMAL_CLOSURE = 1000;

/**
 * One WebSocket of the load: it sends a numbered message every 250 ms, expects each back in order, and after its time
 * closes in order, once every echo is there.
 */
export class LoadWebSocket {
  readonly #socket: WebSocket;
  readonly #entry: Entry;
  readonly #nonce: string;
  readonly #done: (ok: boolean) => void;
  readonly #limit: NodeJS.Timeout;
  #end: NodeJS.Timeout | undefined;
  #ticker: NodeJS.Timeout | undefined;
  #sent = 0;
  #echoed = 0;
  #closing = false;
  #ok = false;
  #finished = false;

  /**
   * @param seconds how long it lives
   * @param done called once, when it is closed, well or not
   */
  constructor(context: LoadContext, sample: TrafficSample, seconds: number, done: (ok: boolean) => void) {
    this.#done = done;
    this.#nonce = context.nextNonce();
    const { service, host, path } = sample;
    this.#entry = context.tally.begin({ kind: "websocket", service, method: "GET", host, path });
    this.#socket = new WebSocket(`ws://${context.host}:${context.port}${path}`, {
      agent: false,
      headers: { ...sample.headers, Host: host, "x-nonce": this.#nonce },
      perMessageDeflate: false,
      handshakeTimeout: TIMEOUT_MS,
    });
    this.#socket.on("upgrade", (response) => {
      this.#entry.sent(false);
      this.#entry.head(response.headers["x-rehearsal-cluster"]);
    });
    this.#socket.on("unexpected-response", (request, response) => {
      this.#entry.sent(false);
      this.#entry.head(response.headers["x-rehearsal-cluster"]);
      const status = response.statusCode ?? 0;
      this.#entry.fail(`status ${status}, expected 101`, { status, body: "" });
      request.destroy();
      this.#over();
    });
    this.#socket.on("open", () => {
      this.#ticker = setInterval(() => this.#say(), MESSAGE_EVERY_MS);
      this.#end = setTimeout(() => this.close(), seconds * 1000);
    });
    this.#socket.on("message", (data) => this.#heard(Buffer.isBuffer(data) ? data.toString() : ""));
    this.#socket.on("error", (error) => this.#fail(`broken: ${error.message}`));
    this.#socket.on("close", (code) => this.#closed(code));
    this.#limit = setTimeout(
      () => this.#fail(`not closed ${TIMEOUT_MS / 1000} s after its time`),
      seconds * 1000 + TIMEOUT_MS,
    );
  }

  /** Says nothing new, waits for the echoes, closes. */
  close(): void {
    this.#closing = true;
    clearInterval(this.#ticker);
    clearTimeout(this.#end);
    if (this.#socket.readyState === WebSocket.CONNECTING) {
      this.#socket.once("open", () => this.close());
    } else if (this.#echoed === this.#sent) {
      this.#socket.close(NORMAL_CLOSURE);
    }
  }

  #say(): void {
    this.#sent += 1;
    this.#socket.send(`${this.#nonce} ${this.#sent}`);
    if ((this.#sent - this.#echoed) * MESSAGE_EVERY_MS > TIMEOUT_MS) {
      this.#fail(`message ${this.#echoed + 1} has no echo after ${TIMEOUT_MS / 1000} s`);
    }
  }

  #heard(text: string): void {
    const expected = `${this.#nonce} ${this.#echoed + 1}`;
    if (text !== expected) {
      this.#fail(`the echo is "${text.slice(0, 100)}", expected "${expected}"`);
      return;
    }
    this.#echoed += 1;
    this.#entry.message();
    if (this.#closing) {
      this.close();
    }
  }

  #fail(reason: string): void {
    this.#entry.fail(`WebSocket ${reason}, after ${this.#echoed} of ${this.#sent} messages`);
    this.#socket.terminate();
  }

  #closed(code: number): void {
    if (this.#closing && code === NORMAL_CLOSURE && this.#echoed === this.#sent) {
      this.#ok = true;
      this.#entry.succeed();
    } else {
      this.#entry.fail(`WebSocket closed with code ${code} after ${this.#echoed} of ${this.#sent} messages`);
    }
    this.#over();
  }

  #over(): void {
    clearInterval(this.#ticker);
    clearTimeout(this.#end);
    clearTimeout(this.#limit);
    if (!this.#finished) {
      this.#finished = true;
      this.#done(this.#ok);
    }
  }
}
