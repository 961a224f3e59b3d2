import { type Props } from "../../../rehearsal/providers/framework";
import { type Kind } from "./plugin";

export const GROUP_A = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/a/0123456789abcdef";
export const GROUP_B = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/b/0123456789abcdef";
export const CERTIFICATE = "arn:aws:acm:eu-central-1:123456789012:certificate/1";

/** A forward action. */
export const forward = (targetGroups: readonly Props[], more: Props = {}): readonly Props[] => [
  { type: "forward", forward: { targetGroups, ...more } },
];
export const SPLIT = forward(
  [
    { arn: GROUP_A, weight: 100 },
    { arn: GROUP_B, weight: 0 },
  ],
  { stickiness: { enabled: false, duration: 1 } },
);
/** One group more than an action can have. */
export const six = Array.from({ length: 6 }, (_, n) => ({ arn: GROUP_A.replace("/a/", `/a${n}/`), weight: 1 }));

/** Inputs that hold, by kind of resource. */
export const HOLDS: Readonly<Record<Kind, Props>> = {
  securityGroup: { vpcId: "vpc-1", ingress: [{ protocol: "-1", fromPort: 0, toPort: 0, self: true }] },
  ingressRule: { securityGroupId: "sg-1", ipProtocol: "tcp", fromPort: 80, toPort: 443, cidrIpv4: "10.1.0.0/16" },
  egressRule: { securityGroupId: "sg-1", ipProtocol: "-1", cidrIpv6: "::/0" },
  loadBalancer: { name: "edge", subnets: ["subnet-1", "subnet-2"] },
  targetGroup: { name: "api7-a", port: 9080, protocol: "HTTP", vpcId: "vpc-1", targetType: "ip" },
  listener: { loadBalancerArn: "arn", port: 80, protocol: "HTTP", defaultActions: SPLIT },
  rule: { listenerArn: "arn", priority: 1, actions: SPLIT, conditions: [{ hostHeader: { values: ["a.example"] } }] },
  instance: { snapshotIdentifier: "copy", identifier: "api7-b", instanceClass: "db.m6g.large" },
  snapshot: { dbInstanceIdentifier: "api7-a", dbSnapshotIdentifier: "copy-1" },
  snapshotCopy: { sourceDbSnapshotIdentifier: "copy-1", targetDbSnapshotIdentifier: "copy-1-copy" },
  subnetGroup: { name: "b", subnetIds: ["subnet-1", "subnet-2"] },
  parameterGroup: { name: "b", family: "postgres15", parameters: [{ name: "work_mem", value: "8192" }] },
  dashboard: {
    dashboardName: "both",
    dashboardBody: JSON.stringify({
      widgets: [{ type: "metric", properties: { region: "eu-central-1", metrics: [["AWS/RDS", "CPUUtilization"]] } }],
    }),
  },
  alarm: {
    name: "errors",
    comparisonOperator: "GreaterThanThreshold",
    evaluationPeriods: 3,
    metricName: "m",
    namespace: "AWS/RDS",
    period: 60,
    statistic: "Sum",
    threshold: 1,
  },
};
