import { createHash } from "node:crypto";
import { appendFile, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { canonicalJson, evidenceFile, sha256, type EventsDigest, type EvidenceFile } from "../migration/record";
import { isMissingFile } from "./missingFile";

/**
 * Files beside the record: the whole findings and fingerprints, named by their digest, a JSON-lines copy of the record,
 * and the finer events. All of them can be kept in a bucket with object lock.
 */
export class RecordFolder {
  constructor(private readonly folder: string) {}

  /** Writes `evidence/<sha256>.json`. The same content is the same file. */
  async keep(file: EvidenceFile): Promise<void> {
    const folder = join(this.folder, "evidence");
    await mkdir(folder, { recursive: true });
    const path = join(folder, `${file.sha256}.json`);
    const partial = `${path}.${process.pid}`;
    await writeFile(partial, file.content, { mode: 0o600 });
    await rename(partial, path);
  }

  /** Content of `evidence/<sha256>.json`; undefined when it is missing, or is not what it was. */
  async read(digest: string): Promise<string | undefined> {
    let content: string;
    try {
      content = await readFile(join(this.folder, "evidence", `${digest}.json`), "utf8");
    } catch (error) {
      if (error instanceof Error && "code" in error) return undefined;
      throw error;
    }
    return sha256(content) === digest ? content : undefined;
  }

  /** Adds a line to `record.jsonl`. */
  async appendRecord(entry: unknown): Promise<void> {
    await this.append("record.jsonl", entry);
  }

  /** Adds a line to `events.jsonl`. */
  async appendEvent(event: GateEvent): Promise<void> {
    await this.append("events.jsonl", event);
  }

  /** State of `events.jsonl`, or of the pilot's own events, now; undefined when there is none. */
  async eventsDigest(name: "events.jsonl" | "pilot.jsonl" = "events.jsonl"): Promise<EventsDigest | undefined> {
    const content = await this.readEvents(name);
    if (content === undefined) return undefined;
    return { bytes: content.length, sha256: createHash("sha256").update(content).digest("hex") };
  }

  /** When a rise to each stage was verified last, by stage. */
  async verifications(): Promise<ReadonlyMap<string, Date>> {
    const lines = (await this.readEvents())?.toString("utf8").split("\n") ?? [];
    return new Map(lines.flatMap((line) => passedVerification(line) ?? []));
  }

  private async readEvents(name = "events.jsonl"): Promise<Buffer | undefined> {
    try {
      return await readFile(join(this.folder, name));
    } catch (error) {
      if (isMissingFile(error)) return undefined;
      throw error;
    }
  }

  private async append(name: string, value: unknown): Promise<void> {
    await mkdir(this.folder, { recursive: true });
    await appendFile(join(this.folder, name), `${canonicalJson(value)}\n`, { mode: 0o600 });
  }
}

/** One line of `events.jsonl`. */
export interface GateEvent {
  readonly at: string;
  readonly event: "verify";
  readonly stage: string;
  readonly from: string | null;
  readonly verdict: string;
  readonly by: string;
  readonly commit: string;
  /** Names of the checks that looked. */
  readonly checks: readonly string[];
  readonly findings: number;
  readonly evidence?: string | undefined;
}

/** Evidence of a whole run. Keys are sorted, so that equal evidence has an equal digest. */
export function evidenceOf(value: unknown): EvidenceFile {
  return evidenceFile(`${canonicalJson(value)}\n`);
}

function passedVerification(line: string): [readonly [string, Date]] | undefined {
  if (line === "") return undefined;
  try {
    const { event, stage, verdict, at } = JSON.parse(line) as Readonly<Record<string, unknown>>;
    const passed = event === "verify" && verdict === "holds" && typeof stage === "string" && typeof at === "string";
    return passed ? [[stage, new Date(at)]] : undefined;
  } catch {
    // A line that was cut off by a full disk says nothing; the others still do.
    return undefined;
  }
}
