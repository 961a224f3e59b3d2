import { type Readable } from "node:stream";
import { badRequest } from "../api/errors";

/** How much output of one run of a container is kept, in bytes; the oldest lines go first. */
export const KEPT_LOG_BYTES = 2 * 1024 * 1024;
/** A longer line is cut into several, in bytes. */
const LONGEST_LINE_BYTES = 64 * 1024;

interface Line {
  readonly at: number;
  readonly text: string;
  readonly bytes: number;
}

/** Output of one run of a container: standard output and standard error, line by line. */
export class ContainerLog {
  private lines: Line[] = [];
  private bytes = 0;

  /** Takes over what a stream brings until it ends. */
  follow(stream: Readable): void {
    let partial = "";
    stream.setEncoding("utf8");
    stream.on("data", (chunk: string) => {
      const parts = (partial + chunk).split("\n");
      partial = parts.pop() ?? "";
      parts.forEach((line) => this.add(line));
      if (partial.length > LONGEST_LINE_BYTES) {
        this.add(partial);
        partial = "";
      }
    });
    stream.once("close", () => {
      if (partial !== "") {
        this.add(partial);
      }
    });
  }

  /** The kept lines that a query of `/log` asks for. @throws ApiError 400 */
  read(query: URLSearchParams): string {
    const since = sinceOf(query);
    const recent = this.lines.filter(({ at }) => at >= since);
    const tail = numberOf(query, "tailLines");
    const chosen = tail === undefined ? recent : tail === 0 ? [] : recent.slice(-tail);
    const stamped = query.get("timestamps") === "true";
    const text = chosen
      .map(({ at, text: line }) => `${stamped ? `${new Date(at).toISOString()} ` : ""}${line}\n`)
      .join("");
    const limit = numberOf(query, "limitBytes");
    return limit === undefined ? text : Buffer.from(text).subarray(0, limit).toString("utf8");
  }

  private add(text: string): void {
    const line = { at: Date.now(), text, bytes: Buffer.byteLength(text) + 1 };
    this.lines.push(line);
    this.bytes += line.bytes;
    if (this.bytes > KEPT_LOG_BYTES) {
      // A quarter at once, so that a full log is not moved for every line.
      let dropped = 0;
      let count = 0;
      for (const { bytes } of this.lines) {
        if (dropped >= KEPT_LOG_BYTES / 4) {
          break;
        }
        dropped += bytes;
        count += 1;
      }
      this.lines = this.lines.slice(count);
      this.bytes -= dropped;
    }
  }
}

function numberOf(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null) {
    return undefined;
  }
  const number = Number(text);
  if (!Number.isInteger(number) || number < 0) {
    throw badRequest(`PodLogOptions is invalid: ${name}: Invalid value: "${text}": must be greater than or equal to 0`);
  }
  return number;
}

function sinceOf(query: URLSearchParams): number {
  const time = query.get("sinceTime");
  if (time !== null) {
    const at = Date.parse(time);
    if (Number.isNaN(at)) {
      throw badRequest(`PodLogOptions is invalid: sinceTime: Invalid value: "${time}": must be an RFC 3339 time`);
    }
    return at;
  }
  const seconds = numberOf(query, "sinceSeconds");
  return seconds === undefined ? 0 : Date.now() - seconds * 1000;
}
