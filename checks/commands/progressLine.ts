import { type Progress } from "../database/progress";

/** In a terminal the line is written anew so often; elsewhere every few seconds a new one. */
const LIVE_MS = 100;
const PLAIN_MS = 5_000;

/** Progress on standard error: one live line in a terminal, plain lines without. */
export class ProgressLine {
  private readonly begin = performance.now();
  private last: number;
  private shown = false;

  constructor(private readonly stream: NodeJS.WriteStream) {
    // A short comparison in a pipeline says nothing but its result.
    this.last = this.begin;
  }

  update(progress: Progress): void {
    const now = performance.now();
    if (now - this.last < (this.stream.isTTY ? LIVE_MS : PLAIN_MS)) return;
    this.last = now;
    const text = line(progress, Math.round((now - this.begin) / 1000));
    this.shown = true;
    // The line is cleared to its end: the one before may have been longer.
    this.stream.write(this.stream.isTTY ? `\r${text.slice(0, this.stream.columns - 1)}\u001b[K` : `${text}\n`);
  }

  /** Leaves the terminal as if nothing had been written. */
  end(): void {
    if (this.shown && this.stream.isTTY) this.stream.write("\r\u001b[K");
    this.shown = false;
  }
}

function line({ phase, tables, tablesDone, rowsA, rowsB }: Progress, seconds: number): string {
  const number = (value: number): string => value.toLocaleString("en-US");
  return `comparing ${phase}: ${tablesDone} of ${tables} tables, ${number(rowsA)} rows of A, ${number(rowsB)} of B, ${seconds} s`;
}
