import assert from "node:assert/strict";
import {
  DescribeListenersCommand,
  DescribeLoadBalancerAttributesCommand,
  DescribeLoadBalancersCommand,
  DescribeRulesCommand,
  DescribeTagsCommand,
  DescribeTargetGroupAttributesCommand,
  DescribeTargetGroupsCommand,
  DeregisterTargetsCommand,
  ElasticLoadBalancingV2Client,
  ModifyListenerCommand,
  ModifyRuleCommand,
  paginateDescribeTargetGroups,
  RegisterTargetsCommand,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import {
  CreateDBSnapshotCommand,
  DescribeDBInstancesCommand,
  DescribeDBSnapshotsCommand,
  RDSClient,
} from "@aws-sdk/client-rds";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { REGION, startCloud, type TestCloud } from "./fakes";
import { Plugin } from "./plugin";

describe("local AWS: the Query API and the real SDK", () => {
  let test: TestCloud;
  let elb: ElasticLoadBalancingV2Client;
  let rds: RDSClient;
  let sts: STSClient;

  beforeEach(async () => {
    test = await startCloud();
    // As the checks use it: everything comes from the environment.
    process.env["AWS_ENDPOINT_URL"] = test.cloud.endpoint;
    const client = {
      region: REGION,
      credentials: { accessKeyId: "AKIAREHEARSAL", secretAccessKey: "none" },
      maxAttempts: 1,
    };
    elb = new ElasticLoadBalancingV2Client(client);
    rds = new RDSClient(client);
    sts = new STSClient(client);
  });
  afterEach(async () => {
    for (const client of [elb, rds, sts]) client.destroy();
    delete process.env["AWS_ENDPOINT_URL"];
    await test.stop();
  });

  it("says who is asking", async () => {
    const { Account, Arn } = await sts.send(new GetCallerIdentityCommand({}));
    assert.equal(Account, "123456789012");
    assert.equal(Arn, "arn:aws:iam::123456789012:user/rehearsal");
  });

  it("describes the world before the migration", async () => {
    const { world, network } = test;
    const { LoadBalancers } = await elb.send(new DescribeLoadBalancersCommand({ Names: ["api7-edge"] }));
    assert.equal(LoadBalancers?.length, 1);
    assert.equal(LoadBalancers[0]?.LoadBalancerArn, world.loadBalancerArn);
    assert.equal(LoadBalancers[0].DNSName, `${network}.0.2`);
    assert.equal(LoadBalancers[0].State?.Code, "active");
    assert.ok(LoadBalancers[0].CreatedTime instanceof Date);
    assert.deepEqual(
      LoadBalancers[0].AvailabilityZones?.map(({ ZoneName, SubnetId }) => [ZoneName, SubnetId]),
      world.zones.map((zone, index) => [zone, world.subnetIds[index]]),
    );
    const { Listeners } = await elb.send(new DescribeListenersCommand({ LoadBalancerArn: world.loadBalancerArn }));
    assert.equal(Listeners?.[0]?.ListenerArn, world.listenerArn);
    assert.equal(Listeners[0].DefaultActions?.[0]?.TargetGroupArn, world.targetGroupAArn);
    const { TargetGroups } = await elb.send(new DescribeTargetGroupsCommand({ Names: ["api7-a"] }));
    assert.equal(TargetGroups?.[0]?.HealthCheckPort, "7085");
    assert.deepEqual(TargetGroups[0].LoadBalancerArns, [world.loadBalancerArn]);
    const { Rules } = await elb.send(new DescribeRulesCommand({ ListenerArn: world.listenerArn }));
    assert.deepEqual(
      Rules?.map(({ Priority, IsDefault, Conditions }) => [Priority, IsDefault, Conditions]),
      [["default", true, []]],
    );
    const { DBInstances } = await rds.send(new DescribeDBInstancesCommand({}));
    assert.equal(DBInstances?.length, 1);
    assert.deepEqual(DBInstances[0]?.Endpoint, {
      Address: `${network}.1.1`,
      Port: 5432,
      HostedZoneId: "Z1RLNUO7B9Q6NB",
    });
    assert.equal(DBInstances[0].BackupRetentionPeriod, 7);
    assert.equal(DBInstances[0].MultiAZ, true);
    assert.equal(DBInstances[0].EngineVersion, "15.18");
    assert.ok(DBInstances[0].LatestRestorableTime instanceof Date);
  });

  it("describes attributes and tags", async () => {
    const plugin = new Plugin(test.cloud);
    const { world } = test;
    const inputs = {
      port: 9080,
      protocol: "HTTP",
      targetType: "ip",
      vpcId: world.vpcId,
      tags: { 'a "b" <c>': "&'d'" },
    };
    const group = await plugin.create("targetGroup", inputs);
    const { TagDescriptions } = await elb.send(
      new DescribeTagsCommand({ ResourceArns: [group.id, world.listenerArn] }),
    );
    assert.deepEqual(TagDescriptions, [
      { ResourceArn: group.id, Tags: [{ Key: 'a "b" <c>', Value: "&'d'" }] },
      { ResourceArn: world.listenerArn, Tags: [] },
    ]);
    const attributes = await elb.send(new DescribeTargetGroupAttributesCommand({ TargetGroupArn: group.id }));
    const delay = attributes.Attributes?.find(({ Key }) => Key === "deregistration_delay.timeout_seconds");
    assert.equal(delay?.Value, "300");
    const balancer = new DescribeLoadBalancerAttributesCommand({ LoadBalancerArn: world.loadBalancerArn });
    const idle = (await elb.send(balancer)).Attributes?.find(({ Key }) => Key === "idle_timeout.timeout_seconds");
    assert.equal(idle?.Value, "60");
  });

  it("modifies a listener and a rule: the bare calls of the way back", async () => {
    const plugin = new Plugin(test.cloud);
    const { world } = test;
    const inputs = { port: 9080, protocol: "HTTP", targetType: "ip", vpcId: world.vpcId };
    const b = await plugin.create("targetGroup", { ...inputs, name: "b" });
    const weights = (weightB: number) => ({
      Type: "forward" as const,
      ForwardConfig: {
        TargetGroups: [
          { TargetGroupArn: world.targetGroupAArn, Weight: 100 - weightB },
          { TargetGroupArn: b.id, Weight: weightB },
        ],
        TargetGroupStickinessConfig: { Enabled: true, DurationSeconds: 60 },
      },
    });
    const modify = new ModifyListenerCommand({ ListenerArn: world.listenerArn, DefaultActions: [weights(50)] });
    const { Listeners } = await elb.send(modify);
    assert.deepEqual(Listeners?.[0]?.DefaultActions, [{ ...weights(50), Order: 1 }]);
    assert.deepEqual(test.edge.config.listeners[0]?.rules[0]?.action, {
      type: "forward",
      forward: {
        groups: [
          { arn: world.targetGroupAArn, weight: 50 },
          { arn: b.id, weight: 50 },
        ],
        stickiness: { enabled: true, durationSeconds: 60 },
      },
    });
    const rule = await plugin.create("rule", {
      listenerArn: world.listenerArn,
      priority: 7,
      conditions: [
        { httpHeader: { httpHeaderName: "x-canary", values: ["b*"] } },
        { httpRequestMethod: { values: ["GET"] } },
      ],
      actions: [{ type: "forward", forward: { targetGroups: [{ arn: b.id }] } }],
    });
    const Conditions = [{ Field: "host-header", HostHeaderConfig: { Values: ["b.example"] } }];
    await elb.send(new ModifyRuleCommand({ RuleArn: rule.id, Actions: [weights(0)], Conditions }));
    const [first] = test.edge.rules();
    assert.deepEqual([first?.priority, first?.hosts, first?.headers, first?.methods], [7, ["b.example"], [], []]);
    const { Rules } = await elb.send(new DescribeRulesCommand({ RuleArns: [rule.id] }));
    assert.deepEqual(Rules?.[0]?.Conditions, [{ ...Conditions[0], Values: ["b.example"] }]);
  });

  it("registers targets and takes snapshots", async () => {
    const { targetGroupAArn: TargetGroupArn } = test.world;
    const Targets = [{ Id: `${test.network}.10.7` }];
    await elb.send(new RegisterTargetsCommand({ TargetGroupArn, Targets }));
    assert.deepEqual(test.edge.targets(TargetGroupArn), [{ id: `${test.network}.10.7`, port: 9080 }]);
    await elb.send(new DeregisterTargetsCommand({ TargetGroupArn, Targets }));
    assert.deepEqual(test.edge.targets(TargetGroupArn), []);
    const names = { DBInstanceIdentifier: "api7-a", DBSnapshotIdentifier: "by-hand" };
    const { DBSnapshot } = await rds.send(new CreateDBSnapshotCommand({ ...names, Tags: [{ Key: "a", Value: "1" }] }));
    assert.equal(DBSnapshot?.Status, "creating");
    const { DBSnapshots } = await rds.send(new DescribeDBSnapshotsCommand(names));
    assert.equal(DBSnapshots?.[0]?.Status, "available");
    assert.deepEqual(DBSnapshots[0].TagList, [{ Key: "a", Value: "1" }]);
  });

  it("answers in pages", async () => {
    const plugin = new Plugin(test.cloud);
    const inputs = { port: 9080, protocol: "HTTP", targetType: "ip", vpcId: test.world.vpcId };
    for (const name of ["b", "c", "d", "e"]) await plugin.create("targetGroup", { ...inputs, name });
    const pages: (string | undefined)[][] = [];
    for await (const { TargetGroups } of paginateDescribeTargetGroups({ client: elb }, { PageSize: 2 })) {
      pages.push((TargetGroups ?? []).map(({ TargetGroupName }) => TargetGroupName));
    }
    assert.deepEqual(pages, [
      ["api7-a", "api7-a-admin"],
      ["b", "c"],
      ["d", "e"],
    ]);
  });
});
