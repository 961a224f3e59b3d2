import { type Wrong } from "./wrongFields";

/** Mistakes that only several fields tell together, and numbers and truth given as text. */

const LISTENER =
  "arn:aws:elasticloadbalancing:eu-central-1:444455556666:listener/app/api-prod/50dc6c495c0c9188/f2f7dc8efc522ab2";
const ADMIN = "clusterA.freeze";
const GROUP = "gatewayGroups[0]";
const VALUES = `${GROUP}.clusterB.extraValues`;
const skip = (from: string, to: string): Record<string, unknown> => ({
  override: { from, to, by: "Ada", reason: "night" },
});
const blackout = (fields: Record<string, unknown>): Record<string, unknown> => ({
  blackouts: [{ from: "2026-12-24", to: "2026-12-27", reason: "holidays", ...fields }],
});
const window = (fields: Record<string, unknown>): Record<string, unknown> => ({
  windows: { timeZone: "Europe/Berlin", weekly: [{ days: ["tue", "wed"], from: "08:00", to: "16:00", ...fields }] },
});

export const WRONG_COMBINATIONS: readonly Wrong[] = [
  // Numbers and truth as text: decimal digits, and the two words.
  [{ soakHours: "" }, "soakHours", /number of hours/],
  [{ soakHours: "0x10" }, "soakHours", /number of hours/],
  [{ soakHours: "1e3" }, "soakHours", /number of hours/],
  [{ soakHours: "24 " }, "soakHours", /number of hours/],
  [{ soakHours: "024" }, "soakHours", /number of hours/],
  [{ soakHours: "+24" }, "soakHours", /number of hours/],
  [{ soakHours: ".5" }, "soakHours", /number of hours/],
  [{ soakHours: "NaN" }, "soakHours", /number of hours/],
  [{ soakHours: "true" }, "soakHours", /number of hours/],
  [{ heartbeatSeconds: "30s" }, "heartbeatSeconds", /whole number/],
  [{ heartbeatSeconds: "30.0001" }, "heartbeatSeconds", /whole number/],
  [{ "databaseB.copy": "2x" }, "databaseB.copy", /1 to 999/],
  [{ "databaseB.copy": null }, "databaseB.copy", /1 to 999/],
  [{ "databaseB.multiAz": "TRUE" }, "databaseB.multiAz", /true or false/],
  [{ "databaseB.multiAz": 1 }, "databaseB.multiAz", /true or false/],
  [{ "databaseB.multiAz": "" }, "databaseB.multiAz", /true or false/],
  [{ "gatewayGroups[1].clusterB.serviceMonitor": "on" }, "gatewayGroups[1].clusterB.serviceMonitor", /true or false/],
  [{ "monitoring.latencySeconds": "2 s" }, "monitoring.latencySeconds", /number of seconds/],
  // Kinds.
  [{ databaseB: "2" }, "databaseB", /an object with/],
  [{ clusterB: [] }, "clusterB", /an object with/],
  [{ network: "{vpcId" }, "network", /an object with/],
  [{ charts: "" }, "charts", /controlPlane and dataPlane/],
  // Counts of A and B.
  [{ stage: "traffic-5", metrics: undefined }, "metrics", /from the first traffic step on/, "http://prometheus:9090"],
  [{ stage: "complete", metrics: undefined }, "metrics", /from the first traffic step on/, "http://prometheus:9090"],
  [{ "metrics.b.selector": 'cluster="prod-a"' }, "metrics.b.selector", /other matchers/, 'cluster="prod-b"'],
  [{ metrics: { source: "cloudwatch" } }, "metrics.containerInsights", /Container Insights/, "prod-b"],
  // Pools: 10 pods of production's control plane in a rolling update, 30 connections each, and 10 to spare.
  [{ "databaseB.parameters": { max_connections: "309" } }, "databaseB.parameters.max_connections", /at least 310/],
  // The permission to skip.
  [skip("traffic-5", "traffic-5"), "override", /stays where it is/],
  [skip("traffic-5", "traffic-25"), "override", /needs no override/],
  [skip("traffic-50", "traffic-5"), "override", /needs no override/],
  [skip("complete", "traffic-50"), "override", /goes down/],
  [skip("freeze", "start"), "override", /every other stage proves/],
  [skip("traffic-50", "complete"), "override", /every other stage proves/],
  [skip("traffic-50", "decommission"), "override", /every other stage proves/],
  [skip("rollback", "traffic-50"), "override", /needs no override/],
  [skip("trafic-5", "traffic-50"), "override.from", /traffic-5/],
  [{ override: { from: "traffic-5", to: "traffic-50", by: "  ", reason: "night" } }, "override.by", /name of who/],
  // Emergency change, differences, proof.
  [{ emergencyChange: { by: "Ada" } }, "emergencyChange.reason", /the reason/],
  [
    { emergencyChange: { by: "Ada", reason: "x", until: "now" } },
    "emergencyChange.until",
    /one of the keys by, reason/,
  ],
  [
    { differences: [{ object: "o", field: "f", from: 1, to: [2], reason: "r" }] },
    "differences[0].to",
    /text, a number/,
  ],
  [{ differences: [{ object: "o", field: "f", from: 1, to: 2 }] }, "differences[0].reason", /why it may differ/],
  [{ differences: [{ object: "o", field: "f", to: 2, reason: "r" }] }, "differences[0].from", /text, a number/],
  [{ differences: { object: "o" } }, "differences", /list of differences/],
  [{ proof: { connections: 0 } }, "proof.connections", /1 to 16/],
  [{ proof: { connections: 17 } }, "proof.connections", /1 to 16/],
  [{ proof: { statementTimeoutMinutes: 241 } }, "proof.statementTimeoutMinutes", /1 to 240/],
  [{ proof: { keysShown: 101 } }, "proof.keysShown", /1 to 100/],
  [{ proof: { connection: 3 } }, "proof.connection", /connections\?/],
  // Windows and blackouts.
  [window({ from: "8:00" }), "windows.weekly[0].from", /00:00 to 23:59/, "08:00"],
  [window({ from: "24:00" }), "windows.weekly[0].from", /00:00 to 23:59/, "08:00"],
  [window({ to: "24:01" }), "windows.weekly[0].to", /00:00 to 24:00/, "16:00"],
  [window({ to: "08:00" }), "windows.weekly[0].to", /another time than from/, "16:00"],
  [window({ days: [] }), "windows.weekly[0].days", /mon to sun/],
  [window({ days: ["tuesday"] }), "windows.weekly[0].days[0]", /mon, tue/],
  [window({ days: ["tue", "tue"] }), "windows.weekly[0].days", /each day once/],
  [window({ until: "16:00" }), "windows.weekly[0].until", /one of the keys days, from, to/],
  [{ windows: { timeZone: "Berlin", weekly: [] } }, "windows.timeZone", /Europe\/Berlin/],
  [{ windows: { timeZone: "Europe/Berlin", weekly: [] } }, "windows.weekly", /at least one window/],
  [{ windows: { timeZone: "Europe/Berlin" } }, "windows.weekly", /at least one window/],
  [{ windows: "always" }, "windows", /timeZone and weekly/],
  [blackout({ from: "2026-02-30" }), "blackouts[0].from", /a date of the calendar/],
  [blackout({ from: "2026-13-01" }), "blackouts[0].from", /a date of the calendar/],
  [blackout({ from: "24.12.2026" }), "blackouts[0].from", /in quotes/],
  [blackout({ from: "2026-12-24 00:00:00 +0000 UTC" }), "blackouts[0].from", /in quotes/],
  [blackout({ from: "2026-12-24T18:00Z" }), "blackouts[0].from", /in quotes/],
  [blackout({ to: "2026-12-27T24:00" }), "blackouts[0].to", /in quotes/],
  [blackout({ to: "2026-12-24" }), "blackouts[0].to", /later than from/],
  [blackout({ to: "2026-12-23" }), "blackouts[0].to", /later than from/],
  [blackout({ reason: "" }), "blackouts[0].reason", /why nothing may move/],
  [blackout({ timeZone: "Mars/Olympus" }), "blackouts[0].timeZone", /time zone/],
  [
    blackout({ from: "2027-03-28T02:30", to: "2027-03-29", timeZone: "Europe/Berlin" }),
    "blackouts[0].from",
    /exists in Europe\/Berlin.*2027-03-28T03:30/,
  ],
  // Versions.
  [{ "clusterA.databaseEngineVersion": "14.9" }, "databaseB.engineVersion", /the major of A, 14/],
  [{ "clusterA.databaseEngineVersion": "fifteen" }, "clusterA.databaseEngineVersion", /15\.8/],
  [{ version: "3.9.19" }, "version", /3.9.0 to 3.9.18/],
  // Database B.
  [{ "databaseB.storageType": "io2" }, "databaseB.iops", /since storageType is io2/],
  [{ "databaseB.storageType": "io1" }, "databaseB.iops", /since storageType is io1/],
  [{ "databaseB.iops": 999 }, "databaseB.iops", /1000 to 256000/],
  [{ "databaseB.backupWindow": "02:30-03:30" }, "databaseB.backupWindow", /beside maintenanceWindow/],
  [{ "databaseB.backupWindow": "01:00-02:01" }, "databaseB.backupWindow", /beside maintenanceWindow/],
  [{ "databaseB.backupWindow": "23:00-02:30" }, "databaseB.backupWindow", /beside maintenanceWindow/],
  [{ "databaseB.backupWindow": "01:00-01:29" }, "databaseB.backupWindow", /at least 30 minutes/],
  [{ "databaseB.backupWindow": "25:00-26:00" }, "databaseB.backupWindow", /daily window/],
  [{ "databaseB.maintenanceWindow": "sun:02:00-sun:02:10" }, "databaseB.maintenanceWindow", /at least 30 minutes/],
  [{ "databaseB.maintenanceWindow": "xyz:02:00-sun:03:00" }, "databaseB.maintenanceWindow", /weekly window/],
  [
    { "network.databaseSubnetIds": ["subnet-0aa1", "subnet-0bb2", "subnet-0aa1"] },
    "network.databaseSubnetIds[2]",
    /another subnet than databaseSubnetIds\[0\]/,
  ],
  // Where things are.
  [{ "aws:region": "eu-west-1" }, "aws:region", /eu-central-1, as every ARN/],
  [{ "aws:region": "" }, "aws:region", /an AWS region/],
  [
    { "clusterB.identifier": "arn:aws:eks:us-east-1:444455556666:cluster/prod-b" },
    "clusterB.identifier",
    /ARN of eu-central-1/,
  ],
  [{ "monitoring.topicArn": "arn:aws:sns:eu-west-1:444455556666:x" }, "monitoring.topicArn", /ARN of eu-central-1/],
  [
    { [`${GROUP}.clusterA.targetGroupArn`]: "arn:aws:elasticloadbalancing:eu-central-1:111122223333:targetgroup/a/1" },
    `${GROUP}.clusterA.targetGroupArn`,
    /account 444455556666, as loadBalancer.listenerArn/,
  ],
  // The freeze on the traffic's own listener.
  [{ [`${ADMIN}.listenerArn`]: LISTENER, [`${ADMIN}.hosts`]: [] }, `${ADMIN}.hosts`, /every write.*503/],
  [
    { [`${ADMIN}.listenerArn`]: LISTENER, [`${ADMIN}.hosts`]: ["partner.example.com"] },
    `${ADMIN}.hosts[0]`,
    /gatewayGroups\[1\] does not serve/,
  ],
  [
    { [`${ADMIN}.listenerArn`]: LISTENER, [`${ADMIN}.hosts`]: ["admin.API.example.com"] },
    `${ADMIN}.hosts[0]`,
    /it has \*\.api\.example\.com/,
  ],
  [
    { [`${ADMIN}.listenerArn`]: LISTENER, "gatewayGroups[1].match": { priority: 21, paths: ["/partner/*"] } },
    `${ADMIN}.hosts[0]`,
    /it has \*/,
  ],
  [
    { [`${ADMIN}.listenerArn`]: LISTENER, [`${ADMIN}.priority`]: 20 },
    `${ADMIN}.priority`,
    /20 is gatewayGroups\[0\]'s/,
  ],
  [{ [`${ADMIN}.listenerArn`]: LISTENER, [`${ADMIN}.priority`]: 19 }, `${ADMIN}.priority`, /takes 19 and 20/],
  [{ [`${ADMIN}.loginPaths`]: ["/api/login", "/*"] }, `${ADMIN}.loginPaths[1]`, /every write through/],
  // Requests of the groups.
  [
    { "gatewayGroups[1].match.hosts": ["www.api.example.com"] },
    "gatewayGroups[1].match",
    /gatewayGroups\[0\], which is asked before/,
    5,
  ],
  [
    { "gatewayGroups[1].match": { priority: 19, paths: ["/*"] } },
    `${GROUP}.match`,
    /gatewayGroups\[1\], which is asked before/,
    18,
  ],
  [{ "gatewayGroups[1].match.hosts": ["a.b", "A.b"] }, "gatewayGroups[1].match.hosts[1]", /each once/],
  [{ "gatewayGroups[1].clusterA.deployment": "gateway" }, "gatewayGroups[1].clusterA.deployment", /another one/],
  [{ [`${GROUP}.clusterA.autoscaler.minimum`]: 13 }, `${GROUP}.clusterA.autoscaler.minimum`, /at most 12/],
  [{ tags: { "aws:owner": "platform" } }, 'tags["aws:owner"]', /begin with aws:/],
  // What overrides the pin.
  ...[
    "API7_DP_MANAGER_SNI",
    "API7_DP_MANAGER_CERT",
    "API7_DP_MANAGER_KEY",
    "API7_DP_MANAGER_CA",
    "API7_DP_MANAGER_TOKEN",
    "API7_CONTROL_PLANE_ENDPOINTS",
    "API7_CONTROL_PLANE_SNI",
    "API7_CONTROL_PLANE_TOKEN",
  ].map((name): Wrong => [
    { [`${GROUP}.clusterB.environment`]: { [name]: "x" } },
    `${GROUP}.clusterB.environment.${name}`,
    /overrides the DP Manager/,
  ]),
  [{ [VALUES]: { etcd: { host: ["https://a:7943"] } } }, `${VALUES}.etcd.host[0]`, /no value at etcd/],
  [{ [VALUES]: { etcd: null } }, `${VALUES}.etcd`, /no value at etcd/],
  [{ [VALUES]: { apisix: "x" } }, `${VALUES}.apisix`, /no value at apisix\.kind/],
  [
    { [VALUES]: { apisix: { image: { tag: "3.9.17" } } } },
    `${VALUES}.apisix.image.tag`,
    /no value at apisix\.image\.tag/,
  ],
  [{ [VALUES]: { apisix: { extraEnvVarsCM: "a" } } }, `${VALUES}.apisix.extraEnvVarsCM`, /extraEnvVarsCM/],
  [{ [VALUES]: { apisix: { extraEnvVars: [] } } }, `${VALUES}.apisix.extraEnvVars`, /extraEnvVars/],
  [{ [VALUES]: { deployment: { role: "x" } } }, `${VALUES}.deployment.role`, /no value at deployment/],
  [
    { [VALUES]: { extraContainers: [{ env: [{ name: "APISIX_DEPLOYMENT_ETCD_HOST", value: "x" }] }] } },
    `${VALUES}.extraContainers[0].env[0].name`,
    /overrides what the gateways are pinned to/,
  ],
  [
    { [VALUES]: { env: { API7_DP_MANAGER_ENDPOINTS: "x" } } },
    `${VALUES}.env.API7_DP_MANAGER_ENDPOINTS`,
    /overrides what the gateways are pinned to/,
  ],
  [{ [VALUES]: "etcd" }, VALUES, /object of chart values/],
  [
    { "controlPlane.extraValues": { postgresql: { builtin: true } } },
    "controlPlane.extraValues.postgresql.builtin",
    /no value at postgresql/,
  ],
  [
    { "controlPlane.extraValues": { dashboard_configuration: { database: { dsn: "x" } } } },
    "controlPlane.extraValues.dashboard_configuration.database.dsn",
    /dashboard_configuration\.database/,
  ],
];
