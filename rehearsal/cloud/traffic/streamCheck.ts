import { parsed, type StreamEnd } from "./protocol";

/** Reads a stream of server-sent events and finds out whether it is whole. */
export class StreamCheck {
  readonly #nonce: string;
  readonly #onEvent: () => void;
  #rest = "";
  #events = 0;
  #end: Partial<StreamEnd> | undefined;
  #wrong: string | undefined;
  /** The last piece of text that came. */
  lastSeen = "";

  constructor(nonce: string, onEvent: () => void) {
    this.#nonce = nonce;
    this.#onEvent = onEvent;
  }

  add(chunk: string): void {
    this.lastSeen = chunk;
    const blocks = (this.#rest + chunk).split("\n\n");
    this.#rest = blocks.pop() ?? "";
    blocks.forEach((block) => this.#event(block));
  }

  /** What is wrong now that the answer has ended; `undefined` when it is whole. */
  wrong(): string | undefined {
    if (this.#wrong !== undefined) {
      return this.#wrong;
    }
    if (this.#end === undefined) {
      return `the stream ended after ${this.#events} events without its last line: it was cut`;
    }
    if (this.#end.nonce !== this.#nonce || this.#end.events !== this.#events) {
      return `the stream's last line is ${JSON.stringify(this.#end)}, expected nonce ${this.#nonce} after ${this.#events} events`;
    }
    return undefined;
  }

  #event(block: string): void {
    const data = /^data: (.*)$/m.exec(block)?.[1] ?? "";
    if (block.startsWith("event: end")) {
      this.#end = parsed<StreamEnd>(data) ?? {};
      return;
    }
    this.#events += 1;
    this.#onEvent();
    const id = /^id: (\d+)$/m.exec(block)?.[1];
    if (id !== String(this.#events)) {
      this.#wrong ??= `event ${String(id)} came where event ${this.#events} was expected`;
    }
  }
}
