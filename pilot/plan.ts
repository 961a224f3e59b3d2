import { allStages, shapeOf, trafficShare, wayUp, type Stage } from "../migration/stages";
import { openingAt } from "../migration/windows";
import { type Settings } from "../migration/settings";
import { EngineRefusal, type Change, type MigrationStack } from "./migrationStack";
import { enterPreview } from "./enter";
import { stageAfter } from "./decide";
import { viewOf } from "./standing";

/** One remaining stage: what it changes, and when it can be entered at the earliest. */
export interface PlannedStage {
  readonly stage: Stage;
  readonly weightB: number;
  /** What the stage table says of it, one line each. */
  readonly means: readonly string[];
  /** The engine's own preview: of the next stage alone, since every later one depends on what that one makes. */
  readonly preview?: readonly Change[] | undefined;
  /** Why the engine refused the preview. */
  readonly refused?: string | undefined;
  /** If every check holds and every stage is entered as soon as it can be. */
  readonly earliest: Date;
  /** What `earliest` waits for. */
  readonly waitsFor: readonly string[];
}

/** Minutes that a stage takes at B's share, given the present rate; from the judge. Undefined when it is not known. */
export type ExpectedBake = (settings: Settings, stage: Stage) => number | undefined;

/** Every stage that is left, in order. */
export async function planOf(stack: MigrationStack, now: Date, bake: ExpectedBake): Promise<readonly PlannedStage[]> {
  const { settings, standing } = await viewOf(stack);
  const path = wayUp(settings.trafficSteps);
  const next = stageAfter(standing?.stage, settings.trafficSteps);
  if (next === undefined) return [];
  const left = path.slice(path.indexOf(next));
  const planned: PlannedStage[] = [];
  let at = now;
  for (const [index, stage] of left.entries()) {
    const from = index === 0 ? standing?.stage : left[index - 1];
    const since = index === 0 && standing !== undefined ? new Date(standing.since) : at;
    const { earliest, waitsFor } = earliestOf(settings, stage, { at, since, from, bake });
    const preview = index === 0 ? await previewOf(stack, stage) : {};
    planned.push({
      stage,
      weightB: shapeOf(stage).weightB,
      means: differencesOf(from, stage),
      ...preview,
      earliest,
      waitsFor,
    });
    at = earliest;
  }
  return planned;
}

const HOUR_MS = 3_600_000;

/** When a stage can be entered at the earliest, if the one before was entered at `since` and everything holds. */
export function earliestOf(
  settings: Settings,
  stage: Stage,
  {
    at,
    since,
    from,
    bake,
  }: { readonly at: Date; readonly since: Date; readonly from: Stage | undefined; readonly bake: ExpectedBake },
): { readonly earliest: Date; readonly waitsFor: readonly string[] } {
  const waitsFor: string[] = [];
  let earliest = at;
  const notBefore = (date: Date, why: string): void => {
    if (date <= earliest) return;
    earliest = date;
    waitsFor.push(why);
  };
  if (stage === "complete") {
    notBefore(new Date(since.getTime() + settings.soakHours * HOUR_MS), `soak of ${settings.soakHours} h at 100 %`);
  } else if (stage === "decommission") {
    notBefore(new Date(since.getTime() + settings.standbyHours * HOUR_MS), `standby of ${settings.standbyHours} h`);
  } else if (from !== undefined && trafficShare(from) !== undefined) {
    const minutes = bake(settings, from);
    if (minutes === undefined) waitsFor.push("the judge: the present rate is not known");
    else
      notBefore(new Date(since.getTime() + minutes * 60_000), `the judge: about ${Math.ceil(minutes)} min at ${from}`);
  }
  const opening = openingAt(settings, earliest);
  if (!opening.open) {
    if (opening.next === undefined) waitsFor.push("no window ever opens");
    else notBefore(opening.next, `window: ${opening.why}`);
  }
  if (settings.pilot.approvalStages.includes(stage)) waitsFor.push("a person's approval");
  return { earliest, waitsFor };
}

async function previewOf(stack: MigrationStack, stage: Stage): Promise<Pick<PlannedStage, "preview" | "refused">> {
  try {
    const { changes } = await enterPreview(stack, stage);
    return { preview: changes };
  } catch (error) {
    if (!(error instanceof EngineRefusal)) throw error;
    return { refused: error.message };
  }
}

/** What the stage table says that changes between two stages. */
export function differencesOf(from: Stage | undefined, to: Stage): readonly string[] {
  const before = from === undefined ? undefined : shapeOf(from);
  const after = shapeOf(to);
  const lines: string[] = [];
  const changed = (key: keyof typeof after): boolean => before?.[key] !== after[key];
  if (changed("weightB")) lines.push(`weights A ${100 - after.weightB}, B ${after.weightB}`);
  if (changed("clusterA")) {
    const text = {
      open: "A's configuration is open",
      frozen: "A's configuration is frozen",
      stopped: "A is scaled to zero",
    };
    lines.push(text[after.clusterA]);
  }
  if (changed("databaseB") && after.databaseB === "present") lines.push("database B is restored and proved");
  if (changed("controlPlaneB") && after.controlPlaneB) lines.push("control plane B starts");
  if (changed("dataPlaneB") && after.dataPlaneB) lines.push("data planes B start, pinned to control plane B");
  if (changed("configurationB") && after.configurationB === "open")
    lines.push("B's dashboard is opened: B is where configuration is made");
  if (changed("protectB") && after.protectB) lines.push("everything that B serves with is protected");
  return lines;
}

export function describePlan(stack: string, planned: readonly PlannedStage[]): readonly string[] {
  if (planned.length === 0) return [`Stack ${stack}: nothing is left on the way up.`];
  return planned.flatMap(({ stage, means, preview, refused, earliest, waitsFor }) => [
    `${stage.padEnd(14)} at the earliest ${earliest.toISOString()}${waitsFor.length > 0 ? `  (${waitsFor.join("; ")})` : ""}`,
    ...means.map((line) => `    ${line}`),
    ...(preview ?? []).map(
      ({ op, type, name, diffs }) => `    ${op} ${type} ${name}${diffs.length > 0 ? ` (${diffs.join(", ")})` : ""}`,
    ),
    ...(refused === undefined ? [] : [`    the engine would refuse it: ${refused.split("\n")[0] ?? ""}`]),
  ]);
}

/** Stages that `--to` may name. */
export function goalsOf(settings: Pick<Settings, "trafficSteps">): readonly Stage[] {
  return allStages(settings.trafficSteps).filter((stage) => stage !== "rollback" && stage !== "abandon");
}
