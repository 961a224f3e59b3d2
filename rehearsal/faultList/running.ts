import { CHANGED_ROW, changeRow, deregisterTargetsB, setMinimumOfA } from "../faults";
import { type CloudMethod, type CloudMethods } from "../cloud/world";
import { databaseB } from "../scenarios/common";
import { type Fault } from "../scenarios/faultSteps";
import { type Rehearsal } from "../rehearsal";

/** What may break or be changed by hand while B has its first traffic. None of it may cost a request. */
export function runningFaults(): readonly Fault[] {
  return [
    fault("database B down", "still equal", /database B/, async (rehearsal) => {
      const instance = await databaseB(rehearsal);
      return switched(rehearsal, "setDatabase", [instance, false], [instance, true]);
    }),
    fault("database A down", "freeze held", /database A/, async (rehearsal) => {
      const { instanceIdentifier } = rehearsal.world.databaseA;
      return switched(rehearsal, "setDatabase", [instanceIdentifier, false], [instanceIdentifier, true]);
    }),
    fault("control plane B without DP Manager", "health", /dp-manager/, async (rehearsal) => {
      const name = `${rehearsal.world.releases.controlPlane}-dp-manager`;
      return switched(rehearsal, "scale", ["b", name, 0], ["b", name, 1]);
    }),
    fault("API server of cluster B unreachable", "health", /cluster B/, async (rehearsal) =>
      switched(rehearsal, "setClusterApi", ["b", false], ["b", true]),
    ),
    fault("API server of cluster A unreachable", "freeze held", /cluster A/, async (rehearsal) =>
      switched(rehearsal, "setClusterApi", ["a", false], ["a", true]),
    ),
    fault(
      "A's dashboard scaled up by hand",
      "freeze held",
      /api7ee3-dashboard: 1 replicas wanted/,
      async (rehearsal) => {
        const name = `${rehearsal.world.releases.controlPlane}-dashboard`;
        return switched(rehearsal, "scale", ["a", name, 1], ["a", name, 0]);
      },
    ),
    fault("the minimum of A's autoscaler lowered by hand", "freeze held", /minReplicas 1/, async (rehearsal) => {
      await setMinimumOfA(rehearsal, 1);
      return async () => setMinimumOfA(rehearsal, rehearsal.world.releases.gatewayReplicas);
    }),
    fault("a route of A changed after the copy", "freeze held", /route/, async (rehearsal) =>
      rowChanged(rehearsal, rehearsal.world.databaseA.instanceIdentifier),
    ),
    fault("a route of B changed by hand", "still equal", /public\.route/, async (rehearsal) =>
      rowChanged(rehearsal, await databaseB(rehearsal)),
    ),
    fault("B's target group emptied by hand", "health", /target/, async (rehearsal) => deregisterTargetsB(rehearsal)),
    fault("AWS refuses every look at rules (Throttling)", "live weights", /Throttling/, async (rehearsal) =>
      switched(
        rehearsal,
        "setAwsFault",
        ["DescribeRules", { code: "Throttling", message: "Rate exceeded", times: 10_000 }],
        ["DescribeRules", null],
      ),
    ),
    fault("metrics of both clusters answer zero", "judge", /./, async (rehearsal) => {
      for (const cluster of ["a", "b"] as const) {
        await rehearsal.clouds.call("setMetricsFault", cluster, { kind: "zero" });
      }
      return async () => {
        for (const cluster of ["a", "b"] as const) await rehearsal.clouds.call("setMetricsFault", cluster, null);
      };
    }),
    fault("metrics of B ten minutes late", "judge", /./, async (rehearsal) =>
      switched(rehearsal, "setMetricsFault", ["b", { kind: "late", seconds: 600 }], ["b", null]),
    ),
  ];
}

function fault(name: string, check: string, reason: RegExp, make: Fault["make"]): Fault {
  return { name, expected: "hold", check, reason, requestsFail: false, make };
}

/** One call that breaks something, and what mends it. */
async function switched<M extends CloudMethod>(
  rehearsal: Rehearsal,
  method: M,
  broken: Parameters<CloudMethods[M]>,
  mended: Parameters<CloudMethods[M]>,
): Promise<() => Promise<void>> {
  await rehearsal.clouds.call(method, ...broken);
  return async () => {
    await rehearsal.clouds.call(method, ...mended);
  };
}

async function rowChanged(rehearsal: Rehearsal, instance: string): Promise<() => Promise<void>> {
  await changeRow(rehearsal, instance, CHANGED_ROW.change);
  return async () => changeRow(rehearsal, instance, CHANGED_ROW.undo);
}
