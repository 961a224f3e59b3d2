import { type GateRequest } from "./gateRequest";
import { type MoveContext } from "./moves";
import { groupsOf, overrideId } from "./plan";
import { stateOf, type MigrationRecord } from "./record";
import { type Override } from "./stages";

/** The part of a gate request that moves are judged by. At `rollback` the settings may allow no more than the steps. */
export type MoveRequest = Pick<GateRequest, "trafficSteps"> &
  Partial<Pick<GateRequest, "scope" | "override" | "acknowledgeRollback" | "emergencyChange">>;

/** What a move is judged by: the settings as they are, and what the record says. */
export function moveContextOf(request: MoveRequest, record: MigrationRecord): MoveContext {
  const { trafficSteps, scope, override, acknowledgeRollback, emergencyChange } = request;
  const state = stateOf(record);
  return {
    trafficSteps,
    groups: scope && groupsOf(scope),
    plan: state?.plan,
    override,
    overrideUsed: override !== undefined && isUsed(override, record),
    rollbackId: state?.rollbackId,
    acknowledgeRollback,
    emergencyChange,
  };
}

/**
 * Whether the override permitted an earlier move. While the stage that it led to stands, the rules may still have to make
 * that very move: it is not behind them.
 */
function isUsed(override: Override, record: MigrationRecord): boolean {
  const state = stateOf(record);
  if (state?.overrides?.includes(overrideId(override)) !== true) return false;
  return !(state.stage === override.to && state.enteredFrom?.stage === override.from);
}
