import { Listener, ListenerRule, LoadBalancer, TargetGroup } from "@pulumi/aws/lb";
import { type types } from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { targetGroupName } from "../migration/names";
import { type ListenerGroup, type ListenerSettings } from "../migration/settings";
import { shapeOf } from "../migration/stages";
import { GATEWAY_PORT } from "./network";
import { type WeightContext, weightHooks } from "./weights";

export interface TrafficSplitArgs {
  readonly settings: ListenerSettings;
  /** Security groups of the program's own load balancer. */
  readonly securityGroups: readonly pulumi.Input<string>[];
  readonly gate: WeightContext["gate"];
}

/** Target groups and rule of one gateway group. */
export interface GroupSplit {
  readonly group: ListenerGroup;
  /** ARN of A's target group: the settings', or that of the program's own. */
  readonly targetGroupA: pulumi.Output<string>;
  readonly targetGroupB: pulumi.Output<string>;
  /** Whether the program made A's target group, and so has to fill it. */
  readonly ownsGroupA: boolean;
  /** What carries the weights: a rule, or the default action of the program's own listener. */
  readonly carrier: Listener | ListenerRule;
}

/**
 * The load balancer's split between A and B: the only thing that a traffic step changes.
 *
 * Both target groups are in every rule from `prepare` on, in the order A, B, with explicit weights: a group at weight 0
 * is health-checked and gets no request, a group in no rule is not looked at (facts/aws.md 1 and 2).
 */
export class TrafficSplit extends pulumi.ComponentResource {
  readonly groups: readonly GroupSplit[];
  /** The listener that the rules belong to: the program's own, or A's. */
  readonly listenerArn: pulumi.Output<string>;
  /** DNS name of the program's own load balancer. */
  readonly dnsName: pulumi.Output<string> | undefined;
  /** `app/NAME/ID`, as CloudWatch names the load balancer. */
  readonly loadBalancerDimension: pulumi.Output<string>;

  private readonly args: TrafficSplitArgs;
  private readonly protect: boolean;

  constructor(name: string, args: TrafficSplitArgs, options?: pulumi.ComponentResourceOptions) {
    super("api7-migration:components:TrafficSplit", name, {}, options);
    this.args = args;
    const { stage, loadBalancer, gatewayGroups } = args.settings;
    this.protect = shapeOf(stage).protectB;

    const targets = gatewayGroups.map((group) => this.targetGroups(name, group));
    if (loadBalancer.kind === "existing") {
      this.dnsName = undefined;
      this.listenerArn = pulumi.output(loadBalancer.listenerArn);
      this.loadBalancerDimension = pulumi.output(dimensionOfListener(loadBalancer.listenerArn));
      this.groups = targets.map((target) => ({
        ...target,
        carrier: this.rule(name, target, loadBalancer.listenerArn),
      }));
    } else {
      const balancer = new LoadBalancer(
        name,
        {
          name: loadBalancer.name,
          loadBalancerType: "application",
          internal: loadBalancer.internal,
          subnets: [...loadBalancer.subnetIds],
          securityGroups: [...args.securityGroups],
          idleTimeout: loadBalancer.idleTimeoutSeconds,
          enableDeletionProtection: this.protect,
          tags: args.settings.tags,
        },
        { parent: this, protect: this.protect },
      );
      const rest = targets.find(({ group }) => group.match === undefined);
      const listener = this.listener(name, balancer, rest);
      this.dnsName = balancer.dnsName;
      this.listenerArn = listener.arn;
      this.loadBalancerDimension = balancer.arnSuffix;
      this.groups = targets.map((target) => ({
        ...target,
        carrier: target === rest ? listener : this.rule(name, target, listener.arn),
      }));
    }
    this.registerOutputs({ dnsName: this.dnsName });
  }

  /** Target groups and rule of a gateway group. */
  of(group: Pick<ListenerGroup, "name">): GroupSplit {
    const found = this.groups.find((split) => split.group.name === group.name);
    if (found === undefined) throw new Error(`there is no gateway group ${group.name}`);
    return found;
  }

  private targetGroups(name: string, group: ListenerGroup): Omit<GroupSplit, "carrier"> {
    const given = group.clusterA.targetGroupArn;
    const a = given === undefined ? this.targetGroup(name, group, "a").arn : pulumi.output(given);
    const b = this.targetGroup(name, group, "b").arn;
    return { group, targetGroupA: a, targetGroupB: b, ownsGroupA: given === undefined };
  }

