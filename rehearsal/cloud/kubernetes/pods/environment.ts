import type { V1Container, V1EnvVar } from "@kubernetes/client-node";
import { type ObjectReader } from "../api/clusterObjects";
import { type Pod } from "../api/objects";
import { NotReadyYet } from "./missing";
import { configMapFiles, downwardField, secretFiles, type Files } from "./references";

type Variables = Record<string, string>;

function refuse(message: string): never {
  throw new NotReadyYet("CreateContainerConfigError", "Failed", message);
}

/** One key of a ConfigMap or Secret; `undefined` when it is missing and may be. */
function keyOf(
  what: string,
  files: Files | undefined,
  name: string,
  key: string,
  optional: boolean,
): string | undefined {
  const value = files?.get(key);
  if (value === undefined && !optional) {
    return files === undefined
      ? refuse(`${what} "${name}" not found`)
      : refuse(`couldn't find key ${key} in ${what} ${name}`);
  }
  return value?.toString("utf8");
}

function valueOf(store: ObjectReader, pod: Pod, { name, value, valueFrom }: V1EnvVar): string | undefined {
  const { namespace } = pod.metadata;
  if (valueFrom === undefined) {
    return value ?? "";
  }
  const { secretKeyRef: secret, configMapKeyRef: map, fieldRef } = valueFrom;
  if (secret !== undefined) {
    const of = secret.name ?? "";
    return keyOf("secret", secretFiles(store, namespace, of), of, secret.key, secret.optional ?? false);
  }
  if (map !== undefined) {
    const of = map.name ?? "";
    return keyOf("configmap", configMapFiles(store, namespace, of), of, map.key, map.optional ?? false);
  }
  const field = fieldRef === undefined ? undefined : downwardField(pod, fieldRef.fieldPath);
  return field ?? refuse(`environment variable ${name}: this cluster does not know where its value comes from`);
}

/** Replaces `$(NAME)` by earlier variables, as Kubernetes does; unknown names stay, `$$(` is a plain `$(`. */
function expand(value: string, known: Readonly<Variables>): string {
  return value.replaceAll(/\$\$|\$\(([A-Za-z_.-][A-Za-z0-9_.-]*)\)/g, (text, name?: string) =>
    name === undefined ? "$" : (known[name] ?? text),
  );
}

/**
 * The variables of a container's spec.
 * @throws NotReadyYet when a ConfigMap, Secret or key is missing and not optional
 */
export function containerEnvironment(store: ObjectReader, pod: Pod, container: V1Container): Variables {
  const { namespace } = pod.metadata;
  const variables: Variables = {};
  for (const { prefix = "", configMapRef: map, secretRef: secret } of container.envFrom ?? []) {
    const name = map?.name ?? secret?.name ?? "";
    const files = map === undefined ? secretFiles(store, namespace, name) : configMapFiles(store, namespace, name);
    if (files === undefined && (map?.optional ?? secret?.optional) !== true) {
      refuse(`${map === undefined ? "secret" : "configmap"} "${name}" not found`);
    }
    for (const [key, value] of files ?? []) {
      variables[`${prefix}${key}`] = value.toString("utf8");
    }
  }
  for (const variable of container.env ?? []) {
    const value = valueOf(store, pod, variable);
    if (value !== undefined) {
      variables[variable.name] = expand(value, variables);
    }
  }
  return variables;
}
