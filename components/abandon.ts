import * as pulumi from "@pulumi/pulumi";
import { type MadeOnB, madeOnB } from "../migration/madeOnB";
import { shapeOf, type Stage, type StageShape } from "../migration/stages";
import { settled } from "./outputs";
import { type StageGate } from "./stageGate";

/**
 * What the stage means in this very run. Only `abandon` needs to know what is there: it may follow on `freeze`, where B
 * has nothing yet, and it takes two updates, because the engine refuses to delete what is still protected in the state.
 */
export async function shapeOfThisRun(stage: Stage, gate: StageGate): Promise<StageShape> {
  if (stage !== "abandon") return shapeOf(stage);
  const shape = abandonShape(madeOnB(gate.history()), await lastStage());
  if (shape.controlPlaneB) {
    await pulumi.log.info("abandon: this update lifts the protection of cluster B; the next one deletes its planes.");
  }
  return shape;
}

/**
 * The first update of `abandon` opens A again and lifts the protection of everything in B; the next one deletes B's
 * control and data plane. The database stays until `pulumi destroy`.
 *
 * @param made what was made of B
 * @param last stage of the last update that was completed
 */
export function abandonShape(made: MadeOnB, last: unknown): StageShape {
  const planes = made.planes && last !== "abandon";
  return {
    ...shapeOf("abandon"),
    databaseB: made.database ? "kept" : "none",
    controlPlaneB: planes,
    dataPlaneB: planes,
  };
}

/** The output `stage` of this stack's last completed update. */
async function lastStage(): Promise<unknown> {
  const name = `${pulumi.getOrganization()}/${pulumi.getProject()}/${pulumi.getStack()}`;
  // Not by `getOutput`: when the engine ends a refused run meanwhile, there are no outputs to look into.
  const outputs = await settled<Readonly<Record<string, unknown>> | undefined>(new pulumi.StackReference(name).outputs);
  return outputs.value?.["stage"];
}
