import { type EmergencyChange } from "./gateRequest";
import {
  canRollBack,
  legalNext,
  type MoveKind,
  type MoveVerdict,
  type Override,
  setStageCommand,
  shapeOf,
  type Stage,
  trafficShare,
  trafficStage,
  union,
  wayUp,
} from "./stages";

/** Which move a change of the settings means, and whether it is legal. */

const USED =
  "This override was used before: it permitted one move. Another skip needs a permission of its own, with its own reason.";

/** What a migration is held to from `start` on, as recorded when it was entered. */
export interface Plan {
  /** Traffic steps set since then, but for those that an override skipped: percentages for B, rising. */
  readonly steps: readonly number[];
  /** The gateway groups, sorted: they stay the same until `complete` is behind. */
  readonly groups: readonly string[];
}

/** What a move is judged by. */
export interface MoveContext {
  /** Percentages for B, strictly increasing, the last one 100. */
  readonly trafficSteps: readonly number[];
  /** Gateway groups as they are set now. Undefined where only the way back is asked for. */
  readonly groups?: readonly string[] | undefined;
  /** What the record holds the migration to; undefined before `start`. */
  readonly plan?: Plan | undefined;
  readonly override?: Override | undefined;
  /** Whether this very override was used for an earlier move: it permits one, not one a time. */
  readonly overrideUsed?: boolean | undefined;
  /** Id of the record's `rollback` entry (its hash, first 12 hex digits); undefined while no rollback stands. */
  readonly rollbackId?: string | undefined;
  /** Setting `acknowledgeRollback`: the id of the rollback that the operator means to leave. */
  readonly acknowledgeRollback?: string | undefined;
  /** Setting `emergencyChange`: while both sides may be changed, nothing moves up. */
  readonly emergencyChange?: EmergencyChange | undefined;
}

/** Moves that put more on B. */
const UPWARD: ReadonlySet<MoveKind> = new Set(["up", "override", "leave-rollback"]);

/**
 * Whether the move is legal, and what kind of move it is.
 *
 * @param from the stage last recorded; undefined on a new stack
 * @param to the stage that the settings ask for
 */
export function judgeMove(from: Stage | undefined, to: Stage, context: MoveContext): MoveVerdict {
  const verdict = judgeStages(from, to, context);
  if (!verdict.allowed || context.emergencyChange === undefined || !UPWARD.has(verdict.kind)) return verdict;
  return heldByEmergency(`from ${from ?? "a new stack"} to ${to}`, from ?? to, context.emergencyChange);
}

function judgeStages(from: Stage | undefined, to: Stage, context: MoveContext): MoveVerdict {
  const legal = legalNext(from, context.trafficSteps, context.plan?.steps);
  const moved = from === undefined ? undefined : changedGroups(from, to, context);
  if (moved !== undefined) return { allowed: false, ...moved, legal: ["rollback"] };
  if (from === to) return { allowed: true, kind: "stay" };
  if (legal.includes(to)) {
    if (from === "rollback") return judgeLeavingRollback(to, legal, context);
    return { allowed: true, kind: kindOf(from, to) };
  }
  const plain = `The move from ${from ?? "a new stack"} to ${to} is not legal.`;
  if (from === undefined) return refuse(from, legal, plain);
  const { override } = context;
  const skipsSteps = mayBeOverridden(from, to, stepsOf(context));
  if (override?.from === from && override.to === to) {
    if (!skipsSteps) {
      return refuse(from, legal, `An override permits skipping traffic steps only, never ${from} to ${to}.`);
    }
    if (context.overrideUsed !== true) return { allowed: true, kind: "override" };
    return refuse(from, legal, `${plain} ${USED}`);
  }
  const reason = skipsSteps
    ? `${plain} Only an override permits skipping a traffic step, once: ${overrideCommand(from, to)}.`
    : plain;
  const removed =
    trafficShare(to) === undefined ? [] : removedSteps(shapeOf(from).weightB, shapeOf(to).weightB, context);
  if (removed.length === 0) return refuse(from, legal, reason);
  return { allowed: false, reason: `${reason} ${takenOut(removed)}`, legal, remedy: putBack(removed, context) };
}

/** The same question for a resource that knows only its weights: may B's share go from one percentage to another? */
export function judgeWeights(
  fromWeightB: number,
  toWeightB: number,
  context: Pick<MoveContext, "trafficSteps" | "plan" | "override" | "overrideUsed" | "emergencyChange">,
): MoveVerdict {
  if (toWeightB <= fromWeightB) return { allowed: true, kind: toWeightB === fromWeightB ? "stay" : "down" };
  if (context.emergencyChange !== undefined) {
    const stands = fromWeightB === 0 ? "start" : trafficStage(fromWeightB);
    return heldByEmergency(`of B's weight from ${fromWeightB} to ${toWeightB} %`, stands, context.emergencyChange);
  }
  const above = stepsOf(context).find((step) => step > fromWeightB);
  if (toWeightB === above) return { allowed: true, kind: "up" };
  const { override } = context;
  const permitted =
    override !== undefined &&
    shapeOf(override.from).weightB === fromWeightB &&
    shapeOf(override.to).weightB === toWeightB &&
    mayBeOverridden(override.from, override.to, stepsOf(context));
  if (permitted && context.overrideUsed !== true) return { allowed: true, kind: "override" };
  const skipped = `The weight of B may not go from ${fromWeightB} to ${toWeightB} %: a step was skipped.`;
  const legal = above !== undefined && context.trafficSteps.includes(above) ? [trafficStage(above)] : [];
  const removed = removedSteps(fromWeightB, toWeightB, context);
  if (removed.length > 0) {
    return { allowed: false, reason: `${skipped} ${takenOut(removed)}`, legal, remedy: putBack(removed, context) };
  }
  const reason = permitted ? `${skipped} ${USED}` : skipped;
  return { allowed: false, reason, legal, remedy: setStageCommand(legal[0] ?? "rollback") };
}

