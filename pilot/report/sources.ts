import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type CheckResult } from "../../checks/result";
import {
  entryHash,
  parseRecord,
  renderRecord,
  sha256,
  verifyChain,
  type MigrationRecord,
  type RecordEntry,
} from "../../migration/record";
import { readEvents, type PilotEvent } from "../events";
import { isMissingFile } from "../../checks/missingFile";

/**
 * What a report is made from: the record, the evidence files and the pilot's events. All of it lies in the record folder,
 * so a copy of that folder, from a bucket or a backup, is enough.
 */
export interface ReportSources {
  /** Every entry from the beginning, those that the record folded away included where the folder has them. */
  readonly entries: readonly RecordEntry[];
  readonly events: readonly PilotEvent[];
  /** The gate's evidence, by the SHA-256 that is its name. */
  readonly evidence: ReadonlyMap<string, GateEvidence>;
  /** Entries that an update wrote down and the engine did not keep: it was ended in the middle. */
  readonly lost: readonly RecordEntry[];
  /** What was compared with what, and held. */
  readonly proved: readonly string[];
  /** What is missing, or is not what it was. */
  readonly problems: readonly string[];
}

/** One evidence file of the gate: what every check saw. */
export interface GateEvidence {
  readonly at: string;
  readonly stage: string;
  readonly from: string | null;
  readonly results: readonly CheckResult[];
}

/**
 * Reads a record folder, or a copy of one.
 *
 * @param stated the record as the stack's state has it; undefined: the folder's own copy is all there is
 */
export async function readSources(folder: string, stated?: MigrationRecord): Promise<ReportSources> {
  const problems: string[] = [];
  const proved: string[] = [];
  const written = await writtenEntries(folder, problems);
  const { entries, lost } = stated === undefined ? chainOf(written) : completed(stated, written, problems);
  const broken = verifyChain({ entries, ...before(entries) });
  problems.push(...broken);
  if (entries.length > 0 && broken.length === 0) {
    proved.push(`${entries.length} entries of the record, each holding the hash of the one before`);
  }
  if (stated !== undefined && broken.length === 0)
    proved.push("the record of the folder is the one in the stack's state");
  const evidence = await readEvidence(folder, problems);
  checkEvidence(entries, evidence, proved, problems);
  await checkEvents(folder, entries, proved, problems);
  return { entries, events: await readEvents(folder), evidence, lost, proved, problems };
}

/** `record.jsonl`: one entry a line, in the order of writing. */
async function writtenEntries(folder: string, problems: string[]): Promise<readonly RecordEntry[]> {
  const text = await textOf(join(folder, "record.jsonl"));
  if (text === undefined) {
    problems.push(`${join(folder, "record.jsonl")} is not there: the record's own file is missing from this copy.`);
    return [];
  }
  return text.split("\n").flatMap((line, index) => {
    if (line === "") return [];
    try {
      // Read by the record's own reader: whatever does not have its form is no entry.
      const entry = JSON.parse(line) as RecordEntry;
      return parseRecord(renderRecord({ entries: [entry] })).entries;
    } catch (error) {
      problems.push(`Line ${index + 1} of record.jsonl is no entry: ${error instanceof Error ? error.message : ""}`);
      return [];
    }
  });
}

/** The chain that ends in the last line; an entry beside it belongs to an update that was ended before it was kept. */
function chainOf(written: readonly RecordEntry[]): Pick<ReportSources, "entries" | "lost"> {
  const byHash = new Map(written.map((entry) => [entryHash(entry), entry]));
  const chain: RecordEntry[] = [];
  for (
    let entry = written.at(-1);
    entry !== undefined && !chain.includes(entry);
    entry = entry.previous === null ? undefined : byHash.get(entry.previous)
  ) {
    chain.unshift(entry);
  }
  const kept = new Set(chain.map(entryHash));
  return { entries: chain, lost: written.filter((entry) => !kept.has(entryHash(entry))) };
}

/** The state's record, with what it folded away taken from the folder. */
function completed(
  { entries: stated, folded }: MigrationRecord,
  written: readonly RecordEntry[],
  problems: string[],
): Pick<ReportSources, "entries" | "lost"> {
  const first = stated[0];
  const last = first === undefined ? undefined : first.previous;
  const upTo = written.findLastIndex((entry) => entryHash(entry) === last);
  const older = folded === undefined || upTo < 0 ? [] : chainOf(written.slice(0, upTo + 1)).entries;
  if (folded !== undefined && older.length < folded.folded.count) {
    problems.push(
      `The record folded ${folded.folded.count} entries away, from ${folded.folded.from} to ${folded.folded.to}; ` +
        `${older.length} of them are in this folder. Evidence file ${folded.folded.digest}.json holds them.`,
    );
  }
  const entries = [...older, ...stated];
  const kept = new Set(entries.map(entryHash));
  const copied = new Set(written.map(entryHash));
  const uncopied = stated.filter((entry) => !copied.has(entryHash(entry)));
  if (uncopied.length > 0) {
    problems.push(
      `${uncopied.length} entries of the stack's record are not in the folder's copy: ${uncopied.map(nameOf).join(", ")}.`,
    );
  }
  return { entries, lost: written.filter((entry) => !kept.has(entryHash(entry))) };
}

