import assert from "node:assert/strict";
import fc from "fast-check";
import { describeFindings, type Finding, readSettings } from "../../migration/settings";
import { type Changes, configOf, outcomeOf, PROJECT, SECRET_KEYS, settingsOf, STACKS } from "./stackConfig";

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

/** [what is set, where the finding is, what it says is expected] */
const WRONG: readonly (readonly [Changes, string, RegExp])[] = [
  // The stage and the steps.
  [{ stage: "trafic-25" }, "stage", /traffic-25\?/],
  [{ stage: "rolback" }, "stage", /rollback\?/],
  [{ stage: "traffic-30" }, "stage", /one of prepare, .*traffic-25/],
  [{ stage: "go" }, "stage", /one of prepare/],
  [{ stage: undefined }, "stage", /a stage/],
  [{ stage: "Traffic-25" }, "stage", /a stage/],
  [{ trafficSteps: [11, 100] }, "trafficSteps", /first step of 1 to 10/],
  [{ trafficSteps: [5, 25, 25, 100] }, "trafficSteps", /rise/],
  [{ trafficSteps: [5, 50, 25, 100] }, "trafficSteps", /rise/],
  [{ trafficSteps: [5, 25] }, "trafficSteps", /last step of 100/],
  [{ trafficSteps: [] }, "trafficSteps", /list of percentages/],
  [{ trafficSteps: "5,25,100" }, "trafficSteps", /list of percentages/],
  [{ trafficSteps: [0, 100] }, "trafficSteps[0]", /from 1 to 100/],
  [{ trafficSteps: [5, 101] }, "trafficSteps[1]", /from 1 to 100/],
  [{ trafficSteps: [5.5, 100] }, "trafficSteps[0]", /whole number/],
  [{ trafficSteps: ["5 %", 100] }, "trafficSteps[0]", /whole number/],
  // Times.
  [{ soakHours: "50abc" }, "soakHours", /number of hours from 0 to 168/],
  [{ soakHours: -1 }, "soakHours", /from 0 to 168/],
  [{ soakHours: 169 }, "soakHours", /from 0 to 168/],
  [{ standbyHours: 721 }, "standbyHours", /from 0 to 720/],
  [{ standbyHours: "three days" }, "standbyHours", /number of hours/],
  [{ heartbeatSeconds: 9 }, "heartbeatSeconds", /from 10 to 300/],
  [{ heartbeatSeconds: 30.5 }, "heartbeatSeconds", /whole number/],
  // Override and acknowledgement.
  [{ override: { from: "traffic-5", to: "traffic-50" } }, "override.by", /name of who/],
  [{ override: { from: "traffic-5", to: "traffic-60", by: "a", reason: "b" } }, "override.to", /traffic-50/],
  [{ override: { from: "x-1", to: "traffic-50", by: "a", reason: "b" } }, "override.from", /prepare/],
  [{ override: { from: "traffic-5", to: "traffic-50", by: "a", reason: "" } }, "override.reason", /reason/],
  [
    { override: { from: "traffic-5", to: "traffic-50", by: "a", reason: "b", until: 1 } },
    "override.until",
    /from, to, by, reason/,
  ],
  [{ override: "yes" }, "override", /an object with from/],
  [{ acknowledgeRollback: "yes" }, "acknowledgeRollback", /12 hex digits/],
  // Keys that nobody reads.
  [{ stages: "freeze" }, "stages", /stage\?/],
  [{ trafficStep: [5, 100] }, "trafficStep", /trafficSteps\?/],
  [{ somethingElse: 1 }, "somethingElse", /one of the keys stage/],
  [{ "databaseB.multiAZ": true }, "databaseB.multiAZ", /multiAz\?/],
  [{ "network.vpcID": "vpc-1" }, "network.vpcID", /vpcId\?/],
  [{ "loadBalancer.healthCheck.intervalSecond": 5 }, "loadBalancer.healthCheck.intervalSecond", /intervalSeconds\?/],
  [{ "loadBalancer.certificateArn": "arn" }, "loadBalancer.certificateArn", /one of the keys/],
  [{ "gatewayGroups[0].clusterB.replica": 3 }, "gatewayGroups[0].clusterB.replica", /replicas\?/],
  [{ "gatewayGroups[1].clusterA.deploymnt": "x" }, "gatewayGroups[1].clusterA.deploymnt", /deployment\?/],
  [{ "clusterA.freeze.loginPath": "/x" }, "clusterA.freeze.loginPath", /loginPaths\?/],
  [{ "monitoring.latency": 3 }, "monitoring.latency", /latencySeconds|one of the keys/],
  [{ "charts.controlPlane.repo": "https://x" }, "charts.controlPlane.repo", /version, file, sha256/],
  // Versions.
  [{ version: "v3.9.18" }, "version", /such as 3.9.18/],
  [{ version: "3.9" }, "version", /such as 3.9.18/],
  [{ version: "3.10.1" }, "version", /3.9 line/],
  [{ version: "3.9.17" }, "charts.controlPlane.version", /3.9.3 or 3.9.4/],
  [{ "charts.controlPlane.version": "0.18.3" }, "charts.controlPlane.version", /3.9.5, which carries API7 3.9.18/],
  [{ "charts.dataPlane.version": "3.9.8" }, "charts.dataPlane.version", /3.9.9 or 3.9.10/],
  [{ "charts.dataPlane.version": "3.9.9" }, "charts.dataPlane.version", /cut requests in flight/],
  [{ "charts.dataPlane.version": "latest" }, "charts.dataPlane.version", /chart version/],
  [{ "charts.controlPlane.file": "https://charts.example.com/api7ee3" }, "charts.controlPlane.file", /\.tgz/],
  [{ "charts.controlPlane.sha256": "abc" }, "charts.controlPlane.sha256", /64 hex digits/],
  [{ "charts.dataPlane": undefined }, "charts.dataPlane", /version, file and sha256/],
  [{ charts: undefined }, "charts", /controlPlane and dataPlane/],
  // Secrets.
  [{ databaseADsn: "mysql://a:b@c/d" }, "databaseADsn", /postgres:\/\//],
  [{ databaseADsn: "postgres://host/db" }, "databaseADsn", /USER:PASSWORD/],
  [{ controlPlaneToken: undefined }, "controlPlaneToken", /an API7 token/],
  // Network.
  [{ network: undefined }, "network", /an object with vpcId/],
  [{ "network.vpcId": "10.0.0.0/16" }, "network.vpcId", /vpc-/],
  [{ "network.clusterBSecurityGroupId": undefined }, "network.clusterBSecurityGroupId", /sg-/],
  [{ "network.clusterBSecurityGroupId": "default" }, "network.clusterBSecurityGroupId", /sg-/],
  [{ "network.databaseSubnetIds": ["subnet-0aa1"] }, "network.databaseSubnetIds", /at least 2/],
  [{ "network.databaseSubnetIds": ["a", "b"] }, "network.databaseSubnetIds[0]", /subnet-/],
  [{ "network.runnerCidrs": [] }, "network.runnerCidrs", /IPv4 blocks/],
  [{ "network.runnerCidrs": ["10.0.0.1"] }, "network.runnerCidrs[0]", /10.0.0.0\/16/],
  [{ "network.runnerCidrs": ["10.0.0.0/33"] }, "network.runnerCidrs[0]", /IPv4 block/],
  [{ "network.runnerCidrs": ["10.0.256.0/24"] }, "network.runnerCidrs[0]", /IPv4 block/],
  [{ "aws:region": undefined }, "aws:region", /an AWS region/],
  // Load balancer.
  [{ loadBalancer: undefined }, "loadBalancer", /new or existing/],
  [{ "loadBalancer.kind": "imported" }, "loadBalancer.kind", /new or existing/],
  [
    { "loadBalancer.listenerArn": "arn:aws:elasticloadbalancing:eu-central-1:444455556666:listener/net/x/1/2" },
    "loadBalancer.listenerArn",
    /listener\/app/,
  ],
  [{ "loadBalancer.listenerArn": undefined }, "loadBalancer.listenerArn", /ARN/],
  [{ "loadBalancer.securityGroupId": undefined }, "loadBalancer.securityGroupId", /sg-/],
  [{ "loadBalancer.healthCheck.port": 0 }, "loadBalancer.healthCheck.port", /a port/],
  [{ "loadBalancer.healthCheck.path": "status" }, "loadBalancer.healthCheck.path", /\/status/],
  [{ "loadBalancer.healthCheck.intervalSeconds": 4 }, "loadBalancer.healthCheck.intervalSeconds", /5 to 300/],
  [
    { "loadBalancer.healthCheck.timeoutSeconds": 5 },
    "loadBalancer.healthCheck.timeoutSeconds",
    /less than intervalSeconds, 5/,
  ],
  [{ "loadBalancer.healthCheck.healthyThreshold": 1 }, "loadBalancer.healthCheck.healthyThreshold", /2 to 10/],
  [{ "loadBalancer.healthCheck.unhealthyThreshold": 11 }, "loadBalancer.healthCheck.unhealthyThreshold", /2 to 10/],
  [{ "loadBalancer.deregistrationDelaySeconds": 3601 }, "loadBalancer.deregistrationDelaySeconds", /0 to 3600/],
  // Clusters.
  [{ "clusterA.kubeconfig": undefined }, "clusterA.kubeconfig", /kubeconfig/],
  [{ "clusterB.identifier": "" }, "clusterB.identifier", /lasting name/],
  [
    { "clusterB.identifier": "arn:aws:eks:eu-central-1:444455556666:cluster/prod-a" },
    "clusterB.identifier",
    /another cluster than clusterA/,
  ],
  [{ "clusterA.namespace": "API7" }, "clusterA.namespace", /lower-case/],
  [{ "clusterA.replicas.dashboard": 0 }, "clusterA.replicas.dashboard", /1 to 50/],
  [{ "clusterA.replicas.dpManager": "two" }, "clusterA.replicas.dpManager", /whole number/],
  [{ "clusterA.dpManagerCidrs": [] }, "clusterA.dpManagerCidrs", /IPv4 blocks/],
  [{ "clusterA.databaseIdentifier": "db_A" }, "clusterA.databaseIdentifier", /RDS instance identifier/],
  [{ "clusterA.freeze": undefined }, "clusterA.freeze", /writes-only, scale-dashboard or announced/],
  [{ "clusterA.freeze.mode": "hard" }, "clusterA.freeze.mode", /writes-only, scale-dashboard or announced/],
  [{ "clusterA.freeze.priority": 50_000 }, "clusterA.freeze.priority", /1 to 49999/],
  [{ "clusterA.freeze.loginPaths": [] }, "clusterA.freeze.loginPaths", /1 to 4 paths/],
  [{ "clusterA.freeze.loginPaths": ["/a", "/b", "/c", "/d", "/e"] }, "clusterA.freeze.loginPaths", /at most 4/],
  [{ "clusterA.freeze.hosts": ["a", "b"] }, "clusterA.freeze.hosts", /at most one/],
  [{ "clusterB.operatorCidrs": [] }, "clusterB.operatorCidrs", /IPv4 blocks/],
  [{ "clusterB.apiServerCidrs": undefined }, "clusterB.apiServerCidrs", /IPv4 blocks/],
  // Database B.
  [{ "databaseB.copy": 0 }, "databaseB.copy", /1 to 999/],
  [{ "databaseB.copy": "two" }, "databaseB.copy", /whole number/],
  [{ "databaseB.instanceClass": "r6g.large" }, "databaseB.instanceClass", /db\.r6g\.large/],
  [{ "databaseB.engineVersion": 15.8 }, "databaseB.engineVersion", /such as 15.8/],
  [{ "databaseB.engineVersion": "16.3" }, "databaseB.parameterGroupFamily", /postgres16, as engineVersion/],
  [{ "databaseB.parameterGroupFamily": "default.postgres15" }, "databaseB.parameterGroupFamily", /postgres15/],
  [{ "databaseB.parameters": { max_connections: 500 } }, "databaseB.parameters.max_connections", /text/],
  [{ "databaseB.storageType": "standard" }, "databaseB.storageType", /gp3, io1, io2/],
  [{ "databaseB.multiAz": "yes" }, "databaseB.multiAz", /true or false/],
  [{ "databaseB.backupRetentionDays": 0 }, "databaseB.backupRetentionDays", /1 to 35/],
  [{ "databaseB.backupRetentionDays": 36 }, "databaseB.backupRetentionDays", /1 to 35/],
  [{ "databaseB.restoreHours": 25 }, "databaseB.restoreHours", /1 to 24/],
  [{ "databaseB.sslMode": "prefer" }, "databaseB.sslMode", /disable, require, verify-full/],
  [{ "databaseB.maintenanceWindow": "Sunday 3 am" }, "databaseB.maintenanceWindow", /sun:03:00/],
  [{ "databaseB.backupWindow": "1-2" }, "databaseB.backupWindow", /01:00-02:00/],
  // Control plane B.
  [{ "controlPlane.replicas.dpManager": 0 }, "controlPlane.replicas.dpManager", /1 to 50/],
  [{ "controlPlane.resources": undefined }, "controlPlane.resources", /requests and limits/],
  [{ "controlPlane.resources.requests.cpu": 1 }, "controlPlane.resources.requests.cpu", /500m or 2/],
  [{ "controlPlane.resources.requests.memory": "2GB" }, "controlPlane.resources.requests.memory", /2Gi/],
  [{ "controlPlane.maxDatabaseConnections": 201 }, "controlPlane.maxDatabaseConnections", /5 to 200/],
  [{ "controlPlane.prometheusUrl": "prometheus:9090" }, "controlPlane.prometheusUrl", /http or https/],
  [{ "controlPlane.timeoutSeconds": 30 }, "controlPlane.timeoutSeconds", /60 to 3600/],
  // Gateway groups.
  [{ gatewayGroups: [] }, "gatewayGroups", /at least one/],
  [{ gatewayGroups: { default: {} } }, "gatewayGroups", /at least one/],
  [{ "gatewayGroups[0].name": "Default" }, "gatewayGroups[0].name", /lower-case/],
  [{ "gatewayGroups[0].name": "a-long-name" }, "gatewayGroups[0].name", /at most 10/],
  [{ "gatewayGroups[1].name": "default" }, "gatewayGroups[1].name", /another one than gatewayGroups\[0\]/],
  [{ "gatewayGroups[1].shortId": "default" }, "gatewayGroups[1].shortId", /another one than gatewayGroups\[0\]/],
  [{ "gatewayGroups[1].match.priority": 20 }, "gatewayGroups[1].match.priority", /another one than gatewayGroups\[0\]/],
  [{ "gatewayGroups[0].match": undefined }, "gatewayGroups[0].match", /since the listener exists/],
  [{ "gatewayGroups[0].match.priority": 0 }, "gatewayGroups[0].match.priority", /1 to 50000/],
  [{ "gatewayGroups[1].match.hosts": [] }, "gatewayGroups[1].match", /1 to 5 hosts and paths/],
  [
    { "gatewayGroups[1].match.hosts": ["a", "b", "c", "d", "e", "f"] },
    "gatewayGroups[1].match",
    /1 to 5 hosts and paths/,
  ],
  [{ "gatewayGroups[0].match.paths": ["api"] }, "gatewayGroups[0].match.paths[0]", /path pattern/],
  [
    { "gatewayGroups[0].clusterA.targetGroupArn": undefined },
    "gatewayGroups[0].clusterA.targetGroupArn",
    /A's target group/,
  ],
  [{ "gatewayGroups[0].clusterA.targetGroupArn": "api7-gateway-a" }, "gatewayGroups[0].clusterA.targetGroupArn", /ARN/],
  [{ "gatewayGroups[0].clusterA.replicas": 0 }, "gatewayGroups[0].clusterA.replicas", /1 to 500/],
  [
    { "gatewayGroups[0].clusterA.autoscaler.minimum": undefined },
    "gatewayGroups[0].clusterA.autoscaler.minimum",
    /1 to 500/,
  ],
  [{ "gatewayGroups[0].clusterB.replicas": 11 }, "gatewayGroups[0].clusterB.replicas", /at least 12, A's size/],
  [
    { "gatewayGroups[0].clusterB.autoscaling.maximum": 11 },
    "gatewayGroups[0].clusterB.autoscaling.maximum",
    /at least 12/,
  ],
  [
    { "gatewayGroups[0].clusterB.autoscaling.cpuPercent": 96 },
    "gatewayGroups[0].clusterB.autoscaling.cpuPercent",
    /10 to 95/,
  ],
  [
    { "gatewayGroups[0].clusterB.workerProcesses": "many" },
    "gatewayGroups[0].clusterB.workerProcesses",
    /auto or a number/,
  ],
  [
    { "gatewayGroups[0].clusterB.environment": { API7_DP_MANAGER_ENDPOINTS: "[]" } },
    "gatewayGroups[0].clusterB.environment.API7_DP_MANAGER_ENDPOINTS",
    /overrides the DP Manager/,
  ],
  [
    { "gatewayGroups[0].clusterB.environment": { API7_CONTROL_PLANE_CERT: "x" } },
    "gatewayGroups[0].clusterB.environment.API7_CONTROL_PLANE_CERT",
    /overrides the DP Manager/,
  ],
  [
    { "gatewayGroups[0].clusterB.environment": { APISIX_DEPLOYMENT_ETCD_HOST: "x" } },
    "gatewayGroups[0].clusterB.environment.APISIX_DEPLOYMENT_ETCD_HOST",
    /overrides the DP Manager/,
  ],
  [
    { "gatewayGroups[0].clusterB.environment": { API7_GATEWAY_GROUP_SHORT_ID: "x" } },
    "gatewayGroups[0].clusterB.environment.API7_GATEWAY_GROUP_SHORT_ID",
    /gateway group/,
  ],
  [
    { "gatewayGroups[0].clusterB.environment": { "MY-VAR": "x" } },
    "gatewayGroups[0].clusterB.environment.MY-VAR",
    /variable's name/,
  ],
  // The rest.
  [{ "monitoring.topicArn": "api7-alarms" }, "monitoring.topicArn", /ARN of sns/],
  [{ "monitoring.databaseCpuPercent": 101 }, "monitoring.databaseCpuPercent", /1 to 100/],
  [{ "monitoring.latencySeconds": 0 }, "monitoring.latencySeconds", /0.01 to 300/],
  [{ volatile: [{ table: "session" }] }, "volatile[0].reason", /why it may differ/],
  [{ volatile: [{ table: "session", columns: [], reason: "x" }] }, "volatile[0].columns", /list of columns/],
  [{ tags: "a" }, "tags", /an object of tags/],
  [{ tags: { owner: 1 } }, "tags.owner", /text/],
];

describe("wrong settings", () => {
  for (const [changes, path, expected] of WRONG) {
    it(`${JSON.stringify(changes).slice(0, 100)} -> ${path}`, () => {
      const findings = findingsOf(changes);
      const found = findings.filter((finding) => finding.path === path);
      assert.ok(found.length > 0, `no finding at ${path} in:\n${describeFindings(findings)}`);
      assert.ok(
        found.some((finding) => expected.test(finding.expected)),
        describeFindings(findings),
      );
      for (const { read, remedy } of found) {
        assert.match(remedy, /^pulumi (config|stack) /);
        assert.notEqual(read, "");
      }
    });
  }

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

describe("settings, for any config", () => {
  const steps = fc.uniqueArray(fc.integer({ min: 1, max: 99 }), { maxLength: 8 });

  it("traffic steps are taken exactly when they rise from at most 10 to 100", () => {
    fc.assert(
      fc.property(steps, fc.boolean(), (some, sorted) => {
        const trafficSteps = [...(sorted ? some.sort((a, b) => a - b) : some), 100];
        const rises = trafficSteps.every((step, index) => index === 0 || step > (trafficSteps[index - 1] ?? 0));
        const legal = rises && (trafficSteps[0] ?? 100) <= 10;
        assert.equal(outcomeOf("prod", { trafficSteps }).kind, legal ? "settings" : "refused");
      }),
      { numRuns: 100 },
    );
  });

  it("no text makes the reader throw", () => {
    const keys = Object.keys(configOf("prod"));
    fc.assert(
      fc.property(fc.constantFrom(...keys), fc.oneof(fc.string(), fc.json()), fc.boolean(), (key, text, back) => {
        const values = { ...configOf("prod", back ? { stage: "rollback" } : {}), [key]: text };
        const outcome = readSettings({ project: PROJECT, stack: "prod", values, isSecret: () => true });
        if (outcome.kind === "refused") assert.ok(outcome.findings.length > 0);
      }),
      { numRuns: 300 },
    );
  });
});
