import { parse as parseYaml } from "yaml";
import { z } from "zod";
import { type DataPlaneScope } from "../migration/gateRequest";
import { shapeOf } from "../migration/stages";
import { getConfigMap, getDeployment, podsOf, type Deployment, type Pod } from "./clients/objects";
import { type KubernetesApi } from "./clients/kubernetes";
import { Snapshot } from "./clients/postgres";
import { type CheckContext, type GateCheck } from "./context";
import { readHeartbeats, type Heartbeat } from "./database/instances";
import { CouldNotLook, Report, textOf, type CheckResult } from "./result";
import { overridesOf } from "./pinningEnvironment";

const CHECK = "pinned";
const STATEMENT_MS = 10_000;
/** TLS port of the DP Manager, the one for data planes (facts/api7.md 1.2). */
const DP_MANAGER_TLS_PORT = 7943;

/**
 * Every data plane of B belongs to control plane B. After a restore both clusters have the same CA, so that mutual TLS
 * would let a gateway of B in at A (facts/api7.md 2.3): the proof has to be positive. It has four parts: what the
 * gateways are told, what could override it, whom control plane B lists, and whom database A lists.
 */
export const pinned: GateCheck = {
  name: CHECK,
  limitSeconds: 25,
  appliesTo: ({ to }) => shapeOf(to).weightB > 0,
  // After `decommission` database A belongs to its owners, who may have removed it.
  run: (context) => checkPinning(context, { databaseA: context.move.from !== "decommission" }),
};

export async function checkPinning(
  context: CheckContext,
  options: { readonly databaseA: boolean },
): Promise<CheckResult> {
  const report = new Report(CHECK);
  const pods = await report.look(async () => {
    const api = await context.systems.cluster("B");
    const lists = await Promise.all(
      context.scope.clusterB.dataPlanes.map((scope) => report.look(() => checkDataPlane(report, context, api, scope))),
    );
    // A data plane that could not be looked at is a finding; the others are checked further.
    return lists.flatMap((list) => list ?? []);
  });
  if (!pods) return report.result();
  report.addEvidence({ pods: pods.map(({ pod }) => pod.metadata.name) });
  await Promise.all([
    ...context.scope.clusterB.dataPlanes.map((scope) =>
      report.look(() =>
        checkListedByB(
          report,
          context,
          scope,
          pods.filter(({ group }) => group === scope.group),
        ),
      ),
    ),
    ...(options.databaseA ? [report.look(() => checkNotListedByA(report, context, pods))] : []),
  ]);
  return report.result();
}

interface GatewayPod {
  readonly group: string;
  readonly pod: Pod;
}

/** What the gateways of one group are told, and their pods. */
async function checkDataPlane(
  report: Report,
  context: CheckContext,
  api: KubernetesApi,
  scope: DataPlaneScope,
): Promise<readonly GatewayPod[]> {
  const deployment = await getDeployment(api, scope.deployment, context.signal);
  if (!deployment) {
    report.finding({
      subject: `${api.label}, Deployment ${scope.deployment}`,
      seen: "there is none",
      expected: "the gateways of B",
      remedy: "pulumi up --refresh at stage start, or correct the names in the settings",
    });
    return [];
  }
  const pods = (await podsOf(api, deployment, context.signal)).filter(
    (pod) => pod.metadata.deletionTimestamp === undefined,
  );
  await report.look(() => checkAddress(report, context, api, deployment));
  // Pods may still run with a template from before: both are looked at.
  const specs = [
    { subject: `Deployment ${scope.deployment}`, spec: deployment.spec.template.spec },
    ...pods.map((pod) => ({ subject: `pod ${pod.metadata.name}`, spec: pod.spec })),
  ];
  await Promise.all(
    specs.map(({ subject, spec }) =>
      report.look(async () => {
        for (const override of await overridesOf(api, spec, scope.group, context.signal)) {
          report.finding({
            subject: `${api.label}, ${subject}`,
            seen: `environment variable ${override.name} (${override.source})`,
            expected: override.expected,
            remedy:
              "take the variable out of the values of chart gateway (apisix.extraEnvVars, extraEnvVarsCM, extraEnvVarsSecret)",
          });
        }
      }),
    ),
  );
  return pods.map((pod) => ({ group: scope.group, pod }));
}

