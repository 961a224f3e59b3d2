import { type JudgeSettings } from "../settings/judgeSchema";
import { type Metric } from "./budget";
import { type OddsPrior } from "./oddsTest";

/** The judge's settings together with what follows from them once for all. */
export interface JudgeConfig {
  readonly settings: JudgeSettings;
  /** Traffic steps below 100 %: the chance of a false stop is spread over so many, and what is beyond them. */
  readonly plannedSteps: number;
  readonly odds: Readonly<Record<Metric, OddsPrior>>;
  /** Margins as chances, 0 to 1. */
  readonly margins: Readonly<Record<Metric, number>>;
}

/** @param plannedSteps number of traffic steps below 100 % */
export function judgeConfig(settings: JudgeSettings, plannedSteps = 4): JudgeConfig {
  const common = {
    fromStart: settings.odds.fromStartPercent / 100,
    meanMinutes: settings.odds.meanMinutesToChange,
  };
  const latency = { ...common, ratios: settings.odds.latency };
  return {
    settings,
    plannedSteps,
    odds: { errors: { ...common, ratios: settings.odds.errors }, p95: latency, p99: latency },
    margins: {
      errors: settings.margins.errors / 100,
      p95: settings.margins.p95 / 100,
      p99: settings.margins.p99 / 100,
    },
  };
}
