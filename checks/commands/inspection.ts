import { type Inspection } from "../../migration/inspection";
import { checkAnswers } from "../compareAnswers";
import { checkConnections } from "../connections";
import { checkDependencies } from "../dependencies";
import { type Outcome } from "../gateInput";
import { Systems } from "../context";
import { type InspectionContext } from "../inspectionContext";
import { checkLicence } from "../licence";
import { checkParity } from "../parity";
import { checkPreflight } from "../preflight";
import { BadInput, parseGateRequest, parseInspection, parseScope } from "../request";
import { type CheckResult } from "../result";
import { runWithin, withSignal } from "../run";
import { checkStatefulPlugins } from "../statefulPlugins";
import { answer, secondsSince } from "./answer";
import { readStdin } from "./input";

/** The checks of cluster B's surroundings on their own, with a whole gate request, or the scope alone, on standard input. */

const CHECKS: Readonly<
  Record<
    InspectionName,
    { readonly limitSeconds: number; readonly run: (context: InspectionContext) => Promise<CheckResult> }
  >
> = {
  preflight: { limitSeconds: 120, run: (context) => checkPreflight(context, process.cwd()) },
  parity: { limitSeconds: 60, run: checkParity },
  dependencies: { limitSeconds: 120, run: checkDependencies },
  "stateful-plugins": { limitSeconds: 120, run: checkStatefulPlugins },
  licence: { limitSeconds: 60, run: checkLicence },
  connections: { limitSeconds: 30, run: checkConnections },
  "compare-answers": { limitSeconds: 120, run: checkAnswers },
};

export type InspectionName =
  "preflight" | "parity" | "dependencies" | "stateful-plugins" | "licence" | "connections" | "compare-answers";

/** Without a whole request: soak and standby as the settings have them by default. */
const DEFAULT_HOURS = { soakHours: 24, standbyHours: 72 };

export async function inspectionCommand(
  name: InspectionName,
  options: { readonly json?: boolean | undefined },
): Promise<Outcome> {
  const begin = performance.now();
  const stdin = await readStdin();
  const context = contextOf(stdin, parseInspection(stdin));
  const { limitSeconds, run } = CHECKS[name];
  const result = await runWithin(name, limitSeconds, context.signal, (signal) => run(withSignal(context, signal)));
  return answer(result, { holds: true, notes: result.notes.length, seconds: secondsSince(begin) }, options);
}

function contextOf(stdin: string, inspection: Inspection): InspectionContext {
  const scope = parseScope(stdin);
  const { signal } = new AbortController();
  return { scope, signal, systems: new Systems(scope, signal), inspection, now: new Date(), ...hoursOf(stdin) };
}

function hoursOf(stdin: string): { readonly soakHours: number; readonly standbyHours: number } {
  try {
    const { soakHours, standbyHours } = parseGateRequest(stdin);
    return { soakHours, standbyHours };
  } catch (error) {
    // A scope alone; a request that is wrong was refused by its scope or its inspection.
    if (error instanceof BadInput) return DEFAULT_HOURS;
    throw error;
  }
}
