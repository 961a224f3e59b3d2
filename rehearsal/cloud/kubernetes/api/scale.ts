import { invalid } from "./errors";
import { isFields } from "./fields";
import { KINDS } from "./kinds";
import { type Deployment, type KubeObject } from "./objects";
import { type Resources, type WriteOptions } from "./resources";

/** The subresource `scale` of a Deployment. */
export function readScale(object: KubeObject): unknown {
  const { metadata, spec, status } = object as Deployment;
  const labels = Object.entries(spec.selector.matchLabels ?? {});
  return {
    kind: "Scale",
    apiVersion: "autoscaling/v1",
    metadata: {
      name: metadata.name,
      namespace: metadata.namespace,
      uid: metadata.uid,
      resourceVersion: metadata.resourceVersion,
      creationTimestamp: metadata.creationTimestamp,
    },
    spec: { replicas: spec.replicas },
    status: { replicas: status?.replicas ?? 0, selector: labels.map(([key, value]) => `${key}=${value}`).join(",") },
  };
}

/** Sets the size. The writer owns `spec.replicas` afterwards. @throws ApiError 422 on a size that is none */
export function writeScale(
  resources: Resources,
  namespace: string | undefined,
  name: string,
  body: unknown,
  options: WriteOptions,
): unknown {
  const spec = isFields(body) && isFields(body["spec"]) ? body["spec"] : {};
  const replicas = spec["replicas"];
  if (typeof replicas !== "number" || !Number.isInteger(replicas) || replicas < 0) {
    throw invalid(KINDS.deployment, name, [
      {
        reason: "FieldValueInvalid",
        message: `Invalid value: ${JSON.stringify(replicas)}: must be greater than or equal to 0`,
        field: "spec.replicas",
      },
    ]);
  }
  const written = resources.merge(
    KINDS.deployment,
    namespace,
    name,
    { spec: { replicas } },
    { ...options, subresource: "scale" },
  );
  return readScale(written);
}
