import { type JudgeSettings } from "../settings/judgeSchema";

/**
 * The chance of a false stop, spread over steps, metrics and services (Bonferroni: the parts add up to at most the
 * whole, whatever depends on what).
 */

export type Metric = "errors" | "p95" | "p99";
export const METRICS: readonly Metric[] = ["errors", "p95", "p99"];

/**
 * Part of the step with this index, 0 for the first that is judged. The planned steps get equal parts, and one more
 * part is halved again and again for 100 % and for steps that are repeated, so that the sum never exceeds 1.
 */
export function stepPart(index: number, plannedSteps: number): number {
  const part = 1 / (plannedSteps + 1);
  return index < plannedSteps ? part : part * 2 ** -(index - plannedSteps + 1);
}

/** Chance of a false stop by one metric, or by the share, at one step. */
export function alphaOf(
  what: Metric | "share",
  settings: Pick<JudgeSettings, "falseStopPercent" | "budget">,
  part: number,
): number {
  const { budget, falseStopPercent } = settings;
  const whole = budget.errors + budget.p95 + budget.p99 + budget.share;
  return (falseStopPercent / 100) * (budget[what] / whole) * part;
}

/**
 * Chance of a false stop by one service at one step. Half of it is shared by the services that the warm-up showed, the
 * rest halved again and again for those that appear later.
 * @param order 0 for the services of the warm-up, 1, 2, ... for the later ones
 * @param known number of services of the warm-up
 */
export function serviceAlpha(settings: JudgeSettings, part: number, order: number, known: number): number {
  const alpha = (settings.services.falseStopPercent / 100) * part;
  if (order > 0) return alpha * 2 ** -(order + 1);
  return alpha / 2 / Math.max(1, known);
}
