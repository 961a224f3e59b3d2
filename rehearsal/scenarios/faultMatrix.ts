import { type Stage } from "../../migration/stages";
import { copyFaults } from "../faultList/copy";
import { runningFaults } from "../faultList/running";
import { enter, goBack } from "./common";
import { holds } from "./faultSteps";
import { everyRequestAnswered } from "./migration";
import { type Scenario } from "./scenario";

/** Where the clusters stand while parts of them are broken, and the step that nobody may enter then. */
const STAGE: Stage = "traffic-10";
const NEXT: Stage = "traffic-50";

/**
 * Everything that a gate has to notice, one at a time on running clusters: the copy changed in ways that counts do not
 * show, and parts of A, B and AWS down, changed by hand or unreachable. Each is mended, and the gate has nothing more to
 * say of it. Not one request may fail.
 */
export const faultMatrix: Scenario = {
  name: "fault-matrix",
  description:
    "a changed copy, parts of A, B and AWS down or changed by hand: each held by the gate and named, 0 failed",
  lookSeconds: 2,
  maxSeconds: 2700,
  settings: { judging: "impatient", trafficSteps: [10, 50, 100] },
  steps: [
    enter("prepare"),
    enter("freeze"),
    enter("restore"),
    ...copyFaults().map((fault) => holds(fault, "start")),
    enter("start"),
    enter(STAGE),
    ...runningFaults().map((fault) => holds(fault, NEXT)),
    goBack(STAGE),
    everyRequestAnswered(),
  ],
};
