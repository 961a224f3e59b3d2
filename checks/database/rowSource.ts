import { escapeIdentifier } from "pg";
import { type MigrationScope } from "../../migration/gateRequest";
import { type Column, type Table } from "./catalog";
import {
  comesAndGoes,
  isKeyValueTable,
  KINE_REASON,
  volatileColumns,
  volatileTable,
  type Volatility,
} from "./volatile";

/** Which rows and columns of a table are compared, and in which form. */

export interface RowSource {
  /** A row set for a FROM clause, with the columns named in `columns`. */
  readonly from: string;
  /** The row set is a table of its own, which can be read in ranges of its pages. */
  readonly byPage: boolean;
  readonly columns: readonly Column[];
  readonly key: readonly string[];
  /** What is left out. */
  readonly notCompared?: Volatility | undefined;
}

type Plan = { readonly source: RowSource } | { readonly notCompared: Volatility };

/** The rows to compare, or why none are. */
export function rowSource(table: Table, declared: MigrationScope["volatile"]): Plan {
  const whole = volatileTable(table, declared);
  if (whole) return { notCompared: whole };
  if (isKeyValueTable(table)) return { source: keyValueSource(table) };
  return { source: tableSource(table, volatileColumns(table, declared)) };
}

/**
 * As `rowSource`, for two databases of which one goes on: rows of runtime tables that are in both are compared in the
 * columns that do not move. Their rows on one side only are no difference (`volatile.ts`).
 */
export function rowSourceOfTwo(
  table: Table,
  declared: MigrationScope["volatile"],
): Plan | { readonly source: RowSource; readonly commonRowsOnly: Volatility } {
  const runtime = comesAndGoes(table, declared);
  if (!runtime || table.key.length === 0) return rowSource(table, declared);
  return { source: tableSource(table, runtime), commonRowsOnly: runtime };
}

function tableSource(table: Table, left: Volatility | undefined): RowSource {
  const compared = (name: string): boolean => left?.columns?.includes(name) !== true;
  return {
    from: `only ${table.id}`,
    byPage: true,
    columns: table.columns.filter(({ name }) => compared(name)),
    // A key that moves names nothing.
    key: table.key.every(compared) ? table.key : [],
    notCompared: left,
  };
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
    byPage: false,
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
