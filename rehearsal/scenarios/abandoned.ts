import { liveWeightB } from "../faults";
import { onlyTheStagesOwn } from "../stageProof";
import { clusterARuns } from "./clusterA";
import { assertThat, enter } from "./common";
import { everyRequestAnswered } from "./migration";
import { type Scenario, type Step } from "./scenario";

/** Giving up before any traffic moved: A gets its configuration and sizes back, B goes, and not one request notices. */
export const abandoned: Scenario = {
  name: "abandon",
  description: "up to start, then abandon: A open again at its full size, B's planes gone, and back to prepare",
  lookSeconds: 2,
  maxSeconds: 1800,
  settings: { judging: "none" },
  steps: [
    enter("prepare"),
    enter("freeze"),
    clusterARuns("freeze"),
    enter("restore"),
    enter("start"),
    abandonInTwoUpdates(),
    clusterARuns("abandon"),
    nothingOnB(),
    prepareAgain(),
    clusterARuns("prepare"),
    nothingOnB(),
    everyRequestAnswered(),
  ],
};

/** The engine deletes nothing that is protected in its state: one update lifts the protection, the next one deletes. */
function abandonInTwoUpdates(): Step {
  return {
    title: "abandon, in two updates",
    async run(rehearsal, say) {
      await rehearsal.stack.configure({ stage: "abandon" });
      const first = await rehearsal.stack.up();
      onlyTheStagesOwn("abandon", first, rehearsal.freezeBy);
      const second = await rehearsal.enter("abandon", {}, { gate: false });
      const deleted = second.changes.filter(({ op }) => op === "delete").length;
      assertThat(deleted > 0, "the second update deleted nothing of B");
      const pods = await rehearsal.clouds.call("pods", "b");
      assertThat(pods.length === 0, `B still runs ${pods.map(({ name }) => name).join(", ")}`);
      say(`A open after ${first.seconds.toFixed(1)} s, ${deleted} resources of B deleted by the second update`);
    },
  };
}

function prepareAgain(): Step {
  return {
    title: "prepare again",
    async run(rehearsal, say) {
      const { changes } = await rehearsal.enter("prepare", {}, { again: true });
      assertThat(
        changes.some(({ op, type }) => op === "delete" && type === "aws:rds/instance:Instance"),
        "the copy of the database is still there",
      );
      say("the copy of the database is gone");
    },
  };
}

function nothingOnB(): Step {
  return {
    title: "B has no weight",
    async run(rehearsal) {
      assertThat((await liveWeightB(rehearsal)) === 0, "B has weight");
    },
  };
}
