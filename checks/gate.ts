import { resolve } from "node:path";
import { type GateRequest, type MigrationScope } from "../migration/gateRequest";
import {
  appendEntry,
  lastEntry,
  renderRecord,
  stateOf,
  type EntryDraft,
  type EvidenceFile,
  type MigrationRecord,
  type RecordEntry,
} from "../migration/record";
import { planFor } from "../migration/plan";
import { canRollBack, shapeOf } from "../migration/stages";
import { type GateContext, type Move } from "./context";
import { emergencyOf } from "./emergency";
import { evidenceOf, RecordFolder } from "./evidence";
import { readInput, type GateInput, type Outcome, type ReadRecord } from "./gateInput";
import { cannotWrite, contextOf, forRecord, illegal, refusal, runChecks } from "./gateParts";
import { callerIdentity, programCommit, withinLimit } from "./identity";
import { readLiveWeights } from "./liveWeights";
import { isFree, moveToRecord } from "./move";
import { EXIT_CODES, overall, textOf } from "./result";

/**
 * The stage gate: it stands before each stage, looks at what that stage relies on, and keeps the record.
 *
 * Its standard output is the whole record with the new entry, or nothing. Moves that only take risk away (`rollback`,
 * `abandon`, a step down, staying) are recorded without asking anything: they work with every system dead.
 */

/** What such a move may wait for: who runs it, what the load balancer holds, and the disk. Each on its own. */
const FREE_MOVE_MS = 2_000;

/** Judges, checks and records the move to `stage`. */
export async function runGate(input: GateInput): Promise<Outcome> {
  const now = input.now();
  const read = readInput(input, now);
  if (read.kind === "refused") return read.outcome;
  if (read.kind === "rollback") return rollBackBlindly(input, read, read.recordFolder, now);
  const { request, record } = read;
  if (read.setAside) return rollBackBlindly(input, read, request.recordFolder, now, request.scope);

  const folder = new RecordFolder(resolve(input.projectFolder, request.recordFolder));
  const state = stateOf(record);
  // The way back does not even ask the disk first.
  const verified = request.stage === "rollback" ? undefined : await withinLimit(folder.verifications(), FREE_MOVE_MS);
  const judged = moveToRecord(request, record, isAfter(verified?.get(request.stage), lastEntry(record)?.at));
  if (!judged.allowed) return illegal(judged, request.stage);
  const { move } = judged;
  const verifiedAt = state && verified?.get(state.stage);
  const ending = new AbortController();
  const context = contextOf(input, request, record, move, { now, verifiedAt, signal: ending.signal });
  const [results, draft, raised] = await Promise.all([
    isFree(move) ? [] : runChecks(input.checks, context),
    draftOf(input, request, move, context, folder),
    raisedByStepDown(context),
  ]).finally(() => ending.abort());
  const evidence = evidenceOf({ at: now.toISOString(), stage: move.to, from: move.from ?? null, results });
  if (raised !== undefined) return { exitCode: 1, stdout: "", stderr: raised };
  const verdict = overall(results);
  if (verdict !== "holds") {
    await withinLimit(folder.keep(evidence), FREE_MOVE_MS);
    return { exitCode: EXIT_CODES[verdict], stdout: "", stderr: refusal(move, record, results) };
  }
  const looked = results.length > 0;
  const notes = results.flatMap((result) => result.notes.map((note) => `note  ${result.check}: ${note}`));
  return finish(folder, isFree(move), {
    appended: appendEntry(record, {
      ...draft,
      ...forRecord(move, results),
      emergency: emergencyOf(request, record, move, results),
      ...(looked && { evidence: evidence.sha256 }),
    }),
    evidence: looked ? [evidence] : [],
    notes: [...read.warnings, ...notes],
  });
}

/** A rollback whose record, or even request, cannot be read: it is recorded all the same. */
async function rollBackBlindly(
  input: GateInput,
  read: ReadRecord,
  recordFolder: string | undefined,
  now: Date,
  scope?: MigrationScope,
): Promise<Outcome> {
  const state = stateOf(read.record);
  if (!read.setAside && (!state || (state.stage !== "rollback" && !canRollBack(state.stage)))) {
    return { exitCode: 2, stdout: "", stderr: read.warnings.join("\n") };
  }
  const [by, commit] = await Promise.all([callerIdentity(scope?.region), programCommit(input.projectFolder)]);
  const folder = recordFolder === undefined ? undefined : new RecordFolder(resolve(input.projectFolder, recordFolder));
  return finish(folder, true, {
    appended: appendEntry(read.record, {
      at: now.toISOString(),
      stage: "rollback",
      from: state?.stage ?? null,
      kind: state?.stage === "rollback" ? "stay" : "rollback",
      weightB: 0,
      by,
      commit,
      copy: scope?.databaseB.copy ?? state?.copy ?? 0,
      checks: [],
    }),
    evidence: read.setAside ? [read.setAside] : [],
    notes: read.warnings,
  });
}

