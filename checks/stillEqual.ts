import { judgeDifferences, type DeclaredDifference, type Judged } from "../migration/canonical/accepted";
import { type Difference } from "../migration/canonical/model";
import { digestOfTables } from "../migration/configurationDigest";
import { dpManagerAddressB } from "../migration/names";
import { stateOf } from "../migration/record";
import { rowsIn, type RowEvidence } from "../migration/rowEvidence";
import { shapeOf } from "../migration/stages";
import { type Snapshot } from "./clients/postgres";
import { compareConfigurations } from "./configuration/compareConfigurations";
import { addDifferences, type Baselines } from "./configuration/differenceFindings";
import { changesSince, takeRows, type ChangesSince } from "./configuration/evidence";
import { type CheckContext, type GateCheck, type GateContext, type Move } from "./context";
import { fingerprintConfiguration } from "./database/fingerprint";
import { CHANGES } from "./emergency";
import { addFingerprint, withSnapshotA, withSnapshotB } from "./freezeHeld";
import { Report, type CheckResult } from "./result";

export const EQUAL_CHECK = "still equal";
/** A gate for traffic gives it less. */
const LIMIT_SECONDS = 120;
/** Changed rows that the evidence of an emergency change names at most, on each side. */
const CHANGES_NAMED = 200;

/**
 * From `start` on: A and B are configured alike, as people mean it. Rows are compared once, before control plane B starts;
 * afterwards both control planes write, and a change that is made on both sides by hand never has equal rows.
 */
export const stillEqual: GateCheck = {
  name: EQUAL_CHECK,
  limitSeconds: LIMIT_SECONDS,
  closesEmergency: true,
  appliesTo: (move) => takesBaseline(move) || compares(move),
  run: async (context) => {
    const report = new Report(EQUAL_CHECK);
    if (takesBaseline(context.move)) await takeBaseline(report, context);
    else await compare(report, context);
    return report.result();
  },
};

/** Before control plane B starts: what B's configuration is, so that a later difference can be told from a late change. */
function takesBaseline({ from, to, mode }: Move): boolean {
  return from === "restore" && to === "start" && mode === "record";
}

/** Every step up while B runs, until B is the place of configuration. */
function compares({ from, to, kind }: Move): boolean {
  const up = kind === "up" || kind === "override" || kind === "leave-rollback";
  return up && from !== undefined && from !== "complete" && shapeOf(from).controlPlaneB && shapeOf(to).controlPlaneB;
}

/** Digest of B's configuration that the check took, for the record. */
export function recordedBaseline(result: CheckResult): string | undefined {
  const digest = result.evidence[BASELINE];
  return typeof digest === "string" ? digest : undefined;
}

const BASELINE = "configurationB";

/** What outside of the gate is compared by. */
export interface EqualityRecord extends Pick<GateContext, "record" | "readEvidence"> {
  readonly declared: readonly DeclaredDifference[];
}

/** A and B compared outside of the gate. */
export async function checkStillEqual(context: CheckContext, known: EqualityRecord): Promise<CheckResult> {
  const report = new Report("configuration");
  const baselines = await readBaselines(known);
  await report.look(() =>
    withBoth(context, async (a, b) => {
      const comparison = await compareConfigurations(a, b, context.scope.volatile);
      const verdict = judged(context, comparison.differences, known.declared);
      addDifferences(report, { comparison, verdict, baselines, holds: true });
    }),
  );
  return report.result();
}

/**
 * What B got since it became the place of configuration, and A does not have: what a rollback from `complete` gives up. A
 * list, and no judgement: it holds unless it could not look.
 */
export async function gotSinceComplete(
  context: CheckContext,
  declared: readonly DeclaredDifference[],
): Promise<CheckResult> {
  const report = new Report("configuration since complete");
  await report.look(() =>
    withBoth(context, async (a, b) => {
      const { differences, structure } = await compareConfigurations(a, b, context.scope.volatile);
      const { open } = judged(context, differences, declared);
      report.addEvidence({
        onlyOnB: open.map(({ object, field, a: onA, b: onB }) => ({ object, field, a: onA, b: onB })),
      });
      for (const text of structure) report.note(text);
      for (const { object, field, a: onA, b: onB } of open) {
        report.note(`${object} ${field}: A ${JSON.stringify(onA)}, B ${JSON.stringify(onB)}`);
      }
      if (open.length === 0) report.note("B has nothing that A does not have");
    }),
  );
  return report.result();
}

