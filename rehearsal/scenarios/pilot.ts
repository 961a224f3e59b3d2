import { type Stage, wayUp } from "../../migration/stages";
import { readEvents, type PilotEvent } from "../../pilot/events";
import { viewOf } from "../../pilot/standing";
import { PilotProcess } from "../pilotProcess";
import { type Rehearsal } from "../rehearsal";
import { assertThat, currentRecord } from "./common";
import { everyRequestAnswered } from "./migration";
import { type Scenario, type Step } from "./scenario";

/** The way that nobody attends to: one command, from an empty stack to `complete`, under load. */
export const pilot: Scenario = {
  name: "pilot",
  description:
    "the whole migration by `npm run pilot -- run`, status and plan on the way, and a second pilot that is turned away",
  lookSeconds: 3,
  maxSeconds: 1800,
  steps: [walk("traffic-25", secondPilot), status(), walk("complete"), everyRequestAnswered()],
};

type Meanwhile = (rehearsal: Rehearsal, event: PilotEvent) => Promise<void>;

function walk(goal: Stage, meanwhile?: Meanwhile): Step {
  return {
    title: `pilot run --to ${goal}`,
    async run(rehearsal, say) {
      const begun = (await eventsOf(rehearsal)).length;
      const running = PilotProcess.start(rehearsal, ["run", "--to", goal]);
      const beside: Promise<void>[] = [];
      running.onEvent((event) => {
        say(eventText(event));
        if (event.event === "stage-begun" && meanwhile !== undefined && beside.length === 0) {
          beside.push(meanwhile(rehearsal, event));
        }
      });
      const code = await running.ended();
      await Promise.all(beside);
      assertThat(code === 0, `the pilot ended with ${code}: ${running.said}`);
      const entered = (await currentRecord(rehearsal)).entries.map(({ stage }) => stage);
      const wanted = wayUp((await viewOf(rehearsal.stack)).settings.trafficSteps);
      const expected = wanted.slice(0, wanted.indexOf(goal) + 1);
      assertThat(
        entered.join() === expected.join(),
        `the record says ${entered.join(", ")}; expected each stage once: ${expected.join(", ")}`,
      );
      const events = (await eventsOf(rehearsal)).slice(begun);
      assertThat(
        events[0]?.event === "run-begun" && events.at(-1)?.event === "run-ended",
        "the pilot's own events have no beginning or no end",
      );
      say(`${goal} reached, each stage entered once`);
    },
  };
}

/** A second pilot is told who runs the first, and touches nothing. */
async function secondPilot(rehearsal: Rehearsal): Promise<void> {
  const second = PilotProcess.start(rehearsal, ["run"]);
  const code = await second.ended();
  assertThat(code === 2, `the second pilot ended with ${code}`);
  assertThat(
    /runs the pilot on this stack: process \d+ on \S+, since /.test(second.said),
    `the second pilot does not say who holds the lock: ${second.said}`,
  );
}

function status(): Step {
  return {
    title: "status and plan",
    async run(rehearsal, say) {
      for (const command of ["status", "plan"] as const) {
        const { code, output } = await PilotProcess.text(rehearsal, [command]);
        assertThat(code === 0, `pilot ${command} ended with ${code}: ${output}`);
        const expected =
          command === "status"
            ? ["traffic-25 since", "next           traffic-50", "A 75, B 25"]
            : ["traffic-50", "complete", "soak of"];
        for (const text of expected)
          assertThat(output.includes(text), `pilot ${command} does not say "${text}":\n${output}`);
        say(`${command}: ${output.split("\n")[0] ?? ""}`);
      }
    },
  };
}

async function eventsOf(rehearsal: Rehearsal): Promise<readonly PilotEvent[]> {
  const { settings } = await viewOf(rehearsal.stack);
  return readEvents(settings.recordFolder);
}

function eventText(event: PilotEvent): string {
  switch (event.event) {
    case "stage-begun":
      return `${event.stage} begun`;
    case "stage-ended":
      return `${event.stage} entered: preview ${event.previewSeconds.toFixed(1)} s, update ${event.updateSeconds.toFixed(1)} s`;
    default:
      return event.event;
  }
}
