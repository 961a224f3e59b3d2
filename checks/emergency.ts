import { type GateRequest } from "../migration/gateRequest";
import { type EmergencyEntry, stateOf, type MigrationRecord } from "../migration/record";
import { shapeOf } from "../migration/stages";
import { type Move } from "./context";
import { type CheckResult } from "./result";

/** What the record says of an emergency change: when it began, who permitted it, and what had changed when it ended. */

/** Evidence of a check: how many rows changed on either side. */
export const CHANGES = "changes";

/** What an entry says of it; undefined when this move neither begins nor ends one. */
export function emergencyOf(
  request: GateRequest,
  record: MigrationRecord,
  move: Move,
  results: readonly CheckResult[],
): EmergencyEntry | undefined {
  const open = stateOf(record)?.emergency;
  const { emergencyChange } = request;
  if (emergencyChange !== undefined) {
    // Before the freeze and after A was given up there is nothing to open.
    if (open !== undefined || shapeOf(move.to).clusterA !== "frozen") return undefined;
    return { state: "open", by: emergencyChange.by, reason: emergencyChange.reason };
  }
  if (open === undefined || move.closesEmergency !== true) return undefined;
  const changes = results.map(({ evidence }) => evidence[CHANGES]).find(isCounts);
  return { state: "closed", by: open.by, reason: open.reason, ...(changes && { changes }) };
}

function isCounts(value: unknown): value is { readonly a: number; readonly b: number } {
  return (
    typeof value === "object" &&
    value !== null &&
    "a" in value &&
    "b" in value &&
    [value.a, value.b].every(Number.isInteger)
  );
}
