import assert from "node:assert/strict";
import { INPUTS } from "../../../rehearsal/cloud/aws/resources/inputs";
import { MODELLED } from "../../../rehearsal/providers/aws/modelled";
import { UNKNOWN, type Props } from "../../../rehearsal/providers/framework";
import { loadSchema } from "../../../rehearsal/providers/framework/schema";
import { CERTIFICATE, forward, GROUP_A, HOLDS, six, SPLIT } from "./inputs";
import { defined, type Kind, KINDS, Plugin } from "./plugin";

const bodyOf = (...widgets: readonly unknown[]): Props => ({ dashboardBody: JSON.stringify({ widgets }) });
const conditions = (...list: readonly Props[]): Props => ({ conditions: list });
const paths = (...values: readonly string[]): Props => ({ pathPattern: { values } });

/** What is refused: kind, change of the inputs that hold (`undefined` takes one away), property, reason. */
const REFUSED: readonly (readonly [Kind, Props, string, RegExp])[] = [
  ["targetGroup", { name: "x".repeat(33) }, "name", /33 characters/],
  ["targetGroup", { name: "a_b" }, "name", /letters, digits and hyphens/],
  ["targetGroup", { name: "a-" }, "name", /neither begin nor end/],
  ["targetGroup", { namePrefix: "a" }, "namePrefix", /Conflicts with name/],
  ["targetGroup", { port: undefined }, "port", /needs it/],
  ["targetGroup", { port: 0 }, "port", /1 to 65535/],
  ["targetGroup", { protocol: undefined }, "protocol", /needs it/],
  ["targetGroup", { protocol: "TCP" }, "protocol", /one of HTTP/],
  ["targetGroup", { vpcId: undefined }, "vpcId", /needs it/],
  ["targetGroup", { targetType: undefined }, "targetType", /"instance" must be one of ip/],
  ["targetGroup", { deregistrationDelay: 3601 }, "deregistrationDelay", /0 to 3600/],
  ["targetGroup", { slowStart: 10 }, "slowStart", /0 or a whole number of 30 to 900/],
  ["targetGroup", { healthCheck: { interval: 5, timeout: 5 } }, "healthCheck.timeout", /less than the interval/],
  ["targetGroup", { healthCheck: { path: "status" } }, "healthCheck.path", /begin with/],
  ["targetGroup", { healthCheck: { port: "70000" } }, "healthCheck.port", /traffic-port/],
  ["targetGroup", { healthCheck: { matcher: "2xx" } }, "healthCheck.matcher", /success codes/],
  ["targetGroup", { healthCheck: { healthyThreshold: 1 } }, "healthCheck.healthyThreshold", /2 to 10/],
  ["targetGroup", { stickiness: { type: "app_cookie" } }, "stickiness.cookieName", /needs the cookie/],
  ["targetGroup", { preserveClientIp: "true" }, "preserveClientIp", /does not model/],
  ["targetGroup", { prot: "HTTP" }, "prot", /not a known property/],

  ["listener", { port: undefined }, "port", /needs a port/],
  ["listener", { protocol: "TLS" }, "protocol", /one of HTTP, HTTPS/],
  ["listener", { protocol: "HTTPS" }, "certificateArn", /needs a certificate/],
  ["listener", { certificateArn: CERTIFICATE }, "certificateArn", /cannot have a certificate/],
  [
    "listener",
    { protocol: undefined, sslPolicy: "ELBSecurityPolicy-2016-08" },
    "sslPolicy",
    /cannot have an SSL policy/,
  ],
  ["listener", { defaultActions: undefined }, "defaultActions", /required/],
  ["listener", { defaultActions: [] }, "defaultActions", /At least one action/],
  ["listener", { defaultActions: [...SPLIT, ...SPLIT] }, "defaultActions", /several actions/],
  ["listener", { defaultActions: [{ type: "forward" }] }, "defaultActions[0]", /needs forward or targetGroupArn/],
  ["listener", { defaultActions: [{ type: "redirect" }] }, "defaultActions[0].type", /one of forward, fixed-response/],
  [
    "listener",
    { defaultActions: forward([{ arn: GROUP_A, weight: 1000 }]) },
    "defaultActions[0].forward.targetGroups[0].weight",
    /0 to 999/,
  ],
  [
    "listener",
    { defaultActions: forward([{ arn: GROUP_A, weight: 0.5 }]) },
    "defaultActions[0].forward.targetGroups[0].weight",
    /whole number/,
  ],
  [
    "listener",
    { defaultActions: forward([{ arn: GROUP_A, wieght: 1 }]) },
    "defaultActions[0].forward.targetGroups[0].wieght",
    /did you mean "weight"/,
  ],
  ["listener", { defaultActions: forward([{ arn: "a" }]) }, "defaultActions[0].forward.targetGroups[0].arn", /no ARN/],
  ["listener", { defaultActions: forward([]) }, "defaultActions[0].forward.targetGroups", /At least one/],
  ["listener", { defaultActions: forward(six) }, "defaultActions[0].forward.targetGroups", /at most 5/],
  [
    "listener",
    { defaultActions: forward([{ arn: GROUP_A }, { arn: GROUP_A }]) },
    "defaultActions[0].forward.targetGroups",
    /only once/,
  ],
  [
    "listener",
    { defaultActions: forward([{ arn: GROUP_A }], { stickiness: { duration: 0 } }) },
    "defaultActions[0].forward.stickiness.duration",
    /1 to 604800/,
  ],
  [
    "listener",
    { defaultActions: [{ ...SPLIT[0], targetGroupArn: GROUP_A }] },
    "defaultActions[0].targetGroupArn",
    /Contradicts/,
  ],
  [
    "listener",
    { defaultActions: [{ type: "fixed-response", fixedResponse: { contentType: "text/plain", statusCode: "302" } }] },
    "defaultActions[0].fixedResponse.statusCode",
    /2XX, 4XX or 5XX/,
  ],
  ["listener", { mutualAuthentication: { mode: "verify" } }, "mutualAuthentication", /does not model/],

  ["rule", { priority: 0 }, "priority", /1 to 50000/],
  ["rule", { priority: 50_001 }, "priority", /1 to 50000/],
  ["rule", { actions: [] }, "actions", /At least one action/],
  ["rule", conditions(), "conditions", /At least one condition/],
  ["rule", conditions({}), "conditions[0]", /Exactly one kind/],
  ["rule", conditions({ ...paths("/a"), hostHeader: { values: ["a"] } }), "conditions[0]", /Exactly one kind/],
  ["rule", conditions({ sourceIp: { values: ["10.0.0.0/8"] } }), "conditions[0].sourceIp", /does not model/],
  [
    "rule",
    conditions({ hostHeader: { regexValues: ["a"] } }),
    "conditions[0].hostHeader.regexValues",
    /does not model/,
  ],
  ["rule", conditions(paths()), "conditions[0].pathPattern.values", /At least one value/],
  ["rule", conditions(paths("/a"), paths("/b")), "conditions", /only one pathPattern/],
  ["rule", conditions(paths("1", "2", "3", "4", "5", "6")), "conditions", /at most 5/],
  ["rule", conditions(paths("/*/*/*/*/*/*/*")), "conditions", /at most 6/],
  ["rule", conditions({ httpRequestMethod: { values: ["get"] } }), "conditions[0].httpRequestMethod.values", /capital/],
  [
    "rule",
    conditions({ httpHeader: { httpHeaderName: "Host", values: ["a"] } }),
    "conditions[0].httpHeader.httpHeaderName",
    /use hostHeader/,
  ],
  ["rule", { transforms: [] }, "transforms", /does not model/],

  ["loadBalancer", { name: "internal-edge" }, "name", /internal-/],
  ["loadBalancer", { subnets: ["subnet-1"] }, "subnets", /two zones/],
  ["loadBalancer", { subnets: undefined }, "subnets", /two zones/],
  ["loadBalancer", { loadBalancerType: "network" }, "loadBalancerType", /one of application/],
  ["loadBalancer", { idleTimeout: 4001 }, "idleTimeout", /1 to 4000/],

  ["instance", { identifier: "API7" }, "identifier", /lower-case/],
  ["instance", { identifier: "a--b" }, "identifier", /two hyphens/],
  ["instance", { identifier: "1a" }, "identifier", /begin with a letter/],
  ["instance", { username: "api7" }, "username", /master user of its snapshot/],
  ["instance", { dbName: "api7" }, "dbName", /databases of its snapshot/],
  ["instance", { password: "short" }, "password", /5 characters/],
  ["instance", { password: "with@inside-1" }, "password", /printable ASCII/],
  ["instance", { backupRetentionPeriod: 36 }, "backupRetentionPeriod", /0 to 35/],
  ["instance", { finalSnapshotIdentifier: "a_b" }, "finalSnapshotIdentifier", /letters, digits and hyphens/],
  ["instance", { instanceClass: "m6g.large" }, "instanceClass", /db\.m6g\.large/],
  ["instance", { engine: "mysql" }, "engine", /one of postgres/],
  ["instance", { maintenanceWindow: "sunday" }, "maintenanceWindow", /sun:04:00/],
  ["instance", { snapshotIdentifier: undefined }, "password", /unless snapshotIdentifier is given/],
  ["instance", { replicateSourceDb: "api7-a" }, "replicateSourceDb", /does not model/],
  ["instance", { snapshotIdentifer: "copy" }, "snapshotIdentifer", /did you mean "snapshotIdentifier"/],
  ["snapshot", { dbSnapshotIdentifier: "Copy" }, "dbSnapshotIdentifier", /lower-case/],
  ["subnetGroup", { name: "B" }, "name", /lower-case/],
  ["subnetGroup", { subnetIds: ["subnet-1", "subnet-1"] }, "subnetIds", /two zones/],
  ["parameterGroup", { family: "15" }, "family", /postgres15/],
  ["parameterGroup", { parameters: [{ name: "no_such", value: "1" }] }, "parameters[0].name", /no known parameter/],
  [
    "parameterGroup",
    { parameters: [{ name: "shared_buffers", value: "1" }] },
    "parameters[0].applyMethod",
    /pending-reboot/,
  ],

  ["securityGroup", { vpcId: undefined }, "vpcId", /no default VPC/],
  ["securityGroup", { name: "sg-1" }, "name", /may not begin/],
  ["securityGroup", { description: "Größe" }, "description", /a-z/],
  ["ingressRule", { cidrIpv4: undefined }, "cidrIpv4", /Exactly one/],
  ["ingressRule", { referencedSecurityGroupId: "sg-2" }, "cidrIpv4", /Exactly one/],
  ["ingressRule", { cidrIpv4: "10.1.0.1/16" }, "cidrIpv4", /network address/],
  ["ingressRule", { ipProtocol: "http" }, "ipProtocol", /one of tcp/],
  ["ingressRule", { toPort: undefined }, "toPort", /needs it/],
  ["ingressRule", { toPort: 79 }, "toPort", /less than fromPort/],
  ["egressRule", { fromPort: 80 }, "fromPort", /left out/],

  ["dashboard", { dashboardName: "a b" }, "dashboardName", /letters, digits/],
  ["dashboard", { dashboardBody: "{" }, "dashboardBody", /no valid JSON/],
  ["dashboard", { dashboardBody: "{}" }, "dashboardBody", /widgets/],
  ["dashboard", bodyOf({ type: "graph", properties: {} }), "dashboardBody", /widgets\/0\/type/],
  ["dashboard", bodyOf({ type: "text", properties: { markdown: "x" }, width: 25 }), "dashboardBody", /width/],
  ["dashboard", bodyOf({ type: "metric", properties: { metrics: [] } }), "dashboardBody", /region is required/],
  ["alarm", { comparisonOperator: ">" }, "comparisonOperator", /GreaterThanThreshold/],
  ["alarm", { comparisonOperator: undefined }, "comparisonOperator", /needs a comparison/],
  ["alarm", { evaluationPeriods: 0 }, "evaluationPeriods", /from 1 on/],
  ["alarm", { period: 45 }, "period", /multiple of 60/],
  ["alarm", { statistic: undefined }, "statistic", /Exactly one/],
  ["alarm", { extendedStatistic: "p99" }, "statistic", /Exactly one/],
  ["alarm", { statistic: undefined, extendedStatistic: "99" }, "extendedStatistic", /p99/],
  ["alarm", { statistic: "p99" }, "statistic", /one of SampleCount/],
  ["alarm", { threshold: undefined }, "threshold", /Exactly one/],
  ["alarm", { period: 3600, evaluationPeriods: 200 }, "evaluationPeriods", /exceed/],
  ["alarm", { datapointsToAlarm: 4 }, "datapointsToAlarm", /more than evaluationPeriods/],
  ["alarm", { treatMissingData: "zero" }, "treatMissingData", /breaching/],
  ["alarm", { metricQueries: [{ id: "m", expression: "1", returnData: true }] }, "metricName", /Conflicts/],
];

