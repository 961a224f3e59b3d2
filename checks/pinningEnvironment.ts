import { type KubernetesApi } from "./clients/kubernetes";
import { getConfigMap, getSecretKeys, type Container, type PodSpec } from "./clients/objects";

/**
 * Environment variables of a gateway that would override what the config file says of its control plane
 * (facts/api7.md 1.5): each of them beats `etcd.host`.
 */

const OVERRIDING: ReadonlySet<string> = new Set(
  ["API7_DP_MANAGER", "API7_CONTROL_PLANE"]
    .flatMap((prefix) => ["ENDPOINTS", "SNI", "CERT", "KEY", "CA", "TOKEN"].map((name) => `${prefix}_${name}`))
    .concat("APISIX_DEPLOYMENT_ETCD_HOST"),
);
const GROUP = "API7_GATEWAY_GROUP_SHORT_ID";

export interface Override {
  readonly name: string;
  /** Where it comes from: `container gateway`, `ConfigMap x`, `Secret y`. Never its value. */
  readonly source: string;
  readonly expected: string;
}

/** One variable of a container. */
export interface Variable {
  readonly name: string;
  readonly source: string;
  /** Undefined where it comes from a Secret or a reference. */
  readonly value: string | undefined;
}

/** Variables of a pod's containers that override the pin or the group. @throws CouldNotLook */
export async function overridesOf(
  api: KubernetesApi,
  spec: PodSpec,
  group: string,
  signal: AbortSignal,
): Promise<readonly Override[]> {
  const variables = (await Promise.all(spec.containers.map((container) => variablesOf(api, container, signal)))).flat();
  return variables.flatMap(({ name, source, value }) => {
    if (OVERRIDING.has(name))
      return [{ name, source, expected: "not set: it would override etcd.host of the config file" }];
    // An unreadable value cannot be told to be right.
    if (name === GROUP && value !== group)
      return [{ name, source, expected: `${group}, the gateway group of this Deployment` }];
    return [];
  });
}

/** Every variable that a container's spec gives it, `envFrom` included. @throws CouldNotLook */
export async function variablesOf(
  api: KubernetesApi,
  container: Container,
  signal: AbortSignal,
): Promise<readonly Variable[]> {
  const own = (container.env ?? []).map(({ name, value }) => ({ name, value, source: `container ${container.name}` }));
  const lists = await Promise.all(
    (container.envFrom ?? []).map(async ({ prefix = "", configMapRef, secretRef }): Promise<readonly Variable[]> => {
      if (configMapRef) {
        const data = (await getConfigMap(api, configMapRef.name, signal)) ?? {};
        const source = `ConfigMap ${configMapRef.name}`;
        return Object.entries(data).map(([key, value]) => ({ name: prefix + key, source, value }));
      }
      if (secretRef) {
        const keys = (await getSecretKeys(api, secretRef.name, signal)) ?? [];
        return keys.map((key) => ({ name: prefix + key, source: `Secret ${secretRef.name}`, value: undefined }));
      }
      return [];
    }),
  );
  // `env` wins over `envFrom` where both set one.
  const names = new Set(own.map(({ name }) => name));
  return [...own, ...lists.flat().filter(({ name }) => !names.has(name))];
}
