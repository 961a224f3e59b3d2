import { type CheckContext } from "../../context";
import { describeRule } from "../../clients/elb";
import { CouldNotLook } from "../../result";
import { type TargetGroupAddress } from "./queries";

/** Both target groups of a gateway group, and the load balancer in front of them. */
export interface GroupAddresses {
  readonly group: string;
  readonly a: TargetGroupAddress;
  readonly b: TargetGroupAddress;
}

/** @throws CouldNotLook when a load balancer or a target group is not there */
export async function addressesOf({ scope, systems }: CheckContext): Promise<readonly GroupAddresses[]> {
  const balancers = await systems.loadBalancers();
  return Promise.all(
    scope.rules.map(async (rule): Promise<GroupAddresses> => {
      const { group } = rule;
      const listenerArn = rule.listenerArn ?? (await balancers.listener(rule))?.arn;
      const loadBalancer = /:listener\/(app\/[^/]+\/[^/]+)\//.exec(listenerArn ?? "")?.[1];
      if (loadBalancer === undefined) throw missing(describeRule(rule), "there is no such listener");
      const address = async (side: "A" | "B"): Promise<TargetGroupAddress> => {
        const cluster = side === "A" ? scope.clusterA : scope.clusterB;
        const name = cluster.dataPlanes.find((dataPlane) => dataPlane.group === group)?.targetGroup ?? "";
        const arn = await balancers.targetGroupArn(name);
        const targetGroup = /:(targetgroup\/[^/]+\/[^/]+)$/.exec(arn ?? "")?.[1];
        if (targetGroup === undefined) throw missing(`target group ${name}`, "there is no such target group");
        return { group, loadBalancer, targetGroup };
      };
      const [a, b] = await Promise.all([address("A"), address("B")]);
      return { group, a, b };
    }),
  );
}

function missing(subject: string, seen: string): CouldNotLook {
  return new CouldNotLook(subject, seen, "pulumi up --refresh at the present stage makes it again", { lasting: true });
}
