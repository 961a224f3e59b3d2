import {
  byteLength,
  canonicalJson,
  clip,
  CLIP_BYTES,
  clipEmergency,
  clipOverride,
  entryHash,
  entryId,
  evidenceFile,
  type Carried,
  type EntryDraft,
  type EvidenceFile,
  type FoldedEntry,
  type MigrationRecord,
  type RecordEntry,
} from "./recordEntry";
import { configurationAfter } from "./configurationState";
import { overridesAfter, planAfter } from "./plan";
import { headOf, RecordError, renderRecord } from "./recordFormat";

export * from "./recordEntry";
export { parseRecord, RecordError, renderRecord } from "./recordFormat";

/**
 * The record: what happened in a migration, one entry per move, append-only, chained by hash.
 *
 * It is the standard output of the stage gate and comes back to the next run in an environment variable, hence the
 * limits: above 128 KiB every later run would fail, and a line of 64 KiB hangs the default logging (facts/pulumi.md 6).
 */

/** Bytes (UTF-8) that one entry may have as JSON. */
export const MAX_ENTRY_BYTES = 2048;
/** Bytes (UTF-8) that the rendered record may have. Beyond it the oldest entries are folded. */
export const MAX_RECORD_BYTES = 64 * 1024;
/** Size that folding leaves, so that it does not happen again at the next entry. */
const FOLDED_RECORD_BYTES = 40 * 1024;
/** These many newest entries are never folded. */
const NEVER_FOLDED = 4;

export const EMPTY_RECORD: MigrationRecord = { entries: [] };

/** What is wrong with the chain; nothing when the record is as it was written. */
export function verifyChain(record: MigrationRecord): readonly string[] {
  const problems: string[] = [];
  let seq = record.folded?.seq ?? 0;
  let previous = record.folded?.hash ?? null;
  for (const entry of record.entries) {
    seq += 1;
    if (entry.seq !== seq) problems.push(`Entry ${entry.seq} stands where entry ${seq} should be.`);
    if (entry.previous !== previous) problems.push(`Entry ${entry.seq} does not follow from the entry before it.`);
    previous = entryHash(entry);
    seq = entry.seq;
  }
  if (record.head !== undefined && record.head !== headOf(record)) {
    problems.push("The check sum of the whole record does not fit: an entry was changed, added or removed.");
  }
  return problems;
}

export function lastEntry(record: MigrationRecord): RecordEntry | undefined {
  return record.entries.at(-1);
}

/** Id of the rollback that stands, while it stands: what `acknowledgeRollback` must name to leave it. */
export function rollbackId(record: MigrationRecord): string | undefined {
  return stateOf(record)?.rollbackId;
}

/** The state after the last entry; undefined for an empty record. */
export function stateOf(record: MigrationRecord): Carried | undefined {
  return record.entries.reduce<Carried | undefined>(advance, record.folded?.carried);
}

/**
 * Adds an entry, and folds the oldest ones when the whole grows too large.
 * @returns the new record, the entry, and, after folding, the evidence file that has to be kept
 * @throws RecordError when the entry is larger than {@link MAX_ENTRY_BYTES} although its texts were clipped
 */
export function appendEntry(
  record: MigrationRecord,
  draft: EntryDraft,
): { readonly record: MigrationRecord; readonly entry: RecordEntry; readonly evidence?: EvidenceFile | undefined } {
  const last = lastEntry(record);
  const entry = shrink({
    ...clipTexts(draft),
    seq: (last?.seq ?? record.folded?.seq ?? 0) + 1,
    previous: last ? entryHash(last) : (record.folded?.hash ?? null),
  });
  const grown: MigrationRecord = { ...record, entries: [...record.entries, entry], head: undefined };
  const { record: fitting, evidence } = fold(grown);
  return { record: { ...fitting, head: headOf(fitting) }, entry, evidence };
}

/**
 * A record that begins with what could not be read, so that a rollback can be recorded whatever happened to the record.
 * @param text the unreadable text; it becomes the evidence file
 */
export function setAside(
  text: string,
  reason: string,
  at: string,
): { record: MigrationRecord; evidence: EvidenceFile } {
  const evidence = evidenceFile(text);
  const folded: FoldedEntry = {
    folded: { count: 0, from: at, to: at, digest: evidence.sha256, reason: clip(reason, CLIP_BYTES.reason) },
    seq: 0,
    hash: evidence.sha256,
  };
  return { record: { folded, entries: [] }, evidence };
}

