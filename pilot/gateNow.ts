import { alarmsOfB, lookAtAlarms, withAlarms } from "./alarms";
import { askGate } from "./askGate";
import { stageAfter, type GateAnswer } from "./decide";
import { type MigrationStack } from "./migrationStack";
import { type StackView } from "./standing";

/** What the gate would say now to the stage after the one that stands, and what B's alarms say. */
export async function gateNow({ folder }: Pick<MigrationStack, "folder">, view: StackView): Promise<GateAnswer> {
  const { settings, standing, state, record, gateEnvironment } = view;
  const next = stageAfter(standing?.stage, settings.trafficSteps);
  // A new stack has no gate yet, and nothing that could be looked at. At the end of the way there is no move to ask about.
  if (standing === undefined || next === undefined) return { verdict: "holds", checks: [] };
  const [gate, seen] = await Promise.all([
    askGate(settings, next, record, { folder, environment: gateEnvironment }),
    lookAtAlarms(alarmsOfB(state), settings.region),
  ]);
  return withAlarms(gate, seen);
}
