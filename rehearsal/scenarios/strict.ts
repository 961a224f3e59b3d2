import { migration } from "./migration";
import { type Scenario } from "./scenario";

/** The same way with the limits that a stack has when its settings do not say otherwise: hours instead of minutes. */
export const strict: Scenario = {
  ...migration,
  name: "strict",
  description: "the whole migration, judged with production's margins, warm-up and scrapes: takes hours",
  maxSeconds: 12 * 3600,
  settings: { judging: "production" },
};
