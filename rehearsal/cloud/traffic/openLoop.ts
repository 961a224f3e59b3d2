/**
 * Calls `send` at a constant rate whatever becomes of the calls before: call number n is due n / rate seconds after the
 * start. When the process was busy, the calls that became due meanwhile are made at once: late, but none is left out.
 */
export class OpenLoop {
  readonly #ratePerSecond: number;
  readonly #send: (latenessMs: number) => void;
  readonly #startedAt = performance.now();
  #calls = 0;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  /** @param ratePerSecond 0 for never */
  constructor(ratePerSecond: number, send: (latenessMs: number) => void) {
    this.#ratePerSecond = ratePerSecond;
    this.#send = send;
    if (ratePerSecond > 0) {
      this.#arm();
    }
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #dueAt(): number {
    return this.#startedAt + (this.#calls * 1000) / this.#ratePerSecond;
  }

  #arm(): void {
    this.#timer = setTimeout(() => this.#run(), Math.max(0, this.#dueAt() - performance.now()));
  }

  #run(): void {
    for (
      let late = performance.now() - this.#dueAt();
      late >= 0 && !this.#stopped;
      late = performance.now() - this.#dueAt()
    ) {
      this.#calls += 1;
      this.#send(late);
    }
    if (!this.#stopped) {
      this.#arm();
    }
  }
}
