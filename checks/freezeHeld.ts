import { compareConfiguration, digestOfTables } from "../migration/configurationDigest";
import { stateOf, type ConfigurationDigest, type MigrationRecord } from "../migration/record";
import { rowsIn, type RowEvidence } from "../migration/rowEvidence";
import { shapeOf } from "../migration/stages";
import { Snapshot } from "./clients/postgres";
import { changesSince, takeRows, type ChangesSince, type RowChange } from "./configuration/evidence";
import { checkClusterA } from "./configuration/clusterA";
import { type CheckContext, type GateCheck, type GateContext, type Move } from "./context";
import { fingerprintConfiguration, type ConfigurationFingerprint } from "./database/fingerprint";
import { CouldNotLook, Report, type CheckResult } from "./result";

export const FREEZE_CHECK = "freeze held";
/** A traffic gate ends within 30 s, and the fingerprint of a gateway's configuration takes a second or two. */
const LIMIT_SECONDS = 25;
const STATEMENT_MS = 20_000;
/** Rows that are named at most, over all tables. */
const ROWS_NAMED = 20;

/** From `restore` on: A's configuration did not move, and A is at its full size for the way back. */
export const freezeHeld: GateCheck = {
  name: FREEZE_CHECK,
  limitSeconds: LIMIT_SECONDS,
  appliesTo: ({ from, to }) => from !== "decommission" && to !== "freeze" && shapeOf(to).clusterA !== "open",
  run: async (context) => {
    const report = new Report(FREEZE_CHECK);
    const closing = context.move.closesEmergency === true;
    await Promise.all([checkClusterA(report, context, { closed: !closing }), checkConfiguration(report, context)]);
    return report.result();
  },
};

/**
 * Entering `restore` records the fingerprint: what is copied right afterwards is what later stages compare with. The end of
 * an emergency change records it anew.
 */
export function takesFingerprint(move: Move): boolean {
  return move.mode === "record" && (move.to === "restore" || move.closesEmergency === true);
}

/** The fingerprint that the check took, for the record. */
export function recordedFingerprint(result: CheckResult): ConfigurationDigest | undefined {
  return result.evidence[DIGEST] as ConfigurationDigest | undefined;
}

/** What a late change is compared with, where somebody asks outside of the gate. */
export interface FreezeRecord {
  readonly record: MigrationRecord;
  readonly readEvidence: NonNullable<GateContext["readEvidence"]>;
}

/**
 * What `freeze` has to achieve, and the fingerprint, once the freeze is in place.
 * @param recorded with a record, the fingerprint is compared with the recorded one as well
 */
export async function checkFreeze(
  context: CheckContext,
  recorded?: FreezeRecord,
): Promise<{ readonly result: CheckResult; readonly fingerprint: ConfigurationFingerprint | undefined }> {
  const report = new Report("freeze");
  const closed = recorded === undefined || stateOf(recorded.record)?.emergency === undefined;
  const [, fingerprint] = await Promise.all([
    checkClusterA(report, context, { closed }),
    report.look(() =>
      withSnapshotA(context, async (snapshot) => {
        const taken = await fingerprintConfiguration(snapshot, context.scope.volatile);
        addFingerprint(report, taken);
        if (recorded) await compareWithRecord(report, { ...context, ...recorded }, snapshot, taken);
        return taken;
      }),
    ),
  ]);
  return { result: report.result(), fingerprint };
}

const DIGEST = "configurationA";

/** A fingerprint as evidence, in the form that {@link recordedFingerprint} reads. */
export function addFingerprint(report: Report, fingerprint: ConfigurationFingerprint): void {
  report.addEvidence({
    [DIGEST]: digestOfTables(fingerprint.tables),
    tables: fingerprint.tables.map(({ table, rows, digest }) => ({ table, rows: Number(rows), digest })),
    notCompared: fingerprint.notCompared,
  });
}

/** A's database at one moment. Its connections are given back whatever happens. */
export function withSnapshotA<T>(context: CheckContext, use: (snapshot: Snapshot) => Promise<T>): Promise<T> {
  return context.systems.withDatabaseA(async (target) => {
    const snapshot = await Snapshot.open(target, lookingOptions(context));
    try {
      return await use(snapshot);
    } finally {
      await snapshot.close();
    }
  });
}

function lookingOptions({ scope, signal }: CheckContext): Parameters<typeof Snapshot.open>[1] {
  return { statementTimeoutMs: STATEMENT_MS, connections: scope.proof?.connections, signal };
}

/** Database B at one moment. */
export async function withSnapshotB<T>(context: CheckContext, use: (snapshot: Snapshot) => Promise<T>): Promise<T> {
  const target = await context.systems.databaseB();
  const snapshot = await Snapshot.open(target, lookingOptions(context));
  try {
    return await use(snapshot);
  } finally {
    await snapshot.close();
  }
}

async function checkConfiguration(report: Report, context: GateContext): Promise<void> {
  const { move, scope, now } = context;
  await report.look(() =>
    withSnapshotA(context, async (snapshot) => {
      const fingerprint = await fingerprintConfiguration(snapshot, scope.volatile);
      addFingerprint(report, fingerprint);
      if (!takesFingerprint(move)) return compareWithRecord(report, context, snapshot, fingerprint);
      report.addEvidence({ rowsA: await takeRows(snapshot, fingerprint.tables, scope.volatile, now) });
      report.note(
        move.closesEmergency === true
          ? "an emergency change ends: A's fingerprint is taken anew, and goes into the record"
          : "the fingerprint of A's configuration goes into the record",
      );
    }),
  );
}

