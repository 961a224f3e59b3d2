import { lastEntry, parseRecord } from "../migration/record";
import { type Stage } from "../migration/stages";
import { type FreezeBy, isGate, missingChanges, unexpectedChanges } from "./expectations";
import { outOfOrder } from "./order";
import { type Operation } from "./stack";
import { type DatabaseSummary, type StageSummary } from "./summary";

/** What may differ from entering a stage for the first time. */
export interface Expected {
  /** `false`: the stage was recorded already, so the gate has nothing to do. */
  readonly gate?: boolean;
  /** `true`: what makes the stage is there already. */
  readonly again?: boolean;
}

/** A stage did something that the stage table or the promises do not allow. */
export class RehearsalFailure extends Error {
  override readonly name = "RehearsalFailure";
}

/**
 * An update may change only what the stage table names, in the order that B needs, and it has to do what makes the stage.
 *
 * @param freezeBy how the settings close A
 * @throws RehearsalFailure naming what was changed, or was not
 */
export function onlyTheStagesOwn(
  stage: Stage,
  { changes }: Operation,
  freezeBy: FreezeBy,
  expected: Expected = {},
): void {
  const unexpected = unexpectedChanges(stage, changes, freezeBy);
  if (unexpected.length > 0) {
    const list = unexpected.map(({ op, urn, diffs }) => `${op} ${urn} (${diffs.join(", ")})`).join("; ");
    throw new RehearsalFailure(`${stage} changed what the stage table does not name: ${list}`);
  }
  const wrong = outOfOrder(changes);
  if (wrong.length > 0) throw new RehearsalFailure(`${stage} came in the wrong order: ${wrong.join("; ")}`);
  const missing = expected.again === true ? [] : missingChanges(stage, changes, freezeBy);
  if (missing.length > 0) throw new RehearsalFailure(`${stage} was entered without ${missing.join(", ")}`);
  if (expected.gate !== false && !changes.some(isGate)) {
    throw new RehearsalFailure(`${stage} was entered without the stage gate`);
  }
}

/** What the gate wrote into the record for the stage: `back` for a rollback, `go` when everything it looked at held. */
export function verdictOf(stage: Stage, { outputs }: Operation): StageSummary["verdict"] {
  const record: unknown = outputs["record"]?.value;
  const entry = typeof record === "string" ? lastEntry(parseRecord(record)) : undefined;
  if (entry?.stage !== stage)
    throw new RehearsalFailure(`the record ends with ${entry?.stage ?? "nothing"}, not ${stage}`);
  if (stage === "rollback") return "back";
  return entry.checks.every(({ verdict }) => verdict === "holds") ? "go" : "hold";
}

/** The proof's own output: the program hands it through. */
export function databaseProof({ outputs }: Operation): DatabaseSummary | null {
  const text: unknown = outputs["databaseProof"]?.value;
  if (typeof text !== "string") return null;
  const { tables, rows, equal, seconds: took } = JSON.parse(text) as DatabaseSummary;
  return { tables, rows, equal, seconds: took };
}
