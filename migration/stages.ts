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

/**
 * The stages that may follow without an override. The stage itself comes first: staying is always legal.
 *
 * @param trafficSteps as they are set now
 * @param planned steps that the record holds the migration to: one that was taken out of the settings is not to be had,
 * and those above it are not the next one either
 */
export function legalNext(
  from: Stage | undefined,
  trafficSteps: readonly number[],
  planned: readonly number[] = [],
): readonly Stage[] {
  if (from === undefined) return ["prepare"];
  if (from === "decommission") return ["decommission"];
  if (from === "abandon") return ["abandon", "prepare"];
  const steps = union(trafficSteps, planned);
  const known = (stage: Stage | undefined): readonly Stage[] =>
    stage !== undefined && isStage(stage, trafficSteps) ? [stage] : [];
  if (from === "rollback") {
    const [first] = steps;
    return ["rollback", "start", ...known(first === undefined ? undefined : trafficStage(first)), "abandon"];
  }
  const path = wayUp(steps);
  const next: Stage[] = [from];
  // A traffic step that neither settings nor record name has no step above; the ways back stay.
  if (path.includes(from)) next.push(...known(path[path.indexOf(from) + 1]));
  const share = trafficShare(from);
  if (share !== undefined) next.push(...trafficSteps.filter((step) => step < share).map(trafficStage));
  if (canRollBack(from)) next.push("rollback");
  if (from === "freeze" || from === "restore" || from === "start") next.push("abandon");
  return next;
}

/** The command that asks for a stage. */
export function setStageCommand(stage: Stage): string {
  return `pulumi config set stage ${stage}`;
}

/** Both lists as one, rising. */
export function union(some: readonly number[], others: readonly number[]): readonly number[] {
  return [...new Set([...some, ...others])].sort((a, b) => a - b);
}
