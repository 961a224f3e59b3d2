import { type Settings } from "./settings";

/** How many connections control plane B opens on database B at most. */

/** Of a rolling update, which starts new pods before old ones end: Kubernetes' default is a quarter, rounded up. */
const SURGE = 0.25;

/**
 * Every pod of a component that runs, those of a rolling update included, each with a full pool. Dashboard, DP Manager and
 * developer portal have a pool each; the file server stays off.
 */
export function connectionsNeeded({
  replicas,
  maxDatabaseConnections,
}: Pick<Settings["controlPlane"], "replicas" | "maxDatabaseConnections">): number {
  const pods = Object.values(replicas).reduce((sum, count) => sum + count + Math.ceil(count * SURGE), 0);
  return pods * maxDatabaseConnections;
}

/** Left for the checks, for monitoring and for a person who has to look. */
export const SPARE_CONNECTIONS = 10;
