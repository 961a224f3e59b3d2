import { liveWeightB } from "../faults";
import { assertThat, enter } from "./common";
import { everyRequestAnswered } from "./migration";
import { type Scenario, type Step } from "./scenario";

/** Giving up before any traffic moved: A gets its configuration and sizes back, B goes, and not one request notices. */
export const abandoned: Scenario = {
  name: "abandon",
  description: "up to start, then abandon: A open again at its full size, B's planes gone, and back to prepare",
  lookSeconds: 2,
  maxSeconds: 600,
  steps: [
    enter("prepare"),
    enter("freeze"),
    enter("restore"),
    enter("start"),
    enter("abandon"),
    clusterAIsOpen(),
    enter("prepare", "prepare again"),
    clusterAIsOpen(),
    everyRequestAnswered(),
  ],
};

function clusterAIsOpen(): Step {
  return {
    title: "A's dashboard and gateways are there at their recorded sizes",
    async run(rehearsal, say) {
      const { controlPlane, gateway, gatewayReplicas } = rehearsal.world.releases;
      const pods = await rehearsal.clouds.call("pods", "a");
      const ready = (prefix: string): number => pods.filter((pod) => pod.ready && pod.name.startsWith(prefix)).length;
      const dashboards = ready(`${controlPlane}-dashboard-`);
      const gateways = ready(`${gateway}-`);
      assertThat(dashboards === 1, `A has ${dashboards} dashboards that are ready, recorded was 1`);
      assertThat(gateways === gatewayReplicas, `A has ${gateways} gateways that are ready, not ${gatewayReplicas}`);
      assertThat((await liveWeightB(rehearsal)) === 0, "B has weight");
      say(`${dashboards} dashboard, ${gateways} gateways`);
    },
  };
}