function advance(before: Carried | undefined, entry: RecordEntry): Carried {
  const stays = before?.stage === entry.stage;
  // A new migration (again from `prepare`, or a new freeze) has no fingerprint yet.
  const afresh = entry.stage === "prepare" || entry.stage === "freeze";
  const configurationA = entry.digests?.configurationA ?? (afresh ? undefined : before?.configurationA);
  // Staying at rollback adds entries; the id stays the one of the rollback itself.
  const rollback = entry.stage === "rollback" ? ((stays ? before.rollbackId : undefined) ?? entryId(entry)) : undefined;
  const plan = planAfter(before, entry);
  const overrides = overridesAfter(before, entry);
  return {
    stage: entry.stage,
    weightB: entry.weightB,
    enteredFrom: stays ? before.enteredFrom : before ? { stage: before.stage, weightB: before.weightB } : null,
    stageSince: stays ? before.stageSince : entry.at,
    weightSince: before?.weightB === entry.weightB ? before.weightSince : entry.at,
    copy: entry.copy,
    ...(plan && { plan }),
    ...(overrides.length > 0 && { overrides }),
    ...(configurationA && { configurationA }),
    ...configurationAfter(afresh ? undefined : before, entry),
    ...(rollback !== undefined && { rollbackId: rollback }),
  };
}

function fold(record: MigrationRecord): { record: MigrationRecord; evidence?: EvidenceFile } {
  if (byteLength(renderRecord(record)) <= MAX_RECORD_BYTES) return { record };
  let count = 0;
  let size = byteLength(renderRecord(record));
  while (size > FOLDED_RECORD_BYTES && count < record.entries.length - NEVER_FOLDED) {
    size -= byteLength(canonicalJson(record.entries[count])) + 2;
    count += 1;
  }
  const away = record.entries.slice(0, count);
  const first = away[0];
  const last = away.at(-1);
  if (!first || !last) throw new RecordError(`${NEVER_FOLDED} entries alone exceed ${MAX_RECORD_BYTES} bytes.`);
  const lines = [...(record.folded ? [record.folded] : []), ...away].map((line) => canonicalJson(line));
  const evidence = evidenceFile(`${lines.join("\n")}\n`);
  const folded: FoldedEntry = {
    folded: {
      count: (record.folded?.folded.count ?? 0) + away.length,
      from: record.folded?.folded.from ?? first.at,
      to: last.at,
      digest: evidence.sha256,
    },
    seq: last.seq,
    hash: entryHash(last),
    carried: away.reduce<Carried | undefined>(advance, record.folded?.carried),
  };
  return { record: { folded, entries: record.entries.slice(count) }, evidence };
}

function clipTexts(draft: EntryDraft): EntryDraft {
  const { override, live, emergency, unjudged } = draft;
  return {
    ...draft,
    by: clip(draft.by, CLIP_BYTES.by),
    commit: clip(draft.commit, CLIP_BYTES.commit),
    ...(override && { override: clipOverride(override) }),
    ...(emergency && { emergency: clipEmergency(emergency) }),
    ...(unjudged && {
      unjudged: {
        by: clip(unjudged.by, CLIP_BYTES.unjudgedBy),
        reason: clip(unjudged.reason, CLIP_BYTES.unjudgedReason),
      },
    }),
    ...(live && {
      live: Object.fromEntries(Object.entries(live).map(([group, seen]) => [group, clip(seen, CLIP_BYTES.live)])),
    }),
  };
}

/** Leaves out, in this order, what is also in the evidence file, until the entry fits. */
function shrink(entry: RecordEntry): RecordEntry {
  const { live, ...withoutLive } = entry;
  const withoutChecks: RecordEntry = {
    ...withoutLive,
    ...(live && { live: { "*": `${Object.keys(live).length} groups` } }),
    checks: [],
  };
  const tables = entry.digests?.configurationA;
  const forms: readonly RecordEntry[] = [
    entry,
    { ...entry, checks: entry.checks.map(({ name, verdict }) => ({ name, verdict })) },
    withoutChecks,
    // The whole of a fingerprint decides; its tables are also in the evidence.
    ...(tables === undefined
      ? []
      : [{ ...withoutChecks, digests: { ...entry.digests, configurationA: { "*": tables["*"] ?? "" } } }]),
  ];
  const fitting = forms.find((form) => byteLength(canonicalJson(form)) <= MAX_ENTRY_BYTES);
  if (fitting) return fitting;
  throw new RecordError(
    `The entry for stage ${entry.stage} has ${byteLength(canonicalJson(entry))} bytes, ${MAX_ENTRY_BYTES} are allowed.`,
  );
}
