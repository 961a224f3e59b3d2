import assert from "node:assert/strict";
import { Provider } from "@pulumi/kubernetes/provider";
import { ConfigurationFreeze } from "../../components/configurationFreeze";
import { type Changes, settingsOf, type StackName } from "../migration/stackConfig";
import { record, type RecordedResource, type Recording, the } from "./recorder";

const PATCH = "kubernetes:apps/v1:DeploymentPatch";
const MINIMUM = "kubernetes:autoscaling/v2:HorizontalPodAutoscalerPatch";
const RULE = "aws:lb/listenerRule:ListenerRule";
const SNAPSHOT = "aws:rds/snapshot:Snapshot";
const PROOF = "command:local:Command";

function freezeOf(stack: StackName, changes: Changes): Promise<Recording> {
  return record(() => {
    new ConfigurationFreeze("freeze", {
      settings: settingsOf(stack, changes),
      provider: new Provider("cluster-a", { kubeconfig: "a.yaml", clusterIdentifier: "a" }),
      secrets: { databaseADsn: "dsn-a", databaseBPassword: "password-b", controlPlaneToken: "token" },
    });
    return {};
  });
}

/** Deployment -> replicas, HorizontalPodAutoscaler -> minimum. */
function sizes({ resources }: Recording): Record<string, number> {
  const patches = resources.filter(({ type }) => type === PATCH || type === MINIMUM);
  return Object.fromEntries(
    patches.map(({ inputs }) => {
      const { metadata, spec } = inputs as {
        metadata: { name: string };
        spec: { replicas?: number; minReplicas?: number };
      };
      return [metadata.name, spec.replicas ?? spec.minReplicas ?? -1];
    }),
  );
}

function of(recording: Recording, type: string): readonly RecordedResource[] {
  return recording.resources.filter((resource) => resource.type === type);
}

const AUTOSCALED = { "gatewayGroups[0].clusterA.autoscaler": { name: "gateway-hpa", minimum: 1 } };

describe("freeze of A by scaling its dashboard", () => {
  const expected: readonly (readonly [string, Record<string, number>])[] = [
    ["freeze", { "api7ee3-dashboard": 0, "api7ee3-developer-portal": 0, "gateway-hpa": 2 }],
    ["traffic-50", { "api7ee3-dashboard": 0, "api7ee3-developer-portal": 0, "gateway-hpa": 2 }],
    ["rollback", { "api7ee3-dashboard": 0, "api7ee3-developer-portal": 0, "gateway-hpa": 2 }],
    // Opened again with the recorded sizes, and the autoscaler's own minimum.
    ["abandon", { "api7ee3-dashboard": 1, "api7ee3-developer-portal": 1, "gateway-hpa": 1 }],
    [
      "decommission",
      { "api7ee3-dashboard": 0, "api7ee3-developer-portal": 0, "api7ee3-dp-manager": 0, gateway: 0, "gateway-hpa": 2 },
    ],
  ];
  for (const [stage, wanted] of expected) {
    it(`${stage}: ${JSON.stringify(wanted)}`, async () => {
      assert.deepEqual(sizes(await freezeOf("staging", { stage, ...AUTOSCALED })), wanted);
    });
  }

  it("takes the field by force, and never gives it back by letting go", async () => {
    const { resources } = await freezeOf("staging", { stage: "freeze", ...AUTOSCALED });
    const patches = resources.filter(({ type }) => type === PATCH || type === MINIMUM);
    assert.equal(patches.length, 3);
    for (const { inputs, options } of patches) {
      const { metadata } = inputs as { metadata: { namespace: string; annotations: Record<string, string> } };
      assert.equal(metadata.namespace, "api7");
      assert.deepEqual(metadata.annotations, { "pulumi.com/patchForce": "true" });
      assert.equal(options.retainOnDelete, true);
      assert.equal(options.provider, "kubernetes cluster-a");
    }
  });

  it("leaves out a portal that A does not have", async () => {
    const changes = { stage: "freeze", "clusterA.replicas.developerPortal": 0 };
    assert.deepEqual(sizes(await freezeOf("staging", changes)), { "api7ee3-dashboard": 0 });
  });

  it("never touches A's DP Manager or gateways before decommission", async () => {
    for (const stage of ["freeze", "restore", "start", "traffic-100", "complete", "rollback", "abandon"]) {
      const names = Object.keys(sizes(await freezeOf("staging", { stage })));
      assert.deepEqual(names, ["api7ee3-dashboard", "api7ee3-developer-portal"], stage);
    }
  });

  it("is proved after it, once", async () => {
    const held = the(await freezeOf("staging", { stage: "freeze" }), PROOF, "freeze-held");
    assert.equal(held.inputs["create"], "node --import tsx checks/cli.ts freeze");
    assert.deepEqual(held.options.dependsOn, [
      "DeploymentPatch freeze-api7ee3-dashboard",
      "DeploymentPatch freeze-api7ee3-developer-portal",
    ]);
    assert.deepEqual(held.options.ignoreChanges, []);
    const later = the(await freezeOf("staging", { stage: "traffic-5" }), PROOF, "freeze-held");
    assert.deepEqual(later.options.ignoreChanges, ["stdin", "environment"]);
    assert.deepEqual(of(await freezeOf("staging", { stage: "abandon" }), PROOF), []);
  });
});