  private targetGroup(name: string, group: ListenerGroup, cluster: "a" | "b"): TargetGroup {
    const { stack, network, loadBalancer, tags } = this.args.settings;
    const { healthCheck } = loadBalancer;
    return new TargetGroup(
      `${name}-${group.name}-${cluster}`,
      {
        name: targetGroupName(stack, group, cluster),
        vpcId: network.vpcId,
        targetType: "ip",
        protocol: "HTTP",
        port: GATEWAY_PORT,
        deregistrationDelay: loadBalancer.deregistrationDelaySeconds,
        healthCheck: {
          enabled: true,
          protocol: "HTTP",
          path: healthCheck.path,
          port: String(healthCheck.port),
          matcher: "200",
          interval: healthCheck.intervalSeconds,
          timeout: healthCheck.timeoutSeconds,
          healthyThreshold: healthCheck.healthyThreshold,
          unhealthyThreshold: healthCheck.unhealthyThreshold,
        },
        // A and B alike while they are compared: no anomaly mitigation, no slow start, no cookies.
        loadBalancingAlgorithmType: "round_robin",
        slowStart: 0,
        stickiness: { enabled: false, type: "lb_cookie" },
        // A threshold here would take the zone's address of the whole load balancer out of DNS, for A too.
        targetGroupHealth: {
          dnsFailover: { minimumHealthyTargetsCount: "off", minimumHealthyTargetsPercentage: "off" },
          unhealthyStateRouting: { minimumHealthyTargetsCount: 1, minimumHealthyTargetsPercentage: "off" },
        },
        tags,
      },
      { parent: this, protect: this.protect },
    );
  }

  private listener(name: string, balancer: LoadBalancer, rest: Omit<GroupSplit, "carrier"> | undefined): Listener {
    const { loadBalancer, tags } = this.args.settings;
    if (loadBalancer.kind !== "new") throw new Error("an existing load balancer has its listener already");
    const tls =
      loadBalancer.protocol === "HTTPS" && loadBalancer.certificateArn !== undefined
        ? { certificateArn: loadBalancer.certificateArn, sslPolicy: loadBalancer.sslPolicy }
        : {};
    const nobody = {
      statusCode: "404",
      contentType: "text/plain",
      messageBody: "no gateway group serves this request",
    };
    return new Listener(
      name,
      {
        loadBalancerArn: balancer.arn,
        protocol: loadBalancer.protocol,
        port: loadBalancer.port,
        ...tls,
        defaultActions: rest === undefined ? [{ type: "fixed-response", fixedResponse: nobody }] : [this.forward(rest)],
        tags,
      },
      {
        parent: this,
        protect: this.protect,
        ...(rest === undefined ? {} : { hooks: weightHooks(name, this.weightContext()) }),
      },
    );
  }

  private rule(name: string, target: Omit<GroupSplit, "carrier">, listenerArn: pulumi.Input<string>): ListenerRule {
    const { match } = target.group;
    if (match === undefined) throw new Error(`gateway group ${target.group.name} has no match for its rule`);
    const ruleName = `${name}-${target.group.name}`;
    const conditions = [
      ...(match.hosts.length === 0 ? [] : [{ hostHeader: { values: [...match.hosts] } }]),
      ...(match.paths.length === 0 ? [] : [{ pathPattern: { values: [...match.paths] } }]),
    ];
    return new ListenerRule(
      ruleName,
      {
        listenerArn,
        priority: match.priority,
        conditions,
        actions: [this.forward(target)],
        tags: this.args.settings.tags,
      },
      {
        parent: this,
        protect: this.protect,
        hooks: weightHooks(ruleName, this.weightContext()),
      },
    );
  }

  /** Config owns the weights: plain numbers, no `ignoreChanges`, no `targetGroupArn` beside them. */
  private forward(
    target: Omit<GroupSplit, "carrier">,
  ): types.input.lb.ListenerRuleAction & types.input.lb.ListenerDefaultAction {
    const { weightB } = shapeOf(this.args.settings.stage);
    return {
      type: "forward",
      forward: {
        targetGroups: [
          { arn: target.targetGroupA, weight: 100 - weightB },
          { arn: target.targetGroupB, weight: weightB },
        ],
        // Group stickiness outranks the weights, even 0. Off, with the duration that the block must have.
        stickiness: { enabled: false, duration: 1 },
      },
    };
  }

  private weightContext(): Parameters<typeof weightHooks>[1] {
    return { stage: this.args.settings.stage, gate: this.args.gate };
  }
}

/** `arn:...:listener/app/NAME/ID/LISTENER` -> `app/NAME/ID` */
function dimensionOfListener(listenerArn: string): string {
  return (listenerArn.split(":").at(-1) ?? "").split("/").slice(1, 4).join("/");
}
