import { createHash } from "node:crypto";
import { type Plan } from "./moves";
import { type MoveKind, type Override, type Stage } from "./stages";

/** What the record is made of. See `record.ts` for what can be done with it. */

export type CheckVerdict = "holds" | "fails" | "unknown";

/** One check that looked for this move; `digest` names its evidence file (SHA-256, 64 hex digits). */
export interface RecordedCheck {
  readonly name: string;
  readonly verdict: CheckVerdict;
  readonly digest?: string | undefined;
}

/**
 * Fingerprint of A's configuration: `schema.table` -> `rows:hash` (12 hex digits). `*` is the whole, always there.
 * When the tables do not fit into an entry, `~` holds them packed (see `configurationDigest.ts`).
 */
export type ConfigurationDigest = Readonly<Record<string, string>>;

/** Digests that later moves are compared with. */
export interface EntryDigests {
  /** Taken when `restore` is entered. */
  readonly configurationA?: ConfigurationDigest | undefined;
  /** The comparison of A and B when `start` is entered: `tables:rows:hash`. */
  readonly copy?: string | undefined;
  /** B's configuration before control plane B starts, and again when an emergency change ends: `rows:hash`. */
  readonly configurationB?: string | undefined;
}

/** A change of the configuration during the migration, by permission: when it began, and when both sides were equal again. */
export interface EmergencyEntry {
  readonly state: "open" | "closed";
  readonly by: string;
  readonly reason: string;
  /**
   * At its end: rows that changed on either side, on B the program's own writes as well; the evidence file names them.
   * Undefined where that could not be told.
   */
  readonly changes?: { readonly a: number; readonly b: number } | undefined;
}

/** State of the file of finer events when the entry was made; the file only grows, so its first `bytes` can be checked. */
export interface EventsDigest {
  readonly bytes: number;
  readonly sha256: string;
}

/** One move. Everything but the place in the chain is given by the gate. */
export interface EntryDraft {
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly stage: Stage;
  readonly from: Stage | null;
  readonly kind: MoveKind;
  /** Share of the requests that B gets from now on, in percent. */
  readonly weightB: number;
  /** Caller identity: an ARN, or `os:user@host` where there is none. */
  readonly by: string;
  /** Commit of the program, with `-dirty` when files differ from it; `-` outside a repository. */
  readonly commit: string;
  /** `databaseB.copy` at that time. */
  readonly copy: number;
  readonly override?: Override | undefined;
  /** What later moves are held to, as it was set then; from `start` on. */
  readonly plan?: Plan | undefined;
  /** Id of the rollback that was left on purpose. */
  readonly acknowledged?: string | undefined;
  readonly checks: readonly RecordedCheck[];
  readonly digests?: EntryDigests | undefined;
  readonly emergency?: EmergencyEntry | undefined;
  /** Who decided that B is not compared with A at this step, and why. */
  readonly unjudged?: { readonly by: string; readonly reason: string } | undefined;
  readonly events?: EventsDigest | undefined;
  /** The same for the pilot's own events, where a pilot runs. */
  readonly pilotEvents?: EventsDigest | undefined;
  /** Rollback: what the load balancer held then, per gateway group: `50/50`, or why it could not be seen. */
  readonly live?: Readonly<Record<string, string>> | undefined;
  /** SHA-256 of the file with the whole evidence of this run. */
  readonly evidence?: string | undefined;
}

export interface RecordEntry extends EntryDraft {
  /** 1, 2, 3 ... without a gap. */
  readonly seq: number;
  /** Hash of the entry before (64 hex digits); null for the first. */
  readonly previous: string | null;
}

/** Stands for the oldest entries, whose text is an evidence file named by `digest`. Only ever the first entry. */
export interface FoldedEntry {
  readonly folded: {
    readonly count: number;
    readonly from: string;
    readonly to: string;
    /** SHA-256 of the evidence file: the folded entries, one JSON document a line. */
    readonly digest: string;
    /** Why, when it was not for size: an unreadable record was set aside so that a rollback could be recorded. */
    readonly reason?: string | undefined;
  };
  /** `seq` of the last folded entry. */
  readonly seq: number;
  /** Hash of the last folded entry: the next one's `previous`. */
  readonly hash: string;
  /** What later moves need of the folded entries. */
  readonly carried?: Carried | undefined;
}