/**
 * A step down must not raise B: after 100/0 was set by hand, `traffic-25` from a recorded `traffic-50` would do so without
 * any proof. What cannot be seen within the limit holds nothing up.
 */
async function raisedByStepDown(context: GateContext): Promise<string | undefined> {
  const { move } = context;
  if (move.kind !== "down") return undefined;
  const { weightB } = shapeOf(move.to);
  const seen = await withinLimit(readLiveWeights(context), FREE_MOVE_MS);
  const lower = Object.entries(seen ?? {}).filter(([, share]) => Number.parseFloat(share) < weightB);
  if (lower.length === 0) return undefined;
  const list = lower.map(([group, share]) => `${group} ${share}`).join(", ");
  return [
    `DOES NOT HOLD  live weights: the step down to ${move.to}`,
    `  seen      B has less already (${list})`,
    `  expected  B has more than ${weightB} %: what was lowered by hand may not rise without the checks`,
    "  remedy    record what is live: pulumi config set stage rollback && pulumi up --skip-preview --refresh",
  ].join("\n");
}

/** Everything of the entry that does not come from checks. */
async function draftOf(
  input: GateInput,
  request: GateRequest,
  move: Move,
  context: GateContext,
  folder: RecordFolder,
): Promise<EntryDraft> {
  const [by, commit, events, pilotEvents, live] = await Promise.all([
    callerIdentity(request.scope.region),
    programCommit(input.projectFolder),
    withinLimit(folder.eventsDigest(), FREE_MOVE_MS),
    withinLimit(folder.eventsDigest("pilot.jsonl"), FREE_MOVE_MS),
    move.kind === "rollback" ? liveAtRollback(context) : undefined,
  ]);
  return {
    at: context.now.toISOString(),
    stage: move.to,
    from: move.from ?? null,
    kind: move.kind,
    weightB: shapeOf(move.to).weightB,
    by,
    commit,
    copy: request.scope.databaseB.copy,
    checks: [],
    plan: planFor(move.to, request.trafficSteps, request.scope),
    ...(move.kind === "override" && { override: request.override }),
    ...(move.kind === "leave-rollback" && { acknowledged: request.acknowledgeRollback }),
    ...(events && { events }),
    ...(pilotEvents && { pilotEvents }),
    ...(live && { live }),
  };
}

/** What the load balancer holds, where that differs from the record: weights set by hand, or a step half made. */
async function liveAtRollback(context: GateContext): Promise<Readonly<Record<string, string>> | undefined> {
  const seen = await withinLimit(readLiveWeights(context), FREE_MOVE_MS);
  if (!seen) return { "*": `could not be seen (limit ${FREE_MOVE_MS / 1000} s)` };
  const recorded = `${context.move.liveWeightsB[0] ?? 0} %`;
  const differing = Object.entries(seen).filter(([, share]) => share !== recorded);
  if (differing.length === 0) return undefined;
  return Object.fromEntries(differing.map(([group, share]) => [group, `B had ${share}, recorded was ${recorded}`]));
}

interface Finished {
  readonly appended: {
    readonly record: MigrationRecord;
    readonly entry: RecordEntry;
    readonly evidence?: EvidenceFile | undefined;
  };
  readonly evidence: readonly EvidenceFile[];
  readonly notes: readonly string[];
}

/** Writes what is kept beside the record, and answers with the record. A move that must not be held goes on without. */
async function finish(folder: RecordFolder | undefined, free: boolean, finished: Finished): Promise<Outcome> {
  const { appended, evidence, notes } = finished;
  const failure =
    folder &&
    (await writeFiles(folder, free, appended.entry, [...evidence, ...(appended.evidence ? [appended.evidence] : [])]));
  if (failure !== undefined && !free) return { exitCode: 2, stdout: "", stderr: cannotWrite(failure) };
  const warnings =
    failure === undefined ? [] : [`The files beside the record could not be written: ${textOf(failure)}`];
  return { exitCode: 0, stdout: renderRecord(appended.record), stderr: [...notes, ...warnings].join("\n") };
}

/** @returns what went wrong, if anything */
async function writeFiles(
  folder: RecordFolder,
  free: boolean,
  entry: RecordEntry,
  files: readonly EvidenceFile[],
): Promise<unknown> {
  const writing = async (): Promise<"written"> => {
    await Promise.all(files.map((file) => folder.keep(file)));
    await folder.appendRecord(entry);
    return "written";
  };
  try {
    if (!free) await writing();
    // A hanging disk (a network share) is as good as none.
    else if ((await withinLimit(writing(), FREE_MOVE_MS)) === undefined)
      return new Error("not written within 2 s, or refused");
    return undefined;
  } catch (error) {
    return error;
  }
}

function isAfter(time: Date | undefined, other: string | undefined): boolean {
  return time !== undefined && other !== undefined && time > new Date(other);
}
