import { type Carried, type RecordEntry } from "./recordEntry";

/** What the record knows of both sides' configuration: when it was taken, when it was last seen equal, whether it is open. */

/** Checks of the configuration: when each last held tells since when a difference can be there. */
const CONFIGURATION_CHECKS: readonly string[] = ["freeze held", "copy proved", "still equal"];

type ConfigurationState = Pick<Carried, "fingerprintA" | "baselineB" | "copyProvedAt" | "seen" | "emergency">;

/** @param before undefined for a new migration, which knows nothing */
export function configurationAfter(before: Carried | undefined, entry: RecordEntry): ConfigurationState {
  const { digests, evidence, at, checks } = entry;
  const taken = { at, ...(evidence !== undefined && { evidence }) };
  const fingerprintA = digests?.configurationA ? taken : before?.fingerprintA;
  const baselineB =
    digests?.configurationB === undefined ? before?.baselineB : { ...taken, digest: digests.configurationB };
  const copyProvedAt = digests?.copy === undefined ? before?.copyProvedAt : at;
  const held = checks.filter(({ name, verdict }) => verdict === "holds" && CONFIGURATION_CHECKS.includes(name));
  const seen = { ...before?.seen, ...Object.fromEntries(held.map(({ name }) => [name, at])) };
  const emergency = emergencyAfter(before, entry);
  return {
    ...(fingerprintA && { fingerprintA }),
    ...(baselineB && { baselineB }),
    ...(copyProvedAt !== undefined && { copyProvedAt }),
    ...(Object.keys(seen).length > 0 && { seen }),
    ...(emergency && { emergency }),
  };
}

function emergencyAfter(before: Carried | undefined, { emergency, at, stage }: RecordEntry): Carried["emergency"] {
  // Given up: A is open to everybody again.
  if (stage === "abandon") return undefined;
  if (emergency === undefined) return before?.emergency;
  return emergency.state === "open" ? { by: emergency.by, reason: emergency.reason, since: at } : undefined;
}
