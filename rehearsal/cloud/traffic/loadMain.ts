import { serveParent } from "../loadBalancer/childProcess";
import { LoadRun, validateLoad } from "./loadRun";
import { type LoadMethods } from "./methods";

/** The load generator's process: started by `Load`, ends with it. */
let run: LoadRun | undefined;

function started(): LoadRun {
  if (run === undefined) {
    throw new Error("the load was asked before it was started");
  }
  return run;
}

serveParent<LoadMethods>({
  start: (options) => {
    validateLoad(options);
    run = new LoadRun(options);
    return null;
  },
  snapshot: () => started().snapshot(),
  stop: () => started().stop(),
});
