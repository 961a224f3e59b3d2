import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join, normalize } from "node:path";
import type { V1Container, V1DownwardAPIVolumeFile, V1KeyToPath, V1VolumeProjection } from "@kubernetes/client-node";
import { type ClusterObjects, type ObjectReader } from "../api/clusterObjects";
import { type Pod } from "../api/objects";
import { NotReadyYet } from "./missing";
import { configMapFiles, downwardField, secretFiles, type Files } from "./references";

/** Where the files of a volume, or of one source of a projected one, come from. */
interface VolumeSource {
  readonly name: string;
  readonly configMap?: KeyedSource | undefined;
  readonly secret?: (KeyedSource & { readonly secretName?: string }) | undefined;
  readonly downwardAPI?: { readonly items?: readonly V1DownwardAPIVolumeFile[] } | undefined;
  readonly emptyDir?: unknown;
}

interface KeyedSource {
  readonly name?: string;
  readonly items?: readonly V1KeyToPath[];
  readonly optional?: boolean;
}

function failedMount(volume: string, why: string): never {
  throw new NotReadyYet("ContainerCreating", "FailedMount", `MountVolume.SetUp failed for volume "${volume}": ${why}`);
}

/** Chosen keys under chosen names, or all keys under their own. */
function chosen(volume: string, files: Files, items: readonly V1KeyToPath[] | undefined): Files {
  if (items === undefined || items.length === 0) {
    return files;
  }
  return new Map(
    items.map(({ key, path }) => {
      const content = files.get(key);
      return content === undefined
        ? failedMount(volume, `references non-existent key: ${key}`)
        : ([path, content] as const);
    }),
  );
}

/** Files of a volume, by their path inside it. */
function filesOf(store: ObjectReader, pod: Pod, volume: VolumeSource): Files {
  const { namespace } = pod.metadata;
  const { name, configMap, secret, emptyDir, downwardAPI } = volume;
  if (configMap !== undefined || secret !== undefined) {
    const source = configMap?.name ?? secret?.secretName ?? secret?.name ?? "";
    const files =
      configMap === undefined ? secretFiles(store, namespace, source) : configMapFiles(store, namespace, source);
    if (files === undefined) {
      return (configMap?.optional ?? secret?.optional) === true
        ? new Map()
        : failedMount(name, `${configMap === undefined ? "secret" : "configmap"} "${source}" not found`);
    }
    return chosen(name, files, configMap?.items ?? secret?.items);
  }
  if (downwardAPI !== undefined) {
    return new Map(
      (downwardAPI.items ?? []).map(({ path, fieldRef }) => {
        const value = downwardField(pod, fieldRef?.fieldPath ?? "");
        return value === undefined
          ? failedMount(name, `unknown field ${fieldRef?.fieldPath ?? ""}`)
          : ([path, Buffer.from(value)] as const);
      }),
    );
  }
  return emptyDir !== undefined
    ? new Map()
    : failedMount(name, "this cluster mounts configMap, secret, emptyDir, downwardAPI and projected volumes only");
}

/** Files of several sources in one folder, the service account's token among them. */
async function projectedFiles(
  { store, serviceAccountToken }: ClusterObjects,
  pod: Pod,
  volume: string,
  sources: readonly V1VolumeProjection[],
): Promise<Files> {
  const files = new Map<string, Buffer>();
  for (const { configMap, secret, downwardAPI, serviceAccountToken: token } of sources) {
    if (token !== undefined) {
      if (serviceAccountToken === undefined) {
        failedMount(volume, "this cluster issues no tokens for service accounts");
      }
      const text = await serviceAccountToken(pod, token.audience, token.expirationSeconds ?? TOKEN_SECONDS);
      files.set(token.path, Buffer.from(text));
      continue;
    }
    for (const [path, content] of filesOf(store, pod, { name: volume, configMap, secret, downwardAPI })) {
      files.set(path, content);
    }
  }
  return files;
}

/** Kubernetes' default for a service account's token. */
const TOKEN_SECONDS = 3600;

/** A path below the root, whatever the given one says. */
function below(root: string, path: string): string {
  return join(root, normalize(`/${path}`));
}

/**
 * Writes the files that a container's mounts give it below `root`, for the owner's eyes only. Later changes of a
 * ConfigMap or Secret do not reach running pods: the charts restart them by a checksum.
 * @throws NotReadyYet when a ConfigMap, Secret or key is missing and not optional
 */
export async function mountFiles(
  objects: ClusterObjects,
  pod: Pod,
  container: V1Container,
  root: string,
): Promise<void> {
  const volumes = new Map((pod.spec.volumes ?? []).map((volume) => [volume.name, volume]));
  const mounts: { mountPath: string; subPath: string | undefined; files: Files }[] = [];
  for (const { name, mountPath, subPath } of container.volumeMounts ?? []) {
    const volume = volumes.get(name) ?? failedMount(name, "no such volume in the pod");
    const { projected } = volume;
    const files =
      projected === undefined
        ? filesOf(objects.store, pod, volume)
        : await projectedFiles(objects, pod, name, projected.sources ?? []);
    mounts.push({ mountPath, subPath, files });
  }
  await rm(root, { recursive: true, force: true });
  await mkdir(root, { recursive: true, mode: 0o700 });
  for (const { mountPath, subPath, files } of mounts) {
    const single = subPath === undefined ? undefined : files.get(subPath);
    if (single !== undefined) {
      await write(below(root, mountPath), single);
      continue;
    }
    await mkdir(below(root, mountPath), { recursive: true, mode: 0o700 });
    // A subPath that names no file is an empty folder, as on the real node.
    for (const [path, content] of subPath === undefined ? files : []) {
      await write(below(below(root, mountPath), path), content);
    }
  }
}

async function write(file: string, content: Buffer): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await writeFile(file, content, { mode: 0o600 });
}