describe("freeze of A by refusing writes", () => {
  it("answers methods that write with 503, signing in excepted, and scales nothing", async () => {
    const recording = await freezeOf("prod", { stage: "freeze" });
    assert.deepEqual(sizes(recording), { gateway: 12 });
    const login = the(recording, RULE, "freeze-login").inputs;
    const writes = the(recording, RULE, "freeze-writes").inputs;
    assert.equal(login["priority"], 10);
    assert.equal(writes["priority"], 11);
    assert.deepEqual(login["conditions"], [
      { hostHeader: { values: ["api7-admin.example.com"] } },
      { pathPattern: { values: ["/api/login", "/api/oidc/*", "/api/saml/*"] } },
    ]);
    assert.deepEqual(login["actions"], [
      {
        type: "forward",
        targetGroupArn:
          "arn:aws:elasticloadbalancing:eu-central-1:444455556666:targetgroup/api7-dashboard-a/0c1d2e3f40516273",
      },
    ]);
    assert.deepEqual(writes["conditions"], [
      { hostHeader: { values: ["api7-admin.example.com"] } },
      { httpRequestMethod: { values: ["POST", "PUT", "PATCH", "DELETE"] } },
    ]);
    const [refusal] = writes["actions"] as readonly {
      readonly type: string;
      readonly fixedResponse: Record<string, string>;
    }[];
    assert.equal(refusal?.type, "fixed-response");
    assert.equal(refusal.fixedResponse["statusCode"], "503");
    assert.equal(refusal.fixedResponse["contentType"], "application/json");
    const body = refusal.fixedResponse["messageBody"] ?? "";
    assert.ok(body.length <= 1024, "ELB takes no longer body");
    assert.match((JSON.parse(body) as { error_msg: string }).error_msg, /frozen, reading goes on/);
    // Signing in must be possible before anything is refused.
    assert.ok(the(recording, RULE, "freeze-writes").options.dependsOn.includes("ListenerRule freeze-login"));
  });

  it("stays within ELB's five values a rule", async () => {
    const recording = await freezeOf("prod", {
      stage: "freeze",
      "clusterA.freeze.loginPaths": ["/a", "/b", "/c", "/d"],
    });
    for (const { inputs } of of(recording, RULE)) {
      const conditions = inputs["conditions"] as readonly Readonly<
        Record<string, { readonly values: readonly string[] }>
      >[];
      const count = conditions.flatMap((condition) => Object.values(condition).flatMap(({ values }) => values)).length;
      assert.ok(count <= 5, `${count} values`);
    }
  });

  it("takes its rules away at abandon and gives the autoscaler its minimum back", async () => {
    const recording = await freezeOf("prod", { stage: "abandon" });
    assert.deepEqual(of(recording, RULE), []);
    assert.deepEqual(sizes(recording), { gateway: 6 });
  });

  it("at decommission stops everything all the same, after a last snapshot", async () => {
    const recording = await freezeOf("prod", { stage: "decommission" });
    assert.equal(of(recording, RULE).length, 2);
    const stopped = of(recording, PATCH);
    assert.deepEqual(stopped.map(({ inputs }) => (inputs["metadata"] as { name: string }).name).sort(), [
      "api7ee3-dashboard",
      "api7ee3-developer-portal",
      "api7ee3-dp-manager",
      "gateway",
      "gateway-partner",
    ]);
    for (const { inputs, options } of stopped) {
      assert.deepEqual(inputs["spec"], { replicas: 0 });
      assert.ok(options.dependsOn.includes("Snapshot freeze-final"), "A is whole when the last snapshot is taken");
    }
    const snapshot = the(recording, SNAPSHOT, "freeze-final");
    assert.equal(snapshot.inputs["dbInstanceIdentifier"], "api7-prod-a");
    assert.equal(snapshot.inputs["dbSnapshotIdentifier"], "api7-prod-a-final");
    assert.equal(snapshot.options.retainOnDelete, true);
  });
});

