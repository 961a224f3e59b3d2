import { SecurityGroup } from "@pulumi/aws/ec2";
import { ParameterGroup, SubnetGroup } from "@pulumi/aws/rds";
import { SecurityGroupEgressRule, SecurityGroupIngressRule } from "@pulumi/aws/vpc";
import * as pulumi from "@pulumi/pulumi";
import { shapeOf } from "../migration/stages";
import { type ListenerSettings, type Settings } from "../migration/settings";

/** Where gateways take requests from the load balancer. */
export const GATEWAY_PORT = 9080;
export const POSTGRES_PORT = 5432;

/** Name parts may not depend on the order of a list: a removed entry would rename all after it. */
const nameOf = (cidr: string): string => cidr.replace(/[./]/g, "-");

/** What lets requests pass from the load balancer to the gateways. */
export class TrafficNetwork extends pulumi.ComponentResource {
  /** Security groups of the program's own load balancer; empty with an existing one. */
  readonly loadBalancerSecurityGroups: readonly pulumi.Output<string>[];

  constructor(name: string, settings: ListenerSettings, options?: pulumi.ComponentResourceOptions) {
    super("api7-migration:components:TrafficNetwork", name, {}, options);
    const { network, loadBalancer, tags } = settings;
    // Without these rules no request reaches B: as firm as what it serves with.
    const child = { parent: this, protect: shapeOf(settings.stage).protectB };
    const ports = [...new Set([GATEWAY_PORT, loadBalancer.healthCheck.port])];

    let source: pulumi.Input<string>;
    if (loadBalancer.kind === "existing") {
      source = loadBalancer.securityGroupId;
      this.loadBalancerSecurityGroups = [];
    } else {
      const own = new SecurityGroup(
        `${name}-load-balancer`,
        { vpcId: network.vpcId, description: "Load balancer of the API7 migration", tags },
        child,
      );
      for (const cidr of loadBalancer.clientCidrs) {
        new SecurityGroupIngressRule(
          `${name}-clients-${nameOf(cidr)}`,
          {
            securityGroupId: own.id,
            description: "Clients",
            ipProtocol: "tcp",
            fromPort: loadBalancer.port,
            toPort: loadBalancer.port,
            cidrIpv4: cidr,
            tags,
          },
          child,
        );
      }
      const gateways = { a: network.clusterASecurityGroupId, b: network.clusterBSecurityGroupId };
      for (const [cluster, gatewayGroup] of Object.entries(gateways)) {
        if (gatewayGroup === undefined) continue;
        for (const port of ports) {
          new SecurityGroupEgressRule(
            `${name}-to-${cluster}-${port}`,
            {
              securityGroupId: own.id,
              description: `Gateways of ${cluster.toUpperCase()}`,
              ipProtocol: "tcp",
              fromPort: port,
              toPort: port,
              referencedSecurityGroupId: gatewayGroup,
              tags,
            },
            child,
          );
        }
      }
      source = own.id;
      this.loadBalancerSecurityGroups = [own.id];
    }

    // With an existing load balancer A's gateways let it in already; a new one must be let in on both sides.
    const sides = {
      a: loadBalancer.kind === "new" ? network.clusterASecurityGroupId : undefined,
      b: network.clusterBSecurityGroupId,
    };
    for (const [cluster, gatewayGroup] of Object.entries(sides)) {
      if (gatewayGroup === undefined) continue;
      for (const port of ports) {
        new SecurityGroupIngressRule(
          `${name}-into-${cluster}-${port}`,
          {
            securityGroupId: gatewayGroup,
            description: "Load balancer of the API7 migration",
            ipProtocol: "tcp",
            fromPort: port,
            toPort: port,
            referencedSecurityGroupId: source,
            tags,
          },
          child,
        );
      }
    }
    this.registerOutputs();
  }
}

/**
 * Where database B will be and who may reach it: B's control plane, and the machine that this program runs on. Made at
 * `prepare`, long before the instance: RDS itself tells then whether the subnets are there and in two zones of the VPC, and
 * whether it knows the parameters.
 */
export class DatabaseNetwork extends pulumi.ComponentResource {
  readonly securityGroupId: pulumi.Output<string>;
  readonly subnetGroupName: pulumi.Output<string>;
  readonly parameterGroupName: pulumi.Output<string>;

  constructor(name: string, settings: Settings, options?: pulumi.ComponentResourceOptions) {
    super("api7-migration:components:DatabaseNetwork", name, {}, options);
    const { network, databaseB, tags } = settings;
    // Without these rules no request reaches B: as firm as what it serves with.
    const child = { parent: this, protect: shapeOf(settings.stage).protectB };
    const own = new SecurityGroup(
      name,
      { vpcId: network.vpcId, description: "Database B of the API7 migration", tags },
      child,
    );
    const postgres = {
      securityGroupId: own.id,
      ipProtocol: "tcp",
      fromPort: POSTGRES_PORT,
      toPort: POSTGRES_PORT,
      tags,
    };
    new SecurityGroupIngressRule(
      `${name}-from-b`,
      { ...postgres, description: "Control plane B", referencedSecurityGroupId: network.clusterBSecurityGroupId },
      child,
    );
    for (const cidr of network.runnerCidrs) {
      new SecurityGroupIngressRule(
        `${name}-from-${nameOf(cidr)}`,
        { ...postgres, description: "Checks of the API7 migration", cidrIpv4: cidr },
        child,
      );
    }
    this.securityGroupId = own.id;
    this.subnetGroupName = new SubnetGroup(name, { subnetIds: [...network.databaseSubnetIds], tags }, child).name;
    this.parameterGroupName = new ParameterGroup(
      name,
      {
        family: databaseB.parameterGroupFamily,
        // Static parameters take effect with the restart that the restore ends with.
        parameters: Object.entries(databaseB.parameters)
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([key, value]) => ({ name: key, value, applyMethod: "pending-reboot" })),
        tags,
      },
      child,
    ).name;
    this.registerOutputs({ securityGroupId: this.securityGroupId });
  }
}
