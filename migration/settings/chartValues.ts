/**
 * Values of the two charts that belong to the program. `extraValues` may add others, never touch these: a value's path
 * stands for everything below it.
 *
 * A test compares the lists with what the components really set.
 */

export const OWN_VALUES = {
  controlPlane: [
    "fullnameOverride",
    "nameOverride",
    "imagePullSecret",
    "serviceAccount.annotations",
    "resources",
    "affinity",
    "dashboard.replicaCount",
    "dashboard.image.repository",
    "dashboard.image.tag",
    "dashboard.topologySpreadConstraints",
    "dashboard.keyCertSecret",
    "dp_manager.replicaCount",
    "dp_manager.image.repository",
    "dp_manager.image.tag",
    "dp_manager.topologySpreadConstraints",
    "developer_portal.replicaCount",
    "developer_portal.image.repository",
    "developer_portal.image.tag",
    "developer_portal.topologySpreadConstraints",
    "developer_portal.keyCertSecret",
    // Another database than the restored one would make another CA (facts/api7.md 2.3).
    "postgresql",
    "prometheus",
    "jaeger",
    "dashboard_configuration.database",
    "dashboard_configuration.prometheus",
    "dp_manager_configuration.database",
    "dp_manager_configuration.prometheus",
    "developer_portal_configuration.enable",
    "developer_portal_configuration.database",
    "file_server_configuration.database",
  ],
  dataPlane: [
    "fullnameOverride",
    "nameOverride",
    "global.imagePullSecrets",
    "serviceAccount.create",
    "serviceAccount.annotations",
    "apisix.kind",
    "apisix.image.repository",
    "apisix.image.tag",
    "apisix.replicaCount",
    "apisix.resources",
    "apisix.terminationGracePeriodSeconds",
    "apisix.preStopSleepSeconds",
    "apisix.podDisruptionBudget",
    "apisix.topologySpreadConstraints",
    "apisix.affinity",
    "apisix.trustedAddresses",
    // The environment outranks etcd.host (facts/api7.md 1.5); a ConfigMap's or Secret's keys cannot be seen here.
    "apisix.extraEnvVars",
    "apisix.extraEnvVarsSecret",
    "apisix.extraEnvVarsCM",
    "updateStrategy",
    "autoscaling",
    // The pin: where the gateways get their configuration from, and with which certificate.
    "etcd",
    "deployment",
    "gateway.type",
    "gateway.readinessProbe",
    "gateway.livenessProbe",
    "gateway.tls.existingCASecret",
    "gateway.tls.certCAFilename",
    "api7ee.status_endpoint",
    "nginx.workerProcesses",
    "nginx.workerShutdownTimeout",
    "nginx.http.keepaliveTimeout",
    "serviceMonitor",
  ],
} as const;

/** Environment variables that beat `etcd.host` in the gateway's config file, its certificate or its group. */
const OVERRIDING = /^(API7_DP_MANAGER_|API7_CONTROL_PLANE_|APISIX_DEPLOYMENT_|API7_GATEWAY_GROUP_)/i;

/** Whether an environment variable overrides what a gateway is pinned to (facts/api7.md 1.5). */
export function overridesPin(variable: string): boolean {
  return OVERRIDING.test(variable);
}

type ValuePath = readonly (string | number)[];

/** One value that `extraValues` may not hold. */
export interface Refused {
  readonly path: ValuePath;
  readonly why: string;
}

/** Everything in extra values that belongs to the program or could override the pin. */
export function refusedValues(chart: keyof typeof OWN_VALUES, values: Readonly<Record<string, unknown>>): Refused[] {
  return leaves(values, []).flatMap((path): Refused[] => {
    const variable = path.find((part) => typeof part === "string" && overridesPin(part));
    if (variable !== undefined) return [{ path, why: `no ${variable}: it overrides what the gateways are pinned to` }];
    const named = textAt(values, path);
    if (named !== undefined && overridesPin(named)) {
      return [{ path, why: `no ${named}: it overrides what the gateways are pinned to` }];
    }
    const parts = path.map(String);
    const own = OWN_VALUES[chart].find((owned) => touches(parts, owned.split(".")));
    return own === undefined ? [] : [{ path, why: `no value at ${own}: the program sets it` }];
  });
}

/** Whether one of the paths leads to or through the other. */
function touches(path: readonly string[], owned: readonly string[]): boolean {
  const shared = Math.min(path.length, owned.length);
  return owned.slice(0, shared).every((part, index) => part === path[index]);
}

/** Paths of everything that is no filled object or list; a list's entries count, since a list replaces as a whole. */
function leaves(value: unknown, path: ValuePath): ValuePath[] {
  if (typeof value !== "object" || value === null) return [path];
  const entries: [string | number, unknown][] = Array.isArray(value)
    ? value.map((entry: unknown, index) => [index, entry])
    : Object.entries(value);
  if (entries.length === 0) return Array.isArray(value) ? [path] : [];
  return entries.flatMap(([key, field]) => leaves(field, [...path, key]));
}

function textAt(values: unknown, path: ValuePath): string | undefined {
  const found = path.reduce<unknown>((holder, key) => (holder as Record<string | number, unknown>)[key], values);
  return typeof found === "string" ? found : undefined;
}
