import { setTimeout as sleep } from "node:timers/promises";
import { shapeOf, type Stage } from "../../migration/stages";
import { type Rehearsal } from "../rehearsal";
import { assertThat } from "./common";
import { type Step } from "./scenario";

/** Pods that are replaced or ended need a moment. */
const SETTLE_SECONDS = 90;

/** Sizes of A's workloads as its owners have them, and as the stage table leaves them (DESIGN.md 2). */
function expectedSizes(rehearsal: Rehearsal, stage: Stage): Readonly<Record<string, number>> {
  const { dashboardReplicas, gatewayReplicas } = rehearsal.world.releases;
  const { clusterA } = shapeOf(stage);
  return {
    dashboard: clusterA === "open" ? dashboardReplicas : 0,
    "developer-portal": clusterA === "open" ? 1 : 0,
    "dp-manager": clusterA === "stopped" ? 0 : 1,
    gateway: clusterA === "stopped" ? 0 : gatewayReplicas,
  };
}

async function sizes(rehearsal: Rehearsal): Promise<Readonly<Record<string, number>>> {
  const { controlPlane, gateway } = rehearsal.world.releases;
  const pods = await rehearsal.clouds.call("pods", "a");
  const of = (prefix: string): number => {
    const own = pods.filter(({ name }) => name.startsWith(prefix));
    // One that is not ready yet, or not gone yet, is neither there nor not there.
    return own.every(({ ready, terminating }) => ready && !terminating) ? own.length : NaN;
  };
  return {
    dashboard: of(`${controlPlane}-dashboard-`),
    "developer-portal": of(`${controlPlane}-developer-portal-`),
    "dp-manager": of(`${controlPlane}-dp-manager-`),
    gateway: of(`${gateway}-`),
  };
}

/** A step that looks whether A runs exactly what the stage table says for a stage. */
export function clusterARuns(stage: Stage, title = `A runs what ${stage} leaves of it`): Step {
  return {
    title,
    async run(rehearsal, say) {
      const wanted = JSON.stringify(expectedSizes(rehearsal, stage));
      const until = Date.now() + SETTLE_SECONDS * 1000;
      let seen = JSON.stringify(await sizes(rehearsal));
      while (seen !== wanted && Date.now() < until) {
        await sleep(300);
        seen = JSON.stringify(await sizes(rehearsal));
      }
      assertThat(seen === wanted, `A runs ${seen} ready pods, the stage table says ${wanted}`);
      say(seen);
    },
  };
}