const GATEWAY_CONFIG = z.object({
  deployment: z.object({ etcd: z.object({ host: z.array(z.string()).min(1) }) }),
});

/** `etcd.host` in the config file that the pods mount names the DP Manager of B and nothing else. */
async function checkAddress(
  report: Report,
  context: CheckContext,
  api: KubernetesApi,
  deployment: Deployment,
): Promise<void> {
  const { controlPlane, namespace } = context.scope.clusterB;
  const { name } = deployment.metadata;
  const service = `${controlPlane}-dp-manager`;
  const allowed = [
    `${service}.${namespace}.svc.cluster.local`,
    `${service}.${namespace}.svc`,
    `${service}.${namespace}`,
    service,
  ];
  for (const { configMap, text } of await configFiles(api, deployment, context.signal)) {
    const hosts = etcdHosts(text, `${api.label}, ConfigMap ${configMap}`);
    report.addEvidence({ [`etcd.host of ${name}`]: hosts });
    const foreign = hosts.filter((host) => !allowed.some((known) => isAddress(host, known)));
    if (foreign.length === 0) continue;
    report.finding({
      subject: `${api.label}, ConfigMap ${configMap} (gateways ${name})`,
      seen: `etcd.host has ${foreign.join(", ")}`,
      expected: `only https://${allowed[0] ?? service}:${DP_MANAGER_TLS_PORT}, the DP Manager of B`,
      remedy: "let the data plane take its address from control plane B's object; pulumi up --refresh at stage start",
    });
  }
}

async function configFiles(
  api: KubernetesApi,
  deployment: Deployment,
  signal: AbortSignal,
): Promise<readonly { readonly configMap: string; readonly text: string }[]> {
  const names = (deployment.spec.template.spec.volumes ?? []).flatMap(({ configMap }) =>
    configMap ? [configMap.name] : [],
  );
  const found = await Promise.all(
    [...new Set(names)].map(async (configMap) => ({
      configMap,
      text: (await getConfigMap(api, configMap, signal))?.["config.yaml"],
    })),
  );
  const files = found.flatMap(({ configMap, text }) => (text === undefined ? [] : [{ configMap, text }]));
  if (files.length > 0) return files;
  throw new CouldNotLook(
    `${api.label}, Deployment ${deployment.metadata.name}`,
    `none of its ConfigMaps (${names.join(", ") || "it mounts none"}) has a config.yaml`,
    "install the gateways by the official chart, which mounts it",
  );
}

function etcdHosts(text: string, subject: string): readonly string[] {
  let document: unknown;
  try {
    document = parseYaml(text);
  } catch (error) {
    throw new CouldNotLook(subject, `config.yaml is not YAML: ${textOf(error)}`, "look at the ConfigMap");
  }
  const parsed = GATEWAY_CONFIG.safeParse(document);
  if (parsed.success) return parsed.data.deployment.etcd.host;
  throw new CouldNotLook(
    subject,
    "config.yaml has no list deployment.etcd.host",
    "set etcd.host in the values of chart gateway",
  );
}

function isAddress(address: string, host: string): boolean {
  try {
    const url = new URL(address);
    return url.protocol === "https:" && url.hostname === host && url.port === String(DP_MANAGER_TLS_PORT);
  } catch {
    return false;
  }
}

