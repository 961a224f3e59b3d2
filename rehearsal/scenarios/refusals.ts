import { setTimeout as sleep } from "node:timers/promises";
import {
  CHANGED_ROW,
  changeRow,
  liveWeightB,
  pointGatewaysAt,
  setWeightsByHand,
  unpointGateways,
  untilOnlyLivePodsReport,
} from "../faults";
import { assertThat, currentRecord, currentRollbackId, databaseB, enter, leaveRollback } from "./common";
import { everyRequestAnswered } from "./migration";
import { type Scenario, type Step } from "./scenario";

/** What must not pass, tried on the real engine: each refusal names what is wrong and touches nothing. */
export const refusals: Scenario = {
  name: "refusals",
  description:
    "illegal moves, --target as a way around, changed data, a data plane pinned wrongly, weights set by hand",
  lookSeconds: 3,
  maxSeconds: 1800,
  settings: { judging: "none" },
  steps: [
    enter("prepare"),
    enter("freeze"),
    enter("restore"),
    changedRow(),
    enter("start"),
    wronglyPinned(),
    enter("traffic-5"),
    illegalMove(),
    lateChangeOnA(),
    targetedStepUp(),
    targetedWayBack(),
    oldStageAgain(),
    weightsSetByHand(),
    leaveRollback("traffic-5"),
    hangingUpdate(),
    everyRequestAnswered(),
  ],
};

const NAMES_TABLE = new RegExp(`\\btable \\S*\\b${CHANGED_ROW.table}\\b`);

function changedRow(): Step {
  return {
    title: "one restored row changed behind the program's back: start is refused",
    fault: true,
    async run(rehearsal, say) {
      const instance = await databaseB(rehearsal);
      await changeRow(rehearsal, instance, CHANGED_ROW.change);
      await rehearsal.stack.configure({ stage: "start" });
      const message = await rehearsal.refused(async () => rehearsal.stack.up());
      assertThat(NAMES_TABLE.test(message), `the refusal does not name the table: ${message}`);
      await changeRow(rehearsal, instance, CHANGED_ROW.undo);
      say(firstLine(message, CHANGED_ROW.table));
    },
  };
}

function wronglyPinned(): Step {
  return {
    title: "data planes of B given A's DP Manager: traffic-5 is refused",
    fault: true,
    async run(rehearsal, say) {
      await pointGatewaysAt(rehearsal, "b", "a");
      await rehearsal.stack.configure({ stage: "traffic-5" });
      const message = await rehearsal.refused(async () => rehearsal.stack.up());
      assertThat(/pinned/i.test(message), `the refusal is not about the pinning: ${message}`);
      assertThat((await liveWeightB(rehearsal)) === 0, "B got traffic all the same");
      await unpointGateways(rehearsal, "b");
      await untilOnlyLivePodsReport(rehearsal, await databaseB(rehearsal));
      say(firstLine(message, "pinned"));
    },
  };
}

function illegalMove(): Step {
  return {
    title: "traffic-5 to traffic-75: refused by preview and up, with --target too",
    fault: true,
    async run(rehearsal, say) {
      const { stack } = rehearsal;
      const target = await rehearsal.weightTargets();
      await stack.configure({ stage: "traffic-75" });
      const messages = [
        await rehearsal.refused(async () => stack.preview()),
        await rehearsal.refused(async () => stack.up()),
        await rehearsal.refused(async () => stack.preview({ target })),
        await rehearsal.refused(async () => stack.up({ target })),
      ];
      for (const message of messages) {
        assertThat(
          message.includes("traffic-25") && message.includes("pulumi config set stage"),
          `the refusal does not tell the legal stage and its command: ${message}`,
        );
      }
      assertThat((await liveWeightB(rehearsal)) === 5, "the weights moved");
      say(firstLine(messages[0] ?? "", "not legal"));
    },
  };
}

function lateChangeOnA(): Step {
  return {
    title: "a late change on A: a legal step up by --target on the rule alone is checked and refused",
    fault: true,
    async run(rehearsal, say) {
      const { databaseA } = rehearsal.world;
      const target = await rehearsal.weightTargets();
      await changeRow(rehearsal, databaseA.instanceIdentifier, CHANGED_ROW.change);
      await rehearsal.stack.configure({ stage: "traffic-25" });
      const message = await rehearsal.refused(async () => rehearsal.stack.up({ target }));
      assertThat(NAMES_TABLE.test(message), `the refusal does not name the table: ${message}`);
      assertThat((await liveWeightB(rehearsal)) === 5, "the weights moved");
      await changeRow(rehearsal, databaseA.instanceIdentifier, CHANGED_ROW.undo);
      say(firstLine(message, CHANGED_ROW.table));
    },
  };
}

