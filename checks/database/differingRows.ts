import { type Snapshot } from "../clients/postgres";
import { type Table } from "./catalog";
import { rowHash, rowKey, type RowSource } from "./rowSource";
import { scan, subjectOf } from "./scan";

/**
 * Which rows of a table differ: both sides sum their rows' hashes by 256 buckets of the key, and only the buckets that
 * differ are read row by row. That is about one scan more, where halving would take almost five (facts/delivery.md 6).
 * Where those buckets hold many rows, each is cut into 256 once more.
 */

/** One level of buckets takes so many bits of the key's hash. */
const LEVEL_BITS = 8;
const LEVELS = 2;
/** Rows in differing buckets from which the next level is worth its scan. */
const MANY_ROWS = 100_000;
/** Rows read from one side at most, for the sake of A's disk, where they are sorted; beyond that the total is a lower bound. */
const MAX_ROWS_READ = 5_000_000;
/** Characters of a key that are shown. */
const KEY_LENGTH = 80;
/** Keys that may be secrets themselves, by the name of their column. */
const SECRET_COLUMN = /token|secret|passw|credential|api_?key|private|session/i;

export interface DifferingRows {
  readonly changed: number;
  readonly onlyInA: number;
  readonly onlyInB: number;
  /** The first keys in their order, each with its kind: `route-17 (changed)`. */
  readonly keys: readonly string[];
  /** False when more rows differ than were counted. */
  readonly complete: boolean;
}

/** One side of a comparison. */
export interface Side {
  readonly snapshot: Snapshot;
  readonly table: Table;
}

/**
 * One table at a time: it holds a connection to each side, and two that each hold what the other needs would wait for ever.
 * @param limit how many keys to name
 * @throws CouldNotLook
 */
export async function findDifferingRows(a: Side, b: Side, source: RowSource, limit: number): Promise<DifferingRows> {
  let differing = await differingBuckets(a, b, source, 1, undefined);
  for (let level = 2; level <= LEVELS && differing.rows > MANY_ROWS; level += 1) {
    differing = await differingBuckets(a, b, source, level, differing);
  }
  const chosen: number[] = [];
  let rows = 0;
  for (const { bucket, size } of differing.buckets) {
    if (chosen.length > 0 && rows + size > MAX_ROWS_READ) break;
    chosen.push(bucket);
    rows += size;
  }
  const level = { bits: differing.bits, numbers: chosen };
  const compared = await compareRows(readRows(a, source, level), readRows(b, source, level), limit, nameOf(source));
  return { ...compared, complete: chosen.length === differing.buckets.length };
}

interface Buckets {
  /** Bits of the key's hash that number a bucket. */
  readonly bits: number;
  /** In ascending order, each with the larger side's number of rows. */
  readonly buckets: readonly { readonly bucket: number; readonly size: number }[];
  readonly rows: number;
}

async function differingBuckets(
  a: Side,
  b: Side,
  source: RowSource,
  level: number,
  within: Buckets | undefined,
): Promise<Buckets> {
  const bits = level * LEVEL_BITS;
  const parents = within && { bits: within.bits, numbers: within.buckets.map(({ bucket }) => bucket) };
  const [inA, inB] = await Promise.all([readBuckets(a, source, bits, parents), readBuckets(b, source, bits, parents)]);
  const buckets = [...new Set([...inA.keys(), ...inB.keys()])]
    .map((bucket) => ({ bucket, a: inA.get(bucket), b: inB.get(bucket) }))
    // The count is compared as well: rows whose hash happens to be 0 do not show in the sum.
    .filter((one) => one.a?.sum !== one.b?.sum || one.a?.rows !== one.b?.rows)
    .map((one) => ({ bucket: one.bucket, size: Math.max(one.a?.rows ?? 0, one.b?.rows ?? 0) }))
    .sort((x, y) => x.bucket - y.bucket);
  return { bits, buckets, rows: buckets.reduce((sum, { size }) => sum + size, 0) };
}

interface Selection {
  readonly bits: number;
  readonly numbers: readonly number[];
}

async function readBuckets(
  { snapshot, table }: Side,
  source: RowSource,
  bits: number,
  within: Selection | undefined,
): Promise<ReadonlyMap<number, { readonly rows: number; readonly sum: bigint }>> {
  const answers = await scan<{ bucket: number; rows: string; sum: string }>(
    snapshot,
    table,
    source,
    (rows) =>
      `select bucket, count(*) as rows, sum(h) as sum from (
         select ${bucketOf(rowKey(source), bits)} as bucket, ${rowHash(source)} as h from ${rows} and ${selected(source, within)}
       ) hashed group by bucket`,
    // Each answer of the second level may have 65,536 rows.
    bits > LEVEL_BITS ? { pieces: snapshot.width } : {},
  );
  const buckets = new Map<number, { rows: number; sum: bigint }>();
  for (const { bucket, rows, sum } of answers) {
    const found = buckets.get(bucket) ?? { rows: 0, sum: 0n };
    buckets.set(bucket, { rows: found.rows + Number(rows), sum: found.sum + BigInt(sum) });
  }
  return buckets;
}