const REMEDY =
  "find who wrote to A (audit log, pipelines, ingress controllers). Before `start`: copy again at stage restore with a higher " +
  "`databaseB.copy`. Later: undo it on A, or permit it and make it on both sides: " +
  "pulumi config set --path emergencyChange.by NAME && pulumi config set --path emergencyChange.reason REASON && pulumi up";

type Recorded = CheckContext & Pick<GateContext, "record" | "readEvidence">;

async function compareWithRecord(
  report: Report,
  context: Recorded,
  snapshot: Snapshot,
  fingerprint: ConfigurationFingerprint,
): Promise<void> {
  const state = stateOf(context.record);
  const recorded = state?.configurationA;
  if (!recorded) {
    report.finding({
      subject: "configuration of A",
      seen: "the record holds no fingerprint of it",
      expected: "the one that was taken when `restore` was entered",
      remedy: "go back to `restore` by way of rollback and abandon, or bring back the record from its copy",
      unknown: true,
    });
    return;
  }
  const difference = compareConfiguration(recorded, fingerprint.tables);
  if (difference.same) return;
  const { rows, lost } = await keptRows(context);
  const changes = rows && (await nameChanges(report, context, snapshot, fingerprint, rows));
  if (changes) report.addEvidence({ changes: changes.changes, changedRows: changes.total });
  const live = digestOfTables(fingerprint.tables);
  const tables = movedTables(difference.tables, changes);
  const since = sinceText(context.record);
  for (const table of tables) {
    const now = fingerprint.tables.find((candidate) => candidate.table === table);
    const told = changes?.changes.filter((change) => change.table === table) ?? [];
    const count = now ? `it moved since the freeze; ${now.rows} rows now` : `the whole is ${live["*"] ?? ""}`;
    const named = told.length > 0 ? `: ${told.map((change) => changeText(change, rows?.at ?? "")).join("; ")}` : lost;
    report.finding({
      subject: `table ${table} of A`,
      seen: `${count}${named}. ${since}`,
      expected: `as recorded: ${recorded[table] ?? recorded["*"] ?? ""} (rows:hash)`,
      remedy: REMEDY,
    });
  }
  if (changes && changes.total > changes.changes.length) {
    report.note(`${changes.total} rows of A changed, ${changes.changes.length} of them are named`);
  }
}

/** From the record; where it had no room for tables, from the evidence. */
function movedTables(recorded: readonly string[], changes: ChangesSince | undefined): readonly string[] {
  if (recorded.length > 0) return recorded;
  const told = [...new Set([...(changes?.changes ?? []).map(({ table }) => table), ...(changes?.untold ?? [])])];
  return told.length > 0 ? told.sort() : ["(the record cannot tell which)"];
}

/** The rows that were kept with the fingerprint; or why there are none, which never makes a change less of one. */
async function keptRows({
  record,
  readEvidence,
}: Recorded): Promise<{ readonly rows?: RowEvidence | undefined; readonly lost: string }> {
  const digest = stateOf(record)?.fingerprintA?.evidence;
  if (digest === undefined) return { lost: " (no rows were kept with the fingerprint: which of them cannot be told)" };
  const content = await readEvidence?.(digest);
  if (content === undefined) {
    return { lost: ` (which rows cannot be told: evidence file ${digest}.json is lost, or not what it was)` };
  }
  const rows = rowsIn(content, "rowsA");
  return { rows, lost: " (which rows cannot be told: too many to be kept one by one, or its columns changed)" };
}

/** Names are a help: a database that does not answer any more takes them away, not the finding. */
async function nameChanges(
  report: Report,
  context: Recorded,
  snapshot: Snapshot,
  fingerprint: ConfigurationFingerprint,
  rows: RowEvidence,
): Promise<ChangesSince | undefined> {
  const { volatile } = context.scope;
  const options = { declared: volatile, limit: ROWS_NAMED };
  const changes = await report.look(() => changesSince(snapshot, fingerprint.tables, rows, options));
  if (!changes?.changes.some(({ kind }) => kind === "gone")) return changes;
  try {
    // A row that is gone on A has its name on B, where there is one.
    return await withSnapshotB(context, (other) =>
      changesSince(snapshot, fingerprint.tables, rows, { ...options, other }),
    );
  } catch (error) {
    if (error instanceof CouldNotLook) return changes;
    throw error;
  }
}

/** Since when a change can be there: the last look that found A as recorded. */
function sinceText(record: MigrationRecord): string {
  const state = stateOf(record);
  const times = [state?.seen?.[FREEZE_CHECK], state?.fingerprintA?.at].filter((time) => time !== undefined);
  const last = times.sort().at(-1);
  return last === undefined ? "When it was last as recorded is not known" : `It was last seen as recorded at ${last}`;
}

/** `public.route default/orders-core/items changed (written 2026-03-01T09:00:00.000Z)`. */
function changeText({ object, kind, writtenAt }: RowChange, takenAt: string): string {
  if (writtenAt === undefined) return `${object} ${kind}`;
  // Whoever writes past the control plane leaves the row's own time as it was.
  const when = writtenAt > takenAt ? `written ${writtenAt}` : `its own time of writing did not move: ${writtenAt}`;
  return `${object} ${kind} (${when})`;
}
