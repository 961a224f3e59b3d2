import { type MigrationScope } from "../../migration/gateRequest";
import { sha256 } from "../../migration/record";
import { type DatabaseTarget } from "../clients/databaseTarget";
import { Snapshot } from "../clients/postgres";
import { Report, type CheckResult } from "../result";
import { readTables, type Table } from "./catalog";
import { findDifferingRows, type DifferingRows } from "./differingRows";
import { bySize, fingerprintTable, rowSource, type RowSource, type TableState } from "./fingerprint";
import { compareSchemaObjects, readSchemaObjects, type ObjectDifference } from "./schemaObjects";
import { readSequences, sequencesBehind } from "./sequences";
import { isKeyValueTable, KINE_REASON, volatileTable, type Volatility } from "./volatile";

/**
 * Whether database B is A's copy: every row of every table, every sequence, every schema object.
 * Each side is read in one snapshot of its own; A is in use, so it gets few connections.
 */

export interface CompareOptions {
  /** Name of the check in findings. */
  readonly check: string;
  readonly volatile: MigrationScope["volatile"];
  readonly connections?: number | undefined;
  readonly statementTimeoutMs: number;
  /** How many keys of differing rows are named per table. */
  readonly keysShown: number;
  readonly signal: AbortSignal;
}

/** What the record and the summary keep of a comparison. */
export interface CompareSummary {
  /** Tables whose rows were compared. */
  readonly tables: number;
  /** Rows of A in those tables. */
  readonly rows: number;
  readonly equal: boolean;
  /** Over A's compared tables, 64 hex digits. */
  readonly digest: string;
}

interface TablePair {
  readonly table: Table;
  readonly source: RowSource;
  readonly a: TableState;
  readonly b: TableState;
}

/** What could not be read is a finding of the kind `unknown` in the result, and `equal` is false then. */
export async function compareDatabases(
  a: DatabaseTarget,
  b: DatabaseTarget,
  options: CompareOptions,
): Promise<{ readonly result: CheckResult; readonly summary: CompareSummary }> {
  const report = new Report(options.check);
  const [snapshotA, snapshotB] = await Promise.all(
    [a, b].map((target) => report.look(() => Snapshot.open(target, options))),
  );
  try {
    const pairs =
      snapshotA && snapshotB
        ? await report.look(() => compareSnapshots(report, snapshotA, snapshotB, options))
        : undefined;
    return summarize(report, pairs ?? []);
  } finally {
    await Promise.all([snapshotA?.close(), snapshotB?.close()]);
  }
}

async function compareSnapshots(
  report: Report,
  a: Snapshot,
  b: Snapshot,
  options: CompareOptions,
): Promise<readonly TablePair[]> {
  const [tablesA, tablesB] = await Promise.all([readTables(a), readTables(b)]);
  const passing = passingTables([...tablesA, ...tablesB], options.volatile);
  await report.look(() => compareSchemas(report, a, b, passing));
  await report.look(() => compareSequences(report, a, b, passing));
  return compareTables(report, a, b, tablesA, tablesB, options);
}

function summarize(
  report: Report,
  pairs: readonly TablePair[],
): { readonly result: CheckResult; readonly summary: CompareSummary } {
  const tables = pairs.map(({ table, a, b }) => ({
    table: table.id,
    rowsA: Number(a.rows),
    rowsB: Number(b.rows),
    digestA: a.digest,
    digestB: b.digest,
  }));
  tables.sort((x, y) => (x.table < y.table ? -1 : 1));
  report.addEvidence({ tables });
  const result = report.result();
  const summary = {
    tables: tables.length,
    rows: tables.reduce((sum, table) => sum + table.rowsA, 0),
    equal: result.verdict === "holds",
    digest: sha256(tables.map((table) => `${table.table} ${table.digestA}`).join("\n")),
  };
  return { result, summary };
}

/**
 * Tables whose rows come and go: `schema.table` -> why. Partitioned ones are among them, and the key-value table, whose
 * revisions go on without any change of its content.
 */
function passingTables(
  tables: readonly Table[],
  declared: MigrationScope["volatile"],
): ReadonlyMap<string, { readonly table: Table; readonly reason: string }> {
  return new Map(
    tables.flatMap((table) => {
      const volatility = volatileTable(table, declared);
      const reason = volatility?.reason ?? (isKeyValueTable(table) ? KINE_REASON : undefined);
      return reason === undefined ? [] : [[table.id, { table, reason }] as const];
    }),
  );
}

type Passing = ReturnType<typeof passingTables>;

async function compareSchemas(report: Report, a: Snapshot, b: Snapshot, passing: Passing): Promise<void> {
  const [objectsA, objectsB] = await Promise.all([readSchemaObjects(a), readSchemaObjects(b)]);
  report.addEvidence({ schemaObjects: objectsA.length });
  for (const difference of compareSchemaObjects(objectsA, objectsB)) {
    // Partitions of runtime tables are made and dropped by date.
    if (difference.table !== null && passing.get(difference.table)?.table.partition === true) {
      report.note(
        `${difference.kind} ${difference.name} differs: a partition of runtime data, made and dropped by date`,
      );
      continue;
    }
    report.finding({
      subject: `${difference.kind} ${difference.name}`,
      seen: difference.b === null ? "missing in B" : difference.a === null ? "only in B" : `B: ${clip(difference.b)}`,
      expected: difference.a === null ? "nothing, as in A" : `A: ${clip(difference.a)}`,
      remedy: schemaRemedy(difference),
    });
  }
}

