import { join } from "node:path";
import { type ConfigMap } from "@pulumi/pulumi/automation";
import { type World } from "./cloud";
import { judgingSettings, type Judging } from "./judging";

/** What a scenario may choose of the migration's settings. */
export interface RehearsalSettings {
  readonly trafficSteps: readonly number[];
  /** Hours at `traffic-100` before `complete`, and at `complete` before `decommission`: seconds in a rehearsal. */
  readonly soakHours: number;
  readonly standbyHours: number;
  /** With which limits the traffic is judged at each step. */
  readonly judging: Judging;
  /** How A's configuration is closed. Default: its dashboard is scaled to zero. */
  readonly freeze?: (world: World) => Readonly<Record<string, unknown>>;
  /** Where database B's data comes from, and what goes with it. Default: a snapshot. */
  readonly databaseB?: (folders: { readonly dumps: string }) => Readonly<Record<string, unknown>>;
}

/** Production's waits are days; a rehearsal's soak is long enough for the gate to refuse what comes too early. */
export const DEFAULT_SETTINGS: RehearsalSettings = {
  trafficSteps: [5, 25, 50, 75, 100],
  soakHours: 0.001,
  standbyHours: 0.001,
  judging: "wide",
};

const RESOURCES = { requests: { cpu: "500m", memory: "512Mi" } };

/** The setting `clusterA.freeze`. */
export function freezeOf(
  { freeze }: RehearsalSettings,
  world: World,
): Readonly<Record<string, unknown>> & { readonly mode?: unknown } {
  return freeze?.(world) ?? { mode: "scale-dashboard" };
}

/** The plain settings for the clouds of this run: the same keys that `Pulumi.prod.yaml` has. */
export function rehearsalSettings(
  world: World,
  settings: RehearsalSettings,
  recordFolder: string,
): Readonly<Record<string, unknown>> {
  const { loadBalancer, releases, clusters, databaseA, charts } = world;
  return {
    stage: "prepare",
    version: world.version,
    trafficSteps: settings.trafficSteps,
    soakHours: settings.soakHours,
    standbyHours: settings.standbyHours,
    recordFolder,
    network: {
      vpcId: world.vpcId,
      clusterASecurityGroupId: world.securityGroups.clusterA,
      clusterBSecurityGroupId: world.securityGroups.clusterB,
      databaseSubnetIds: world.subnetIds,
      runnerCidrs: ["127.0.0.0/8"],
    },
    loadBalancer: {
      kind: "existing",
      listenerArn: loadBalancer.listenerArn,
      securityGroupId: loadBalancer.securityGroupId,
      deregistrationDelaySeconds: 120,
    },
    charts: {
      controlPlane: charts.api7ee3,
      dataPlane: charts.gateway,
    },
    clusterA: {
      kubeconfig: clusters.a.kubeconfig,
      identifier: `arn:aws:eks:${world.region}:${world.accountId}:cluster/a`,
      namespace: releases.namespace,
      controlPlane: releases.controlPlane,
      replicas: { dashboard: releases.dashboardReplicas, dpManager: 1, developerPortal: 1 },
      dpManagerCidrs: [`${world.podNetworks.a}.0/24`],
      databaseIdentifier: databaseA.instanceIdentifier,
      freeze: freezeOf(settings, world),
    },
    clusterB: {
      kubeconfig: clusters.b.kubeconfig,
      identifier: `arn:aws:eks:${world.region}:${world.accountId}:cluster/b`,
      namespace: releases.namespace,
      operatorCidrs: ["127.0.0.1/32"],
      apiServerCidrs: [`${world.network}.0.0/24`],
    },
    databaseB: {
      instanceClass: "db.t4g.medium",
      engineVersion: "15.18",
      parameterGroupFamily: "postgres15",
      database: databaseA.databaseName,
      username: databaseA.username,
      sslMode: "disable",
      ...settings.databaseB?.({ dumps: join(recordFolder, "dumps") }),
    },
    statefulPlugins: [
      { redis: `${world.network}.30.2:6379`, policy: "shared", reason: "one Redis outside of both clusters" },
      { plugin: "limit-count", policy: "accept", reason: "limits far above any client's rate" },
      { plugin: "proxy-cache", policy: "accept", reason: "cold for some minutes" },
    ],
    compareAnswers: {
      priority: 1,
      headerValue: "known-to-the-rehearsal",
      address: `${loadBalancer.address}:${loadBalancer.port}`,
      differences: ["x-rehearsal-cluster", "x-rehearsal-pod"].map((name) => ({
        part: `header ${name}`,
        reason: "the stand-in gateways tell who answered",
      })),
    },
    ...judgingSettings(world, settings.judging),
    pilot: { lookSeconds: 5 },
    controlPlane: {
      replicas: { dashboard: 1, dpManager: 1, developerPortal: 1 },
      resources: RESOURCES,
      // The local server takes 120 connections.
      maxDatabaseConnections: 15,
      timeoutSeconds: 120,
    },
    gatewayGroups: [
      {
        name: "default",
        shortId: "default",
        match: { priority: 10, paths: ["/*"] },
        clusterA: {
          deployment: releases.gateway,
          replicas: releases.gatewayReplicas,
          autoscaler: { name: releases.autoscaler, minimum: 1 },
          targetGroupArn: loadBalancer.targetGroupAArn,
        },
        clusterB: {
          replicas: releases.gatewayReplicas,
          resources: RESOURCES,
          environment: { VAULT_TOKEN: "of a rehearsal" },
          // As on A: the clusters' Prometheus servers scrape the gateways.
          serviceMonitor: true,
        },
      },
    ],
  };
}

/** The secrets, and the provider's own settings. */
export function rehearsalConfig({ region, databaseA, token, catalogue }: World): ConfigMap {
  const login = catalogue.find(({ headers }) => Object.keys(headers).length > 0)?.headers ?? {};
  return {
    testCredentials: { value: JSON.stringify(login), secret: true },
    "aws:region": { value: region },
    databaseADsn: { value: databaseA.dsn, secret: true },
    controlPlaneToken: { value: token, secret: true },
  };
}
