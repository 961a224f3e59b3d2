import { type TableFingerprint } from "../../migration/configurationDigest";
import { type MigrationScope } from "../../migration/gateRequest";
import { changedKeys, HASH_BYTES, packRows, tablesToKeep, type RowEvidence } from "../../migration/rowEvidence";
import { objectText } from "../../migration/canonical/compare";
import { type TableRows } from "../../migration/canonical/model";
import { Names } from "../../migration/canonical/naming";
import { type Snapshot } from "../clients/postgres";
import { readTables } from "../database/catalog";
import { rowHash, rowKey, rowSource, type RowSource } from "../database/rowSource";
import { CouldNotLook } from "../result";
import { readCatalogue } from "./catalogue";
import { Side } from "./side";

/** Which rows are not as they were when evidence was taken: each by the name of its object, and when it was written. */

/** One row that is not as it was. */
export interface RowChange {
  /** `schema.table`. */
  readonly table: string;
  /** Name of the object (`public.route default/orders-core/items`), else what could be told. */
  readonly object: string;
  readonly kind: "changed" | "added" | "gone";
  /** When the row was written last by its own account; ISO 8601. Undefined where it has no such column, or is gone. */
  readonly writtenAt?: string | undefined;
}

export interface ChangesSince {
  /** The first ones, table by table. */
  readonly changes: readonly RowChange[];
  /** How many there are in all, in the tables whose rows are known. */
  readonly total: number;
  /** Tables that changed and whose rows were not kept. */
  readonly untold: readonly string[];
}

/** Rows in the form of the evidence. @throws CouldNotLook */
export async function takeRows(
  snapshot: Snapshot,
  tables: readonly TableFingerprint[],
  declared: MigrationScope["volatile"],
  at: Date,
): Promise<RowEvidence> {
  const sources = await sourcesOf(snapshot, declared);
  const kept = tablesToKeep(tables);
  return {
    at: at.toISOString(),
    tables: await Promise.all(
      tables.map(async ({ table, rows, digest }) => {
        const source = kept.has(table) ? sources.get(table) : undefined;
        return { table, rows: Number(rows), digest, ...(source && { packed: await packed(snapshot, table, source) }) };
      }),
    ),
  };
}

/**
 * What changed since the evidence was taken.
 * @param other the other side, where a row that is gone may still have its name
 * @param limit how many rows to name
 * @throws CouldNotLook
 */
export async function changesSince(
  snapshot: Snapshot,
  live: readonly TableFingerprint[],
  before: RowEvidence,
  options: {
    readonly declared: MigrationScope["volatile"];
    readonly limit: number;
    readonly other?: Snapshot | undefined;
  },
): Promise<ChangesSince> {
  const sources = await sourcesOf(snapshot, options.declared);
  const kept = new Map(before.tables.map((table) => [table.table, table]));
  const names = [...new Set([...kept.keys(), ...live.map(({ table }) => table)])].sort();
  const changes: RowChange[] = [];
  const untold: string[] = [];
  let total = 0;
  for (const table of names) {
    const now = live.find((candidate) => candidate.table === table);
    const then = kept.get(table);
    if (now && then && now.digest === then.digest && now.rows === BigInt(then.rows)) continue;
    const source = sources.get(table);
    if (then?.packed === undefined || !now || !source) {
      untold.push(table);
      continue;
    }
    const keys = changedKeys(then.packed, await packed(snapshot, table, source));
    const marked = (["changed", "added", "gone"] as const).flatMap((kind) =>
      keys[kind].map((hash) => ({ kind, hash })),
    );
    total += marked.length;
    const shown = marked.slice(0, Math.max(0, options.limit - changes.length));
    // The columns changed: rows that are the same have other hashes.
    if (marked.length === 0) untold.push(table);
    changes.push(...(await nameChanges(snapshot, options, table, source, shown)));
  }
  return { changes, total, untold };
}

type Marked = readonly { readonly kind: RowChange["kind"]; readonly hash: string }[];

