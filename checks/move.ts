import { type GateRequest } from "../migration/gateRequest";
import { moveContextOf } from "../migration/moveContext";
import { heldByEmergency, judgeMove } from "../migration/moves";
import { stateOf, type MigrationRecord } from "../migration/record";
import { shapeOf, type MoveKind, type MoveVerdict, type Stage } from "../migration/stages";
import { type Move } from "./context";

/** Which move a request means, given the record; and which moves are never held up by any check. */

/**
 * Kinds that only take risk away, or change nothing: no check could hold them. `abandon` is not urgent, and it deletes
 * B: it asks whether the load balancer really gives A everything.
 */
const FREE: ReadonlySet<MoveKind> = new Set(["stay", "down", "rollback"]);

export type JudgedMove =
  | { readonly allowed: true; readonly move: Move }
  | (Extract<MoveVerdict, { allowed: false }> & { readonly from: Stage | undefined });

/** Whether the gate records the move without asking any check. */
export function isFree(move: Move): boolean {
  return move.mode === "record" && FREE.has(move.kind) && !move.copiesAnew && !asksForEquality(move);
}

/** An emergency change ends when both sides are equal again; before there is a B there is nothing to compare. */
function asksForEquality({ kind, to, closesEmergency }: Move): boolean {
  return closesEmergency === true && kind === "stay" && shapeOf(to).databaseB === "present";
}

/** Moves that a change of the configuration can end with. On the way back it stays open. */
const CLOSING: ReadonlySet<MoveKind> = new Set(["stay", "up", "override", "leave-rollback"]);

/**
 * The move that the gate is asked to record.
 * @param verifiedSince whether a rise to this stage was verified, and so made, since the last entry
 */
export function moveToRecord(request: GateRequest, record: MigrationRecord, verifiedSince: boolean): JudgedMove {
  const state = stateOf(record);
  const verdict = judge(request, record, state?.stage);
  if (!verdict.allowed) return { ...verdict, from: state?.stage };
  const { kind } = verdict;
  const to = request.stage;
  const target = shapeOf(to).weightB;
  // Before the first entry and after `abandon` nothing need exist.
  const recorded = kind === "first" || kind === "reopen" || state === undefined ? [] : [state.weightB];
  return {
    allowed: true,
    move: {
      from: state?.stage,
      to,
      kind,
      copiesAnew: kind === "stay" && to === "restore" && request.scope.databaseB.copy > (state?.copy ?? 0),
      mode: "record",
      liveWeightsB: verifiedSince && recorded.length > 0 ? unique([...recorded, target]) : recorded,
      closesEmergency:
        state?.emergency !== undefined &&
        request.emergencyChange === undefined &&
        CLOSING.has(kind) &&
        to !== "prepare",
    },
  };
}

/**
 * The move that a rule is about to make although the gate did not run in the same update: a targeted step up, a retry
 * after the rule's own update failed, or a return after the weights were lowered by a targeted update.
 */
export function moveToVerify(request: GateRequest, record: MigrationRecord): JudgedMove {
  const state = stateOf(record);
  const to = request.stage;
  if (state?.stage !== to) {
    const verdict = judge(request, record, state?.stage);
    if (!verdict.allowed) return { ...verdict, from: state?.stage };
    const live = state === undefined ? [] : [state.weightB];
    return {
      allowed: true,
      move: { from: state?.stage, to, kind: verdict.kind, copiesAnew: false, mode: "verify", liveWeightsB: live },
    };
  }
  if (request.emergencyChange !== undefined) {
    return { ...heldByEmergency(`again to ${to}`, to, request.emergencyChange), from: to };
  }
  // The move was judged when it was recorded; its rules may have it behind them, in part or not at all.
  const before = to === "decommission" ? { stage: to, weightB: state.weightB } : state.enteredFrom;
  return {
    allowed: true,
    move: {
      from: before?.stage,
      to,
      kind: before?.stage === "rollback" ? "leave-rollback" : "up",
      copiesAnew: false,
      mode: "verify",
      liveWeightsB: unique([before?.weightB ?? 0, state.weightB]),
    },
  };
}

function judge(request: GateRequest, record: MigrationRecord, from: Stage | undefined): MoveVerdict {
  return judgeMove(from, request.stage, moveContextOf(request, record));
}

function unique(values: readonly number[]): readonly number[] {
  return [...new Set(values)];
}
