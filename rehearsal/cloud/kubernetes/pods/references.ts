import { KINDS } from "../api/kinds";
import { type ConfigMap, type Pod, type Secret } from "../api/objects";
import { type ObjectReader } from "../api/clusterObjects";

/** Keys and contents of a ConfigMap or a Secret. */
export type Files = ReadonlyMap<string, Buffer>;

export function configMapFiles(store: ObjectReader, namespace: string | undefined, name: string): Files | undefined {
  const found = store.get(KINDS.configMap, namespace, name) as ConfigMap | undefined;
  return (
    found &&
    new Map([
      ...Object.entries(found.data ?? {}).map(([key, text]) => [key, Buffer.from(text, "utf8")] as const),
      ...Object.entries(found.binaryData ?? {}).map(([key, text]) => [key, Buffer.from(text, "base64")] as const),
    ])
  );
}

export function secretFiles(store: ObjectReader, namespace: string | undefined, name: string): Files | undefined {
  const found = store.get(KINDS.secret, namespace, name) as Secret | undefined;
  return found && new Map(Object.entries(found.data ?? {}).map(([key, text]) => [key, Buffer.from(text, "base64")]));
}

/** What the downward API gives. `undefined` for a field that it does not know. */
export function downwardField({ metadata, spec, status }: Pod, path: string): string | undefined {
  const labelled = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path);
  if (labelled?.[1] !== undefined && labelled[2] !== undefined) {
    return metadata[labelled[1] as "labels" | "annotations"]?.[labelled[2]] ?? "";
  }
  const known: Readonly<Record<string, string | undefined>> = {
    "metadata.name": metadata.name,
    "metadata.namespace": metadata.namespace,
    "metadata.uid": metadata.uid,
    "spec.nodeName": spec.nodeName,
    "spec.serviceAccountName": spec.serviceAccountName ?? "default",
    "status.podIP": status?.podIP,
    "status.hostIP": status?.hostIP,
  };
  return known[path];
}
