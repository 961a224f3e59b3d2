import { migration } from "./migration";
import { type Scenario } from "./scenario";

/** Every scenario that `npm run rehearse -- --list` shows. */
export const SCENARIOS: readonly Scenario[] = [migration];
