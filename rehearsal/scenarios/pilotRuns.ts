import { type Stage } from "../../migration/stages";
import { type PilotEvent } from "../../pilot/events";
import { PilotProcess } from "../pilotProcess";
import { type Rehearsal } from "../rehearsal";

/** How a run of the pilot ended. */
export interface PilotEnd {
  readonly code: number;
  readonly said: string;
  readonly events: readonly PilotEvent[];
  /** Of its way back, when it took it. */
  readonly outcome: Extract<PilotEvent, { event: "rollback" }> | undefined;
}

type Reactions = Partial<Record<PilotEvent["event"], (event: PilotEvent) => Promise<void>>>;

/** `pilot run --to GOAL` to its end, with what others do at its events. */
export async function runPilot(
  rehearsal: Rehearsal,
  goal: Stage,
  reactions: Reactions,
  say: (line: string) => void,
): Promise<PilotEnd> {
  const running = PilotProcess.start(rehearsal, ["run", "--to", goal]);
  const beside: Promise<void>[] = [];
  running.onEvent((event) => {
    const { event: name } = event;
    if (name !== "measured") say(`${name}${"stage" in event && event.stage !== null ? ` ${event.stage}` : ""}`);
    const reaction = reactions[name];
    if (reaction !== undefined) beside.push(reaction(event));
  });
  const code = await running.ended();
  await Promise.all(beside);
  const outcome = running.events.find((event): event is NonNullable<PilotEnd["outcome"]> => event.event === "rollback");
  return { code, said: running.said, events: running.events, outcome };
}
