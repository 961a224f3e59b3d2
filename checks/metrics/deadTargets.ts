import { type CheckContext } from "../context";

/**
 * Target groups of B without a single healthy target. The load balancer goes on sending B its share then (facts/aws.md 1,
 * fail-open), while counts of B may be missing altogether: nothing else would tell a dead B from metrics that are away.
 *
 * @returns one text per group, empty when every group has a healthy target
 * @throws CouldNotLook
 */
export async function deadTargets({ scope, systems }: CheckContext): Promise<readonly string[]> {
  const balancers = await systems.loadBalancers();
  const groups = await Promise.all(
    scope.clusterB.dataPlanes.map(async ({ group, targetGroup }) => {
      const arn = await balancers.targetGroupArn(targetGroup);
      const targets = arn === undefined ? undefined : await balancers.targetHealth(arn);
      // A group that does not exist is for the check of the weights.
      if (targets === undefined || targets.some(({ state }) => state === "healthy")) return [];
      const states = targets.map(({ target, state }) => `${target} ${state}`);
      return [`gateway group ${group}: ${states.length === 0 ? "no target is registered" : states.join(", ")}`];
    }),
  );
  return groups.flat();
}
