import assert from "node:assert/strict";
import program from "../../index";
import { type Changes, configOf, PROJECT, SECRET_KEYS, type StackName } from "../migration/stackConfig";
import { type Answer, record, type RecordedResource, type Recording, the } from "./recorder";

const GATE = "command:local:Command";
const RULE = "aws:lb/listenerRule:ListenerRule";

interface RunOptions {
  readonly preview?: boolean;
  readonly gate?: Answer;
  readonly gateStdout?: string;
  readonly lastStage?: string;
  readonly secretKeys?: readonly string[];
}

function run(stack: StackName, changes: Changes, options: RunOptions = {}): Promise<Recording> {
  return record(program, {
    stack,
    config: configOf(stack, changes),
    secretKeys: options.secretKeys ?? SECRET_KEYS,
    preview: options.preview ?? false,
    answer: (type, name) => (type === GATE && name === "gate" ? (options.gate ?? "done") : "done"),
    outputsOf: (type, name) => {
      if (type === "pulumi:pulumi:StackReference")
        return { outputs: { stage: options.lastStage }, secretOutputNames: [] };
      return type === GATE && name === "gate" ? { stdout: options.gateStdout ?? "" } : {};
    },
  });
}

function labels(resources: readonly RecordedResource[]): readonly string[] {
  return resources.map(({ type, name }) => `${type} ${name}`).sort();
}

function rules(resources: readonly RecordedResource[]): readonly RecordedResource[] {
  return resources.filter(({ type }) => type === RULE).sort((a, b) => (a.name < b.name ? -1 : 1));
}

const BEFORE_GATE = [
  "api7-migration:components:StageGate gate",
  `${GATE} gate`,
  "random:index/randomPassword:RandomPassword database-b-password",
];

describe("program: the gate comes first", () => {
  for (const stage of [
    "prepare",
    "freeze",
    "restore",
    "start",
    "traffic-5",
    "traffic-100",
    "complete",
    "decommission",
  ]) {
    it(`${stage}: while the gate runs nothing else is registered`, async () => {
      const { resources } = await run("prod", { stage }, { gate: "never" });
      assert.deepEqual(labels(resources), BEFORE_GATE);
    });

    it(`${stage}: when the gate fails nothing else is registered`, async () => {
      for (const gate of ["error", "failed"] as const) {
        const { resources, error } = await run("prod", { stage }, { gate });
        assert.deepEqual(labels(resources), BEFORE_GATE);
        assert.ok(error !== undefined);
      }
    });
  }

  for (const stage of ["rollback", "abandon"]) {
    for (const gate of ["never", "error", "failed"] as const) {
      it(`${stage}: the weights go although the gate answers ${gate}, and nothing else does`, async () => {
        const { resources } = await run("prod", { stage }, { gate, lastStage: "traffic-25" });
        const others = resources.filter(({ type }) => !type.startsWith("aws:"));
        assert.deepEqual(labels(others), [
          "api7-migration:components:StageGate gate",
          "api7-migration:components:TrafficNetwork network",
          "api7-migration:components:TrafficSplit traffic",
          `${GATE} gate`,
          "random:index/randomPassword:RandomPassword database-b-password",
        ]);
        assert.deepEqual(
          rules(resources).map(({ name }) => name),
          ["traffic-default", "traffic-partner"],
        );
      });
    }
  }

  it("nothing depends on it in the state, so that a targeted update never finds half a dependency", async () => {
    const { resources } = await run("prod", { stage: "traffic-25" });
    assert.deepEqual(
      resources.filter(({ options }) => options.dependsOn.includes("Command gate")),
      [],
    );
  });

  it("in a preview that will run the gate, everything is shown", async () => {
    const preview = await run("prod", { stage: "traffic-25" }, { preview: true });
    const update = await run("prod", { stage: "traffic-25" });
    assert.equal(preview.error, undefined);
    assert.deepEqual(labels(preview.resources), labels(update.resources));
  });
});

