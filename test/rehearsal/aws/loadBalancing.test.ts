import assert from "node:assert/strict";
import {
  DescribeTargetHealthCommand,
  ElasticLoadBalancingV2Client,
  ModifyListenerCommand,
  ModifyRuleCommand,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { type Props } from "../../../rehearsal/providers/framework";
import { type FakeLoadBalancer, REGION, startCloud, type TestCloud } from "./fakes";
import { type Kept, Plugin } from "./plugin";

const credentials = { accessKeyId: "AKIAREHEARSAL", secretAccessKey: "none" };

describe("local AWS: load balancing", () => {
  let test: TestCloud;
  let plugin: Plugin;
  let sdk: ElasticLoadBalancingV2Client;

  beforeEach(async () => {
    test = await startCloud();
    plugin = new Plugin(test.cloud);
    sdk = new ElasticLoadBalancingV2Client({ endpoint: test.cloud.endpoint, region: REGION, credentials });
  });
  afterEach(async () => {
    sdk.destroy();
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
  const weights = (balancer: FakeLoadBalancer, priority: number | "default" = 10): readonly number[] | undefined => {
    const action = balancer.config.listeners[0]?.rules.find((entry) => entry.priority === priority)?.action;
    return action?.type === "forward" ? action.forward.groups.map(({ weight }) => weight) : undefined;
  };

  it("takes every change to the load balancer's process, as a whole configuration", async () => {
    const [a, b] = [await group("a"), await group("b", { healthCheck: { path: "/ready", port: "7085" } })];
    const before = [test.world.targetGroupAArn, test.world.admin.targetGroupArn];
    assert.deepEqual(
      test.edge.config.targetGroups.map(({ arn }) => arn),
      before,
    );
    const kept = await rule(split(a, b, 5));
    assert.deepEqual(weights(test.edge), [95, 5]);
    assert.deepEqual(weights(test.edge, "default"), [1]);
    const [, config] = test.edge.config.targetGroups.filter(({ arn }) => !before.includes(arn));
    // What the program leaves out is filled in by the provider (30 s, 3) and by AWS (5 s, 200).
    assert.deepEqual(config?.healthCheck, {
      protocol: "HTTP",
      path: "/ready",
      port: 7085,
      intervalSeconds: 30,
      timeoutSeconds: 5,
      healthyThreshold: 3,
      unhealthyThreshold: 3,
      matcher: "200",
    });
    assert.equal(config.deregistrationDelaySeconds, 300);
    const changes = test.edge.configs.length;
    await plugin.update(kept, { actions: split(a, b, 25) });
    assert.deepEqual(weights(test.edge), [75, 25]);
    assert.equal(test.edge.configs.length, changes + 1);
  });

  it("has targets in the configuration while they are registered, and refuses ones outside of the VPC", async () => {
    const arn = test.world.targetGroupAArn;
    const pod = { id: `${test.network}.10.5`, port: 9080 };
    await test.cloud.registerTargets(arn, [pod, pod]);
    assert.deepEqual(test.edge.targets(arn), [pod]);
    await test.cloud.deregisterTargets(arn, [pod]);
    await test.cloud.deregisterTargets(arn, [pod]);
    assert.deepEqual(test.edge.targets(arn), []);
    await assert.rejects(test.cloud.registerTargets(arn, [{ id: "10.0.0.1", port: 1 }]), /api error InvalidTarget/);
    await assert.rejects(test.cloud.registerTargets("arn", []), /api error TargetGroupNotFound/);
  });

  it("reports health as the load balancer sees it, and unused targets without it", async () => {
    const target = { id: `${test.network}.20.5`, port: 9080 };
    const b = await group("b");
    await test.cloud.registerTargets(b.id, [target]);
    const unused = await test.cloud.describeTargets(b.id);
    assert.deepEqual(unused, [{ ...target, state: "unused", reason: "Target.NotInUse" }]);
    await rule(split({ ...b, id: test.world.targetGroupAArn }, b, 0));
    const reason = "Target.FailedHealthChecks";
    test.edge.states = { [b.id]: [{ ...target, state: "unhealthy", reason }] };
    const { TargetHealthDescriptions } = await sdk.send(new DescribeTargetHealthCommand({ TargetGroupArn: b.id }));
    assert.deepEqual(TargetHealthDescriptions, [
      {
        Target: { Id: target.id, Port: target.port },
        HealthCheckPort: "9080",
        TargetHealth: { State: "unhealthy", Reason: reason, Description: reason },
      },
    ]);
  });

  it("shows weights set by hand in a refresh, in the program's own form", async () => {
    const [a, b] = [await group("a"), await group("b")];
    const kept = await rule(split(a, b, 5));
    assert.deepEqual((await plugin.read(kept))?.inputs, kept.inputs);
    const tuples = [
      { TargetGroupArn: b.id, Weight: 50 },
      { TargetGroupArn: a.id, Weight: 50 },
    ];
    const Actions = [{ Type: "forward" as const, ForwardConfig: { TargetGroups: tuples } }];
    await sdk.send(new ModifyRuleCommand({ RuleArn: kept.id, Actions }));
    assert.deepEqual(weights(test.edge), [50, 50]);
    const live = await plugin.read(kept);
    assert.deepEqual(live?.inputs, { ...kept.inputs, actions: split(a, b, 50) });
  });

  it("shows a listener's default action set by hand, and a group added by hand", async () => {
    const [a, b, c] = [await group("a"), await group("b"), await group("c")];
    const balancer = await plugin.create("loadBalancer", { name: "own", subnets: [...test.world.subnetIds] });
    const kept = await plugin.create("listener", {
      loadBalancerArn: balancer.id,
      port: 8080,
      defaultActions: split(a, b, 0),
    });
    const TargetGroups = [c, b, a].map(({ id }, index) => ({ TargetGroupArn: id, Weight: index + 1 }));
    const DefaultActions = [{ Type: "forward" as const, ForwardConfig: { TargetGroups } }];
    await sdk.send(new ModifyListenerCommand({ ListenerArn: kept.id, DefaultActions }));
    const live = await plugin.read(kept);
    const [action] = live?.inputs["defaultActions"] as { readonly forward: { readonly targetGroups: unknown } }[];
    assert.deepEqual(action?.forward.targetGroups, [
      { arn: a.id, weight: 3 },
      { arn: b.id, weight: 2 },
      { arn: c.id, weight: 1 },
    ]);
  });

  it("gives each load balancer a process and an address of its own, and takes both back", async () => {
    const { world } = test;
    const balancer = await plugin.create("loadBalancer", { subnets: [...world.subnetIds], idleTimeout: 90 }, "edge");
    assert.match(String(balancer.outputs["name"]), /^edge-[0-9a-f]{7}$/);
    assert.equal(balancer.outputs["dnsName"], `${test.network}.2.1`);
    const [, own] = test.balancers;
    assert.equal(own?.config.address, `${test.network}.2.1`);
    assert.equal(own.config.idleTimeoutSeconds, 90);
    const fixedResponse = { contentType: "text/plain", statusCode: "503", messageBody: "closed" };
    await plugin.create("listener", {
      loadBalancerArn: balancer.id,
      port: 8443,
      protocol: "HTTPS",
      certificateArn: world.certificateArn,
      defaultActions: [{ type: "fixed-response", fixedResponse }],
    });
    assert.deepEqual(own.config.listeners[0]?.rules[0]?.action, {
      type: "fixed-response",
      statusCode: 503,
      body: "closed",
      contentType: "text/plain",
    });
    const guarded = await plugin.update(balancer, { enableDeletionProtection: true });
    await assert.rejects(plugin.delete(guarded), /api error OperationNotPermitted: .*deletion protection is enabled/);
    await plugin.delete(await plugin.update(guarded, { enableDeletionProtection: false }));
    assert.equal(own.stopped, true);
    assert.equal(await plugin.read(balancer), undefined);
  });

  it("changes nothing when a load balancer refuses its configuration", async () => {
    const [a, b] = [await group("a"), await group("b")];
    const kept = await rule(split(a, b, 5));
    test.edge.refuse = "address in use";
    await assert.rejects(plugin.update(kept, { actions: split(a, b, 25) }), /address in use/);
    test.edge.refuse = undefined;
    assert.deepEqual((await plugin.read(kept))?.inputs, kept.inputs);
    await plugin.update(kept, { actions: split(a, b, 25) });
    assert.deepEqual(weights(test.edge), [75, 25]);
  });

  it("drops the stickiness of an action with one group, as AWS does", async () => {
    const targetGroups = [{ arn: (await group("a")).id, weight: 1 }];
    const forward = { targetGroups, stickiness: { enabled: true, duration: 60 } };
    await rule([{ type: "forward", forward }]);
    const [first] = test.edge.config.listeners[0]?.rules ?? [];
    assert.deepEqual(first?.action, { type: "forward", forward: { groups: targetGroups } });
  });

  it("moves a rule's priority in place", async () => {
    const [a, b] = [await group("a"), await group("b")];
    const kept = await rule(split(a, b, 5));
    await plugin.update(kept, { priority: 20 });
    assert.deepEqual(weights(test.edge, 20), [95, 5]);
    assert.equal(weights(test.edge, 10), undefined);
  });

  it("takes the priority after the highest where none is given", async () => {
    const [a, b] = [await group("a"), await group("b")];
    await rule(split(a, b, 5), 41);
    const { listenerArn } = test.world;
    const conditions = [{ hostHeader: { values: ["b.example"] } }];
    const kept = await plugin.create("rule", { listenerArn, conditions, actions: split(a, b, 0) });
    assert.equal(kept.outputs["priority"], 42);
  });

  it("puts the provider's default tags on everything, and keeps them out of the inputs", async () => {
    plugin.config = { region: REGION, defaultTags: { tags: { team: "edge", cost: "1" } } };
    const kept = await group("a", { tags: { cost: "2", own: "x" } });
    assert.deepEqual(kept.outputs["tagsAll"], { team: "edge", cost: "2", own: "x" });
    assert.deepEqual((await plugin.read(kept))?.inputs, kept.inputs);
  });
});