/** Refuses a move while both sides may be changed. The way back, steps down and staying are never held by it. */
export function heldByEmergency(
  move: string,
  stands: Stage,
  { by, reason }: EmergencyChange,
): Extract<MoveVerdict, { allowed: false }> {
  return {
    allowed: false,
    reason:
      `An emergency change is open (${by}: ${reason}): both sides' configuration may be changed, so the move ${move} is ` +
      "held. It closes when both are equal again.",
    legal: canRollBack(stands) ? [stands, "rollback"] : [stands],
    remedy: `${setStageCommand(stands)} && pulumi config rm emergencyChange && pulumi up`,
  };
}

/** Steps that a move is judged by: those that are set, and those that the record holds the migration to. */
function stepsOf(context: Pick<MoveContext, "trafficSteps" | "plan">): readonly number[] {
  return union(context.trafficSteps, context.plan?.steps ?? []);
}

/** Recorded steps between two weights that the settings no longer name. */
function removedSteps(
  fromWeightB: number,
  toWeightB: number,
  { trafficSteps, plan }: Pick<MoveContext, "trafficSteps" | "plan">,
): readonly number[] {
  const between = (step: number): boolean => step > fromWeightB && step < toWeightB;
  return (plan?.steps ?? []).filter((step) => between(step) && !trafficSteps.includes(step));
}

function takenOut(removed: readonly number[]): string {
  return `A step that is taken out of trafficSteps on the way is a step skipped: the record has ${removed.join(", ")}.`;
}

function putBack(removed: readonly number[], context: Pick<MoveContext, "trafficSteps" | "plan">): string {
  const [first = 0] = removed;
  const steps = union(context.trafficSteps, removed).join(", ");
  return `trafficSteps: [${steps}] in the stack's file, then ${setStageCommand(trafficStage(first))}`;
}

function overrideCommand(from: Stage, to: Stage): string {
  const fields = { from, to, by: "NAME", reason: "REASON" };
  return Object.entries(fields)
    .map(([field, value]) => `pulumi config set --path override.${field} ${value}`)
    .join(" && ");
}

/** Each group has its own rule with its own weight: one that comes or goes on the way would miss the steps before. */
function changedGroups(
  from: Stage,
  to: Stage,
  { groups, plan }: MoveContext,
): { readonly reason: string; readonly remedy: string } | undefined {
  const fixed = canRollBack(from) || from === "rollback";
  // Nothing holds the way back, nor giving up; what serves is protected from deletion anyway.
  if (!fixed || to === "rollback" || to === "abandon" || groups === undefined || plan === undefined) return undefined;
  const added = groups.filter((group) => !plan.groups.includes(group)).map((group) => `${group} added`);
  const gone = plan.groups.filter((group) => !groups.includes(group)).map((group) => `${group} gone`);
  if (added.length + gone.length === 0) return undefined;
  return {
    reason: `The gateway groups are fixed from start to complete, but they changed at ${from}: ${[...gone, ...added].join(", ")}.`,
    remedy: `gatewayGroups as recorded (${plan.groups.join(", ")}), or ${setStageCommand("rollback")}`,
  };
}

function kindOf(from: Stage | undefined, to: Stage): MoveKind {
  if (from === undefined) return "first";
  if (to === "rollback") return "rollback";
  if (to === "abandon") return "abandon";
  if (from === "abandon") return "reopen";
  const fromShare = trafficShare(from);
  const toShare = trafficShare(to);
  return fromShare !== undefined && toShare !== undefined && toShare < fromShare ? "down" : "up";
}

/** Only traffic steps may be skipped: everything else that a skip would leave out is a proof of the data. */
function mayBeOverridden(from: Stage, to: Stage, trafficSteps: readonly number[]): boolean {
  const path = wayUp(trafficSteps);
  const start = path.indexOf(from);
  const end = path.indexOf(to);
  return (from === "start" || trafficShare(from) !== undefined) && trafficShare(to) !== undefined && end > start;
}

function judgeLeavingRollback(to: Stage, legal: readonly Stage[], context: MoveContext): MoveVerdict {
  const { rollbackId, acknowledgeRollback } = context;
  if (rollbackId !== undefined && acknowledgeRollback === rollbackId) return { allowed: true, kind: "leave-rollback" };
  const command = `pulumi config set acknowledgeRollback ${rollbackId ?? "ID"}`;
  return {
    allowed: false,
    reason:
      `Leaving rollback for ${to} needs the acknowledgement of this very rollback` +
      (acknowledgeRollback === undefined ? "." : `; the setting names ${acknowledgeRollback}, another one.`),
    legal,
    remedy: `${command} && ${setStageCommand(to)}`,
  };
}

function refuse(from: Stage | undefined, legal: readonly Stage[], reason: string): MoveVerdict {
  const onward = legal.find((stage) => stage !== from) ?? legal[0] ?? "prepare";
  return { allowed: false, reason, legal, remedy: setStageCommand(onward) };
}
