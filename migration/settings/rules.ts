import { databaseSourceFindings } from "./databaseSourceRules";
import { ANSWER_RULES } from "./rules/answerRules";
import { CALENDAR_RULES } from "./rules/calendarRules";
import { CLUSTER_RULES } from "./rules/clusterRules";
import { DATABASE_RULES } from "./rules/databaseRules";
import { FREEZE_RULES } from "./rules/freezeRules";
import { LISTENER_RULES } from "./rules/listenerRules";
import { METRICS_RULES } from "./rules/metricsRules";
import { PIN_RULES } from "./rules/pinRules";
import { PLACE_RULES } from "./rules/placeRules";
import { type Parsed, type Place, type Rule, type RuleFinding } from "./rules/rule";
import { STAGE_RULES } from "./rules/stageRules";
import { VERSION_RULES } from "./rules/versionRules";

const databaseSource: Rule = (parsed) =>
  databaseSourceFindings(parsed).map((found) => ({ ...found, effect: "refusal" }));

const RULES: readonly Rule[] = [
  ...PLACE_RULES,
  ...STAGE_RULES,
  ...VERSION_RULES,
  ...LISTENER_RULES,
  ...ANSWER_RULES,
  ...FREEZE_RULES,
  ...PIN_RULES,
  ...DATABASE_RULES,
  databaseSource,
  ...CLUSTER_RULES,
  ...CALENDAR_RULES,
  ...METRICS_RULES,
];

/** Every rule between fields that the settings break. */
export function ruleFindings(place: Place, parsed: Parsed): readonly RuleFinding[] {
  return RULES.flatMap((rule) => rule(parsed, place));
}
