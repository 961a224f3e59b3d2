import { describeOutcome, rollBack, type RollbackOptions } from "../pilot/rollback";
import { carriesWeights } from "./expectations";
import { type MigrationStack, type Operation } from "./stack";
import { RehearsalFailure } from "./stageProof";

/** A way back that went through: the engine's update, and when the weights were set, if they had to be. */
export interface WayBack {
  readonly update: Operation;
  readonly applied: Date | undefined;
}

/** As the on-call takes it: `npm run rollback`. */
export async function wayBackByPilot(stack: MigrationStack, options: RollbackOptions): Promise<WayBack> {
  const outcome = await rollBack(stack, options);
  const { result, update, appliedAt } = outcome;
  if (result !== "back" || update === undefined) {
    throw new RehearsalFailure(`the way back failed:\n${describeOutcome(stack.name, outcome).join("\n")}`);
  }
  return { update, applied: appliedAt === undefined ? undefined : new Date(appliedAt) };
}

/** As the documents show it with the plain command line: `up --skip-preview --refresh --target` with the URNs of the output. */
export async function wayBackByTargets(stack: MigrationStack, targets: readonly string[]): Promise<WayBack> {
  await stack.configure({ stage: "rollback" });
  const update = await stack.wayBack(targets);
  return { update, applied: update.changes.filter(carriesWeights).at(-1)?.at };
}
