/**
 * Every value path that the program sets in the two official charts, to be held against the charts of the versions in use
 * (facts/api7.md 1.2 and 1.4; `helm show values`). A test compares the lists with what the components render, and with
 * what the rehearsal's charts know.
 *
 * A path stands for everything below it where the chart takes any map or list there.
 */

export interface ValuePath {
  /** First chart version that has it, where the line of API7 3.9 has charts without it. Helm ignores what a chart lacks. */
  readonly since?: string;
  /** The chart's own default, and why it does not stay. */
  readonly why: string;
}

type ValuePaths = Readonly<Record<string, ValuePath>>;

/** One of the control plane's three programs. */
function component(name: string, certificate: boolean): ValuePaths {
  return {
    [`${name}.replicaCount`]: { why: "1: every restart would be an outage" },
    [`${name}.image.repository`]: { why: "api7/... of Docker Hub; another registry by setting" },
    [`${name}.image.tag`]: { why: "the chart's app version; A's version, with a leading v" },
    [`${name}.topologySpreadConstraints`]: { why: "[]: all pods could share a zone or a node" },
    ...(certificate
      ? { [`${name}.keyCertSecret`]: { why: '"": self-signed; a certificate of the owners\' own by setting' } }
      : {}),
  };
}

function database(configuration: string): ValuePaths {
  return {
    [`${configuration}.database.dsn`]: { why: "the chart's own PostgreSQL with a public password; database B" },
    [`${configuration}.database.max_open_conns`]: { why: "30; counted against database B's limit" },
  };
}

/** Chart `api7ee3` (facts/api7.md 1.2). */
const CONTROL_PLANE: ValuePaths = {
  fullnameOverride: { why: "RELEASE-api7ee3; the DP Manager's certificate is made for api7ee3" },
  imagePullSecret: { why: '"": one text, not a list; by setting' },
  "serviceAccount.annotations": { why: "{}: an IAM role by setting" },
  resources: { why: "{}: for all three programs" },
  affinity: { why: "{}: pods rather on different nodes" },
  ...component("dashboard", true),
  ...component("dp_manager", false),
  ...component("developer_portal", true),
  "postgresql.builtin": { why: "true: another database would make another CA (facts/api7.md 2.3)" },
  "prometheus.builtin": { why: "true: the cluster's own, or none" },
  "jaeger.builtin": { since: "0.17.45", why: "true: the cluster's own, or none" },
  ...database("dashboard_configuration"),
  ...database("dp_manager_configuration"),
  ...database("developer_portal_configuration"),
  "file_server_configuration.database.dsn": { why: "as above: all must be set, although the file server stays off" },
  "dashboard_configuration.prometheus.addr": { why: "the built-in server; by setting" },
  "dp_manager_configuration.prometheus.addr": { why: "the built-in server; by setting" },
  "developer_portal_configuration.enable": { why: "true; off where A has none" },
};

/** Chart `gateway` (facts/api7.md 1.4). */
const DATA_PLANE: ValuePaths = {
  fullnameOverride: { why: "RELEASE-gateway; the checks find Deployment and Service by it" },
  "global.imagePullSecrets": { why: "[]: a list of names; by setting" },
  "serviceAccount.create": { why: "false; true where annotations are given" },
  "serviceAccount.annotations": { why: "{}: an IAM role by setting" },
  "apisix.kind": { why: "Deployment: said, since the program counts replicas" },
  "apisix.image.repository": { why: "api7/... of Docker Hub; another registry by setting" },
  "apisix.image.tag": { why: "the chart's app version; A's version, without a leading v" },
  "apisix.replicaCount": { why: "1: B needs A's size before the first percent" },
  "apisix.resources": { why: "{}: without requests B's capacity cannot be projected" },
  "apisix.terminationGracePeriodSeconds": { since: "3.9.10", why: "180: holds pre-stop sleep and worker shutdown" },
  "apisix.preStopSleepSeconds": { since: "3.9.10", why: "30: said, since the grace period is made to hold it" },
  "apisix.podDisruptionBudget.enabled": { why: "false" },
  "apisix.podDisruptionBudget.minAvailable": { why: "90%: of fewer than ten pods none could be evicted" },
  "apisix.topologySpreadConstraints": { why: "[]: all pods could share a zone or a node" },
  "apisix.affinity": { why: "{}: pods rather on different nodes" },
  "apisix.trustedAddresses": { why: "[]: the load balancer's X-Forwarded-* headers, as A has it" },
  "apisix.extraEnvVars": { why: "[]: the gateway group, and variables of the settings" },
  "apisix.extraEnvVarsSecret": { why: '"": a Secret by setting' },
  updateStrategy: { why: "{}: 25 % of the pods at once would be missing" },
  "autoscaling.enabled": { why: "false" },
  "autoscaling.minReplicas": { why: "1: never below A's size" },
  "autoscaling.maxReplicas": { why: "100" },
  "autoscaling.targetCPUUtilizationPercentage": { why: "80" },
  "etcd.host": { why: "http://etcd.host:2379; B's DP Manager alone" },
  "etcd.auth.tls.enabled": { why: "false: mutual TLS is enforced (facts/api7.md 2.2)" },
  "etcd.auth.tls.existingSecret": { why: '"": the certificate that control plane B issued' },
  "etcd.auth.tls.certFilename": { why: '""' },
  "etcd.auth.tls.certKeyFilename": { why: '""' },
  "etcd.auth.tls.verify": { why: "false" },
  "etcd.auth.tls.sni": { why: '"": where the address is another name than the certificate\'s' },
  "gateway.type": { why: "NodePort: the load balancer reaches the pods" },
  "gateway.tls.existingCASecret": { why: '"": the CA that signed the DP Manager\'s certificate' },
  "gateway.tls.certCAFilename": { why: '""' },
  "gateway.readinessProbe": { why: "TCP 9080: green before the gateway has its configuration" },
  "gateway.livenessProbe": { why: "none" },
  "api7ee.status_endpoint.enabled": { why: "false: nothing to ask at port 7085" },
  "api7ee.status_endpoint.ip": { why: "0.0.0.0: said" },
  "api7ee.status_endpoint.port": { why: "7085: said, since the target groups ask there" },
  "nginx.workerProcesses": { why: "auto; as the pods' CPU" },
  "nginx.workerShutdownTimeout": { why: "240s: said, since the grace period is made to hold it" },
  "nginx.http.keepaliveTimeout": { why: "60s: not longer than the load balancer's" },
  "serviceMonitor.enabled": { why: "false: by setting" },
};

export const VALUE_PATHS = { controlPlane: CONTROL_PLANE, dataPlane: DATA_PLANE } as const;