describe("the plugin aws: checks of inputs", () => {
  const plugin = new Plugin();
  after(() => plugin.end());

  for (const kind of KINDS) {
    it(`takes a sound ${kind}, known and unknown`, async () => {
      assert.deepEqual(await plugin.refusals(kind, HOLDS[kind]), []);
      const unknown = Object.fromEntries(Object.keys(HOLDS[kind]).map((key) => [key, UNKNOWN]));
      assert.deepEqual(await plugin.refusals(kind, { ...HOLDS[kind], ...unknown }), []);
    });
  }

  for (const [kind, changes, property, reason] of REFUSED) {
    it(`refuses of a ${kind}: ${JSON.stringify(changes) === "{}" ? Object.keys(changes).join() : JSON.stringify(changes)}`, async () => {
      const failures = await plugin.refusals(kind, defined({ ...HOLDS[kind], ...changes }));
      const found = failures.filter((failure) => failure.property === property);
      assert.ok(
        found.some((failure) => reason.test(failure.reason)),
        `${property} ${reason.source}, found: ${JSON.stringify(failures)}`,
      );
    });
  }

  it("never repeats a password that it refuses", async () => {
    const failures = await plugin.refusals("instance", { ...HOLDS.instance, password: "hunter@2-and-more" });
    assert.ok(!JSON.stringify(failures).includes("hunter"));
  });

  it("takes targetGroupArn beside forward when both agree", async () => {
    const action = { type: "forward", targetGroupArn: GROUP_A, forward: { targetGroups: [{ arn: GROUP_A }] } };
    assert.deepEqual(await plugin.refusals("listener", { ...HOLDS.listener, defaultActions: [action] }), []);
  });

  it("refuses a made-up name that is too long, as the real provider does", async () => {
    const unnamed = defined({ ...HOLDS.targetGroup, name: undefined });
    assert.deepEqual(await plugin.refusals("targetGroup", unnamed, "a".repeat(24)), []);
    const [failure] = await plugin.refusals("targetGroup", unnamed, "a".repeat(25));
    assert.match(failure?.reason ?? "", /plus 7 random characters has 33 characters/);
  });

  it("models the same inputs in the plugin, in the cloud and in no name that the SDK does not have", () => {
    const schema = loadSchema("aws");
    for (const kind of KINDS) {
      const token = plugin.tokenOf(kind);
      const path = (token.split(":")[1] ?? "") as keyof typeof MODELLED;
      const known = Object.keys(schema.resources[token]?.inputs ?? {});
      assert.deepEqual([...MODELLED[path]].sort(), Object.keys(INPUTS[path].shape).sort(), path);
      assert.deepEqual(
        MODELLED[path].filter((name) => !known.includes(name)),
        [],
        path,
      );
    }
  });
});
