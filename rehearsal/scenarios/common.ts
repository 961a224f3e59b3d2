import { lastEntry, parseRecord, rollbackId, type MigrationRecord } from "../../migration/record";
import { type Stage, shapeOf } from "../../migration/stages";
import { answerText, verdictOfGate, watchGate } from "../gateLook";
import { round } from "../measure";
import { type Rehearsal, RehearsalFailure } from "../rehearsal";
import { rollbackText, secondsText, type StageSummary } from "../summary";
import { type Step } from "./scenario";

/** A step that enters one stage, once the gate says *go*, and tells what was measured. */
export function enter(stage: Stage, title = stage as string): Step {
  return {
    title,
    async run(rehearsal, say) {
      await gateHolds(rehearsal, stage, say);
      await rehearsal.enter(stage);
      say(describe(rehearsal.stages.at(-1)));
    },
  };
}

/** No step of a rehearsal takes longer; with production's limits it is hours. */
const GO_SECONDS = 480;
const GO_SECONDS_PRODUCTION = 4 * 3600;

/**
 * Waits until the gate lets the next stage in, which it does once its judge says *go* to the traffic of this one. Nothing
 * is waited for before B has traffic, or where nobody judges.
 */
export async function gateHolds(rehearsal: Rehearsal, to: Stage, say: (line: string) => void): Promise<void> {
  const stage = rehearsal.stages.at(-1)?.stage as Stage | undefined;
  const { judging } = rehearsal.options.settings;
  if (stage === undefined || judging === "none" || shapeOf(stage).weightB === 0) return;
  const begun = Date.now();
  let back: string | undefined;
  const { answer, at, looks } = await watchGate(rehearsal.stack, to, {
    until: (seen) => {
      if (seen.judge === "back") back = answerText(seen);
      return back !== undefined || verdictOfGate(seen) === "go";
    },
    maxSeconds: judging === "production" ? GO_SECONDS_PRODUCTION : GO_SECONDS,
    what: "go",
    say: (line) => say(`waits for ${to}: ${line}`),
  });
  if (back !== undefined) throw new RehearsalFailure(`B is as good as A, and the judge says ${back}`);
  const seconds = round((at.getTime() - begun) / 1000, 2);
  rehearsal.judged.push({ stage, to, verdict: "go", seconds, looks, judge: answer.judge ?? null });
}

/** A step that leaves `rollback` for a stage, with the acknowledgement of this very rollback. */
export function leaveRollback(stage: Stage): Step {
  return {
    title: `${stage} again, the rollback acknowledged`,
    async run(rehearsal, say) {
      await rehearsal.enter(stage, { acknowledgeRollback: await currentRollbackId(rehearsal) });
      say(describe(rehearsal.stages.at(-1)));
    },
  };
}

/** A step that takes the way back from a stage. */
export function goBack(from: Stage): Step {
  return {
    title: `rollback from ${from}`,
    async run(rehearsal, say) {
      await rehearsal.goBack(from);
      const { rollback } = rehearsal;
      say(`${describe(rehearsal.stages.at(-1))}; ${rollback === null ? "" : rollbackText(rollback)}`);
    },
  };
}

/** The record as the gate last printed it. */
export async function currentRecord(rehearsal: Rehearsal): Promise<MigrationRecord> {
  const text: unknown = (await rehearsal.stack.outputs())["record"]?.value;
  if (typeof text !== "string") throw new RehearsalFailure("the program's output record is no text");
  return parseRecord(text);
}

export async function currentRollbackId(rehearsal: Rehearsal): Promise<string> {
  const record = await currentRecord(rehearsal);
  const id = rollbackId(record);
  if (id === undefined) {
    throw new RehearsalFailure(`the record's last entry is ${lastEntry(record)?.stage ?? "missing"}, not rollback`);
  }
  return id;
}

/** RDS identifier of the database that the stack restored. */
export async function databaseB(rehearsal: Rehearsal): Promise<string> {
  const identifier: unknown = (await rehearsal.stack.outputs())["databaseBIdentifier"]?.value;
  assertThat(typeof identifier === "string", "the program's output databaseBIdentifier is no text");
  return identifier;
}

export function assertThat(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new RehearsalFailure(otherwise);
}

/** What was measured for a stage, as one line. */
export function describe(stage: StageSummary | undefined): string {
  if (stage === undefined) return "";
  return (
    `B ${stage.shareB} % of the requests (weight ${stage.weightB} %), ${stage.requests} requests, ${stage.failed} failed, ` +
    `preview ${secondsText(stage.previewSeconds)}, update ${secondsText(stage.updateSeconds)}`
  );
}
