import assert from "node:assert/strict";
import { StageGate } from "../../components/stageGate";
import { TrafficSplit } from "../../components/trafficSplit";
import { TrafficNetwork } from "../../components/network";
import { gateRequestOf } from "../../migration/scope";
import { type Changes, settingsOf, type StackName } from "../migration/stackConfig";
import { record, type RecordedResource, type Recording, the } from "./recorder";

const GROUP = "aws:lb/targetGroup:TargetGroup";
const LISTENER = "aws:lb/listener:Listener";
const RULE = "aws:lb/listenerRule:ListenerRule";
const BALANCER = "aws:lb/loadBalancer:LoadBalancer";
const INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule";
const EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule";

function splitOf(
  stack: StackName,
  changes: Changes = {},
  look?: (split: TrafficSplit) => Record<string, unknown>,
): Promise<Recording> {
  const settings = settingsOf(stack, changes);
  return record(() => {
    const host = { startedAt: new Date(0), programFolder: "", projectFolder: "", environment: {} };
    const gate = new StageGate("gate", { request: gateRequestOf(settings), secrets: {}, host });
    const { loadBalancerSecurityGroups } = new TrafficNetwork("network", settings);
    const split = new TrafficSplit("traffic", { settings, securityGroups: loadBalancerSecurityGroups, gate });
    return look?.(split) ?? {};
  });
}

function of(recording: Recording, type: string): readonly RecordedResource[] {
  return recording.resources.filter((resource) => resource.type === type).sort((a, b) => (a.name < b.name ? -1 : 1));
}

const forward = (a: string, b: string, weightB: number): object => ({
  type: "forward",
  forward: {
    targetGroups: [
      { arn: a, weight: 100 - weightB },
      { arn: b, weight: weightB },
    ],
    stickiness: { enabled: false, duration: 1 },
  },
});

const SECOND_GROUP = {
  name: "partner",
  shortId: "partner",
  match: { priority: 10, hosts: ["partner.example.com"] },
  clusterA: { deployment: "gateway-partner", replicas: 1 },
  clusterB: { replicas: 1, resources: { requests: { cpu: "1", memory: "1Gi" } } },
};

describe("traffic split behind a load balancer of the program's own", () => {
  it("carries the weights in the listener's default action", async () => {
    const recording = await splitOf("staging", { stage: "traffic-25" });
    assert.deepEqual(of(recording, RULE), []);
    assert.deepEqual(the(recording, LISTENER, "traffic").inputs, {
      loadBalancerArn: "[traffic.arn]",
      protocol: "HTTPS",
      port: 443,
      certificateArn: "arn:aws:acm:eu-central-1:111122223333:certificate/3f1c9a52-5d0e-4f8e-9d51-6f2a7c0b1e44",
      sslPolicy: "ELBSecurityPolicy-TLS13-1-2-2021-06",
      defaultActions: [forward("[traffic-default-a.arn]", "[traffic-default-b.arn]", 25)],
      tags: { project: "api7-migration", environment: "staging" },
    });
  });

  it("makes both target groups alike, whole as AWS gets them", async () => {
    const recording = await splitOf("staging");
    const groups = of(recording, GROUP);
    assert.deepEqual(
      groups.map(({ inputs }) => inputs["name"]),
      ["api7-staging-default-a", "api7-staging-default-b"],
    );
    const [a, b] = groups.map(({ inputs }) => ({ ...inputs, name: "" }));
    assert.deepEqual(a, b);
    assert.deepEqual(a, {
      name: "",
      vpcId: "vpc-0a1b2c3d4e5f60718",
      targetType: "ip",
      protocol: "HTTP",
      port: 9080,
      deregistrationDelay: 300,
      healthCheck: {
        enabled: true,
        protocol: "HTTP",
        path: "/status",
        port: "7085",
        matcher: "200",
        interval: 10,
        timeout: 5,
        healthyThreshold: 2,
        unhealthyThreshold: 2,
      },
      loadBalancingAlgorithmType: "round_robin",
      slowStart: 0,
      stickiness: { enabled: false, type: "lb_cookie" },
      targetGroupHealth: {
        dnsFailover: { minimumHealthyTargetsCount: "off", minimumHealthyTargetsPercentage: "off" },
        unhealthyStateRouting: { minimumHealthyTargetsCount: 1, minimumHealthyTargetsPercentage: "off" },
      },
      tags: { project: "api7-migration", environment: "staging" },
    });
  });

  it("with several groups gives the others rules of their own", async () => {
    const recording = await splitOf("staging", { stage: "traffic-5", "gatewayGroups[1]": SECOND_GROUP });
    assert.deepEqual(the(recording, LISTENER, "traffic").inputs["defaultActions"], [
      forward("[traffic-default-a.arn]", "[traffic-default-b.arn]", 5),
    ]);
    assert.deepEqual(the(recording, RULE, "traffic-partner").inputs, {
      listenerArn: "[traffic.arn]",
      priority: 10,
      conditions: [{ hostHeader: { values: ["partner.example.com"] } }],
      actions: [forward("[traffic-partner-a.arn]", "[traffic-partner-b.arn]", 5)],
      tags: { project: "api7-migration", environment: "staging" },
    });
    assert.equal(of(recording, GROUP).length, 4);
  });

  it("with a match for every group answers the rest with 404, and carries no weight there", async () => {
    const recording = await splitOf("staging", {
      "gatewayGroups[0].match": { priority: 5, hosts: ["api.example.com"] },
    });
    const listener = the(recording, LISTENER, "traffic");
    const [action] = listener.inputs["defaultActions"] as readonly {
      readonly fixedResponse: { readonly statusCode: string };
    }[];
    assert.equal(action?.fixedResponse.statusCode, "404");
    assert.deepEqual(listener.options.hooks, {});
    assert.equal(of(recording, RULE).length, 1);
  });

  it("without TLS asks for no certificate", async () => {
    const recording = await splitOf("staging", { "loadBalancer.protocol": "HTTP", "loadBalancer.port": 8080 });
    const { inputs } = the(recording, LISTENER, "traffic");
    assert.deepEqual(
      [inputs["protocol"], inputs["port"], inputs["certificateArn"], inputs["sslPolicy"]],
      ["HTTP", 8080, undefined, undefined],
    );
  });

  it("is reachable by its clients alone, and reaches the gateways of both clusters alone", async () => {
    const recording = await splitOf("staging");
    const rules = (type: string): unknown =>
      of(recording, type).map(({ inputs }) => [
        inputs["securityGroupId"],
        inputs["cidrIpv4"] ?? inputs["referencedSecurityGroupId"],
        inputs["fromPort"],
        inputs["toPort"],
      ]);
    const [own, a, b] = ["[network-load-balancer.id]", "sg-0a11c1a5511c1a551", "sg-0b22c1b5522c1b552"];
    assert.deepEqual(rules(INGRESS), [
      [own, "198.51.100.0/24", 443, 443],
      [own, "203.0.113.0/24", 443, 443],
      [a, own, 7085, 7085],
      [a, own, 9080, 9080],
      [b, own, 7085, 7085],
      [b, own, 9080, 9080],
    ]);
    assert.deepEqual(rules(EGRESS), [
      [own, a, 7085, 7085],
      [own, a, 9080, 9080],
      [own, b, 7085, 7085],
      [own, b, 9080, 9080],
    ]);
    assert.deepEqual(the(recording, BALANCER, "traffic").inputs["securityGroups"], [own]);
  });

  it("is protected from start until abandon", async () => {
    for (const [stage, expected] of [
      ["prepare", false],
      ["restore", false],
      ["start", true],
      ["rollback", true],
      ["abandon", false],
    ] as const) {
      const recording = await splitOf("staging", { stage });
      assert.equal(the(recording, BALANCER, "traffic").inputs["enableDeletionProtection"], expected, stage);
      for (const type of [BALANCER, LISTENER, GROUP]) {
        for (const { options } of of(recording, type)) assert.equal(options.protect, expected, `${stage} ${type}`);
      }
    }
  });
});

