import { escapeLiteral, type QueryResultRow } from "pg";
import { type Snapshot } from "../clients/postgres";
import { CouldNotLook } from "../result";
import { type Table } from "./catalog";
import { type RowSource } from "./rowSource";

/**
 * Reads a table in pieces: ranges of its pages, over all connections of the snapshot at once. Every piece is one short
 * statement, so that a large table is not ended by the time limit of a statement, shows its progress and can be cancelled.
 */

/** Pages of 8 KiB in one piece: about a tenth of a second of work, and half a minute at most. */
const SMALLEST_PIECE = 2_048;
const LARGEST_PIECE = 65_536;
/** Pieces that a table of middling size is cut into. */
const PIECES = 64;
/** A table that is rewritten all the time (VACUUM FULL, CLUSTER) is somebody's work to be waited for. */
const TRIES = 3;

export interface ScanOptions<R> {
  /** At most so many pieces, where each answer is large. */
  readonly pieces?: number;
  /** Told of each answer as it comes, for progress. */
  readonly onPiece?: (rows: readonly R[]) => void;
}

interface Layout extends QueryResultRow {
  readonly pages: number;
  /** Changes when the table is rewritten, which moves rows between pages. */
  readonly file: string;
}

/**
 * Runs one query for each piece of the rows, all with the same columns, and returns the rows of all answers.
 * @param sql makes the query of one piece from the FROM and WHERE clauses that select its rows, alias `t`
 * @throws CouldNotLook
 */
export async function scan<R extends QueryResultRow>(
  snapshot: Snapshot,
  table: Table,
  source: RowSource,
  sql: (rows: string) => string,
  { pieces = Number.POSITIVE_INFINITY, onPiece = () => undefined }: ScanOptions<R> = {},
): Promise<readonly R[]> {
  const subject = subjectOf(table);
  const read = async (condition: string): Promise<readonly R[]> => {
    const rows = await snapshot.query<R>(sql(`${source.from} t where ${condition}`), [], subject);
    onPiece(rows);
    return rows;
  };
  if (!source.byPage) return read("true");
  for (let tries = 0; tries < TRIES; tries += 1) {
    const before = await layoutOf(snapshot, table);
    const answers = await Promise.all(ranges(before.pages, pieces).map(read));
    if (answers.length === 1 || (await layoutOf(snapshot, table)).file === before.file) return answers.flat();
  }
  throw new CouldNotLook(
    subject,
    `it was rewritten ${TRIES} times while it was read (VACUUM FULL, CLUSTER, or a change of its columns)`,
    "wait until that is done, then run again",
  );
}

/** How messages name a table. */
export function subjectOf(table: Table): string {
  return table.schema === "" ? table.id : `${table.materializedView ? "materialized view" : "table"} ${table.id}`;
}

async function layoutOf(snapshot: Snapshot, table: Table): Promise<Layout> {
  const name = escapeLiteral(table.id);
  const [layout] = await snapshot.query<Layout>(
    `select (pg_relation_size(${name}) / current_setting('block_size')::int)::int as pages, pg_relation_filenode(${name})::text as file`,
    [],
    subjectOf(table),
  );
  if (!layout) throw new CouldNotLook(subjectOf(table), "no answer to its size", "run again");
  return layout;
}

/** Conditions on `t.ctid` that together hold for every row; the last one has no end, for pages that come in the meantime. */
function ranges(pages: number, atMost: number): readonly string[] {
  const wanted = Math.min(LARGEST_PIECE, Math.max(SMALLEST_PIECE, Math.ceil(pages / PIECES)));
  const size = Math.max(wanted, Math.ceil(pages / atMost));
  const count = Math.max(1, Math.ceil(pages / size));
  return Array.from({ length: count }, (_, piece) => {
    const bounds = [
      ...(piece === 0 ? [] : [`t.ctid >= '(${piece * size},0)'::tid`]),
      ...(piece === count - 1 ? [] : [`t.ctid < '(${(piece + 1) * size},0)'::tid`]),
    ];
    return bounds.length === 0 ? "true" : bounds.join(" and ");
  });
}
