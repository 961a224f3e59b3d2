import { resolve } from "node:path";
import { type GateRequest } from "../migration/gateRequest";
import { stateOf, type EntryDraft, type MigrationRecord } from "../migration/record";
import { setStageCommand, shapeOf, type Stage } from "../migration/stages";
import { Systems, type GateCheck, type GateContext, type Move } from "./context";
import { copyDigest } from "./copyProved";
import { RecordFolder } from "./evidence";
import { recordedFingerprint, takesFingerprint } from "./freezeHeld";
import { type GateInput, type Outcome } from "./gateInput";
import { unjudged } from "./judge";
import { type JudgedMove } from "./move";
import { overall, renderFindings, textOf, type CheckResult } from "./result";
import { runWithin, withSignal } from "./run";
import { EQUAL_CHECK, recordedBaseline } from "./stillEqual";

/** What recording a move and verifying one have in common: running the checks, and saying why not. */

/** A traffic gate ends within 30 s, start-up and writing included. */
const TRAFFIC_GATE_SECONDS = 26;

export function contextOf(
  input: GateInput,
  request: GateRequest,
  record: MigrationRecord,
  move: Move,
  more: { readonly now: Date; readonly verifiedAt: Date | undefined; readonly signal: AbortSignal },
): GateContext {
  return {
    scope: request.scope,
    systems: new Systems(request.scope, more.signal, input.environment),
    move,
    record,
    soakHours: request.soakHours,
    standbyHours: request.standbyHours,
    calendar: request.calendar,
    inspection: request.inspection,
    metrics: request.metrics,
    trafficSteps: request.trafficSteps,
    differences: request.differences,
    readEvidence: (digest) => new RecordFolder(resolve(input.projectFolder, request.recordFolder)).read(digest),
    ...more,
  };
}

/** Runs the checks that apply, all at once. */
export async function runChecks(checks: readonly GateCheck[], context: GateContext): Promise<readonly CheckResult[]> {
  const { move } = context;
  const closing = move.closesEmergency === true && move.kind === "stay" && !move.copiesAnew;
  const asked = checks.filter((check) => (closing ? check.closesEmergency === true : check.appliesTo(move)));
  const traffic = shapeOf(context.move.to).weightB > 0;
  const limit = (check: GateCheck): number =>
    traffic ? Math.min(check.limitSeconds, TRAFFIC_GATE_SECONDS) : check.limitSeconds;
  return Promise.all(
    asked.map((check) =>
      runWithin(check.name, limit(check), context.signal, (signal) => check.run(withSignal(context, signal))),
    ),
  );
}

/** What the record keeps of the checks. */
export function forRecord(
  move: Move,
  results: readonly CheckResult[],
): Pick<EntryDraft, "checks" | "digests" | "unjudged"> {
  const configurationA = takesFingerprint(move)
    ? // Of two fingerprints the one that was compared with B.
      [...results.filter(({ check }) => check === EQUAL_CHECK), ...results]
        .map(recordedFingerprint)
        .find((digest) => digest !== undefined)
    : undefined;
  const copy = results.map(copyDigest).find((digest) => digest !== undefined);
  const configurationB = results.map(recordedBaseline).find((digest) => digest !== undefined);
  const digests = {
    ...(configurationA && { configurationA }),
    ...(copy !== undefined && { copy }),
    ...(configurationB !== undefined && { configurationB }),
  };
  return {
    checks: results.map(({ check, verdict }) => ({ name: check, verdict })),
    ...(Object.keys(digests).length > 0 && { digests }),
    ...unjudged(results),
  };
}

/** Findings as text, and where that leaves the migration. */
export function refusal(move: Move, record: MigrationRecord, results: readonly CheckResult[]): string {
  const verdict = overall(results);
  const stays = stateOf(record)?.stage;
  const why = verdict === "fails" ? "does not hold" : "could not be looked at";
  return [
    renderFindings(results.flatMap((result) => result.findings)),
    "",
    move.closesEmergency === true && move.kind === "stay"
      ? `The emergency change was not closed, because that both sides are equal ${why}: A stays open, and nothing moves up.`
      : `Stage ${move.to} was not entered, because what it relies on ${why}; the record stays at ${stays ?? "its beginning"}.`,
    `Nothing was changed. When it is mended, run the same update again.`,
  ].join("\n");
}

/** The move is none that the stage table knows. */
export function illegal(judged: Extract<JudgedMove, { allowed: false }>, to: Stage): Outcome {
  const stderr = [
    `NOT LEGAL  ${judged.from ?? "(new stack)"} -> ${to}`,
    `  reason    ${judged.reason}`,
    `  legal     ${judged.legal.join(", ")}`,
    `  remedy    ${judged.remedy}`,
  ];
  return { exitCode: 1, stdout: "", stderr: stderr.join("\n") };
}

export function cannotWrite(error: unknown): string {
  return [
    "COULD NOT LOOK  record folder: evidence cannot be kept",
    `  seen      ${textOf(error)}`,
    "  expected  a folder that can be written: a step up without its evidence could not be shown later",
    `  remedy    free space, or correct recordFolder; the way back does not need it (${setStageCommand("rollback")})`,
  ].join("\n");
}