/** State after an entry, as far as later moves ask for it. */
export interface Carried {
  readonly stage: Stage;
  readonly weightB: number;
  /** Where the unbroken stay in this stage was entered from; null when it is the record's first. */
  readonly enteredFrom: { readonly stage: Stage; readonly weightB: number } | null;
  /** Begin of the unbroken stay in this stage, and at this weight. ISO 8601. */
  readonly stageSince: string;
  readonly weightSince: string;
  /** The newest fingerprint of A's configuration since the last freeze. */
  readonly configurationA?: ConfigurationDigest | undefined;
  /** When that fingerprint was taken, and the evidence file that holds its rows. */
  readonly fingerprintA?: Taken | undefined;
  /** B's configuration as it was last taken. */
  readonly baselineB?: (Taken & { readonly digest: string }) | undefined;
  /** When A's rows were last proved equal to B's, row by row. */
  readonly copyProvedAt?: string | undefined;
  /** When a check of the configuration last held, by the check's name. */
  readonly seen?: Readonly<Record<string, string>> | undefined;
  /** The emergency change that is open. */
  readonly emergency?: { readonly by: string; readonly reason: string; readonly since: string } | undefined;
  readonly copy: number;
  /** What moves are held to since `start` was entered. */
  readonly plan?: Plan | undefined;
  /** Ids of the overrides that were used in this migration, the newest last. */
  readonly overrides?: readonly string[] | undefined;
  /** Id of the rollback, while it stands. */
  readonly rollbackId?: string | undefined;
}

/** When something was taken, and the evidence file (SHA-256) that holds it. */
export interface Taken {
  /** ISO 8601. */
  readonly at: string;
  readonly evidence?: string | undefined;
}

export interface MigrationRecord {
  readonly folded?: FoldedEntry | undefined;
  readonly entries: readonly RecordEntry[];
  /** Check sum over the whole, as it was read; undefined for an empty record. */
  readonly head?: string | undefined;
}

/** A file to be kept: its name is `<sha256>.json`, and its content's digest is that name. */
export interface EvidenceFile {
  readonly sha256: string;
  readonly content: string;
}

/** SHA-256 (64 hex digits) of the entry's canonical JSON. */
export function entryHash(entry: RecordEntry): string {
  return sha256(canonicalJson(entry));
}

/** Short name of an entry: the first 12 hex digits of its hash. */
export function entryId(entry: RecordEntry): string {
  return entryHash(entry).slice(0, 12);
}

/** JSON with sorted keys and without undefined values: the same for the same content. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === "object" && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

/** Hexadecimal SHA-256 of the text in UTF-8. */
export function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

export function evidenceFile(content: string): EvidenceFile {
  return { sha256: sha256(content), content };
}

/** Bytes of the text in UTF-8. */
export function byteLength(text: string): number {
  return Buffer.byteLength(text, "utf8");
}

/** Texts of people and of the system are clipped to these many bytes, so that an entry cannot outgrow its limit. */
export const CLIP_BYTES = {
  by: 200,
  commit: 60,
  overrideBy: 80,
  reason: 240,
  unjudgedBy: 60,
  unjudgedReason: 120,
  emergencyBy: 80,
  emergencyReason: 160,
  live: 60,
} as const;

/** An override as an entry holds it. */
export function clipOverride(override: Override): Override {
  const { by, reason } = override;
  return { ...override, by: clip(by, CLIP_BYTES.overrideBy), reason: clip(reason, CLIP_BYTES.reason) };
}

/** An emergency change as an entry holds it. */
export function clipEmergency(emergency: EmergencyEntry): EmergencyEntry {
  const { by, reason } = emergency;
  return { ...emergency, by: clip(by, CLIP_BYTES.emergencyBy), reason: clip(reason, CLIP_BYTES.emergencyReason) };
}

/** Clips by the bytes that the text takes inside JSON, where a control character takes six. */
export function clip(text: string, limitBytes: number): string {
  const size = (part: string): number => byteLength(JSON.stringify(part)) - 2;
  if (size(text) <= limitBytes) return text;
  let clipped = text.slice(0, limitBytes);
  while (size(clipped) > limitBytes - 3) clipped = clipped.slice(0, -1);
  // Half a surrogate pair at the cut would not survive UTF-8.
  return `${clipped.replace(/[\uD800-\uDBFF]$/, "")}…`;
}
