/**
 * Calls `send` at a constant rate whatever becomes of the calls before: call number n (from 0) is due n / rate seconds
 * after the start. When the process was busy, the calls that became due meanwhile are made at once: late, but none is left
 * out, and none is due after the loop's time.
 */
export class OpenLoop {
  readonly #ratePerSecond: number;
  readonly #send: (latenessMs: number) => void;
  readonly #startedAt = performance.now();
  readonly #calls: number;
  #made = 0;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  /**
   * @param ratePerSecond 0 for never
   * @param maxSeconds how long; there are rate x maxSeconds calls, rounded up
   */
  constructor(ratePerSecond: number, maxSeconds: number, send: (latenessMs: number) => void) {
    this.#ratePerSecond = ratePerSecond;
    this.#calls = Math.ceil(ratePerSecond * maxSeconds);
    this.#send = send;
    this.#arm();
  }

  /** Makes the calls that are due by now, and no more. */
  stop(): void {
    if (!this.#stopped) {
      this.#makeDue();
    }
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #dueAt(): number {
    return this.#startedAt + (this.#made * 1000) / this.#ratePerSecond;
  }

  #arm(): void {
    if (this.#made < this.#calls) {
      this.#timer = setTimeout(
        () => {
          this.#makeDue();
          this.#arm();
        },
        Math.max(0, this.#dueAt() - performance.now()),
      );
    }
  }

  #makeDue(): void {
    while (this.#made < this.#calls) {
      const latenessMs = performance.now() - this.#dueAt();
      if (latenessMs < 0) {
        return;
      }
      this.#made += 1;
      this.#send(latenessMs);
    }
  }
}
