import { type ClusterAccess, type GateRequest, type MigrationScope, type WeightedRule } from "./gateRequest";
import { CONTROL_PLANE_B, databaseBIdentifier, gatewayRelease, targetGroupName } from "./names";
import { type ListenerSettings, type Settings } from "./settings";

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
    freezeMode: clusterA.freeze.mode,
    databaseB: {
      instanceIdentifier: databaseBIdentifier(settings),
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
    heartbeatSeconds: settings.heartbeatSeconds,
  };
}

/** Standard input of the stage gate. */
export function gateRequestOf(settings: Settings): GateRequest {
  const { stage, trafficSteps, soakHours, standbyHours, recordFolder, override, acknowledgeRollback } = settings;
  const scope = scopeOf(settings);
  return { scope, stage, trafficSteps, soakHours, standbyHours, recordFolder, override, acknowledgeRollback };
}

/** What the gate needs to record a rollback when the settings allow no more. */
export type WayBackRequest = Pick<GateRequest, "stage" | "trafficSteps" | "recordFolder">;

export function wayBackRequestOf(settings: ListenerSettings): WayBackRequest {
  const { stage, trafficSteps, recordFolder } = settings;
  return { stage, trafficSteps, recordFolder };
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
