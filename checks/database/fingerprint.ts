import { escapeIdentifier } from "pg";
import { type TableFingerprint } from "../../migration/configurationDigest";
import { type MigrationScope } from "../../migration/gateRequest";
import { sha256 } from "../../migration/record";
import { type Snapshot } from "../clients/postgres";
import { CouldNotLook } from "../result";
import { readTables, type Table } from "./catalog";
import { isKeyValueTable, KINE_REASON, volatileColumns, volatileTable, type Volatility } from "./volatile";

/**
 * Fingerprints, computed inside PostgreSQL: per table the number of rows and the sum of the rows' hashes.
 *
 * A row is hashed in its binary form (`record_send`): unlike `hash_record` it tells numeric and jsonb 1.0 from 1.00 and
 * knows every type (facts/delivery.md 6). The sum needs no order, and, unlike xor, does not lose equal rows.
 */

/** How the rows of one table are read for comparison. */
export interface RowSource {
  /** A row set for a FROM clause, with the columns named in `columns`. */
  readonly from: string;
  readonly columns: readonly { readonly name: string; readonly type: string; readonly binary: boolean }[];
  readonly key: readonly string[];
  /** What is left out. */
  readonly notCompared?: Volatility | undefined;
}

/** The fingerprint of one table, as far as its rows are compared. */
export interface TableState extends TableFingerprint {
  readonly source: RowSource;
  /** Sum of the rows' hashes, decimal. */
  readonly sum: string;
}

/** The rows to compare, or why none are. */
export function rowSource(
  table: Table,
  declared: MigrationScope["volatile"],
): { readonly source: RowSource } | { readonly notCompared: Volatility } {
  const whole = volatileTable(table, declared);
  if (whole) return { notCompared: whole };
  if (isKeyValueTable(table)) return { source: keyValueSource(table) };
  const left = volatileColumns(table, declared);
  const columns = table.columns.filter((column) => left?.columns?.includes(column.name) !== true);
  return { source: { from: `only ${table.id}`, columns, key: table.key, notCompared: left } };
}

/**
 * The content of a kine table: the newest value of each key that is not deleted (facts/api7.md 4.4). A starting gateway
 * writes its empty directories with the value `init_dir` (facts/api7.md 2.3), plain or as JSON, which is no configuration.
 */
function keyValueSource(table: Table): RowSource {
  const newest = `select distinct on (name) name, deleted, lease, value from only ${table.id} order by name, id desc`;
  const kept = `deleted = 0 and lease = 0 and name <> 'compact_rev_key' and coalesce(value, '') not in ('init_dir'::bytea, '"init_dir"'::bytea)`;
  return {
    from: `(select name, value from (${newest}) newest where ${kept})`,
    columns: table.columns.filter((column) => column.name === "name" || column.name === "value"),
    key: ["name"],
    notCompared: { table: table.id, columns: ["(revisions)"], reason: KINE_REASON },
  };
}

/** SQL of one row's hash: the first 64 bits of SHA-256 over its binary form. The row set's alias is `t`. */
export function rowHash(source: RowSource): string {
  if (source.columns.length === 0) return "0::int8";
  const columns = source.columns.map(({ name, binary }) => `t.${escapeIdentifier(name)}${binary ? "" : "::text"}`);
  const digest = `sha256(record_send(row(${columns.join(", ")})))`;
  return `('x' || encode(substr(${digest}, 1, 8), 'hex'))::bit(64)::int8`;
}

/** SQL of the text that names a row: its key; for tables without one, the hash. */
export function rowKey(source: RowSource): string {
  if (source.key.length === 0) return `to_hex(${rowHash(source)})`;
  const parts = source.key.map((name) => `t.${escapeIdentifier(name)}::text`);
  return parts.length === 1 ? (parts[0] ?? "") : `row(${parts.join(", ")})::text`;
}

/** @throws CouldNotLook */
export async function fingerprintTable(snapshot: Snapshot, table: Table, source: RowSource): Promise<TableState> {
  const [row] = await snapshot.query<{ rows: string; sum: string }>(
    `select count(*) as rows, coalesce(sum(h), 0) as sum from (select ${rowHash(source)} as h from ${source.from} t) hashed`,
    [],
    `table ${table.id}`,
  );
  if (!row) throw new CouldNotLook(`table ${table.id}`, "no answer to the count", "run again");
  const columns = source.columns.map(({ name, type }) => `${name} ${type}`).join(", ");
  const digest = sha256(`${columns}\n${row.rows}\n${row.sum}`);
  return { table: table.id, rows: BigInt(row.rows), sum: row.sum, digest, source };
}

/** The fingerprint of a whole database's configuration. */
export interface ConfigurationFingerprint {
  readonly tables: readonly TableFingerprint[];
  readonly notCompared: readonly Volatility[];
}

/** Fingerprints of all tables whose rows are configuration, largest tables first. @throws CouldNotLook */
export async function fingerprintConfiguration(
  snapshot: Snapshot,
  declared: MigrationScope["volatile"],
): Promise<ConfigurationFingerprint> {
  const notCompared: Volatility[] = [];
  const work: { readonly table: Table; readonly source: RowSource }[] = [];
  for (const table of bySize(await readTables(snapshot))) {
    if (table.partitioned) continue;
    const plan = rowSource(table, declared);
    const left = "source" in plan ? plan.source.notCompared : plan.notCompared;
    if (left) notCompared.push(left);
    if ("source" in plan) work.push({ table, source: plan.source });
  }
  const states = await Promise.all(work.map(({ table, source }) => fingerprintTable(snapshot, table, source)));
  const tables = states.map(({ table, rows, digest }) => ({ table, rows, digest }));
  return { tables: tables.sort((a, b) => (a.table < b.table ? -1 : 1)), notCompared };
}

/** The largest first, so that no connection is left with a large table at the end. */
export function bySize(tables: readonly Table[]): readonly Table[] {
  return [...tables].sort((a, b) => b.pages - a.pages);
}