async function nameChanges(
  snapshot: Snapshot,
  { declared, other }: { readonly declared: MigrationScope["volatile"]; readonly other?: Snapshot | undefined },
  table: string,
  source: RowSource,
  marked: Marked,
): Promise<readonly RowChange[]> {
  const there = marked.filter(({ kind }) => kind !== "gone").map(({ hash }) => hash);
  const gone = marked.filter(({ kind }) => kind === "gone").map(({ hash }) => hash);
  const [here, elsewhere] = await Promise.all([
    namesOf(snapshot, declared, table, source, there),
    other ? namesOf(other, declared, table, source, gone).catch(unlessUnreachable) : EMPTY,
  ]);
  return marked.map(({ kind, hash }) => {
    const named = here.get(hash) ?? elsewhere.get(hash);
    const object = named?.object ?? `${table} (a row that is gone; its key has the hash ${hash})`;
    return { table, object, kind, ...(kind !== "gone" && { writtenAt: named?.writtenAt }) };
  });
}

interface Named {
  readonly object: string;
  readonly writtenAt?: string | undefined;
}

const EMPTY: ReadonlyMap<string, Named> = new Map();

/** A name from the other side is a courtesy: that it does not answer is told by the checks that need it. */
function unlessUnreachable(error: unknown): typeof EMPTY {
  if (error instanceof CouldNotLook) return EMPTY;
  throw error;
}

async function namesOf(
  snapshot: Snapshot,
  declared: MigrationScope["volatile"],
  table: string,
  source: RowSource,
  hashes: readonly string[],
): Promise<ReadonlyMap<string, Named>> {
  if (hashes.length === 0) return EMPTY;
  const found = await snapshot.query<{ k: string; kh: string }>(
    `select k, encode(kh, 'hex') as kh from (select ${rowKey(source)} as k, ${keyHash(source)} as kh from ${source.from} t) keyed
     where kh = any ($1::bytea[])`,
    [hashes.map((hash) => Buffer.from(hash, "hex"))],
    `table ${table}`,
  );
  const { tables } = await readCatalogue(snapshot, declared);
  const known = tables.find(({ facts }) => facts.id === table);
  const plain = new Map(found.map(({ k, kh }): [string, Named] => [kh, { object: `${table} ${k}` }]));
  // A partition, or a table without a key: the row's own key or hash has to do.
  if (!known || known.facts.key.length === 0) return plain;
  const side = new Side(snapshot, tables);
  await side.read(
    known,
    found.map(({ k }) => k),
  );
  const configuration = side.configuration();
  const names = new Names(configuration);
  const rows: TableRows | undefined = configuration.get(table);
  for (const row of rows?.rows ?? []) {
    const hash = found.find(({ k }) => k === row.key)?.kh;
    if (hash === undefined || !rows) continue;
    const name = names.nameOf(rows, row);
    const object = objectText({ table: rows, name: name.length > 0 ? name : [row.key] });
    plain.set(hash, { object, writtenAt: row.writtenAt });
  }
  return plain;
}

async function packed(snapshot: Snapshot, table: string, source: RowSource): Promise<string> {
  const [row] = await snapshot.query<{ pairs: Buffer | null }>(
    `select string_agg(kh || substr(int8send(h), 1, ${HASH_BYTES}), ''::bytea order by kh, h) as pairs
     from (select ${keyHash(source)} as kh, ${rowHash(source)} as h from ${source.from} t) hashed`,
    [],
    `table ${table}`,
  );
  return packRows(row?.pairs ?? Buffer.alloc(0));
}

function keyHash(source: RowSource): string {
  return `substr(sha256(convert_to(${rowKey(source)}, 'UTF8')), 1, ${HASH_BYTES})`;
}

async function sourcesOf(
  snapshot: Snapshot,
  declared: MigrationScope["volatile"],
): Promise<ReadonlyMap<string, RowSource>> {
  const tables = await readTables(snapshot);
  return new Map(
    tables.flatMap((table): [string, RowSource][] => {
      const plan = table.partitioned ? undefined : rowSource(table, declared);
      return plan && "source" in plan ? [[table.id, plan.source]] : [];
    }),
  );
}