/** Control plane B lists every pod, with a fresh heartbeat. */
async function checkListedByB(
  report: Report,
  context: CheckContext,
  scope: DataPlaneScope,
  pods: readonly GatewayPod[],
): Promise<void> {
  const controlPlane = await context.systems.controlPlaneB();
  const group = await controlPlane.gatewayGroup(scope.group);
  const { instances, serverTime } = await controlPlane.instances(group.id);
  report.addEvidence({ [`instances of group ${scope.group} at B`]: instances, serverTime: serverTime.toISOString() });
  for (const { pod } of pods) {
    const { hostnames, ip } = identityOf(pod);
    const listed = instances.filter(
      (instance) => hostnames.includes(instance.hostname) || (ip !== undefined && instance.ip === ip),
    );
    const newest = listed
      .map((instance) => instance.lastHeartbeat?.getTime() ?? Number.NEGATIVE_INFINITY)
      .reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    const age = (serverTime.getTime() - newest) / 1000;
    if (age <= context.scope.heartbeatSeconds) continue;
    report.finding({
      subject: `pod ${pod.metadata.name} of B`,
      seen:
        listed.length === 0
          ? `control plane B does not list it among ${instances.length} instances of group ${scope.group}`
          : Number.isFinite(age)
            ? `its last heartbeat at control plane B is ${Math.round(age)} s old`
            : "control plane B lists it without a heartbeat",
      expected: `a heartbeat at control plane B not older than ${context.scope.heartbeatSeconds} s`,
      remedy:
        "look at etcd.host, the variables and the log of this pod: it belongs to another control plane, or to none",
      transient: true,
    });
  }
  if (pods.length === 0) {
    report.finding({
      subject: `gateways of B, group ${scope.group}`,
      seen: "there is no pod",
      expected: `${scope.replicas} pods that belong to control plane B`,
      remedy: `kubectl get deployment ${scope.deployment}`,
      transient: true,
    });
  }
}

/** Database A has no row of a pod of B: A's API may be closed, its tables are not. */
async function checkNotListedByA(report: Report, context: CheckContext, pods: readonly GatewayPod[]): Promise<void> {
  const heartbeats = await context.systems.withDatabaseA(async (target) => {
    const snapshot = await Snapshot.open(target, {
      connections: 1,
      statementTimeoutMs: STATEMENT_MS,
      signal: context.signal,
    });
    try {
      return await readHeartbeats(snapshot);
    } finally {
      await snapshot.close();
    }
  });
  report.addEvidence({ instancesOfA: heartbeats.length });
  for (const { pod } of pods) {
    const row = heartbeats.find((heartbeat) => isRowOf(heartbeat, pod));
    if (!row) continue;
    report.finding({
      subject: `pod ${pod.metadata.name} of B`,
      seen: `database A lists it in ${row.table}, with its last heartbeat at ${row.lastHeartbeat?.toISOString() ?? "an unknown time"}`,
      expected: "no pod of B in database A: it would serve A's configuration, and its loss",
      remedy: "correct etcd.host and the variables of B's gateways, and replace this pod; B may get no traffic before",
    });
  }
}

/** Names and address under which a pod's gateway reports: the pod's own, or its node's where it uses the host's network. */
function identityOf(pod: Pod): { readonly hostnames: readonly string[]; readonly ip: string | undefined } {
  const node = pod.spec.hostNetwork === true && pod.spec.nodeName !== undefined ? [pod.spec.nodeName] : [];
  return { hostnames: [pod.metadata.name, ...node], ip: pod.status?.podIP };
}

/** By name; by address only where a row has no name and is younger than the pod, since clusters may share address ranges. */
function isRowOf(row: Heartbeat, pod: Pod): boolean {
  const { hostnames, ip } = identityOf(pod);
  if (row.hostname !== undefined) return hostnames.includes(row.hostname);
  const started = pod.status?.startTime === undefined ? 0 : Date.parse(pod.status.startTime);
  return row.ip !== undefined && row.ip === ip && (row.lastHeartbeat?.getTime() ?? Number.POSITIVE_INFINITY) >= started;
}