function schemaRemedy(difference: ObjectDifference): string {
  if (difference.kind === "server") return "make B with the major version of A, and copy again";
  if (difference.kind === "extension")
    return "give B the extension in A's version (ALTER EXTENSION ... UPDATE TO), or copy again";
  if (difference.kind === "database" || difference.kind === "database setting") {
    return "create database B with A's encoding, collation and settings, and copy again";
  }
  return "find who changed the schema since the copy, then copy again: pulumi config set --path databaseB.copy <one more>";
}

async function compareSequences(report: Report, a: Snapshot, b: Snapshot, passing: Passing): Promise<void> {
  const [sequencesA, sequencesB] = await Promise.all([readSequences(a), readSequences(b)]);
  report.addEvidence({ sequences: sequencesA.length });
  for (const behind of sequencesBehind(sequencesA, sequencesB)) {
    const seen = `B is at ${behind.b ?? "no value yet"}, A at ${behind.a ?? "no value yet"}`;
    if (behind.tables.length > 0 && behind.tables.every((table) => passing.has(table))) {
      report.note(`sequence ${behind.name}: ${seen}; A went on with runtime data only (${behind.tables.join(", ")})`);
      continue;
    }
    report.finding({
      subject: `sequence ${behind.name}`,
      seen,
      expected: "B not behind A: its next values would be keys that exist already",
      remedy: `find what wrote to A since the copy, then copy again: pulumi config set --path databaseB.copy <one more>`,
    });
  }
}

async function compareTables(
  report: Report,
  a: Snapshot,
  b: Snapshot,
  tablesA: readonly Table[],
  tablesB: readonly Table[],
  options: CompareOptions,
): Promise<readonly TablePair[]> {
  const inB = new Map(tablesB.map((table) => [table.id, table]));
  const notCompared: Volatility[] = [];
  // A table of one side only is a difference of the schema, found there.
  const both = bySize(tablesA).filter((table) => !table.partitioned && inB.get(table.id)?.partitioned === false);
  const pairs = await Promise.all(
    both.map(async (table) => {
      const plan = rowSource(table, options.volatile);
      const left = "source" in plan ? plan.source.notCompared : plan.notCompared;
      if (left) notCompared.push(left);
      if (!("source" in plan)) return [];
      const pair = await report.look(() => comparePair(a, b, table, inB.get(table.id), plan.source, options));
      if (!pair) return [];
      if (pair.difference) report.finding(rowFinding(pair, pair.difference));
      return [pair];
    }),
  );
  for (const { table, columns, reason } of notCompared) {
    report.note(`not compared: ${table}${columns ? ` columns ${columns.join(", ")}` : ""} (${reason})`);
  }
  report.addEvidence({ notCompared });
  return pairs.flat();
}

type Difference = DifferingRows | "columns";

async function comparePair(
  a: Snapshot,
  b: Snapshot,
  table: Table,
  tableB: Table | undefined,
  source: RowSource,
  options: CompareOptions,
): Promise<TablePair & { readonly difference?: Difference }> {
  const planB = tableB && rowSource(tableB, options.volatile);
  const sourceB = planB && "source" in planB ? planB.source : source;
  const [stateA, stateB] = await Promise.all([
    fingerprintTable(a, table, source),
    fingerprintTable(b, tableB ?? table, sourceB),
  ]);
  const pair = { table, source, a: stateA, b: stateB };
  if (stateA.digest === stateB.digest) return pair;
  const sameColumns = JSON.stringify(source.columns) === JSON.stringify(sourceB.columns);
  // Rows of different columns cannot be told apart one by one; the columns themselves are findings of the schema.
  if (!sameColumns) return { ...pair, difference: "columns" };
  return { ...pair, difference: await findDifferingRows(a, b, source, options.keysShown) };
}

function rowFinding(pair: TablePair, difference: Difference): Parameters<Report["finding"]>[0] {
  const { table, a, b } = pair;
  const counts = `${b.rows} rows in B, ${a.rows} in A`;
  const remedy =
    "find what wrote to A or B since the copy; then copy again (pulumi config set --path databaseB.copy <one more>), or, when the " +
    `table is runtime data, add ${table.id} to the setting \`volatile\` with the reason`;
  const expected = `every row of ${table.id} as in A`;
  if (difference === "columns")
    return { subject: `table ${table.id}`, seen: `${counts}; its columns differ`, expected, remedy };
  const { changed, onlyInA, onlyInB, keys, complete } = difference;
  const total = `${complete ? "" : "at least "}${changed} changed, ${onlyInA} only in A, ${onlyInB} only in B`;
  const shown = keys.length === 0 ? "" : `; ${keys.length} of them: ${keys.join(", ")}`;
  return { subject: `table ${table.id}`, seen: `${counts}: ${total}${shown}`, expected, remedy };
}

function clip(text: string): string {
  const line = text.replaceAll(/\s+/g, " ");
  return line.length <= 300 ? line : `${line.slice(0, 300)}…`;
}
