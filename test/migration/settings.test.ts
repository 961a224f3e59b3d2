import assert from "node:assert/strict";
import { type Finding } from "../../migration/settings";
import { type Changes, outcomeOf, PROJECT, SECRET_KEYS, settingsOf, STACKS } from "./stackConfig";

/** The findings of a stack file with changes. @throws when there is none */
function findingsOf(changes: Changes, stack: "staging" | "prod" = "prod"): readonly Finding[] {
  const outcome = outcomeOf(stack, changes);
  assert.equal(outcome.kind, "refused", "these settings were taken");
  return outcome.findings;
}

describe("settings of the stack files", () => {
  for (const stack of STACKS) {
    it(`${stack} has no finding once its secrets are set`, () => {
      const outcome = outcomeOf(stack);
      assert.equal(outcome.kind, "settings");
      assert.deepEqual(outcome.warnings, []);
    });

    it(`${stack} holds no secret`, () => {
      const outcome = outcomeOf(stack, { controlPlaneToken: undefined, databaseADsn: undefined });
      assert.equal(outcome.kind, "refused");
      const findings = outcome.findings;
      assert.deepEqual(
        findings.map(({ path, read, remedy }) => ({ path, read, remedy })),
        ["controlPlaneToken", "databaseADsn"].map((path) => ({
          path,
          read: "nothing",
          remedy: `pulumi config set --secret ${path}`,
        })),
      );
    });
  }

  it("are frozen to the bottom", () => {
    const settings = settingsOf("prod");
    assert.throws(() => {
      (settings.gatewayGroups[0] as { name: string }).name = "other";
    }, TypeError);
    assert.throws(() => (settings.trafficSteps as number[]).push(100), TypeError);
  });

  it("have the documented defaults", () => {
    const settings = settingsOf("staging", {
      trafficSteps: undefined,
      soakHours: undefined,
      standbyHours: undefined,
      recordFolder: undefined,
      tags: undefined,
      monitoring: undefined,
      "loadBalancer.healthCheck": undefined,
      "databaseB.copy": undefined,
      "databaseB.multiAz": undefined,
    });
    assert.deepEqual(settings.trafficSteps, [5, 25, 50, 75, 100]);
    assert.deepEqual([settings.soakHours, settings.standbyHours, settings.heartbeatSeconds], [24, 72, 30]);
    assert.deepEqual([settings.recordFolder, settings.tags, settings.volatile], ["record", {}, []]);
    assert.deepEqual([settings.override, settings.acknowledgeRollback], [undefined, undefined]);
    assert.deepEqual(settings.loadBalancer.healthCheck, {
      path: "/status",
      port: 7085,
      intervalSeconds: 5,
      timeoutSeconds: 3,
      healthyThreshold: 2,
      unhealthyThreshold: 2,
    });
    assert.equal(settings.loadBalancer.deregistrationDelaySeconds, 300);
    assert.deepEqual(
      [settings.databaseB.copy, settings.databaseB.multiAz, settings.databaseB.storageType],
      [1, true, "gp3"],
    );
    assert.equal(settings.monitoring.topicArn, undefined);
    assert.equal(settings.monitoring.errorsPerMinute, 20);
  });

  it("take an empty override and an empty acknowledgement of Pulumi.yaml as not given", () => {
    const { override, acknowledgeRollback } = settingsOf("prod", { override: {}, acknowledgeRollback: "" });
    assert.deepEqual([override, acknowledgeRollback], [undefined, undefined]);
  });

  it("take an override that names two stages, a person and a reason", () => {
    const override = { from: "traffic-5", to: "traffic-50", by: "Ada", reason: "quiet night" };
    assert.deepEqual(settingsOf("prod", { override }).override, override);
  });
});

