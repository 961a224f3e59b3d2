import assert from "node:assert/strict";
import { type Props } from "../../../rehearsal/providers/framework";
import { startCloud, type TestCloud } from "./fakes";
import { type Kept, Plugin } from "./plugin";

describe("local AWS: refuses as AWS does", () => {
  let test: TestCloud;
  let plugin: Plugin;

  beforeEach(async () => {
    test = await startCloud();
    plugin = new Plugin(test.cloud);
  });
  afterEach(async () => {
    plugin.end();
    await test.stop();
  });

  const group = async (name: string, more: Props = {}): Promise<Kept> =>
    plugin.create("targetGroup", {
      name,
      port: 9080,
      protocol: "HTTP",
      targetType: "ip",
      vpcId: test.world.vpcId,
      ...more,
    });
  const split = (a: Kept, b: Kept, weightB: number, more: Props = {}): readonly Props[] => [
    {
      type: "forward",
      forward: {
        targetGroups: [
          { arn: a.id, weight: 100 - weightB },
          { arn: b.id, weight: weightB },
        ],
        stickiness: { enabled: false, duration: 1 },
        ...more,
      },
    },
  ];
  const rule = async (actions: readonly Props[], priority = 10): Promise<Kept> =>
    plugin.create("rule", {
      listenerArn: test.world.listenerArn,
      priority,
      conditions: [{ pathPattern: { values: ["/*"] } }],
      actions,
    });

  const refused: Readonly<Record<string, readonly [RegExp, () => Promise<unknown>]>> = {
    "a second group of a name": [
      /creating ELBv2 Target Group \(a\): operation error Elastic Load Balancing v2: CreateTargetGroup, https response error StatusCode: 400, RequestID: [0-9a-f-]{36}, api error DuplicateTargetGroupName/,
      async () => [await group("a"), await group("a")],
    ],
    "a group in an unknown VPC": [/api error ValidationError: .*vpc-0/, async () => group("a", { vpcId: "vpc-0" })],
    "a second load balancer of a name": [
      /api error DuplicateLoadBalancerName/,
      async () => plugin.create("loadBalancer", { name: "api7-edge", subnets: [...test.world.subnetIds] }),
    ],
    "a load balancer in one zone": [
      /api error SubnetNotFound/,
      async () => plugin.create("loadBalancer", { name: "x", subnets: ["subnet-1", "subnet-2"] }),
    ],
    "an unknown security group": [
      /api error InvalidSecurityGroup/,
      async () =>
        plugin.create("loadBalancer", { name: "x", subnets: [...test.world.subnetIds], securityGroups: ["sg-1"] }),
    ],
    "deleting a group in use": [
      /deleting ELBv2 Target Group .*api error ResourceInUse: .*currently in use by a listener or a rule/,
      async () => {
        const [a, b] = [await group("a"), await group("b")];
        await rule(split(a, b, 0));
        await plugin.delete(b);
      },
    ],
    "a group of another load balancer": [
      /api error TargetGroupAssociationLimit/,
      async () => {
        const [a, b] = [await group("a"), await group("b")];
        await rule(split(a, b, 0));
        const balancer = await plugin.create("loadBalancer", { name: "x", subnets: [...test.world.subnetIds] });
        const defaultActions = split(a, b, 0);
        await plugin.create("listener", { loadBalancerArn: balancer.id, port: 80, defaultActions });
      },
    ],
    "an unknown group": [
      /creating ELBv2 Listener Rule: .*api error TargetGroupNotFound/,
      async () => {
        const b = await group("b");
        await rule(split({ ...b, id: b.id.replace("/b/", "/c/") }, b, 0));
      },
    ],
    "a taken priority": [
      /api error PriorityInUse: Priority '10' is currently in use/,
      async () => {
        const [a, b] = [await group("a"), await group("b")];
        await rule(split(a, b, 0));
        await rule(split(a, b, 0));
      },
    ],
    "a taken port": [
      /creating ELBv2 Listener \(.*api error DuplicateListener/,
      async () =>
        plugin.create("listener", {
          loadBalancerArn: test.world.loadBalancerArn,
          port: 8080,
          defaultActions: split(await group("a"), await group("b"), 0),
        }),
    ],
    "an unknown certificate": [
      /api error CertificateNotFound/,
      async () =>
        plugin.create("listener", {
          loadBalancerArn: test.world.loadBalancerArn,
          port: 8443,
          protocol: "HTTPS",
          certificateArn: test.world.certificateArn.slice(0, -1),
          defaultActions: split(await group("a"), await group("b"), 0),
        }),
    ],
    "several groups, one with target stickiness, without group stickiness": [
      /api error InvalidConfigurationRequest: You must enable group stickiness/,
      async () => {
        const a = await group("a", { stickiness: { type: "lb_cookie", enabled: true } });
        await rule(split(a, await group("b"), 0));
      },
    ],
    "target stickiness in a rule without group stickiness": [
      /modifying ELBv2 Target Group .* attributes: .*InvalidConfigurationRequest/,
      async () => {
        const [a, b] = [await group("a"), await group("b")];
        await rule(split(a, b, 0));
        await plugin.update(a, { stickiness: { type: "lb_cookie", enabled: true } });
      },
    ],
    "deleting a security group in use": [
      /deleting Security Group .*api error DependencyViolation: .*load balancer x/,
      async () => {
        const own = await plugin.create("securityGroup", { vpcId: test.world.vpcId });
        const subnets = [...test.world.subnetIds];
        await plugin.create("loadBalancer", { name: "x", subnets, securityGroups: [own.id] });
        await plugin.delete(own);
      },
    ],
    "deleting a security group that a rule refers to": [
      /api error DependencyViolation: .*rule of security group/,
      async () => {
        const { vpcId, loadBalancerSecurityGroupId: securityGroupId } = test.world;
        const own = await plugin.create("securityGroup", { vpcId });
        const ports = { ipProtocol: "tcp", fromPort: 1, toPort: 1 };
        await plugin.create("ingressRule", { securityGroupId, referencedSecurityGroupId: own.id, ...ports });
        await plugin.delete(own);
      },
    ],
    "the same rule of a security group twice": [
      /api error InvalidPermission\.Duplicate/,
      async () => {
        const { loadBalancerSecurityGroupId: securityGroupId } = test.world;
        const inputs = { securityGroupId, cidrIpv4: "10.0.0.0/8", ipProtocol: "tcp", fromPort: 1, toPort: 1 };
        await plugin.create("ingressRule", { ...inputs, description: "one" });
        await plugin.create("ingressRule", { ...inputs, description: "two" });
      },
    ],
    "a changed kind of source": [
      /api error InvalidParameterValue: The source type/,
      async () => {
        const { loadBalancerSecurityGroupId: securityGroupId } = test.world;
        const kept = await plugin.create("egressRule", { securityGroupId, cidrIpv4: "10.0.0.0/8", ipProtocol: "-1" });
        await plugin.update(kept, { cidrIpv4: undefined, referencedSecurityGroupId: securityGroupId });
      },
    ],
    "an alarm of a name that is there": [
      /CloudWatch metric alarm "x" already exists/,
      async () => {
        const alarm = {
          name: "x",
          comparisonOperator: "LessThanThreshold",
          evaluationPeriods: 1,
          metricName: "m",
          namespace: "n",
          period: 60,
          statistic: "Sum",
          threshold: 1,
        };
        await plugin.create("alarm", alarm);
        await plugin.create("alarm", alarm);
      },
    ],
  };
  for (const [what, [message, run]] of Object.entries(refused)) {
    it(what, async () => assert.rejects(run(), { message }));
  }
});
