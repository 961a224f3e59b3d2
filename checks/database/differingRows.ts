import { type Snapshot } from "../clients/postgres";
import { rowHash, rowKey, type RowSource } from "./fingerprint";

/**
 * Which rows of a table differ: both sides sum their rows' hashes by 256 buckets of the key, and only the buckets that
 * differ are read row by row. That is about one scan more, where halving would take almost five (facts/delivery.md 6).
 */

/** Rows read from one side at most; beyond that the total is a lower bound. */
const MAX_ROWS_READ = 200_000;
/** Characters of a key that are shown. */
const KEY_LENGTH = 80;

export interface DifferingRows {
  readonly changed: number;
  readonly onlyInA: number;
  readonly onlyInB: number;
  /** The first keys in their order, each with its kind: `route-17 (changed)`. */
  readonly keys: readonly string[];
  /** False when more rows differ than were counted. */
  readonly complete: boolean;
}

/** @param limit how many keys to name. @throws CouldNotLook */
export async function findDifferingRows(
  a: Snapshot,
  b: Snapshot,
  source: RowSource,
  limit: number,
): Promise<DifferingRows> {
  const [bucketsA, bucketsB] = await Promise.all([readBuckets(a, source), readBuckets(b, source)]);
  const differing = [...new Set([...bucketsA.keys(), ...bucketsB.keys()])].filter(
    (bucket) => bucketsA.get(bucket)?.sum !== bucketsB.get(bucket)?.sum,
  );
  const chosen: number[] = [];
  let rows = 0;
  for (const bucket of differing.sort((x, y) => x - y)) {
    const size = Math.max(bucketsA.get(bucket)?.rows ?? 0, bucketsB.get(bucket)?.rows ?? 0);
    if (chosen.length > 0 && rows + size > MAX_ROWS_READ) break;
    chosen.push(bucket);
    rows += size;
  }
  const [rowsA, rowsB] = await Promise.all([readRows(a, source, chosen), readRows(b, source, chosen)]);
  return { ...compareRows(rowsA, rowsB, limit), complete: chosen.length === differing.length };
}

async function readBuckets(
  snapshot: Snapshot,
  source: RowSource,
): Promise<ReadonlyMap<number, { readonly rows: number; readonly sum: string }>> {
  const rows = await snapshot.query<{ bucket: number; rows: string; sum: string }>(
    `select ${bucketOf("k")} as bucket, count(*) as rows, sum(h) as sum
     from (select ${rowKey(source)} as k, ${rowHash(source)} as h from ${source.from} t) hashed group by 1`,
  );
  // The count is part of the sum: rows whose hash happens to be 0 would not show in it.
  return new Map(rows.map((row) => [row.bucket, { rows: Number(row.rows), sum: `${row.rows}:${row.sum}` }]));
}

/** Hashes by key; several for one key where the key is not unique. */
async function readRows(
  snapshot: Snapshot,
  source: RowSource,
  buckets: readonly number[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const rows = await snapshot.query<{ k: string; h: string }>(
    `select k, h from (select ${rowKey(source)} as k, ${rowHash(source)} as h from ${source.from} t) hashed
     where ${bucketOf("k")} = any ($1::int[]) order by k collate "C", h`,
    [buckets],
  );
  const byKey = new Map<string, string[]>();
  for (const { k, h } of rows) {
    const hashes = byKey.get(k);
    if (hashes) hashes.push(h);
    else byKey.set(k, [h]);
  }
  return byKey;
}

function compareRows(
  a: ReadonlyMap<string, readonly string[]>,
  b: ReadonlyMap<string, readonly string[]>,
  limit: number,
): Omit<DifferingRows, "complete"> {
  const counts = { changed: 0, onlyInA: 0, onlyInB: 0 };
  const keys: string[] = [];
  for (const key of [...new Set([...a.keys(), ...b.keys()])].sort()) {
    const inA = a.get(key) ?? [];
    const inB = b.get(key) ?? [];
    if (inA.join() === inB.join()) continue;
    const changed = inA.length === inB.length ? inA.filter((hash) => !inB.includes(hash)).length : 0;
    counts.changed += changed;
    counts.onlyInA += Math.max(0, inA.length - inB.length);
    counts.onlyInB += Math.max(0, inB.length - inA.length);
    const kind = inA.length === inB.length ? "changed" : inA.length > inB.length ? "only in A" : "only in B";
    if (keys.length < limit) keys.push(`${shorten(key)} (${kind})`);
  }
  return { ...counts, keys };
}

function bucketOf(key: string): string {
  return `(hashtextextended(${key} collate "C", 0) & 255)::int`;
}

function shorten(key: string): string {
  return key.length <= KEY_LENGTH ? key : `${key.slice(0, KEY_LENGTH)}…`;
}
