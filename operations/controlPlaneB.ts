import { type ClusterAccess } from "../migration/gateRequest";
import { ControlPlane } from "../checks/clients/controlPlane";
import { KubernetesApi } from "../checks/clients/kubernetes";
import { probeFrom } from "../checks/clients/probe";
import { secretOf } from "./secrets";

/** Tells what the program stored in B's namespace from what somebody else made. */
export const MANAGED_BY = { "app.kubernetes.io/managed-by": "api7-migration" } as const;

/** Cluster B and its control plane's own API, as the operations reach them. */
export interface ControlPlaneB {
  readonly api: KubernetesApi;
  readonly controlPlane: ControlPlane;
}

/** @throws CouldNotLook when the token is missing, or cluster B cannot be reached */
export async function openControlPlaneB(
  cluster: ClusterAccess,
  environment: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<ControlPlaneB> {
  const token = secretOf(environment, "controlPlaneToken", "the API7 token");
  const api = await KubernetesApi.open("cluster B", cluster, signal);
  return {
    api,
    controlPlane: new ControlPlane(probeFrom(api), "control plane B", cluster.controlPlane, token, signal),
  };
}