/** Entries that begin in the middle still have to follow from each other. */
function before([first]: readonly RecordEntry[]): Pick<MigrationRecord, "folded"> {
  if (first?.previous == null) return {};
  const { at, seq, previous } = first;
  return { folded: { folded: { count: seq - 1, from: at, to: at, digest: previous }, seq: seq - 1, hash: previous } };
}

async function readEvidence(folder: string, problems: string[]): Promise<ReadonlyMap<string, GateEvidence>> {
  const found = new Map<string, GateEvidence>();
  for (const name of await namesIn(join(folder, "evidence"))) {
    const digest = /^([0-9a-f]{64})\.json$/.exec(name)?.[1];
    if (digest === undefined) continue;
    const text = (await textOf(join(folder, "evidence", name))) ?? "";
    if (sha256(text) !== digest) {
      problems.push(`Evidence file ${name} is not what it was: its content has another digest than its name.`);
      continue;
    }
    const evidence = gateEvidence(text);
    if (evidence !== undefined) found.set(digest, evidence);
  }
  return found;
}

/** Only gate runs; a folded part of the record and a record that was set aside are evidence of another form. */
function gateEvidence(text: string): GateEvidence | undefined {
  try {
    const value = JSON.parse(text) as Partial<GateEvidence>;
    const { at, stage, from = null, results } = value;
    if (typeof at !== "string" || typeof stage !== "string" || !Array.isArray(results)) return undefined;
    // Hashes of single rows are for the next comparison, not for a reader.
    return { at, stage, from, results: results.map((result: CheckResult) => withoutRows(result)) };
  } catch {
    return undefined;
  }
}

function withoutRows(result: CheckResult): CheckResult {
  const evidence = Object.fromEntries(Object.entries(result.evidence).filter(([key]) => !/^rows[AB]$/.test(key)));
  return { ...result, evidence };
}

function checkEvidence(
  entries: readonly RecordEntry[],
  evidence: ReadonlyMap<string, GateEvidence>,
  proved: string[],
  problems: string[],
): void {
  const named = entries.flatMap((entry) => (entry.evidence === undefined ? [] : [{ entry, digest: entry.evidence }]));
  const missing = named.filter(({ digest }) => !evidence.has(digest));
  problems.push(
    ...missing.map(({ entry, digest }) => `Evidence file ${digest}.json of entry ${nameOf(entry)} is not to be had.`),
  );
  if (named.length > missing.length) {
    proved.push(`${named.length - missing.length} evidence files, each with the digest that the record names`);
  }
}

/** Files that only grow: their beginning has to be what it was when an entry was made. */
async function checkEvents(
  folder: string,
  entries: readonly RecordEntry[],
  proved: string[],
  problems: string[],
): Promise<void> {
  for (const { name, digests } of [
    { name: "events.jsonl", digests: entries.flatMap(({ events }) => events ?? []) },
    { name: "pilot.jsonl", digests: entries.flatMap(({ pilotEvents }) => pilotEvents ?? []) },
  ]) {
    const newest = digests.at(-1);
    if (newest === undefined) continue;
    const content = await readFile(join(folder, name)).catch(() => undefined);
    if (content === undefined || content.length < newest.bytes) {
      problems.push(`${name} is missing or was cut: it had ${newest.bytes} bytes when the newest entry was made.`);
      continue;
    }
    const changed = digests.filter(({ bytes, sha256: was }) => digestOf(content.subarray(0, bytes)) !== was);
    if (changed.length > 0) problems.push(`${name} was changed since: its beginning has another digest.`);
    else proved.push(`${name}, unchanged up to the newest entry that names its digest`);
  }
}

/** How an entry is spoken of. */
export function nameOf({ seq, stage }: Pick<RecordEntry, "seq" | "stage">): string {
  return `${seq} (${stage})`;
}

function digestOf(content: Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (isMissingFile(error)) return undefined;
    throw error;
  }
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    if (isMissingFile(error)) return [];
    throw error;
  }
}
