import { judgeMove } from "../../moves";
import { allStages, isStage, type Override, type Stage } from "../../stages";
import { removeCommand, replaceCommand, setCommand } from "../commands";
import { nearest } from "../nearest";
import { finding, type Rule } from "./rule";

/** Rules about the way: the stage, the traffic steps, and the permission to skip some. */

const FIRST_STEP_MAXIMUM = 10;
/** Below it B gets so few requests that proving it takes long. */
const FIRST_STEP_USUAL = 5;

const stageExists: Rule = ({ stage, trafficSteps }) => {
  if (stage === undefined || trafficSteps === undefined || isStage(stage, trafficSteps)) return [];
  const stages = allStages(trafficSteps);
  const near = nearest(stage, stages);
  const expected = `one of ${stages.join(", ")}${near === undefined ? "" : ` (${near}?)`}`;
  return [finding(["stage"], stage, expected, "listener", setCommand(["stage"], near))];
};

const stepsRise: Rule = ({ trafficSteps }) => {
  const [first] = trafficSteps ?? [];
  if (trafficSteps === undefined || first === undefined) return [];
  const rising = trafficSteps.every((step, index) => index === 0 || step > (trafficSteps[index - 1] ?? 0));
  const wrong: string[] = [];
  if (first > FIRST_STEP_MAXIMUM) wrong.push(`a first step of 1 to ${FIRST_STEP_MAXIMUM} %`);
  if (!rising) wrong.push("steps that rise");
  if (trafficSteps.at(-1) !== 100) wrong.push("a last step of 100 %");
  const remedy = replaceCommand(["trafficSteps"], mended(trafficSteps));
  const refusals = wrong.map((expected) => finding(["trafficSteps"], trafficSteps, expected, "refusal", remedy));
  if (first >= FIRST_STEP_USUAL) return refusals;
  const expected = `a first step of ${FIRST_STEP_USUAL} to ${FIRST_STEP_MAXIMUM} %: with fewer requests on B its proof takes longer`;
  const usual = setCommand(["trafficSteps", 0], FIRST_STEP_USUAL);
  return [...refusals, finding(["trafficSteps", 0], first, expected, "warning", usual)];
};

/** The same steps in order, with a first and a last one that are allowed. */
function mended(steps: readonly number[]): readonly number[] {
  const sorted = [...new Set([...steps, 100])].sort((a, b) => a - b);
  return (sorted[0] ?? 100) > FIRST_STEP_MAXIMUM ? [FIRST_STEP_USUAL, ...sorted] : sorted;
}

const overridePermitsOneSkip: Rule = ({ override, trafficSteps }) => {
  if (override === undefined || trafficSteps === undefined) return [];
  const stages = allStages(trafficSteps);
  const unknown = (["from", "to"] as const).filter((end) => !isStage(override[end], trafficSteps));
  if (unknown.length > 0) {
    return unknown.map((end) => {
      const remedy = setCommand(["override", end], nearest(override[end], stages));
      return finding(["override", end], override[end], `one of ${stages.join(", ")}`, "refusal", remedy);
    });
  }
  const why = whyNoSkip(override as Override, trafficSteps);
  if (why === undefined) return [];
  const { from, to } = override;
  return [finding(["override"], `${from} to ${to}`, why, "refusal", removeCommand(["override"]))];
};

function whyNoSkip(override: Override, trafficSteps: readonly number[]): string | undefined {
  const { from, to } = override;
  const wanted = "a move that skips at least one traffic step";
  if (from === to) return `${wanted}; this one stays where it is`;
  const verdict = judgeMove(from, to, { trafficSteps, override });
  if (verdict.allowed && verdict.kind === "override") return undefined;
  if (verdict.allowed || from === "rollback") return `${wanted}; this one needs no override`;
  const order: readonly Stage[] = allStages(trafficSteps);
  if (order.indexOf(to) < order.indexOf(from)) return `${wanted}; this one goes down`;
  return `${wanted}, from start or a traffic step to a later one; every other stage proves something that B needs`;
}

export const STAGE_RULES: readonly Rule[] = [stageExists, stepsRise, overridePermitsOneSkip];
