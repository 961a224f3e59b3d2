import { setTimeout as sleep } from "node:timers/promises";
import { inFlightAt } from "../measure";
import { clusterARuns } from "./clusterA";
import { assertThat, describe, enter, gateHolds, goBack, leaveRollback } from "./common";
import { type Scenario, type Step } from "./scenario";

/** Requests that the load must have sent before it may stop, at 400 requests/s. */
const REQUESTS_AT_DEFAULT_RATE = 60_000;
const DEFAULT_RATE = 400;

/** Everything that the guide asks for, from `prepare` to `decommission`, with one rollback on the way, under load. */
export const migration: Scenario = {
  name: "migration",
  description: "the whole migration, with a rollback from traffic-25 on the way, under load from beginning to end",
  lookSeconds: 5,
  maxSeconds: 1800,
  steps: migrationSteps(restoreFromSnapshot()),
};

/** All steps; only how database B comes to its data is another matter. */
export function migrationSteps(restore: Step): readonly Step[] {
  return [
    enter("prepare"),
    enter("freeze"),
    clusterARuns("freeze"),
    restore,
    enter("start"),
    enter("traffic-5"),
    enter("traffic-25"),
    goBack("traffic-25"),
    leaveRollback("traffic-5"),
    enter("traffic-25"),
    enter("traffic-50"),
    enter("traffic-75"),
    enter("traffic-100"),
    enter("complete"),
    decommission(),
    clusterARuns("decommission"),
    enoughRequests(),
    everyRequestAnswered(),
  ];
}

/** Stage `restore` by a snapshot of A that the program takes. */
function restoreFromSnapshot(): Step {
  return {
    title: "restore",
    async run(rehearsal, say) {
      const { changes } = await rehearsal.enter("restore");
      assertThat(
        changes.some(({ op, type }) => op === "create" && type === "aws:rds/snapshot:Snapshot"),
        "no snapshot of A was taken",
      );
      say(`${describe(rehearsal.stages.at(-1))}; restored from a snapshot`);
    },
  };
}

/** The last stage, and what it leaves of A: nothing running, and a snapshot that is older than the end of its gateways. */
function decommission(): Step {
  return {
    title: "decommission",
    async run(rehearsal, say) {
      await gateHolds(rehearsal, "decommission", say);
      const { changes } = await rehearsal.enter("decommission");
      const snapshot = changes.find(({ op, type }) => op === "create" && type === "aws:rds/snapshot:Snapshot");
      const patches = changes.filter(({ type }) => type === "kubernetes:apps/v1:DeploymentPatch");
      assertThat(snapshot !== undefined, "no final snapshot of A was taken");
      assertThat(
        patches.every(({ at }) => at >= snapshot.at),
        "A's workloads were stopped before the final snapshot was there",
      );
      const pods = await rehearsal.clouds.call("pods", "a");
      assertThat(pods.length === 0, `A still runs ${pods.map(({ name }) => name).join(", ")}`);
      say(`${describe(rehearsal.stages.at(-1))}; final snapshot taken, A runs nothing`);
    },
  };
}

/** Ends the load and looks at all of it. */
export function everyRequestAnswered(): Step {
  return {
    title: "every request sent was answered",
    async run(rehearsal, say) {
      const load = await rehearsal.endLoad();
      const { scheduled, sent, answered, failed } = load;
      say(`${scheduled} scheduled, ${sent} sent, ${answered} answered, ${failed} failed`);
      const first = load.failures[0];
      assertThat(failed === 0, `${failed} requests failed, the first of them: ${JSON.stringify(first)}`);
      assertThat(scheduled === sent && sent === answered, `scheduled ${scheduled}, sent ${sent}, answered ${answered}`);
      const counted = await rehearsal.count();
      const { a, b, none } = load.byCluster;
      assertThat(
        a === counted.a && b === counted.b && none === 0,
        `the gateways answered A ${a}, B ${b}, unknown ${none}; the load balancer sent A ${counted.a}, B ${counted.b}`,
      );
      assertThat(load.connections.reused > load.connections.opened, "connections were not kept alive");
      for (const { stage, at, weightBBefore = 0 } of rehearsal.weightChanges.slice(1)) {
        const open = inFlightAt(load, at);
        assertThat(
          open.some(({ kind }) => kind === "slow"),
          `no request of several seconds was in flight when ${stage} changed the weights`,
        );
        assertThat(
          open.some(({ kind }) => kind === "stream" || kind === "websocket"),
          `no stream or WebSocket was open when ${stage} changed the weights`,
        );
        // Below a quarter it is chance whether any of them is on B.
        assertThat(
          weightBBefore < 25 || open.some(({ cluster }) => cluster === "b"),
          `nothing was in flight on B when ${stage} took its traffic away`,
        );
      }
    },
  };
}

/** Goes on at the last stage until enough was sent for the figures to say something. */
function enoughRequests(): Step {
  return {
    title: "enough requests to say anything",
    async run(rehearsal, say) {
      const { ratePerSecond } = rehearsal.options;
      const wanted = (REQUESTS_AT_DEFAULT_RATE * ratePerSecond) / DEFAULT_RATE;
      const { sent } = await rehearsal.loadSnapshot();
      const seconds = Math.max(0, Math.ceil((wanted - sent) / ratePerSecond));
      say(`${sent} requests so far, ${wanted} wanted`);
      await sleep(seconds * 1000);
      const after = await rehearsal.loadSnapshot();
      assertThat(after.sent >= wanted, `the load sent ${after.sent} requests, ${wanted} were wanted`);
    },
  };
}
