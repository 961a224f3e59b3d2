import { sha256 } from "./recordEntry";

/**
 * What is kept of every row when a fingerprint is taken, so that a later change can be named by its row: a hash of its key
 * and a hash of its content, nothing of either. It is part of an evidence file that the record names by digest.
 */

/** Bytes of a key's hash, and of a row's. Two rows of a million meet in both by chance less than once in a million times. */
export const HASH_BYTES = 6;
const PAIR_BYTES = 2 * HASH_BYTES;
/** Rows that are kept, over all tables: 5 MB of text. Larger tables are kept as a whole only. */
export const MAX_KEPT_ROWS = 300_000;

/** Rows of every table at one time. */
export interface RowEvidence {
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly tables: readonly TableEvidence[];
}

export interface TableEvidence {
  /** `schema.table`. */
  readonly table: string;
  readonly rows: number;
  /** Over the whole table, as in its fingerprint. */
  readonly digest: string;
  /** Key hash and row hash of every row, base64; undefined where there were too many. */
  readonly packed?: string | undefined;
}

/** Hashes of the keys whose rows are not as they were; hexadecimal. */
export interface ChangedKeys {
  readonly changed: readonly string[];
  readonly added: readonly string[];
  readonly gone: readonly string[];
}

/** Which tables' rows are kept: the small ones first, since configuration is small. */
export function tablesToKeep(
  tables: readonly { readonly table: string; readonly rows: bigint }[],
  maximum = MAX_KEPT_ROWS,
): ReadonlySet<string> {
  const kept = new Set<string>();
  let total = 0n;
  for (const { table, rows } of [...tables].sort((x, y) => (x.rows < y.rows ? -1 : 1))) {
    total += rows;
    if (total > BigInt(maximum)) break;
    kept.add(table);
  }
  return kept;
}

/** @param pairs key hash and row hash one after the other */
export function packRows(pairs: Uint8Array): string {
  return Buffer.from(pairs).toString("base64");
}

/** Compares kept rows with live ones in the same form. Rows without a key of their own are never changed, only added or gone. */
export function changedKeys(packed: string, live: string): ChangedKeys {
  const [before, now] = [countPairs(packed), countPairs(live)];
  const gone = new Set<string>();
  const added = new Set<string>();
  for (const [pair, count] of before) if (count > (now.get(pair) ?? 0)) gone.add(keyOf(pair));
  for (const [pair, count] of now) if (count > (before.get(pair) ?? 0)) added.add(keyOf(pair));
  const changed = [...gone].filter((key) => added.has(key));
  return {
    changed,
    added: [...added].filter((key) => !gone.has(key)),
    gone: [...gone].filter((key) => !added.has(key)),
  };
}

function countPairs(packed: string): ReadonlyMap<string, number> {
  const text = Buffer.from(packed, "base64").toString("hex");
  const counts = new Map<string, number>();
  const step = 2 * PAIR_BYTES;
  for (let at = 0; at + step <= text.length; at += step) {
    const pair = text.slice(at, at + step);
    counts.set(pair, (counts.get(pair) ?? 0) + 1);
  }
  return counts;
}

function keyOf(pair: string): string {
  return pair.slice(0, 2 * HASH_BYTES);
}

/** Whether one row is as it was: `unknown` where the table's rows were not kept. */
export function stateOfRow(
  evidence: RowEvidence,
  table: string,
  row: { readonly key: string; readonly hash: string },
): "same" | "changed" | "added" | "unknown" {
  const packed = evidence.tables.find((candidate) => candidate.table === table)?.packed;
  if (packed === undefined) return "unknown";
  const key = sha256(row.key).slice(0, 2 * HASH_BYTES);
  const hash = BigInt.asUintN(64, BigInt(row.hash)).toString(16).padStart(16, "0");
  const pairs = countPairs(packed);
  if (pairs.has(`${key}${hash.slice(0, 2 * HASH_BYTES)}`)) return "same";
  return [...pairs.keys()].some((pair) => keyOf(pair) === key) ? "changed" : "added";
}

/** Name under which a check's result carries rows into the evidence file. */
export type RowsName = "rowsA" | "rowsB";

/**
 * The rows in the evidence file of a gate's run.
 * @param content the file; its digest was checked
 * @returns undefined when the file holds none
 */
export function rowsIn(content: string, name: RowsName): RowEvidence | undefined {
  const file: unknown = JSON.parse(content);
  if (!isObject(file) || !Array.isArray(file["results"])) return undefined;
  for (const result of file["results"] as readonly unknown[]) {
    const evidence = isObject(result) ? result["evidence"] : undefined;
    const rows = isObject(evidence) ? evidence[name] : undefined;
    if (isRowEvidence(rows)) return rows;
  }
  return undefined;
}

function isRowEvidence(value: unknown): value is RowEvidence {
  return isObject(value) && typeof value["at"] === "string" && Array.isArray(value["tables"]);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
