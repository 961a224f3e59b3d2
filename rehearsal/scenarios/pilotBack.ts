import { type Stage } from "../../migration/stages";
import { type PilotEnd, runPilot } from "./pilotRuns";
import { judgingSettings } from "../judging";
import { assertThat, leaveRollback } from "./common";
import { nothingElseFailed } from "./faultSteps";
import { rollbackText } from "../summary";
import { round } from "../measure";
import { PilotProcess } from "../pilotProcess";
import { type Rehearsal } from "../rehearsal";
import { type Scenario, type Step } from "./scenario";

/** The first step, and the one at which B goes bad; a person has to agree to the second. */
const FIRST: Stage = "traffic-10";
const SECOND: Stage = "traffic-25";
const STEPS = [10, 25, 100];

/** The pilot's limits: short, but no hold runs out over a busy computer where none shall. */
const PILOT = {
  lookSeconds: 5,
  holdMinutes: 15,
  backUpToPercent: 25,
  approvalStages: [SECOND],
  approvalHours: 0.01,
};

/** Asked for by the pilot, answered by a person with the command that the message names. */
async function answer(rehearsal: Rehearsal, word: "approve" | "refuse"): Promise<void> {
  const { code, output } = await PilotProcess.text(rehearsal, [word, SECOND, "--reason", "told by the rehearsal"]);
  assertThat(code === 0, `pilot ${word} ended with ${code}: ${output}`);
}

function walksToTheFirst(): Step {
  return {
    title: `pilot run --to ${FIRST}`,
    async run(rehearsal, say) {
      // The compared answers reach services that no client asks for: at a step they would have to be shown, and cannot.
      await rehearsal.stack.configure({ pilot: PILOT, compareAnswers: undefined });
      const { code, said } = await runPilot(rehearsal, FIRST, {}, say);
      assertThat(code === 0, `the pilot ended with ${code}: ${said}`);
    },
  };
}

function wentBack({ code, outcome, said }: PilotEnd, from: Stage, why: RegExp): void {
  assertThat(code === 1, `the pilot ended with ${code}, not by going back: ${said}`);
  assertThat(outcome !== undefined, `the pilot did not go back: ${said}`);
  assertThat(outcome.stage === from && outcome.result === "back", `it went back: ${JSON.stringify(outcome)}`);
  assertThat(why.test(outcome.reasons.join("; ")), `it went back for another reason: ${outcome.reasons.join("; ")}`);
}

function refused(): Step {
  return {
    title: `${SECOND} is refused by a person: back to A`,
    async run(rehearsal, say) {
      const end = await runPilot(rehearsal, SECOND, { "approval-asked": async () => answer(rehearsal, "refuse") }, say);
      wentBack(end, FIRST, /refused traffic-25: told by the rehearsal/);
    },
  };
}

function expired(): Step {
  return {
    title: `nobody approves ${SECOND} in time: back to A`,
    async run(rehearsal, say) {
      const end = await runPilot(rehearsal, SECOND, {}, say);
      wentBack(end, FIRST, /Nobody approved traffic-25 within 0\.01 h/);
    },
  };
}

/** B cannot be looked at: nothing is known, so it is held, and a hold does not last for ever. */
function heldTooLong(): Step {
  return {
    title: "B's metrics are gone: held, and back to A when the hold runs out",
    async run(rehearsal, say) {
      await rehearsal.stack.configure({ pilot: { ...PILOT, holdMinutes: 1 } });
      await rehearsal.clouds.call("setMetricsFault", "b", { kind: "down" });
      const end = await runPilot(rehearsal, SECOND, {}, say).finally(async () =>
        rehearsal.clouds.call("setMetricsFault", "b", null),
      );
      const held = end.events.find(({ event }) => event === "hold");
      assertThat(held !== undefined, "the pilot never held");
      wentBack(end, FIRST, /The hold has lasted 1 minutes/);
      await rehearsal.stack.configure({ pilot: PILOT });
    },
  };
}

