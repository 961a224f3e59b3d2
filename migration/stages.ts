/**
 * Where a migration stands, what exists there, and which moves are legal.
 *
 * One config value, `stage`, decides. Everything else in the program asks this module what a stage means.
 */

/** A stage that every migration has, whatever its traffic steps. */
export type FixedStage =
  "prepare" | "freeze" | "restore" | "start" | "complete" | "decommission" | "rollback" | "abandon";

/** `traffic-N`: B gets N % of the requests. N is one of the settings' `trafficSteps`. */
export type TrafficStage = `traffic-${number}`;

export type Stage = FixedStage | TrafficStage;

/** What a stage means. One row of the stage table. */
export interface StageShape {
  /** Share of the requests that B gets, in percent, 0-100. A gets the rest. */
  readonly weightB: number;
  /** `kept`: still there, but its protection is lifted so that `pulumi destroy` may take it. */
  readonly databaseB: "none" | "present" | "kept";
  readonly controlPlaneB: boolean;
  readonly dataPlaneB: boolean;
  /** `stopped`: A's workloads are scaled to zero and a final snapshot of its database is taken. */
  readonly clusterA: "open" | "frozen" | "stopped";
  /** Who may edit B: nobody yet, the operators' addresses only, or everybody as on A before. */
  readonly configurationB: "none" | "restricted" | "open";
  /** Whether everything that B serves with refuses deletion and replacement. */
  readonly protectB: boolean;
}

/** A named person's permission for exactly one skipped traffic step. Inert once that move was made. */
export interface Override {
  readonly from: Stage;
  readonly to: Stage;
  readonly by: string;
  readonly reason: string;
}

/** What a move is, which decides what has to be proved for it. */
export type MoveKind =
  "first" | "stay" | "up" | "down" | "rollback" | "leave-rollback" | "abandon" | "reopen" | "override";

export type MoveVerdict =
  | { readonly allowed: true; readonly kind: MoveKind }
  | { readonly allowed: false; readonly reason: string; readonly legal: readonly Stage[]; readonly remedy: string };

/** What a move is judged by. */
export interface MoveContext {
  /** Percentages for B, strictly increasing, the last one 100. */
  readonly trafficSteps: readonly number[];
  readonly override?: Override | undefined;
  /** Id of the record's `rollback` entry (its hash, first 12 hex digits); undefined while no rollback stands. */
  readonly rollbackId?: string | undefined;
  /** Setting `acknowledgeRollback`: the id of the rollback that the operator means to leave. */
  readonly acknowledgeRollback?: string | undefined;
}

const BEFORE_TRAFFIC = ["prepare", "freeze", "restore", "start"] as const;
const AFTER_TRAFFIC = ["complete", "decommission"] as const;

/** The stage that gives B this share. */
export function trafficStage(weightB: number): TrafficStage {
  return `traffic-${weightB}`;
}

/** B's share in percent when the stage is `traffic-N`, else undefined. */
export function trafficShare(stage: string): number | undefined {
  const match = /^traffic-(\d{1,3})$/.exec(stage);
  return match ? Number(match[1]) : undefined;
}

/** The way up, in order: every stage but `rollback` and `abandon`. */
export function wayUp(trafficSteps: readonly number[]): readonly Stage[] {
  return [...BEFORE_TRAFFIC, ...trafficSteps.map(trafficStage), ...AFTER_TRAFFIC];
}

/** Every stage that these traffic steps allow. */
export function allStages(trafficSteps: readonly number[]): readonly Stage[] {
  return [...wayUp(trafficSteps), "rollback", "abandon"];
}

/** Whether the text names a stage of these traffic steps. */
export function isStage(text: string, trafficSteps: readonly number[]): text is Stage {
  return (allStages(trafficSteps) as readonly string[]).includes(text);
}

