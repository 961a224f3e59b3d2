import { callerIdentity } from "../checks/identity";
import { wayUp, type Stage } from "../migration/stages";
import { stageAfter } from "./decide";
import { MigrationStack } from "./migrationStack";
import { Pilot } from "./pilot";
import { viewOf } from "./standing";
import { type RunRequest, type Told } from "./supervised";

/** The pilot's own process: started by `supervised.ts`, told what to do by its first message. */

const ending = new AbortController();

function tell(told: Told): void {
  // Whoever watched may be gone; the pilot goes on.
  if (process.connected) process.send?.(told, undefined, {}, () => undefined);
}

async function run({ folder, stack: name, goal, once }: RunRequest): Promise<void> {
  const stack = await MigrationStack.ofProject(folder, name);
  const { settings, standing } = await viewOf(stack);
  const end: Stage = settings.trafficSteps.length > 0 ? "complete" : "start";
  const outcome = await Pilot.run(stack, {
    goal: once
      ? (stageAfter(standing?.stage, settings.trafficSteps) ?? end)
      : goalOf(goal ?? end, settings.trafficSteps),
    by: await callerIdentity(settings.region),
    once,
    signal: ending.signal,
    onLook: (look) => tell({ kind: "look", look }),
    onEvent: (event) => tell({ kind: "event", event }),
  });
  tell({ kind: "outcome", outcome });
}

function goalOf(text: string, trafficSteps: readonly number[]): Stage {
  const path = wayUp(trafficSteps);
  const goal = path.find((stage) => stage === text);
  if (goal === undefined) throw new Error(`--to ${text}: expected one of ${path.join(", ")}`);
  return goal;
}

process.on("message", (message) => {
  if (message === "end") {
    ending.abort();
    return;
  }
  run(message as RunRequest).then(
    () => process.exit(0),
    (error: unknown) => {
      tell({ kind: "failed", message: error instanceof Error ? error.message : String(error) });
      process.exit(1);
    },
  );
});
// The terminal's signals are for the process that watches.
for (const signal of ["SIGINT", "SIGHUP"] as const) process.on(signal, () => undefined);
process.on("SIGTERM", () => ending.abort());
process.on("disconnect", () => ending.abort());
