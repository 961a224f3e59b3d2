import { rename } from "node:fs/promises";
import { type Stage, trafficShare } from "../../migration/stages";
import { restartGateways, untilOnlyLivePodsReport } from "../faults";
import { type Rehearsal } from "../rehearsal";
import { rollbackText } from "../summary";
import { assertThat, currentRollbackId, databaseB, enter } from "./common";
import { everyRequestAnswered } from "./migration";
import { type Scenario, type Step } from "./scenario";

/** From which stages the way back is promised. */
const STAGES: readonly Stage[] = [
  "start",
  "traffic-5",
  "traffic-25",
  "traffic-50",
  "traffic-75",
  "traffic-100",
  "complete",
];

/** Rollback with everything of B dead but its gateways, from every stage that has a way back. */
export const deadClusterB: Scenario = {
  name: "dead-cluster-b",
  description: "rollback with B's API server, control plane, database and every chart gone, from each stage",
  lookSeconds: 1,
  maxSeconds: 2700,
  settings: { judging: "none" },
  steps: stepsFrom(STAGES),
};

/** From the first stage that has a way back, the first with traffic, and the last. */
export const deadClusterBShort: Scenario = {
  ...deadClusterB,
  description: "rollback with B's API server, control plane, database and every chart gone, from three stages",
  steps: stepsFrom(["start", "traffic-5", "complete"]),
};

function stepsFrom(stages: readonly Stage[]): readonly Step[] {
  return [
    enter("prepare"),
    enter("freeze"),
    enter("restore"),
    enter("start"),
    ...stages.flatMap((stage) => [...(stage === "start" ? [] : [climbTo(stage)]), backWithBDead(stage)]),
    everyRequestAnswered(),
  ];
}

/** From `rollback` to a stage: the first step acknowledged, then an override over the steps between. */
function climbTo(stage: Stage): Step {
  return {
    title: `up to ${stage} again`,
    async run(rehearsal, say) {
      await rehearsal.enter("traffic-5", { acknowledgeRollback: await currentRollbackId(rehearsal) });
      const share = trafficShare(stage) ?? 100;
      if (share > 5) {
        const to: Stage = `traffic-${share}`;
        await rehearsal.enter(to, {
          override:
            share > 25 ? { from: "traffic-5", to, by: "rehearsal", reason: `shortens the way to ${stage}` } : undefined,
        });
      }
      if (stage === "complete") await rehearsal.enter("complete", { override: undefined });
      await rehearsal.stack.configure({ override: undefined });
      say(`${rehearsal.stages.at(-1)?.shareB ?? "?"} % on B`);
    },
  };
}

function backWithBDead(stage: Stage): Step {
  return {
    title: `rollback from ${stage} with B dead`,
    fault: true,
    async run(rehearsal, say) {
      await kill(rehearsal);
      try {
        await rehearsal.goBack(stage, { settle: false });
      } finally {
        await revive(rehearsal);
      }
      const { rollback } = rehearsal;
      assertThat(rollback !== null, "the rollback was not measured");
      say(rollbackText(rollback));
    },
  };
}

const CONTROL_PLANE = ["dashboard", "dp-manager", "developer-portal"];

async function kill(rehearsal: Rehearsal): Promise<void> {
  const { clouds, world } = rehearsal;
  for (const part of CONTROL_PLANE) await clouds.call("scale", "b", `${world.releases.controlPlane}-${part}`, 0);
  await clouds.call("setDatabase", await databaseB(rehearsal), false);
  await clouds.call("setClusterApi", "b", false);
  for (const { file } of Object.values(world.charts)) await rename(file, `${file}.gone`);
}

async function revive(rehearsal: Rehearsal): Promise<void> {
  const { clouds, world } = rehearsal;
  for (const { file } of Object.values(world.charts)) await rename(`${file}.gone`, file);
  await clouds.call("setClusterApi", "b", true);
  await clouds.call("setDatabase", await databaseB(rehearsal), true);
  for (const part of CONTROL_PLANE) await clouds.call("scale", "b", `${world.releases.controlPlane}-${part}`, 1);
  // The gateways served on, and logged that nobody answered: new pods begin without that.
  await rehearsal.drainB();
  await restartGateways(rehearsal, "b");
  await untilOnlyLivePodsReport(rehearsal, await databaseB(rehearsal));
}