function targetedStepUp(): Step {
  return {
    title: "the same step, A as it was: checked and let through",
    async run(rehearsal, say) {
      await rehearsal.stack.up({ target: await rehearsal.weightTargets() });
      assertThat((await liveWeightB(rehearsal)) === 25, "the weights did not move");
      // The whole update afterwards brings gate and record to the same stage.
      await rehearsal.stack.up();
      const last = (await currentRecord(rehearsal)).entries.at(-1);
      assertThat(last?.stage === "traffic-25", `the record ends with ${last?.stage ?? "nothing"}`);
      say("25 % after the checks of the rule's own hook");
    },
  };
}

function targetedWayBack(): Step {
  return {
    title: "rollback by --target on rules and gate",
    async run(rehearsal, say) {
      await rehearsal.goBack("traffic-25", { targets: await rehearsal.wayBackTargets() });
      assertThat((await liveWeightB(rehearsal)) === 0, "B still has weight");
      say(`100/0 after ${rehearsal.rollback?.decisionToAppliedSeconds ?? "?"} s`);
    },
  };
}

function oldStageAgain(): Step {
  return {
    title: "the old stage set again: refused; with the rollback acknowledged, the first step only",
    fault: true,
    async run(rehearsal, say) {
      const { stack } = rehearsal;
      await stack.configure({ stage: "traffic-25" });
      const skipped = await rehearsal.refused(async () => stack.up());
      await stack.configure({ stage: "traffic-5" });
      const unacknowledged = await rehearsal.refused(async () => stack.up());
      const target = await rehearsal.weightTargets();
      const targeted = await rehearsal.refused(async () => stack.up({ target }));
      const id = await currentRollbackId(rehearsal);
      for (const message of [unacknowledged, targeted]) {
        assertThat(message.includes(id), `the refusal does not tell the id to acknowledge: ${message}`);
      }
      assertThat(skipped.includes("not legal"), `the refusal is about something else: ${skipped}`);
      assertThat((await liveWeightB(rehearsal)) === 0, "B got traffic all the same");
      await stack.configure({ stage: "rollback" });
      say(`${firstLine(skipped, "not legal")} / ${firstLine(unacknowledged, "acknowledge")}`);
    },
  };
}

function weightsSetByHand(): Step {
  return {
    title: "weights set to 50/50 by hand, 100/0 in the state: rollback brings 100/0",
    fault: true,
    async run(rehearsal, say) {
      await setWeightsByHand(rehearsal, 50);
      assertThat((await liveWeightB(rehearsal)) === 50, "the fault was not made");
      await rehearsal.goBack("rollback");
      assertThat((await liveWeightB(rehearsal)) === 0, "B still has weight");
      say("100/0 again");
    },
  };
}

/** The way back waits for no update longer than it takes to end it. */
const WITHIN_SECONDS = 20;
/** Longer than the way back may take: the gate's look at A's configuration waits for the lock, up to its own limit. */
const LOCK_SECONDS = 25;

function hangingUpdate(): Step {
  return {
    title: "an update that hangs in a check: rollback gets through within seconds",
    fault: true,
    async run(rehearsal, say) {
      const { stack, clouds, world } = rehearsal;
      const lock = clouds.call(
        "sql",
        world.databaseA.instanceIdentifier,
        `begin; lock table ${CHANGED_ROW.table} in access exclusive mode; select pg_sleep(${LOCK_SECONDS}); commit`,
      );
      await stack.configure({ stage: "traffic-25" });
      const update: { end?: string } = {};
      let begun: () => void = () => undefined;
      const gateRuns = new Promise<void>((done) => (begun = done));
      const hanging = stack.up({ onBegin: (name) => name === "gate" && begun() }).then(
        () => (update.end = "went through"),
        () => (update.end = "was ended"),
      );
      await Promise.race([gateRuns, hanging]);
      // The gate's quick checks are done by then; what is left waits for the lock.
      await sleep(4000);
      assertThat(update.end === undefined, `the update did not hang, it ${update.end ?? ""}`);
      // Nobody ends the update beforehand: the way back finds it by its lock.
      await rehearsal.goBack("traffic-5");
      const seconds = rehearsal.rollback?.decisionToAppliedSeconds ?? Infinity;
      assertThat(seconds < WITHIN_SECONDS, `the way back took ${seconds.toFixed(1)} s`);
      await Promise.all([hanging, lock]);
      assertThat(endOf(update) === "was ended", `the hanging update ${endOf(update)}`);
      assertThat((await liveWeightB(rehearsal)) === 0, "B has weight again");
      const last = (await currentRecord(rehearsal)).entries.at(-1);
      assertThat(last?.stage === "rollback", `the record ends with ${last?.stage ?? "nothing"}`);
      say(`the update ${endOf(update)}, 100/0 within ${seconds.toFixed(1)} s of the decision`);
    },
  };
}

function endOf(update: { readonly end?: string }): string {
  return update.end ?? "still runs";
}

function firstLine(text: string, containing: string): string {
  const lines = text.split("\n").map((line) => line.trim());
  return lines.find((line) => line.toLowerCase().includes(containing.toLowerCase())) ?? lines[0] ?? "";
}