describe("wrong settings", () => {
  it("of a new load balancer: certificate, A's security group, two groups for everything else", () => {
    const second = {
      name: "other",
      shortId: "other",
      clusterA: { deployment: "other", replicas: 1 },
      clusterB: { replicas: 1, resources: { requests: { cpu: "1", memory: "1Gi" } } },
    };
    const findings = findingsOf(
      {
        "loadBalancer.certificateArn": undefined,
        "network.clusterASecurityGroupId": undefined,
        "gatewayGroups[1]": second,
      },
      "staging",
    );
    assert.deepEqual(findings.map(({ path }) => path).sort(), [
      "gatewayGroups",
      "loadBalancer.certificateArn",
      "network.clusterASecurityGroupId",
    ]);
  });

  it("of a stack whose name makes no RDS identifier or too long a target group", () => {
    const outcome = outcomeOf("prod", {}, SECRET_KEYS, "Production_of_everything");
    assert.equal(outcome.kind, "refused");
    const paths = outcome.findings.map(({ path }) => path);
    assert.deepEqual(paths, ["gatewayGroups[0].name", "gatewayGroups[1].name", "stack"]);
  });

  it("are told all at once", () => {
    const findings = findingsOf({
      stage: "trafic-25",
      "databaseB.multiAz": "yes",
      "gatewayGroups[0].clusterB.environment": { API7_DP_MANAGER_ENDPOINTS: "[]" },
    });
    assert.deepEqual(findings.map(({ path }) => path).sort(), [
      "databaseB.multiAz",
      "gatewayGroups[0].clusterB.environment.API7_DP_MANAGER_ENDPOINTS",
      "stage",
    ]);
  });

  it("name the command that mends a misspelled stage", () => {
    const findings = findingsOf({ stage: "trafic-25" });
    assert.deepEqual(
      findings.map(({ path, read, remedy }) => ({ path, read, remedy })),
      [{ path: "stage", read: '"trafic-25"', remedy: "pulumi config set stage traffic-25" }],
    );
  });

  it("of a secret never show it", () => {
    const findings = findingsOf({ databaseADsn: "postgresql//reader:geheim@a/b" });
    assert.deepEqual(findings, [
      {
        path: "databaseADsn",
        read: "a secret",
        expected: "a connection string postgres://USER:PASSWORD@HOST/DATABASE",
        remedy: "pulumi config set --secret databaseADsn",
      },
    ]);
  });

  it("secrets that are kept in plain text are findings", () => {
    const outcome = outcomeOf("prod", {}, [`${PROJECT}:controlPlaneToken`, `${PROJECT}:testCredentials`]);
    assert.equal(outcome.kind, "refused");
    assert.deepEqual(outcome.findings, [
      {
        path: "databaseADsn",
        read: "plain text",
        expected: "a secret",
        remedy: "pulumi config set --secret databaseADsn",
      },
    ]);
  });
});

describe("settings at rollback", () => {
  const rollback = (changes: Changes): ReturnType<typeof outcomeOf> =>
    outcomeOf("prod", { stage: "rollback", ...changes });

  it("without a finding are whole", () => {
    assert.equal(rollback({}).kind, "settings");
  });

  const warnings: readonly (readonly [string, Changes])[] = [
    ["a misspelled key", { "databaseB.multiAZ": true }],
    ["a misspelled top-level key", { stages: "x" }],
    ["a wrong value where there is a default", { soakHours: "2x" }],
    ["steps that make no sense", { trafficSteps: [50, 25] }],
    ["a pair of versions that does not fit", { version: "3.9.17" }],
  ];
  for (const [what, changes] of warnings) {
    it(`${what} is a warning, and everything is declared`, () => {
      const outcome = rollback(changes);
      assert.equal(outcome.kind, "settings");
      assert.ok(outcome.warnings.length > 0);
    });
  }

  const listenerOnly: readonly (readonly [string, Changes])[] = [
    ["database B's settings", { "databaseB.multiAz": "yes" }],
    ["cluster B's settings", { clusterB: undefined }],
    ["a gateway group's size in B", { "gatewayGroups[0].clusterB.replicas": "many" }],
    ["the database's subnets", { "network.databaseSubnetIds": [] }],
    ["the charts", { "charts.dataPlane.file": "https://charts.example.com" }],
    ["the token", { controlPlaneToken: undefined }],
    ["an overriding variable", { "gatewayGroups[0].clusterB.environment": { API7_DP_MANAGER_ENDPOINTS: "[]" } }],
  ];
  for (const [what, changes] of listenerOnly) {
    it(`a mistake in ${what} leaves the listener's part, with the findings`, () => {
      const outcome = rollback(changes);
      assert.equal(outcome.kind, "listener-only");
      assert.ok(outcome.findings.length > 0);
      assert.deepEqual(
        outcome.settings.gatewayGroups.map(({ name, clusterA }) => [name, clusterA.targetGroupArn?.split("/")[1]]),
        [
          ["default", "api7-gateway-a"],
          ["partner", "api7-partner-a"],
        ],
      );
      assert.equal(outcome.settings.stage, "rollback");
    });
  }

  const refused: readonly (readonly [string, Changes])[] = [
    ["no listener", { "loadBalancer.listenerArn": undefined }],
    ["no target group of A", { "gatewayGroups[1].clusterA.targetGroupArn": undefined }],
    ["no VPC", { "network.vpcId": undefined }],
    ["no region", { "aws:region": undefined }],
    ["two groups with one priority", { "gatewayGroups[1].match.priority": 20 }],
  ];
  for (const [what, changes] of refused) {
    it(`${what}: there is nothing that could be set`, () => assert.equal(rollback(changes).kind, "refused"));
  }

  it("at any other stage the same mistakes hold everything", () => {
    for (const [, changes] of [...warnings, ...listenerOnly]) {
      assert.equal(outcomeOf("prod", { stage: "traffic-25", ...changes }).kind, "refused");
    }
  });
});