interface Row {
  readonly k: string;
  readonly h: string;
  /** Where the row is in the table's file: what names it beside its hash when it has no key. */
  readonly place: string;
}

/** The rows of some buckets, in the byte order of their keys. */
function readRows({ snapshot, table }: Side, source: RowSource, buckets: Selection): AsyncGenerator<Row> {
  const place = source.byPage ? "t.ctid::text" : "''";
  return snapshot.stream<Row>(
    `select k, h, place from (
       select ${rowKey(source)} as k, ${rowHash(source)} as h, ${place} as place from ${source.from} t where ${selected(source, buckets)}
     ) hashed order by k collate "C", h`,
    [],
    subjectOf(table),
  );
}

function selected(source: RowSource, buckets: Selection | undefined): string {
  if (!buckets) return "true";
  return `${bucketOf(rowKey(source), buckets.bits)} = any ('{${buckets.numbers.join(",")}}'::int[])`;
}

function bucketOf(key: string, bits: number): string {
  return `(hashtextextended(${key} collate "C", 0) & ${2 ** bits - 1})::int`;
}

/** All rows of one key on one side: how many there are of each hash. Several where the key is not unique. */
interface Group {
  readonly key: string;
  readonly hashes: ReadonlyMap<string, number>;
  readonly place: string;
}

async function* groupsOf(rows: AsyncGenerator<Row>): AsyncGenerator<Group, undefined> {
  let group: { key: string; hashes: Map<string, number>; place: string } | undefined;
  for await (const { k, h, place } of rows) {
    if (group?.key !== k) {
      if (group) yield group;
      group = { key: k, hashes: new Map(), place };
    }
    group.hashes.set(h, (group.hashes.get(h) ?? 0) + 1);
  }
  if (group) yield group;
  return undefined;
}

/** Merges both sides' sorted rows, with memory for a few of them only. */
async function compareRows(
  rowsA: AsyncGenerator<Row>,
  rowsB: AsyncGenerator<Row>,
  limit: number,
  name: (group: Group) => string,
): Promise<Omit<DifferingRows, "complete">> {
  const counts = { changed: 0, onlyInA: 0, onlyInB: 0 };
  const keys: string[] = [];
  const [sideA, sideB] = [groupsOf(rowsA), groupsOf(rowsB)];
  try {
    let [a, b] = await Promise.all([sideA.next().then(({ value }) => value), sideB.next().then(({ value }) => value)]);
    while (a || b) {
      const order = !a ? 1 : !b ? -1 : compareBytes(a.key, b.key);
      const found = compareGroups(order <= 0 ? a : undefined, order >= 0 ? b : undefined);
      counts.changed += found.changed;
      counts.onlyInA += found.onlyInA;
      counts.onlyInB += found.onlyInB;
      const shown = order <= 0 ? a : b;
      if (found.kind !== undefined && shown && keys.length < limit) keys.push(`${name(shown)} (${found.kind})`);
      [a, b] = await Promise.all([
        order <= 0 ? sideA.next().then(({ value }) => value) : a,
        order >= 0 ? sideB.next().then(({ value }) => value) : b,
      ]);
    }
    return { ...counts, keys };
  } finally {
    await Promise.allSettled([sideA.return(undefined), sideB.return(undefined)]);
  }
}

interface Found {
  readonly changed: number;
  readonly onlyInA: number;
  readonly onlyInB: number;
  readonly kind: string | undefined;
}

function compareGroups(a: Group | undefined, b: Group | undefined): Found {
  const hashes = new Set([...(a?.hashes.keys() ?? []), ...(b?.hashes.keys() ?? [])]);
  let [more, less] = [0, 0];
  for (const hash of hashes) {
    const difference = (a?.hashes.get(hash) ?? 0) - (b?.hashes.get(hash) ?? 0);
    if (difference > 0) more += difference;
    else less -= difference;
  }
  const changed = Math.min(more, less);
  const [onlyInA, onlyInB] = [more - changed, less - changed];
  const kind = onlyInA > 0 ? "only in A" : onlyInB > 0 ? "only in B" : changed > 0 ? "changed" : undefined;
  return { changed, onlyInA, onlyInB, kind };
}

/** As PostgreSQL's collation "C" orders UTF-8. */
function compareBytes(a: string, b: string): number {
  return a === b ? 0 : Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** How a row is named. Never by content: a row without a key goes by its hash and its place in the file. */
function nameOf(source: RowSource): (group: Group) => string {
  if (source.key.length === 0) return ({ key, place }) => `row at ctid ${place} with hash ${key}`;
  const hidden = source.key.some((column) => SECRET_COLUMN.test(column));
  if (hidden) return ({ place }) => `row at ctid ${place}, whose key may be secret`;
  return ({ key }) => (key.length <= KEY_LENGTH ? key : `${key.slice(0, KEY_LENGTH)}…`);
}
