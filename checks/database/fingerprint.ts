import { type TableFingerprint } from "../../migration/configurationDigest";
import { type MigrationScope } from "../../migration/gateRequest";
import { sha256 } from "../../migration/record";
import { type Snapshot } from "../clients/postgres";
import { readTables, type Table } from "./catalog";
import { rowHash, rowSource, type RowSource } from "./rowSource";
import { scan } from "./scan";
import { type Volatility } from "./volatile";

/**
 * Fingerprints, computed inside PostgreSQL: per table the number of rows and the sum of the rows' hashes.
 *
 * A row is hashed in its binary form (`record_send`): unlike `hash_record` it tells numeric and jsonb 1.0 from 1.00 and
 * knows every type (facts/delivery.md 6). The sum needs no order, and, unlike xor, does not lose equal rows.
 */

/** The fingerprint of one table, as far as its rows are compared. */
export interface TableState extends TableFingerprint {
  readonly source: RowSource;
  /** Sum of the rows' hashes, decimal. */
  readonly sum: string;
}

/**
 * @param onRows is told of rows as they are read, for progress
 * @throws CouldNotLook
 */
export async function fingerprintTable(
  snapshot: Snapshot,
  table: Table,
  source: RowSource,
  onRows: (rows: number) => void = () => undefined,
): Promise<TableState> {
  const hash = rowHash(source);
  const pieces = await scan<{ rows: string; sum: string }>(
    snapshot,
    table,
    source,
    (rows) => `select count(*) as rows, coalesce(sum(h), 0) as sum from (select ${hash} as h from ${rows}) hashed`,
    { onPiece: (answer) => onRows(answer.reduce((count, piece) => count + Number(piece.rows), 0)) },
  );
  const rows = pieces.reduce((total, piece) => total + BigInt(piece.rows), 0n);
  const sum = pieces.reduce((total, piece) => total + BigInt(piece.sum), 0n).toString();
  const columns = source.columns.map(({ name, type }) => `${name} ${type}`).join(", ");
  const digest = sha256(`${columns}\n${rows}\n${sum}`);
  return { table: table.id, rows, sum, digest, source };
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
