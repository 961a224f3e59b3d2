import { type Snapshot } from "../clients/postgres";
import { type Report } from "../result";
import { type Table } from "./catalog";
import { type CompareOptions } from "./compare";
import { findDifferingRows, type DifferingRows } from "./differingRows";
import { bySize, fingerprintTable, type TableState } from "./fingerprint";
import { readLargeObjects } from "./largeObjects";
import { type ProgressMeter } from "./progress";
import { rowSourceOfTwo, type RowSource } from "./rowSource";
import { subjectOf } from "./scan";
import { type Volatility } from "./volatile";

/** The rows of two databases: every table by its fingerprint, and the rows of those that differ. */

/** One table in both databases. */
export interface TablePair {
  readonly table: Table;
  readonly a: TableState;
  readonly b: TableState;
}

export interface Sides {
  readonly report: Report;
  /** Runs one look; what cannot be looked at becomes a finding, and the others go on. */
  readonly look: <T>(looking: () => Promise<T>) => Promise<T | undefined>;
  readonly meter: ProgressMeter;
  readonly a: Snapshot;
  readonly b: Snapshot;
  readonly options: CompareOptions;
}

interface Work {
  readonly a: Table;
  readonly b: Table;
  readonly source: RowSource;
  readonly sourceB: RowSource;
  /** Rows on one side only are no difference. */
  readonly commonRowsOnly: boolean;
}

type Difference = DifferingRows | "columns";

/** @throws CouldNotLook */
export async function compareTables(
  sides: Sides,
  tablesA: readonly Table[],
  tablesB: readonly Table[],
): Promise<{ readonly pairs: readonly TablePair[]; readonly notCompared: readonly Volatility[] }> {
  const { look, meter } = sides;
  const { work, notCompared } = plan(tablesA, tablesB, sides.options);
  const objects = await look(() => largeObjects(sides));
  const all = objects ? [...work, objects] : work;
  meter.tables(all.length);
  meter.phase("rows");
  const states = await Promise.all(
    all.map(async (one) => {
      const pair = await look(() => fingerprintPair(sides, one));
      meter.tableDone();
      return pair && { one, pair };
    }),
  );
  const read = states.flatMap((state) => state ?? []);
  for (const { one, pair } of read) {
    if (pair.a.digest !== pair.b.digest) await look(() => explainDifference(sides, one, pair));
  }
  return { pairs: read.map(({ pair }) => pair), notCompared };
}

/** A table of one side only is a difference of the schema, found there. */
function plan(
  tablesA: readonly Table[],
  tablesB: readonly Table[],
  { volatile }: CompareOptions,
): { readonly work: readonly Work[]; readonly notCompared: readonly Volatility[] } {
  const inB = new Map(tablesB.map((table) => [table.id, table]));
  const notCompared: Volatility[] = [];
  const work = bySize(tablesA).flatMap((a): readonly Work[] => {
    const b = inB.get(a.id);
    if (!b || a.partitioned || b.partitioned) return [];
    const planA = rowSourceOfTwo(a, volatile);
    if (!("source" in planA)) {
      notCompared.push(planA.notCompared);
      return [];
    }
    const { source } = planA;
    if (source.notCompared) notCompared.push(source.notCompared);
    const planB = rowSourceOfTwo(b, volatile);
    const sourceB = "source" in planB ? planB.source : source;
    return [{ a, b, source, sourceB, commonRowsOnly: "commonRowsOnly" in planA }];
  });
  return { work, notCompared };
}

async function largeObjects({ a, b }: Sides): Promise<Work | undefined> {
  const [inA, inB] = await Promise.all([readLargeObjects(a), readLargeObjects(b)]);
  const some = inA ?? inB;
  if (!some) return undefined;
  return { a: some.table, b: some.table, source: some.source, sourceB: some.source, commonRowsOnly: false };
}

async function fingerprintPair({ a, b, meter }: Sides, work: Work): Promise<TablePair> {
  const [stateA, stateB] = await Promise.all([
    fingerprintTable(a, work.a, work.source, (rows) => meter.rowsA(rows)),
    fingerprintTable(b, work.b, work.sourceB, (rows) => meter.rowsB(rows)),
  ]);
  return { table: work.a, a: stateA, b: stateB };
}

async function explainDifference(sides: Sides, work: Work, pair: TablePair): Promise<void> {
  const { a, b, meter, options, report } = sides;
  meter.phase(`differing rows of ${work.a.id}`);
  // Rows of different columns cannot be told apart one by one; the columns themselves are findings of the schema.
  const sameColumns = JSON.stringify(work.source.columns) === JSON.stringify(work.sourceB.columns);
  const difference: Difference = sameColumns
    ? await findDifferingRows(
        { snapshot: a, table: work.a },
        { snapshot: b, table: work.b },
        work.source,
        options.keysShown,
      )
    : "columns";
  if (work.commonRowsOnly && difference !== "columns" && difference.changed === 0) {
    const { onlyInA, onlyInB } = difference;
    report.note(`${subjectOf(work.a)}: ${onlyInA} rows only in A, ${onlyInB} only in B; gateways come and go`);
    return;
  }
  report.finding(rowFinding(pair, difference));
}

function rowFinding({ table, a, b }: TablePair, difference: Difference): Parameters<Report["finding"]>[0] {
  const subject = subjectOf(table);
  const counts = `${b.rows} rows in B, ${a.rows} in A`;
  const expected = `every row of ${table.id} as in A`;
  const remedy = remedyOf(table);
  if (difference === "columns") return { subject, seen: `${counts}; its columns differ`, expected, remedy };
  const { changed, onlyInA, onlyInB, keys, complete } = difference;
  const total = `${complete ? "" : "at least "}${changed} changed, ${onlyInA} only in A, ${onlyInB} only in B`;
  const shown = keys.length === 0 ? "" : `; ${keys.length} of them: ${keys.join(", ")}`;
  return { subject, seen: `${counts}: ${total}${shown}`, expected, remedy };
}

function remedyOf(table: Table): string {
  if (table.materializedView) return `REFRESH MATERIALIZED VIEW ${table.id} on both sides, then run again`;
  const again =
    "find what wrote to A or B since the copy; then copy again (pulumi config set --path databaseB.copy <one more>), or, when the " +
    `table is runtime data, add ${table.id} to the setting \`volatile\` with the reason`;
  return table.unlogged
    ? `the table is unlogged: a snapshot restores it empty, a dump keeps it; copy B by a dump, or ALTER TABLE ${table.id} SET LOGGED on A; ${again}`
    : again;
}
