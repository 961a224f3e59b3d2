import { capacity } from "./capacity";
import { compareAnswers } from "./compareAnswers";
import { connections } from "./connections";
import { copyProved } from "./copyProved";
import { type GateCheck } from "./context";
import { freezeHeld } from "./freezeHeld";
import { dependencies } from "./dependencies";
import { health } from "./health";
import { judge } from "./judge";
import { licence } from "./licence";
import { liveWeights } from "./liveWeights";
import { parity } from "./parity";
import { pinned } from "./pinning";
import { preflight } from "./preflight";
import { quiet } from "./quiet";
import { soak } from "./soak";
import { split } from "./split";
import { statefulPlugins } from "./statefulPlugins";
import { stillEqual } from "./stillEqual";
import { window } from "./window";

/** What the gate looks at. A check is one file and one line here; its `appliesTo` says for which moves it is asked. */
export const GATE_CHECKS: readonly GateCheck[] = [
  window,
  liveWeights,
  soak,
  freezeHeld,
  copyProved,
  connections,
  stillEqual,
  health,
  pinned,
  preflight,
  parity,
  dependencies,
  statefulPlugins,
  licence,
  compareAnswers,
  judge,
  split,
  capacity,
  quiet,
];