function judged(
  { scope }: CheckContext,
  differences: readonly Difference[],
  declared: readonly DeclaredDifference[],
): Judged {
  const own = { dpManagerAddressB: dpManagerAddressB(scope.clusterB.namespace, scope.domainB?.name) };
  return judgeDifferences(differences, declared, own);
}

function withBoth<T>(context: CheckContext, use: (a: Snapshot, b: Snapshot) => Promise<T>): Promise<T> {
  return withSnapshotA(context, (a) => withSnapshotB(context, (b) => use(a, b)));
}

async function takeBaseline(report: Report, context: GateContext): Promise<void> {
  const { scope, now, record } = context;
  await report.look(() =>
    withSnapshotB(context, async (b) => {
      const { tables } = await fingerprintConfiguration(b, scope.volatile);
      const digest = digestOfTables(tables)["*"] ?? "";
      report.addEvidence({ [BASELINE]: digest, rowsB: await takeRows(b, tables, scope.volatile, now) });
      report.note("B's configuration before control plane B starts goes into the record");
      const recorded = stateOf(record)?.configurationA?.["*"];
      if (recorded !== digest) {
        report.note(`B's fingerprint is ${digest}, A's was ${recorded ?? "not recorded"}: see what "copy proved" says`);
      }
    }),
  );
}

async function compare(report: Report, context: GateContext): Promise<void> {
  const { move, scope, differences = [], now } = context;
  const baselines = await readBaselines(context);
  await report.look(() =>
    withBoth(context, async (a, b) => {
      const comparison = await compareConfigurations(a, b, scope.volatile);
      const verdict = judged(context, comparison.differences, differences);
      // At `complete` B is the place of configuration: it has what A does not, on purpose.
      const holds = move.to !== "complete" || move.kind !== "stay";
      addDifferences(report, { comparison, verdict, baselines, holds });
      if (move.closesEmergency !== true || move.mode !== "record") return;
      const [stateA, stateB] = await Promise.all([
        fingerprintConfiguration(a, scope.volatile),
        fingerprintConfiguration(b, scope.volatile),
      ]);
      const changes = {
        a: baselines.a && (await changesOf(a, b, stateA.tables, baselines.a, context)),
        b: baselines.b && (await changesOf(b, a, stateB.tables, baselines.b, context)),
      };
      addFingerprint(report, stateA);
      report.addEvidence({
        [BASELINE]: digestOfTables(stateB.tables)["*"],
        rowsA: await takeRows(a, stateA.tables, scope.volatile, now),
        rowsB: await takeRows(b, stateB.tables, scope.volatile, now),
        changedOnA: changes.a ?? "not known: the evidence of A's fingerprint is lost",
        changedOnB: changes.b ?? "not known: the evidence of B's baseline is lost",
        ...(changes.a && changes.b && { [CHANGES]: { a: changes.a.total, b: changes.b.total } }),
      });
    }),
  );
}

function changesOf(
  snapshot: Snapshot,
  other: Snapshot,
  live: Parameters<typeof changesSince>[1],
  before: RowEvidence,
  { scope }: GateContext,
): Promise<ChangesSince> {
  return changesSince(snapshot, live, before, { declared: scope.volatile, limit: CHANGES_NAMED, other });
}

/** Both sides' rows as they were last taken; undefined for a side whose evidence is lost. */
async function readBaselines({
  record,
  readEvidence,
}: Pick<GateContext, "record" | "readEvidence">): Promise<Baselines> {
  const state = stateOf(record);
  const rows = async (digest: string | undefined, name: "rowsA" | "rowsB"): Promise<RowEvidence | undefined> => {
    const content = digest === undefined ? undefined : await readEvidence?.(digest);
    return content === undefined ? undefined : rowsIn(content, name);
  };
  const [a, b] = await Promise.all([
    rows(state?.fingerprintA?.evidence, "rowsA"),
    rows(state?.baselineB?.evidence, "rowsB"),
  ]);
  return { a, b, lastSeenEqual: state?.seen?.[EQUAL_CHECK] ?? state?.copyProvedAt };
}
