import { type MigrationScope } from "../../migration/gateRequest";
import { sha256 } from "../../migration/record";
import { type DatabaseTarget } from "../clients/databaseTarget";
import { Snapshot } from "../clients/postgres";
import { CouldNotLook, Report, type CheckResult } from "../result";
import { readTables, readUncopied } from "./catalog";
import { compareSchemas, compareSequences, noteServerSettings, passingTables } from "./compareSchemas";
import { compareTables, type TablePair } from "./compareTables";
import { type Progress, ProgressMeter } from "./progress";
import { unmatched, type Volatility } from "./volatile";

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
  /** Told whenever something was read. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
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

/** What a comparison gives. */
export interface Comparison {
  readonly result: CheckResult;
  readonly summary: CompareSummary;
  /** Tables and columns that were left out, each with the reason. */
  readonly notCompared: readonly Volatility[];
}

/** What could not be read is a finding of the kind `unknown` in the result, and `equal` is false then. */
export async function compareDatabases(
  a: DatabaseTarget,
  b: DatabaseTarget,
  options: CompareOptions,
): Promise<Comparison> {
  const report = new Report(options.check);
  const [snapshotA, snapshotB] = await Promise.all(
    [a, b].map((target) => report.look(() => Snapshot.open(target, options))),
  );
  try {
    const compared =
      snapshotA && snapshotB
        ? await report.look(() => compareSnapshots(report, snapshotA, snapshotB, options))
        : undefined;
    return summarize(report, compared?.pairs ?? [], compared?.notCompared ?? []);
  } finally {
    await Promise.all([snapshotA?.close(), snapshotB?.close()]);
  }
}

async function compareSnapshots(
  report: Report,
  a: Snapshot,
  b: Snapshot,
  options: CompareOptions,
): Promise<{ readonly pairs: readonly TablePair[]; readonly notCompared: readonly Volatility[] }> {
  noteWidth(report, a, b, options);
  const look = lookingOnce(report);
  const meter = new ProgressMeter(options.onProgress ?? (() => undefined));
  const [tablesA, tablesB, uncopied] = await Promise.all([readTables(a), readTables(b), readUncopied(a)]);
  const all = [...tablesA, ...tablesB];
  const passing = passingTables(all, options.volatile);
  await look(() => compareSchemas(report, a, b, passing));
  await look(() => compareSequences(report, a, b, passing));
  await look(() => noteServerSettings(report, a, b));
  const { pairs, notCompared } = await compareTables({ report, look, meter, a, b, options }, tablesA, tablesB);
  if (tablesA.length + tablesB.length === 0) report.note("0 tables: both databases are empty");
  for (const { table, columns } of unmatched(all, options.volatile)) {
    report.note(
      `volatile: there is no ${columns ? `column ${columns.join(", ")} in ` : ""}table ${table}; correct the name`,
    );
  }
  return { pairs, notCompared: [...notCompared, ...uncopied] };
}

function noteWidth(report: Report, a: Snapshot, b: Snapshot, { connections }: CompareOptions): void {
  for (const [side, { width }] of [
    ["A", a],
    ["B", b],
  ] as const) {
    if (connections !== undefined && width < connections) {
      report.note(`database ${side} gave ${width} of ${connections} connections: it takes longer`);
    }
  }
  report.addEvidence({ connections: { a: a.width, b: b.width } });
}

/** What ends every further look, a lost connection, is told once. */
function lookingOnce(report: Report): <T>(looking: () => Promise<T>) => Promise<T | undefined> {
  const told = new Set<CouldNotLook>();
  return async (looking) => {
    try {
      return await looking();
    } catch (error) {
      if (error instanceof CouldNotLook && told.has(error)) return undefined;
      if (error instanceof CouldNotLook) told.add(error);
      return report.look(() => {
        throw error;
      });
    }
  };
}

function summarize(report: Report, pairs: readonly TablePair[], notCompared: readonly Volatility[]): Comparison {
  const tables = pairs.map(({ table, a, b }) => ({
    table: table.id,
    rowsA: Number(a.rows),
    rowsB: Number(b.rows),
    digestA: a.digest,
    digestB: b.digest,
  }));
  tables.sort((x, y) => (x.table < y.table ? -1 : 1));
  for (const { table, columns, reason } of notCompared) {
    report.note(`not compared: ${table}${columns ? ` columns ${columns.join(", ")}` : ""} (${reason})`);
  }
  report.addEvidence({ tables, notCompared });
  const result = report.result();
  const summary = {
    tables: tables.length,
    rows: tables.reduce((sum, table) => sum + table.rowsA, 0),
    equal: result.verdict === "holds",
    digest: sha256(tables.map((table) => `${table.table} ${table.digestA}`).join("\n")),
  };
  return { result, summary, notCompared };
}
