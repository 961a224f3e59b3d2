import { connectionsNeeded } from "./connections";
import { type ClusterAccess, type GateRequest, type MigrationScope, type WeightedRule } from "./gateRequest";
import { type Inspection } from "./inspection";
import { metricsRequestOf } from "./metrics/metricsRequest";
import { CONTROL_PLANE_B, databaseBInstance, gatewayRelease, refusingPriority, targetGroupName } from "./names";
import { type ListenerSettings, type Settings } from "./settings";
import { rehearsedOf } from "./ticket";

/** What the commands are told about the systems at hand: the settings in the words of the checks. */
export function scopeOf(settings: Settings): MigrationScope {
  const { clusterA, clusterB, databaseB } = settings;
  return {
    stack: settings.stack,
    region: settings.region,
    version: settings.version,
    clusterA: clusterAAccess(settings),
    clusterB: {
      kubeconfig: clusterB.kubeconfig,
      context: clusterB.context,
      namespace: clusterB.namespace,
      controlPlane: CONTROL_PLANE_B,
      dataPlanes: settings.gatewayGroups.map((group) => ({
        group: group.shortId,
        deployment: gatewayRelease(group),
        replicas: group.clusterB.replicas,
        targetGroup: targetGroupName(settings.stack, group, "b"),
      })),
    },
    ...(settings.controlPlane.domain === undefined ? {} : { domainB: domainOf(settings.controlPlane.domain) }),
    freezeMode: clusterA.freeze.mode,
    ...(clusterA.freeze.mode === "writes-only" ? { writesRefused: refusingRule(clusterA.freeze) } : {}),
    databaseB: {
      instanceIdentifier: databaseBInstance(settings),
      database: databaseB.database,
      username: databaseB.username,
      copy: databaseB.copy,
      sslMode: databaseB.sslMode,
    },
    rules: settings.gatewayGroups.map((group): WeightedRule => {
      const balancer = settings.loadBalancer;
      const found =
        balancer.kind === "existing"
          ? { listenerArn: balancer.listenerArn }
          : { loadBalancerName: balancer.name, port: balancer.port };
      return { group: group.shortId, ...found, priority: group.match?.priority };
    }),
    volatile: settings.volatile,
    proof: {
      connections: settings.proof.connections,
      statementTimeoutMinutes: settings.proof.statementTimeoutMinutes,
      keysShown: settings.proof.keysShown,
    },
    heartbeatSeconds: settings.heartbeatSeconds,
  };
}

function domainOf({ name, record }: NonNullable<Settings["controlPlane"]["domain"]>): MigrationScope["domainB"] {
  return { name, ...(record === undefined ? {} : { target: record.target }) };
}

type WritesOnly = Extract<Settings["clusterA"]["freeze"], { mode: "writes-only" }>;

function refusingRule({ listenerArn, priority, targetGroupArn }: WritesOnly): MigrationScope["writesRefused"] {
  return { listenerArn, priority: refusingPriority(priority), targetGroupArn };
}

/** Standard input of the stage gate. */
export function gateRequestOf(settings: Settings): GateRequest {
  const { stage, trafficSteps, soakHours, standbyHours, recordFolder, override, acknowledgeRollback } = settings;
  const scope = scopeOf(settings);
  const inspection = inspectionOf(settings);
  return {
    scope,
    inspection,
    stage,
    trafficSteps,
    soakHours,
    standbyHours,
    calendar: { windows: settings.windows, blackouts: settings.blackouts },
    recordFolder,
    override,
    acknowledgeRollback,
    emergencyChange: settings.emergencyChange,
    differences: settings.differences,
    metrics: metricsRequestOf(settings),
  };
}

/** What the gate needs to record a rollback when the settings allow no more. */
export type WayBackRequest = Pick<GateRequest, "stage" | "trafficSteps" | "recordFolder">;

