import { createHash } from "node:crypto";
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
  /** Id of the rollback that was left on purpose. */
  readonly acknowledged?: string | undefined;
  readonly checks: readonly RecordedCheck[];
  readonly digests?: EntryDigests | undefined;
  readonly events?: EventsDigest | undefined;
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
  readonly copy: number;
  /** Id of the rollback, while it stands. */
  readonly rollbackId?: string | undefined;
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
