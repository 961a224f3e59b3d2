import { z } from "zod";
import { canonicalJson, entryHash, sha256, type MigrationRecord } from "./recordEntry";

/** The record as text: one JSON document, one entry a line, with a check sum over the whole. */

/** Longest text inside an entry; no entry is longer than 2 KiB. */
const MAX_TEXT = 2048;

/** The text is no record, or an entry does not fit into one. The message says what was seen and expected. */
export class RecordError extends Error {
  override readonly name = "RecordError";
}

const HASH = z.string().regex(/^[0-9a-f]{64}$/);
const STAGE = z.templateLiteral(["traffic-", z.int().min(0).max(100)]);
const FIXED = z.enum(["prepare", "freeze", "restore", "start", "complete", "decommission", "rollback", "abandon"]);
const ANY_STAGE = z.union([FIXED, STAGE]);
const KIND = z.enum([
  "first", "stay", "up", "down", "rollback", "leave-rollback", "abandon", "reopen", "override",
]); // prettier-ignore
const TEXT = z.string().max(MAX_TEXT);
const DIGESTS = z.record(TEXT, TEXT);

const PLAN = z.strictObject({
  steps: z.array(z.int().min(1).max(100)).max(100),
  groups: z.array(TEXT),
});

const EVENTS = z.strictObject({ bytes: z.int().min(0), sha256: HASH });

const ENTRY = z.strictObject({
  seq: z.int().min(1),
  at: z.iso.datetime(),
  stage: ANY_STAGE,
  from: ANY_STAGE.nullable(),
  kind: KIND,
  weightB: z.number().min(0).max(100),
  by: TEXT,
  commit: TEXT,
  copy: z.int(),
  override: z.strictObject({ from: ANY_STAGE, to: ANY_STAGE, by: TEXT, reason: TEXT }).optional(),
  plan: PLAN.optional(),
  acknowledged: TEXT.optional(),
  checks: z.array(
    z.strictObject({ name: TEXT, verdict: z.enum(["holds", "fails", "unknown"]), digest: HASH.optional() }),
  ),
  digests: z
    .strictObject({ configurationA: DIGESTS.optional(), copy: TEXT.optional(), configurationB: TEXT.optional() })
    .optional(),
  emergency: z
    .strictObject({
      state: z.enum(["open", "closed"]),
      by: TEXT,
      reason: TEXT,
      changes: z.strictObject({ a: z.int().min(0), b: z.int().min(0) }).optional(),
    })
    .optional(),
  unjudged: z.strictObject({ by: TEXT, reason: TEXT }).optional(),
  events: EVENTS.optional(),
  pilotEvents: EVENTS.optional(),
  live: DIGESTS.optional(),
  evidence: HASH.optional(),
  previous: HASH.nullable(),
});

const TAKEN = { at: z.iso.datetime(), evidence: HASH.optional() };

const FOLDED = z.strictObject({
  folded: z.strictObject({ count: z.int().min(0), from: TEXT, to: TEXT, digest: HASH, reason: TEXT.optional() }),
  seq: z.int().min(0),
  hash: HASH,
  carried: z
    .strictObject({
      stage: ANY_STAGE,
      weightB: z.number().min(0).max(100),
      enteredFrom: z.strictObject({ stage: ANY_STAGE, weightB: z.number().min(0).max(100) }).nullable(),
      stageSince: z.iso.datetime(),
      weightSince: z.iso.datetime(),
      configurationA: DIGESTS.optional(),
      fingerprintA: z.strictObject(TAKEN).optional(),
      baselineB: z.strictObject({ ...TAKEN, digest: TEXT }).optional(),
      copyProvedAt: z.iso.datetime().optional(),
      seen: z.record(TEXT, z.iso.datetime()).optional(),
      emergency: z.strictObject({ by: TEXT, reason: TEXT, since: z.iso.datetime() }).optional(),
      copy: z.int(),
      plan: PLAN.optional(),
      overrides: z.array(TEXT).optional(),
      rollbackId: TEXT.optional(),
    })
    .optional(),
});

const DOCUMENT = z.strictObject({
  version: z.literal(1),
  head: HASH,
  folded: FOLDED.optional(),
  entries: z.array(ENTRY),
});

/**
 * Reads a rendered record; the empty text is the record of a new stack. The chain is not checked, see {@link verifyChain}.
 * @throws RecordError when the text is anything else
 */
export function parseRecord(text: string): MigrationRecord {
  if (text.trim() === "") return { entries: [] };
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new RecordError(`The record is not JSON (${text.length} characters).`);
  }
  const parsed = DOCUMENT.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new RecordError(
      `The record does not have the expected form: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}`,
    );
  }
  const { folded, entries, head } = parsed.data;
  return { entries, head, ...(folded && { folded }) };
}

/** The record as one JSON document, one entry a line. */
export function renderRecord(record: MigrationRecord): string {
  const head = record.head ?? headOf(record);
  const folded = record.folded ? `"folded":${canonicalJson(record.folded)},\n` : "";
  const entries = record.entries.map((entry) => canonicalJson(entry)).join(",\n");
  return `{"version":1,"head":"${head}",\n${folded}"entries":[\n${entries}\n]}`;
}

/** Check sum over all entries: tells a record that was cut off or changed by accident. */
export function headOf(record: MigrationRecord): string {
  const folded = record.folded ? [canonicalJson(record.folded)] : [];
  return sha256([...folded, ...record.entries.map(entryHash)].join("\n"));
}
