import * as pulumi from "@pulumi/pulumi";
import { staleCopyProof } from "../migration/copyAge";
import { type StageGate } from "./stageGate";

export interface FreshCopyArgs {
  /** Setting `proof.maximumAgeHours`. */
  readonly maximumAgeHours: number;
  readonly gate: Pick<StageGate, "history" | "proveCopy">;
  readonly now?: () => Date;
}

/**
 * Hook of what begins to write to database B: the copy must have been proved lately. The gate proves it when `start` is
 * entered; an update of `start` that failed and is tried again days later does not run the gate, so that an old proof is
 * made anew here.
 *
 * Without `onDryRun`: a preview reads no database.
 */
export function freshCopy(name: string, args: FreshCopyArgs): pulumi.ResourceHook {
  return new pulumi.ResourceHook(`${name}-fresh-copy`, () => requireFreshCopy(args));
}

/** @throws when the copy had to be proved anew, and is not equal or could not be looked at */
export async function requireFreshCopy({
  maximumAgeHours,
  gate,
  now = () => new Date(),
}: FreshCopyArgs): Promise<void> {
  const stale = staleCopyProof(gate.history(), now(), maximumAgeHours);
  if (stale !== undefined) await gate.proveCopy(stale);
}