export function wayBackRequestOf(settings: ListenerSettings): WayBackRequest {
  const { stage, trafficSteps, recordFolder } = settings;
  return { stage, trafficSteps, recordFolder };
}

/** What the settings say about what the checks find. */
export function inspectionOf(settings: Settings): Inspection {
  const { inspection, compareAnswers, statefulPlugins } = settings;
  const { plannedEnd, probeImage, unreachable, parity, expiring, paused } = inspection;
  return {
    expiring,
    paused,
    statefulPlugins,
    unreachable,
    parity,
    plannedEnd,
    probeImage,
    addressesA: settings.clusterA.dpManagerCidrs,
    ...(compareAnswers === undefined ? {} : { answers: answersOf(compareAnswers) }),
    prerequisites: prerequisitesOf(settings),
    ...(settings.rehearsal === undefined
      ? {}
      : { rehearsal: { ...settings.rehearsal, rehearsed: rehearsedOf(settings) } }),
    connectionsB: {
      needed: connectionsNeeded(settings.controlPlane),
      ...(settings.databaseBDsn === undefined && {
        user: settings.databaseB.applicationUser ?? settings.databaseB.username,
      }),
    },
  };
}

function answersOf(setting: NonNullable<Settings["compareAnswers"]>): NonNullable<Inspection["answers"]> {
  const { headerName, headerValue, address, routes, requests, differences } = setting;
  return { headerName, headerValue, address, routes, requests, differences };
}

function prerequisitesOf(settings: Settings): NonNullable<Inspection["prerequisites"]> {
  const { clusterA, databaseB, network, loadBalancer, charts, gatewayGroups } = settings;
  const { replicas, controlPlane } = clusterA;
  const { source } = databaseB;
  return {
    databaseA: clusterA.databaseIdentifier,
    ...(source.kind === "dump"
      ? source.bastion === undefined && { dumpMajor: Number.parseInt(databaseB.engineVersion, 10) }
      : source.kmsKeyArn === undefined && source.snapshotIdentifier === undefined && { needsEncryptedA: true }),
    engineVersion: databaseB.engineVersion,
    databaseSubnetIds: network.databaseSubnetIds,
    loadBalancerSubnetIds: loadBalancer.kind === "new" ? loadBalancer.subnetIds : [],
    certificateArn: loadBalancer.kind === "new" ? loadBalancer.certificateArn : undefined,
    ...(loadBalancer.kind === "existing" && { idleTimeoutSeconds: loadBalancer.idleTimeoutSeconds }),
    charts: [
      { name: "charts.controlPlane", file: charts.controlPlane.file, sha256: charts.controlPlane.sha256 },
      { name: "charts.dataPlane", file: charts.dataPlane.file, sha256: charts.dataPlane.sha256 },
    ],
    deploymentsA: [
      { name: `${controlPlane}-dashboard`, replicas: replicas.dashboard },
      { name: `${controlPlane}-dp-manager`, replicas: replicas.dpManager },
      ...(replicas.developerPortal > 0
        ? [{ name: `${controlPlane}-developer-portal`, replicas: replicas.developerPortal }]
        : []),
    ],
    autoscalersA: gatewayGroups.flatMap(({ clusterA: { autoscaler } }) =>
      autoscaler === undefined ? [] : [{ name: autoscaler.name, minimum: autoscaler.minimum }],
    ),
  };
}

function clusterAAccess(settings: Settings): ClusterAccess {
  const { clusterA } = settings;
  return {
    kubeconfig: clusterA.kubeconfig,
    context: clusterA.context,
    namespace: clusterA.namespace,
    controlPlane: clusterA.controlPlane,
    dataPlanes: settings.gatewayGroups.map((group) => ({
      group: group.shortId,
      deployment: group.clusterA.deployment,
      replicas: group.clusterA.replicas,
      autoscaler: group.clusterA.autoscaler?.name,
      targetGroup: group.clusterA.targetGroupArn ?? targetGroupName(settings.stack, group, "a"),
    })),
  };
}
