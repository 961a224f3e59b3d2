import { compareDatabases, type CompareSummary } from "./database/compare";
import { type CheckContext, type GateCheck } from "./context";
import { Report, type CheckResult } from "./result";

export const COPY_CHECK = "copy proved";
/** One statement; a table of 10 million rows takes some minutes on a small instance. */
const STATEMENT_MS = 15 * 60_000;
const KEYS_SHOWN = 10;

/**
 * Once, before control plane B starts: database B is A's, row by row. Afterwards B changes by itself (heartbeats, a
 * starting gateway's directories), so that later stages compare A with its own fingerprint instead.
 */
export const copyProved: GateCheck = {
  name: COPY_CHECK,
  limitSeconds: 30 * 60,
  appliesTo: ({ from, to }) => from === "restore" && to === "start",
  run: async (context) => (await proveCopy(context)).result,
};

/** Compares database A with database B, found through RDS. */
export async function proveCopy(
  context: CheckContext,
): Promise<{ readonly result: CheckResult; readonly summary: CompareSummary | undefined }> {
  const report = new Report(COPY_CHECK);
  const compared = await report.look(async () => {
    const { volatile, proof } = context.scope;
    const b = await context.systems.databaseB();
    return context.systems.withDatabaseA((a) =>
      compareDatabases(a, b, {
        check: COPY_CHECK,
        volatile,
        connections: proof?.connections,
        statementTimeoutMs: proof ? proof.statementTimeoutMinutes * 60_000 : STATEMENT_MS,
        keysShown: proof?.keysShown ?? KEYS_SHOWN,
        signal: context.signal,
      }),
    );
  });
  if (!compared) return { result: report.result(), summary: undefined };
  const { result, summary } = compared;
  if (result.verdict === "holds" && summary.tables === 0) {
    report.finding(nothingCompared());
    return { result: report.result(), summary: { ...summary, equal: false } };
  }
  return { result: { ...result, evidence: { ...result.evidence, ...copyEvidence(summary) } }, summary };
}

/** The digest of a proved copy, for the record: `tables:rows:hash`. */
export function copyDigest(result: CheckResult): string | undefined {
  const digest = result.evidence["copy"];
  return typeof digest === "string" ? digest : undefined;
}

function copyEvidence({ tables, rows, digest }: CompareSummary): Readonly<Record<string, unknown>> {
  return { copy: `${tables}:${rows}:${digest.slice(0, 12)}` };
}

/** Two empty databases are equal, and prove nothing: a gateway's database has tables. */
function nothingCompared(): Parameters<Report["finding"]>[0] {
  return {
    subject: "database A",
    seen: "it has no table to compare",
    expected: "the control plane's tables",
    remedy: "correct the name of the database in A's connection string and in databaseB.database",
    unknown: true,
  };
}
