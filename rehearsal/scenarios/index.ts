import { abandoned } from "./abandoned";
import { badB } from "./badB";
import { deadClusterB } from "./deadClusterB";
import { emergencyChange } from "./emergencyChange";
import { faultMatrix } from "./faultMatrix";
import { migration } from "./migration";
import { migrationDump } from "./migrationDump";
import { pilot } from "./pilot";
import { pilotBack } from "./pilotBack";
import { pilotKilled } from "./pilotKilled";
import { plainCli } from "./plainCli";
import { refusals } from "./refusals";
import { type Scenario } from "./scenario";
import { strict } from "./strict";
import { writesOnly } from "./writesOnly";

/** Every scenario that `npm run rehearse -- --list` shows. */
export const SCENARIOS: readonly Scenario[] = [
  migration,
  migrationDump,
  refusals,
  emergencyChange,
  deadClusterB,
  badB,
  faultMatrix,
  abandoned,
  plainCli,
  pilot,
  pilotBack,
  pilotKilled,
  writesOnly,
  strict,
];
