import { setTimeout as sleep } from "node:timers/promises";
import { wayUp, type Stage } from "../../migration/stages";
import { readEvents } from "../../pilot/events";
import { viewOf } from "../../pilot/standing";
import { killNow, VICTIMS, type Victim } from "../kill";
import { PilotProcess } from "../pilotProcess";
import { type Rehearsal } from "../rehearsal";
import { assertThat, currentRecord } from "./common";
import { everyRequestAnswered } from "./migration";
import { type Scenario, type Step } from "./scenario";

/** Numbers that look random and are the same in each run of a seed. */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    // Mulberry32.
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const SEED = 20_260_302;
/** From the begin of a step on: it previews, asks the gate and sets weights or builds in this time, or ends before it. */
const LATEST_MS = 20_000;

interface Kills {
  readonly count: number;
  readonly goal: Stage;
}

/** One kill: once a step to this stage, or to one beyond it, has begun, so much later. */
interface Moment {
  readonly index: number;
  readonly afterMs: number;
  readonly victim: Victim;
}

/** Spread over all steps of the way, in their order. */
function momentsOf(count: number, stages: number): Moment[] {
  const random = seeded(SEED);
  const moments = Array.from({ length: count }, (_, index) => ({
    index: Math.floor(((index + random()) * stages) / count),
    afterMs: random() * LATEST_MS,
    victim: VICTIMS[Math.floor(random() * VICTIMS.length)] ?? "both",
  }));
  return moments.sort((one, other) => one.index - other.index);
}

function walkKilled({ count, goal }: Kills): Step {
  return {
    title: `pilot run --to ${goal}, killed with -9 ${count} times`,
    async run(rehearsal, say) {
      const { settings } = await viewOf(rehearsal.stack);
      const path = wayUp(settings.trafficSteps);
      const moments = momentsOf(count, path.indexOf(goal) + 1);
      let kills = 0;
      // Whatever happens, it is not started again for ever.
      for (let run = 1; run <= count + 1; run += 1) {
        const code = await oneRun(rehearsal, goal, path, moments, (text) => {
          kills += 1;
          say(`kill ${kills}: ${text}`);
        });
        if (code === 0) break;
      }
      assertThat(kills === count, `the run was over after ${kills} kills; ${count} were wanted`);
      await enteredInOrder(rehearsal, goal, say);
    },
  };
}

/** The pilot from its start to its end, or until it is killed. @returns 0 when it reached its goal */
async function oneRun(
  rehearsal: Rehearsal,
  goal: Stage,
  path: readonly Stage[],
  moments: Moment[],
  killed: (text: string) => void,
): Promise<number> {
  const running = PilotProcess.start(rehearsal, ["run", "--to", goal]);
  const under: Promise<void>[] = [];
  let shot = false;
  running.onEvent((event) => {
    if (event.event !== "stage-begun" && event.event !== "step-resumed") return;
    const [next] = moments;
    if (next === undefined || next.index > path.indexOf(event.stage)) return;
    moments.shift();
    under.push(
      sleep(next.afterMs).then(async () => {
        const what = await killNow(rehearsal, next.victim);
        if (what === undefined) {
          // Nothing of it ran at that moment: it comes with the next step.
          moments.unshift(next);
          return;
        }
        if (next.victim !== "engine") shot = true;
        killed(`${what}, ${(next.afterMs / 1000).toFixed(1)} s after ${event.stage} was begun`);
      }),
    );
  });
  const code = await running.ended();
  await Promise.all(under);
  assertThat(code === 0 || shot, `the pilot ended with ${code} by itself: ${running.said}`);
  return code;
}

/** Whatever was killed: each stage is in the record once, in the order of the way up. */
async function enteredInOrder(rehearsal: Rehearsal, goal: Stage, say: (line: string) => void): Promise<void> {
  const entered = (await currentRecord(rehearsal)).entries.map(({ stage }) => stage);
  const { settings, state } = await viewOf(rehearsal.stack);
  const wanted = wayUp(settings.trafficSteps);
  const expected = wanted.slice(0, wanted.indexOf(goal) + 1);
  assertThat(
    entered.join() === expected.join(),
    `the record says ${entered.join(", ")}; expected each stage once: ${expected.join(", ")}`,
  );
  const pending = state.pending_operations ?? [];
  assertThat(pending.length === 0, `the state still has ${pending.length} operations that nobody finished`);
  const events = await readEvents(settings.recordFolder);
  const resumed = events.filter(({ event }) => event === "step-resumed").length;
  const runs = events.filter(({ event }) => event === "run-begun").length;
  say(`${goal} reached in ${runs} runs, each stage entered once, ${resumed} steps made again to their end`);
}

/** Killed at 20 moments of the whole way. */
export const pilotKilled: Scenario = {
  name: "pilot-killed",
  description: "the pilot, the engine, or both killed with -9 at 20 random moments of a migration, and started again",
  lookSeconds: 3,
  maxSeconds: 3600,
  steps: [walkKilled({ count: 20, goal: "complete" }), everyRequestAnswered()],
};