/** The row of the stage table. */
export function shapeOf(stage: Stage): StageShape {
  const running = { databaseB: "present", controlPlaneB: true, dataPlaneB: true, protectB: true } as const;
  const nothing = { databaseB: "none", controlPlaneB: false, dataPlaneB: false, protectB: false } as const;
  switch (stage) {
    case "prepare":
      return { weightB: 0, ...nothing, clusterA: "open", configurationB: "none" };
    case "freeze":
      return { weightB: 0, ...nothing, clusterA: "frozen", configurationB: "none" };
    case "restore":
      // Not protected yet: raising `databaseB.copy` here makes a new copy and replaces B.
      return { weightB: 0, ...nothing, databaseB: "present", clusterA: "frozen", configurationB: "none" };
    case "start":
    case "rollback":
      return { weightB: 0, ...running, clusterA: "frozen", configurationB: "restricted" };
    case "complete":
      return { weightB: 100, ...running, clusterA: "frozen", configurationB: "open" };
    case "decommission":
      return { weightB: 100, ...running, clusterA: "stopped", configurationB: "open" };
    case "abandon":
      return { weightB: 0, ...nothing, databaseB: "kept", clusterA: "open", configurationB: "none" };
    default:
      return { weightB: trafficShare(stage) ?? 0, ...running, clusterA: "frozen", configurationB: "restricted" };
  }
}

/** Whether the way back to A is one config value away: from `start` to `complete`. */
export function canRollBack(stage: Stage): boolean {
  return stage === "start" || stage === "complete" || trafficShare(stage) !== undefined;
}

/** The stages that may follow without an override. The stage itself comes first: staying is always legal. */
export function legalNext(from: Stage | undefined, trafficSteps: readonly number[]): readonly Stage[] {
  if (from === undefined) return ["prepare"];
  if (from === "decommission") return ["decommission"];
  if (from === "abandon") return ["abandon", "prepare"];
  const [firstStep] = trafficSteps;
  if (from === "rollback") {
    return ["rollback", "start", ...(firstStep === undefined ? [] : [trafficStage(firstStep)]), "abandon"];
  }
  const path = wayUp(trafficSteps);
  const next: Stage[] = [from];
  const above = path[path.indexOf(from) + 1];
  // A stage that the settings no longer name (its traffic step was removed) has no step above; the ways back stay.
  if (above !== undefined && path.includes(from)) next.push(above);
  const share = trafficShare(from);
  if (share !== undefined) next.push(...trafficSteps.filter((step) => step < share).map(trafficStage));
  if (canRollBack(from)) next.push("rollback");
  if (from === "freeze" || from === "restore" || from === "start") next.push("abandon");
  return next;
}

/**
 * Whether the move is legal, and what kind of move it is.
 *
 * @param from the stage last recorded; undefined on a new stack
 * @param to the stage that the settings ask for
 */
export function judgeMove(from: Stage | undefined, to: Stage, context: MoveContext): MoveVerdict {
  const legal = legalNext(from, context.trafficSteps);
  if (from === to) return { allowed: true, kind: "stay" };
  if (legal.includes(to)) {
    if (from === "rollback") return judgeLeavingRollback(to, legal, context);
    return { allowed: true, kind: kindOf(from, to) };
  }
  const { override } = context;
  if (from !== undefined && override?.from === from && override.to === to) {
    if (mayBeOverridden(from, to, context.trafficSteps)) return { allowed: true, kind: "override" };
    return refuse(from, legal, `An override permits skipping traffic steps only, never ${from} to ${to}.`);
  }
  return refuse(from, legal, `The move from ${from ?? "a new stack"} to ${to} is not legal.`);
}

/** The same question for a resource that knows only its weights: may B's share go from one percentage to another? */
export function judgeWeights(
  fromWeightB: number,
  toWeightB: number,
  context: Pick<MoveContext, "trafficSteps" | "override">,
): MoveVerdict {
  if (toWeightB <= fromWeightB) return { allowed: true, kind: toWeightB === fromWeightB ? "stay" : "down" };
  const above = context.trafficSteps.find((step) => step > fromWeightB);
  if (toWeightB === above) return { allowed: true, kind: "up" };
  const { override } = context;
  if (
    override !== undefined &&
    shapeOf(override.from).weightB === fromWeightB &&
    shapeOf(override.to).weightB === toWeightB &&
    mayBeOverridden(override.from, override.to, context.trafficSteps)
  ) {
    return { allowed: true, kind: "override" };
  }
  const legal = above === undefined ? [] : [trafficStage(above)];
  return {
    allowed: false,
    reason: `The weight of B may not go from ${fromWeightB} to ${toWeightB} %: a step was skipped.`,
    legal,
    remedy: setStageCommand(legal[0] ?? "rollback"),
  };
}

/** The command that asks for a stage. */
export function setStageCommand(stage: Stage): string {
  return `pulumi config set stage ${stage}`;
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
