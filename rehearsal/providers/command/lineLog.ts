/** The longest line that the real provider's log can take, in bytes; at a longer one it waits forever (facts/pulumi.md 6). */
export const MAX_LOGGED_LINE_BYTES = 64 * 1024;

/** Cuts a stream of bytes into lines as the real provider does: at line feeds, a carriage return before one dropped. */
export class LineLog {
  private rest = Buffer.alloc(0);

  constructor(private readonly write: (line: string) => void) {}

  /**
   * Takes the next bytes.
   * @returns false when a line is too long; then no more bytes may be added
   */
  add(chunk: Buffer): boolean {
    let pending = Buffer.concat([this.rest, chunk]);
    for (let end = pending.indexOf(0x0a); end >= 0; end = pending.indexOf(0x0a)) {
      if (end >= MAX_LOGGED_LINE_BYTES) {
        return false;
      }
      this.write(text(pending.subarray(0, end)));
      pending = pending.subarray(end + 1);
    }
    this.rest = pending;
    return pending.length < MAX_LOGGED_LINE_BYTES;
  }

  /** Writes what follows the last line feed. */
  end(): void {
    if (this.rest.length > 0) {
      this.write(text(this.rest));
      this.rest = Buffer.alloc(0);
    }
  }
}

function text(line: Buffer): string {
  return line.toString("utf8").replace(/\r$/, "");
}
