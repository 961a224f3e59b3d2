import * as aws from "@pulumi/aws/provider";
import { Dashboard, MetricAlarm } from "@pulumi/aws/cloudwatch";
import { SecurityGroup } from "@pulumi/aws/ec2";
import { Listener, ListenerRule, LoadBalancer, TargetGroup } from "@pulumi/aws/lb";
import { Instance, ParameterGroup, Snapshot, SubnetGroup } from "@pulumi/aws/rds";
import { SecurityGroupEgressRule, SecurityGroupIngressRule } from "@pulumi/aws/vpc";
import * as pulumi from "@pulumi/pulumi";
import { type PulumiFn } from "@pulumi/pulumi/automation";
import { type World } from "../../../rehearsal/cloud/aws";
import { REGION } from "./fakes";

/** What a test changes in its program. */
export interface Given {
  readonly weightB: number;
  readonly snapshot: string;
  readonly retentionDays: number;
  readonly password: string;
  readonly protection: boolean;
  readonly applyImmediately: boolean;
  readonly multiAz: boolean;
  readonly port: number;
  readonly priority: number;
}

export const GIVEN: Given = {
  weightB: 0,
  snapshot: "api7-a-copy-1",
  retentionDays: 0,
  password: "second-Password-2",
  protection: false,
  applyImmediately: true,
  multiAz: true,
  port: 9080,
  priority: 10,
};

/** Every resource type of the stand-in, the way a migration uses it. */
export function program(world: World, changes: Partial<Given> = {}): PulumiFn {
  const given = { ...GIVEN, ...changes };
  return async () => {
    const provider = new aws.Provider("aws", { region: REGION, defaultTags: { tags: { project: "api7" } } });
    const options = { provider };
    const groups = ["a", "b"].map(
      (cluster) =>
        new TargetGroup(
          `split-${cluster}`,
          {
            port: given.port,
            protocol: "HTTP",
            targetType: "ip",
            vpcId: world.vpcId,
            deregistrationDelay: 30,
            healthCheck: { path: "/status", port: "7085", interval: 10, timeout: 5, healthyThreshold: 2 },
            tags: { cluster },
          },
          options,
        ),
    );
    const forward = {
      type: "forward",
      forward: {
        targetGroups: groups.map(({ arn }, index) => ({
          arn,
          weight: index === 0 ? 100 - given.weightB : given.weightB,
        })),
        stickiness: { enabled: false, duration: 1 },
      },
    };
    const rule = new ListenerRule(
      "split",
      {
        listenerArn: world.listenerArn,
        priority: given.priority,
        conditions: [{ pathPattern: { values: ["/*"] } }],
        actions: [forward],
      },
      options,
    );
    const own = new SecurityGroup("own", { vpcId: world.vpcId, description: "own" }, options);
    new SecurityGroupIngressRule(
      "clients",
      { securityGroupId: own.id, ipProtocol: "tcp", fromPort: 443, toPort: 443, cidrIpv4: "10.0.0.0/8" },
      options,
    );
    new SecurityGroupEgressRule("out", { securityGroupId: own.id, ipProtocol: "-1", cidrIpv4: "0.0.0.0/0" }, options);
    const balancer = new LoadBalancer(
      "own",
      { subnets: [...world.subnetIds], securityGroups: [own.id], internal: true, idleTimeout: 90 },
      options,
    );
    const listener = new Listener(
      "own",
      {
        loadBalancerArn: balancer.arn,
        port: 8443,
        protocol: "HTTPS",
        certificateArn: world.certificateArn,
        defaultActions: [
          {
            type: "fixed-response",
            fixedResponse: { contentType: "text/plain", statusCode: "404", messageBody: "no" },
          },
        ],
      },
      options,
    );
    const subnets = new SubnetGroup("b", { subnetIds: [...world.subnetIds] }, options);
    const parameters = new ParameterGroup(
      "b",
      { family: "postgres15", parameters: [{ name: "max_connections", value: "500", applyMethod: "pending-reboot" }] },
      options,
    );
    const snapshot = new Snapshot(
      "copy",
      { dbInstanceIdentifier: world.databaseA.instanceIdentifier, dbSnapshotIdentifier: given.snapshot },
      options,
    );
    const database = new Instance(
      "b",
      {
        identifier: "api7-b",
        snapshotIdentifier: given.snapshot,
        engineVersion: "15",
        instanceClass: "db.m6g.large",
        dbSubnetGroupName: subnets.name,
        vpcSecurityGroupIds: [own.id],
        parameterGroupName: parameters.name,
        multiAz: given.multiAz,
        password: pulumi.secret(given.password),
        backupRetentionPeriod: given.retentionDays,
        deletionProtection: given.protection,
        applyImmediately: given.applyImmediately,
        finalSnapshotIdentifier: "api7-b-final",
        deleteAutomatedBackups: false,
      },
      { ...options, dependsOn: [snapshot] },
    );
    new MetricAlarm(
      "errors",
      {
        comparisonOperator: "GreaterThanThreshold",
        evaluationPeriods: 2,
        metricName: "HTTPCode_Target_5XX_Count",
        namespace: "AWS/ApplicationELB",
        period: 60,
        statistic: "Sum",
        threshold: 10,
        dimensions: { TargetGroup: groups[1]?.arnSuffix ?? "" },
      },
      options,
    );
    new Dashboard(
      "both",
      {
        dashboardName: "api7-both",
        dashboardBody: JSON.stringify({
          widgets: [{ type: "text", x: 0, y: 0, width: 24, height: 2, properties: { markdown: "A and B" } }],
        }),
      },
      options,
    );
    return Promise.resolve({
      ruleArn: rule.arn,
      groupArns: groups.map(({ arn }) => arn),
      groupNames: groups.map(({ name }) => name),
      listenerArn: listener.arn,
      dnsName: balancer.dnsName,
      endpoint: database.endpoint,
      address: database.address,
      databaseStatus: database.status,
      tagsAll: groups[0]?.tagsAll,
    });
  };
}