describe("program: settings with findings", () => {
  it("register nothing, and are told all at once", async () => {
    const { resources, error } = await run("prod", {
      stage: "trafic-25",
      "databaseB.multiAz": "yes",
      "network.vpcID": "vpc-1",
    });
    assert.deepEqual(resources, []);
    assert.match(error?.message ?? "", /Settings of stack prod: 3 findings\. Nothing was touched\./);
    assert.match(
      error?.message ?? "",
      /stage: read "trafic-25", expected .*\(traffic-25\?\)\n {6}pulumi config set stage traffic-25/,
    );
    assert.match(error?.message ?? "", /databaseB\.multiAz: read "yes", expected true or false/);
    assert.match(error?.message ?? "", /network\.vpcID: read the key vpcID, expected vpcId\?/);
    assert.equal(error?.stack, undefined, "a stack of frames says nothing to who mends settings");
  });

  it("register nothing when a secret is kept in plain text", async () => {
    const { resources, error } = await run("prod", {}, { secretKeys: [`${PROJECT}:databaseADsn`] });
    assert.deepEqual(resources, []);
    assert.match(error?.message ?? "", /controlPlaneToken: read plain text, expected a secret/);
  });

  it("are warnings at rollback where a correct rest could be used", async () => {
    const { resources, error, logs } = await run("prod", {
      stage: "rollback",
      soakHours: "2x",
      "databaseB.multiAZ": true,
    });
    assert.equal(error, undefined);
    const whole = await run("prod", { stage: "rollback" });
    assert.deepEqual(labels(resources), labels(whole.resources));
    assert.equal(logs.length, 2);
    assert.match(logs.join("\n"), /databaseB\.multiAZ: .*multiAz\?/);
    assert.match(logs.join("\n"), /soakHours: read "2x"/);
  });

  it("at rollback leave the weights and the record, and then fail", async () => {
    const { resources, error } = await run("prod", {
      stage: "rollback",
      clusterB: undefined,
      controlPlaneToken: undefined,
    });
    assert.match(
      error?.message ?? "",
      /2 findings\. The way back was declared; everything else of this stack was left out/,
    );
    assert.deepEqual(
      rules(resources).map(({ name, inputs }) => [name, weightsOf(inputs)]),
      [
        ["traffic-default", [100, 0]],
        ["traffic-partner", [100, 0]],
      ],
    );
    const gate = the({ resources } as Recording, GATE, "gate");
    assert.deepEqual(JSON.parse(String(gate.inputs["stdin"])), {
      stage: "rollback",
      recordFolder: "record/prod",
      trafficSteps: [5, 25, 50, 75, 100],
    });
    assert.equal(gate.options.protect, true);
    const types = new Set(resources.map(({ type }) => type));
    assert.ok(!types.has("aws:rds/instance:Instance") && !types.has("kubernetes:helm.sh/v3:Release"));
  });

  it("of the listener hold rollback too", async () => {
    const { resources, error } = await run("prod", { stage: "rollback", "loadBalancer.listenerArn": undefined });
    assert.deepEqual(resources, []);
    assert.match(error?.message ?? "", /loadBalancer\.listenerArn/);
  });
});

function weightsOf(inputs: RecordedResource["inputs"]): readonly unknown[] {
  const [action] = inputs["actions"] as readonly {
    readonly forward: { readonly targetGroups: readonly { readonly weight: number }[] };
  }[];
  return action?.forward.targetGroups.map(({ weight }) => weight) ?? [];
}

describe("program: outputs", () => {
  it("name the way back: targets for the engine, and calls that need no engine", async () => {
    const { outputs } = await run("prod", { stage: "traffic-50" });
    const { wayBack } = outputs as { wayBack: { targets: readonly string[]; calls: readonly string[] } };
    assert.deepEqual(
      wayBack.targets.map((urn) => urn.split("::").at(-1)),
      ["traffic-default", "traffic-partner", "gate"],
    );
    assert.deepEqual(
      wayBack.calls.map((call) => call.slice(0, call.indexOf(" --actions"))),
      ["default", "partner"].map(
        (group) => `aws elbv2 modify-rule --region eu-central-1 --rule-arn [traffic-${group}.arn]`,
      ),
    );
    const actions = JSON.parse(wayBack.calls.join().split("'")[1] ?? "") as unknown;
    assert.deepEqual(actions, [
      {
        Type: "forward",
        ForwardConfig: {
          TargetGroups: [
            {
              TargetGroupArn:
                "arn:aws:elasticloadbalancing:eu-central-1:444455556666:targetgroup/api7-gateway-a/73e2d6bc24d8a067",
              Weight: 100,
            },
            { TargetGroupArn: "[traffic-default-b.arn]", Weight: 0 },
          ],
          TargetGroupStickinessConfig: { Enabled: false, DurationSeconds: 1 },
        },
      },
    ]);
  });

  it("are known in preview where the weights are concerned", async () => {
    const { resources } = await run("prod", { stage: "traffic-25" }, { preview: true });
    assert.deepEqual(weightsOf(the({ resources } as Recording, RULE, "traffic-default").inputs), [75, 25]);
  });

  it("tell the stage, the shares and the pinned address", async () => {
    const { outputs } = await run("staging", { stage: "complete" });
    assert.deepEqual(
      { stage: outputs["stage"], weights: outputs["weights"], address: outputs["dpManagerAddress"] },
      {
        stage: "complete",
        weights: { a: 0, b: 100 },
        address: "https://api7ee3-dp-manager.api7.svc.cluster.local:7943",
      },
    );
    assert.equal(outputs["loadBalancerDnsName"], "[traffic.dnsName]");
  });
});

describe("program: many runs in one process", () => {
  it("do not see each other", async () => {
    const runs = await Promise.all([
      run("prod", { stage: "traffic-5" }),
      run("staging", { stage: "freeze" }),
      run("prod", { stage: "traffic-75" }),
    ]);
    assert.deepEqual(
      runs.map(({ outputs, error }) => [outputs["stage"], error]),
      [
        ["traffic-5", undefined],
        ["freeze", undefined],
        ["traffic-75", undefined],
      ],
    );
    const alone = await run("staging", { stage: "freeze" });
    assert.deepEqual(labels(runs[1].resources), labels(alone.resources));
  });
});
