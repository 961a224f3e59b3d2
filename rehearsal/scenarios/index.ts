import { abandoned } from "./abandoned";
import { deadClusterB } from "./deadClusterB";
import { emergencyChange } from "./emergencyChange";
import { migration } from "./migration";
import { migrationDump } from "./migrationDump";
import { pilot } from "./pilot";
import { plainCli } from "./plainCli";
import { refusals } from "./refusals";
import { type Scenario } from "./scenario";
import { writesOnly } from "./writesOnly";

/** Every scenario that `npm run rehearse -- --list` shows. */
export const SCENARIOS: readonly Scenario[] = [
  migration,
  migrationDump,
  refusals,
  emergencyChange,
  deadClusterB,
  abandoned,
  plainCli,
  pilot,
  writesOnly,
];
