import * as pulumi from "@pulumi/pulumi";
import { judgeWeights } from "../migration/moves";
import { type MoveVerdict, type Stage } from "../migration/stages";
import { refusal } from "./failure";
import { type StageGate } from "./stageGate";

/** Properties of a listener or of a rule that hold its actions. */
const ACTION_PROPERTIES = ["defaultActions", "actions"] as const;

export interface WeightContext {
  readonly stage: Stage;
  readonly gate: Pick<StageGate, "judge" | "moveContext" | "passedInThisRun" | "stageBefore" | "verify">;
}

/** The part of a hook's arguments that is judged. */
export interface WeightStep {
  readonly name: string;
  readonly oldInputs?: Readonly<Record<string, unknown>> | undefined;
  readonly newInputs?: Readonly<Record<string, unknown>> | undefined;
}

/**
 * The hooks of a resource that carries weights: they hold in preview, and with `--target`, which leaves the gate out.
 * The direction comes from the old weights against the new ones, never from the stage's name.
 */
export function weightHooks(resourceName: string, context: WeightContext): pulumi.ResourceHookBinding {
  const onDryRun = true;
  // Asked now: a hook is called outside of the context that an inline program runs in.
  const dryRun = pulumi.runtime.isDryRun();
  const create = new pulumi.ResourceHook(`${resourceName}-begins-with-a`, (step) => judgeFirstWeights(step), {
    onDryRun,
  });
  const update = new pulumi.ResourceHook(
    `${resourceName}-legal-weights`,
    (step) => judgeWeightStep(step, context, dryRun),
    { onDryRun },
  );
  return { beforeCreate: [create], beforeUpdate: [update] };
}

/** @throws when a rule would begin with requests for B */
export function judgeFirstWeights(step: WeightStep): void {
  const weightB = weightOfB(step.newInputs);
  if (weightB === 0) return;
  throw new Error(
    `${step.name} would begin with ${weightB ?? "an unknown share"} % of the requests on B; it must begin with 0.\n` +
      "Create it at a stage without traffic on B: pulumi config set stage start",
  );
}

/**
 * Falling and staying return at once: nothing ever holds the way back, as long as A is there. Rising needs a legal step, and proof: the gate
 * of this very run, or the gate's checks, run here.
 *
 * @throws when the step is refused
 */
export async function judgeWeightStep(step: WeightStep, context: WeightContext, dryRun: boolean): Promise<void> {
  const from = weightOfB(step.oldInputs);
  const to = weightOfB(step.newInputs);
  if (to === undefined) throw new Error(`${step.name} has no forward action with the weights of A and B.`);
  // A rule that was changed by hand into one without weights gave B nothing that could be told from here.
  const before = from ?? 0;
  if (to === before) return;
  const { gate, stage } = context;
  if (to < before) {
    // A runs nothing any more: what went back there would be lost.
    if (before === 100 && (await gate.stageBefore()) === "decommission") throw noWayBack(step.name);
    return;
  }
  // At `decommission` only 100 % is right, whatever somebody made of it: it need not be climbed to step by step.
  if (stage !== "decommission") refuseUnless(judgeWeights(before, to, gate.moveContext()));
  refuseUnless(gate.judge());
  if (dryRun || gate.passedInThisRun()) return;
  await gate.verify();
}

/** B's share in percent, from the two groups of the forward action: A first, then B. */
export function weightOfB(inputs: WeightStep["newInputs"]): number | undefined {
  for (const property of ACTION_PROPERTIES) {
    const actions = inputs?.[property];
    if (!Array.isArray(actions)) continue;
    for (const action of actions as readonly { readonly forward?: { readonly targetGroups?: unknown } }[]) {
      const groups = action.forward?.targetGroups;
      if (!Array.isArray(groups) || groups.length !== 2) continue;
      const [a, b] = (groups as readonly { readonly weight?: unknown }[]).map(({ weight }) => weight);
      if (typeof a !== "number" || typeof b !== "number") continue;
      return a + b === 0 ? 0 : (100 * b) / (a + b);
    }
  }
  return undefined;
}

function noWayBack(name: string): Error {
  return new Error(
    `${name}: A was scaled to zero at decommission; requests that went back there would be lost.\n` +
      "To serve from A again its owners have to bring it up first; after that change the load balancer by hand.",
  );
}

function refuseUnless(verdict: MoveVerdict | undefined): void {
  if (verdict !== undefined && !verdict.allowed) throw refusal(verdict);
}