describe("traffic split on A's own listener", () => {
  it("adds rules of its own and imports nothing", async () => {
    const recording = await splitOf("prod", { stage: "traffic-50" });
    assert.deepEqual([of(recording, LISTENER), of(recording, BALANCER)], [[], []]);
    assert.deepEqual(
      of(recording, GROUP).map(({ name }) => name),
      ["traffic-default-b", "traffic-partner-b"],
    );
    const { inputs } = the(recording, RULE, "traffic-default");
    assert.deepEqual(inputs, {
      listenerArn:
        "arn:aws:elasticloadbalancing:eu-central-1:444455556666:listener/app/api-prod/50dc6c495c0c9188/f2f7dc8efc522ab2",
      priority: 20,
      conditions: [
        { hostHeader: { values: ["api.example.com", "*.api.example.com"] } },
        { pathPattern: { values: ["/*"] } },
      ],
      actions: [
        forward(
          "arn:aws:elasticloadbalancing:eu-central-1:444455556666:targetgroup/api7-gateway-a/73e2d6bc24d8a067",
          "[traffic-default-b.arn]",
          50,
        ),
      ],
      tags: { project: "api7-migration", environment: "prod", owner: "platform" },
    });
  });

  it("lets the load balancer reach B's gateways, and leaves A's alone", async () => {
    const recording = await splitOf("prod");
    assert.deepEqual(
      of(recording, INGRESS).map(({ inputs }) => [
        inputs["securityGroupId"],
        inputs["referencedSecurityGroupId"],
        inputs["fromPort"],
      ]),
      [
        ["sg-0b77c1b5577c1b557", "sg-0a1b0a1b0a1b0a1b0", 7085],
        ["sg-0b77c1b5577c1b557", "sg-0a1b0a1b0a1b0a1b0", 9080],
      ],
    );
    assert.deepEqual(of(recording, EGRESS), []);
  });

  it("knows the load balancer's name for CloudWatch from the listener", async () => {
    const { outputs } = await splitOf("prod", {}, (split) => ({
      dimension: split.loadBalancerDimension,
      dns: split.dnsName ?? "none",
    }));
    assert.deepEqual(outputs, { dimension: "app/api-prod/50dc6c495c0c9188", dns: "none" });
  });

  it("gives each rule hooks of its own, for creation and change, in preview too", async () => {
    const recording = await splitOf("prod");
    assert.deepEqual([...recording.hooks.keys()].filter((name) => name.startsWith("traffic")).sort(), [
      "traffic-default-begins-with-a",
      "traffic-default-legal-weights",
      "traffic-partner-begins-with-a",
      "traffic-partner-legal-weights",
    ]);
    for (const [name, hook] of recording.hooks) assert.deepEqual(hook.opts, { onDryRun: true }, name);
    assert.deepEqual(the(recording, RULE, "traffic-partner").options.hooks, {
      beforeCreate: ["traffic-partner-begins-with-a"],
      beforeUpdate: ["traffic-partner-legal-weights"],
    });
  });

  it("does not know a gateway group that is none", async () => {
    const { error } = await splitOf("prod", {}, (split) => ({ group: split.of({ name: "nobody" }).ownsGroupA }));
    assert.match(error?.message ?? "", /no gateway group nobody/);
  });
});
