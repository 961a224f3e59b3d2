import { type ListenerGroup, type Settings } from "./settings";

/**
 * Physical names that the checks find things by. Everything else gets its name from the engine.
 * Changing one of these functions replaces what they name.
 */

/** Longest name that ELB takes for a target group. */
export const TARGET_GROUP_NAME_MAXIMUM = 32;

/** Helm's full name of B's control plane. The DP Manager's certificate is made for it (facts/api7.md 2.2). */
export const CONTROL_PLANE_B = "api7ee3";

/** Port of the DP Manager's mTLS listener. */
export const DP_MANAGER_PORT = 7943;

/** Target group of one gateway group in one cluster: `api7-prod-default-b`. */
export function targetGroupName(stack: string, group: Pick<ListenerGroup, "name">, cluster: "a" | "b"): string {
  return `api7-${stack}-${group.name}-${cluster}`;
}

/** Helm's full name of B's gateways of one group; also the name of their Deployment. */
export function gatewayRelease(group: Pick<ListenerGroup, "name">): string {
  return `gateway-${group.name}`;
}

/** What names of the database are made of. */
interface Named {
  readonly stack: string;
  readonly databaseB: Pick<Settings["databaseB"], "copy">;
}

/** RDS identifier of database B. Each copy has its own, so that a new one is made beside the old one. */
export function databaseBIdentifier(settings: Named): string {
  return `api7-${settings.stack}-b-${settings.databaseB.copy}`;
}

/** RDS identifier of database B where the program makes it; undefined when B was there already. */
export function databaseBInstance(settings: Pick<Settings, "stack" | "databaseB">): string | undefined {
  const { source } = settings.databaseB;
  return source.kind === "dump" && source.target === "given" ? undefined : databaseBIdentifier(settings);
}

/** Snapshot of database A that database B is restored from. */
export function snapshotIdentifier(settings: Named): string {
  return `api7-${settings.stack}-a-${settings.databaseB.copy}`;
}

/** Copy of the snapshot, encrypted with a key of this account. */
export function snapshotCopyIdentifier(settings: Named): string {
  return `${snapshotIdentifier(settings)}-copy`;
}

/**
 * The only DP Manager address that a data plane of B ever gets.
 * @param domainName where the DP Manager is reached by a name of its own; else by its Service
 */
export function dpManagerAddressB(namespace: string, domainName?: string): string {
  return `https://${domainName ?? `${CONTROL_PLANE_B}-dp-manager.${namespace}.svc.cluster.local`}:${DP_MANAGER_PORT}`;
}

/** Freeze `writes-only`: the rule that refuses comes right after the one that lets signing in through, whose number is the setting. */
export function refusingPriority(priority: number): number {
  return priority + 1;
}