describe("freeze of A by announcement", () => {
  const announced = { "clusterA.freeze": { mode: "announced" } };
  it("touches nothing but the autoscaler's minimum, and is looked at", async () => {
    const recording = await freezeOf("prod", { stage: "freeze", ...announced });
    assert.deepEqual(sizes(recording), { gateway: 12 });
    assert.deepEqual(of(recording, RULE), []);
    assert.equal(of(recording, PROOF).length, 1);
  });
  it("brings back nothing at abandon that it did not take", async () => {
    assert.deepEqual(sizes(await freezeOf("prod", { stage: "abandon", ...announced })), { gateway: 6 });
  });
});

describe("freeze of A during an emergency change", () => {
  const emergencyChange = { by: "ada", reason: "a new certificate" };

  /** Inputs of everything that is not as without it, by name. */
  async function changed(stack: StackName, changes: Changes): Promise<Readonly<Record<string, unknown>>> {
    const inputsOf = ({ resources }: Recording): ReadonlyMap<string, unknown> =>
      new Map(resources.map(({ name, inputs }) => [name, inputs]));
    const without = inputsOf(await freezeOf(stack, changes));
    const open = inputsOf(await freezeOf(stack, { ...changes, emergencyChange }));
    assert.deepEqual([...open.keys()], [...without.keys()], "no resource comes or goes");
    return Object.fromEntries(
      [...open].filter(([name, inputs]) => JSON.stringify(inputs) !== JSON.stringify(without.get(name))),
    );
  }

  for (const stage of ["freeze", "start", "traffic-25", "complete", "rollback"]) {
    it(`${stage}: A's dashboards get their recorded sizes, and nothing else moves`, async () => {
      const patches = await changed("staging", { stage });
      assert.deepEqual(
        Object.entries(patches).map(([name, inputs]) => [name, (inputs as { spec: unknown }).spec]),
        [
          ["freeze-api7ee3-dashboard", { replicas: 1 }],
          ["freeze-api7ee3-developer-portal", { replicas: 1 }],
        ],
      );
    });
  }

  it("the rule that refuses writes lets them through, and is the same rule", async () => {
    const rules = await changed("prod", { stage: "traffic-25" });
    assert.deepEqual(Object.keys(rules), ["freeze-writes"]);
    const { actions, conditions, priority } = rules["freeze-writes"] as Readonly<Record<string, unknown>>;
    const login = the(await freezeOf("prod", { stage: "traffic-25" }), RULE, "freeze-login");
    assert.deepEqual(actions, login.inputs["actions"]);
    const frozen = the(await freezeOf("prod", { stage: "traffic-25" }), RULE, "freeze-writes");
    assert.deepEqual({ conditions, priority }, { conditions: frozen.inputs["conditions"], priority: 11 });
  });

  it("opens nothing where A is open anyway, or is stopped", async () => {
    for (const stage of ["abandon", "decommission"]) assert.deepEqual(await changed("staging", { stage }), {}, stage);
  });
});