/** A person agrees to the second step, B then answers 5 % of the requests with errors, and nobody is there. */
function badAtTheSecond(): Step {
  return {
    title: `${SECOND} is approved, B then has 5 % errors: back without a person`,
    async run(rehearsal, say) {
      const before = await rehearsal.loadSnapshot();
      let badAt: Date | undefined;
      const end = await runPilot(
        rehearsal,
        "traffic-100",
        {
          "approval-asked": async () => answer(rehearsal, "approve"),
          "stage-ended": async (event) => {
            if (event.event !== "stage-ended" || event.stage !== SECOND) return;
            // The climb was judged with wide margins; from now on production's count, so that no step ends early.
            const { judge } = judgingSettings(rehearsal.world, "impatient");
            await rehearsal.stack.configure({ judge });
            badAt = new Date();
            await rehearsal.clouds.call("setGatewayFault", "b", { errorPercent: 5 });
          },
        },
        say,
      ).finally(async () => rehearsal.clouds.call("setGatewayFault", "b", {}));
      wentBack(end, SECOND, /judge: .*errors/);
      assertThat(badAt !== undefined, `the pilot went back before ${SECOND} was entered`);
      await measure(rehearsal, end, badAt, before, say);
    },
  };
}

/** Decision, weights, last request on B, and what it cost. */
async function measure(
  rehearsal: Rehearsal,
  { outcome }: PilotEnd,
  badAt: Date,
  before: { readonly sent: number; readonly failed: number },
  say: (line: string) => void,
): Promise<void> {
  const decided = new Date(outcome?.decidedAt ?? "");
  const applied = new Date(outcome?.appliedAt ?? "");
  await rehearsal.drainB();
  const [{ lastOnB }, after] = await Promise.all([rehearsal.count(), rehearsal.loadSnapshot()]);
  assertThat(lastOnB !== undefined, "B never had a request");
  const seconds = (from: Date, to: Date): number => round((to.getTime() - from.getTime()) / 1000, 2);
  rehearsal.rollback = {
    from: SECOND,
    decisionToAppliedSeconds: seconds(decided, applied),
    decisionToLastRequestOnBSeconds: lastOnB > decided ? seconds(decided, lastOnB) : null,
  };
  const failedRequests = after.failed - before.failed;
  rehearsal.faults.push({
    fault: "B with 5 % errors, nobody there",
    at: badAt.toISOString(),
    expected: "back",
    verdict: "back",
    check: "judge",
    reason: outcome?.reasons.join("; ") ?? "",
    seconds: seconds(badAt, decided),
    requests: after.sent - before.sent,
    failedRequests,
    backSeconds: seconds(decided, applied),
  });
  // Weights spread over the load balancer for a second or so after the call (facts/aws.md 1).
  const after100 = seconds(applied, lastOnB);
  assertThat(after100 <= LAST_REQUEST_SECONDS, `B still got a request ${after100} s after the weights were set`);
  say(
    `decided ${seconds(badAt, decided)} s after B went bad, ${failedRequests} requests failed in all; ${rollbackText(rehearsal.rollback)}`,
  );
}

/** A new request may reach B until the weights have spread, and a busy computer tells of them late. */
const LAST_REQUEST_SECONDS = 5;

/** Back without a person, in every way that is not a person's. */
export const pilotBack: Scenario = {
  name: "pilot-back",
  description:
    "the pilot goes back by itself: approval refused, expired, a hold that runs out, B with 5 % errors at 25 %",
  lookSeconds: 2,
  maxSeconds: 2400,
  load: { slowPerSecond: 0.5, streams: 4, websockets: 4 },
  settings: { judging: "wide", trafficSteps: STEPS },
  steps: [
    walksToTheFirst(),
    refused(),
    leaveRollback(FIRST),
    expired(),
    leaveRollback(FIRST),
    heldTooLong(),
    leaveRollback(FIRST),
    badAtTheSecond(),
    nothingElseFailed(),
  ],
};
