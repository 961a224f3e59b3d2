import { z } from "zod";
import { CouldNotLook } from "../result";
import { refused, type KubernetesApi } from "./kubernetes";

/** The Kubernetes objects that the checks look at, with the fields they need. */

const LABELS = z.record(z.string(), z.string());

/** A container, with the fields that most checks need. */
export const CONTAINER = z.object({
  name: z.string(),
  image: z.string(),
  env: z.array(z.object({ name: z.string(), value: z.string().optional() })).optional(),
  envFrom: z
    .array(
      z.object({
        prefix: z.string().optional(),
        configMapRef: z.object({ name: z.string(), optional: z.boolean().optional() }).optional(),
        secretRef: z.object({ name: z.string(), optional: z.boolean().optional() }).optional(),
      }),
    )
    .optional(),
});

const POD_SPEC = z.object({
  containers: z.array(CONTAINER),
  hostNetwork: z.boolean().optional(),
  nodeName: z.string().optional(),
  volumes: z.array(z.object({ name: z.string(), configMap: z.object({ name: z.string() }).optional() })).optional(),
});

const DEPLOYMENT = z.object({
  metadata: z.object({ name: z.string(), generation: z.number().optional() }),
  spec: z.object({
    replicas: z.number().default(1),
    selector: z.object({ matchLabels: LABELS.optional() }),
    template: z.object({ metadata: z.object({ annotations: LABELS.optional() }).optional(), spec: POD_SPEC }),
  }),
  status: z
    .object({
      observedGeneration: z.number().optional(),
      replicas: z.number().default(0),
      updatedReplicas: z.number().default(0),
      readyReplicas: z.number().default(0),
      availableReplicas: z.number().default(0),
    })
    .optional(),
});

const POD = z.object({
  metadata: z.object({
    name: z.string(),
    deletionTimestamp: z.string().optional(),
    annotations: LABELS.optional(),
  }),
  spec: POD_SPEC,
  status: z
    .object({
      phase: z.string().optional(),
      podIP: z.string().optional(),
      startTime: z.string().optional(),
      conditions: z
        .array(z.object({ type: z.string(), status: z.string(), lastTransitionTime: z.string().nullish() }))
        .optional(),
      containerStatuses: z
        .array(
          z.object({
            name: z.string(),
            imageID: z.string().optional(),
            restartCount: z.number().default(0),
            ready: z.boolean().default(false),
          }),
        )
        .optional(),
    })
    .optional(),
});

const AUTOSCALER = z.object({
  metadata: z.object({ name: z.string() }),
  spec: z.object({ minReplicas: z.number().default(1), maxReplicas: z.number() }),
});

const SERVICE = z.object({
  spec: z.object({ clusterIP: z.string().optional() }).optional(),
  status: z
    .object({
      loadBalancer: z
        .object({
          ingress: z.array(z.object({ ip: z.string().optional(), hostname: z.string().optional() })).optional(),
        })
        .optional(),
    })
    .optional(),
});

const CONFIG_MAP = z.object({ data: z.record(z.string(), z.string()).optional() });
/** Names only: the values of a Secret are of no interest here. */
const SECRET_KEYS = z.object({ data: z.record(z.string(), z.unknown()).optional() });

export type Container = z.infer<typeof CONTAINER>;
export type PodSpec = z.infer<typeof POD_SPEC>;
export type Deployment = z.infer<typeof DEPLOYMENT>;
export type Pod = z.infer<typeof POD>;
export type Autoscaler = z.infer<typeof AUTOSCALER>;
export type Service = z.infer<typeof SERVICE>;

/** Undefined when it does not exist. @throws CouldNotLook */
export function getDeployment(api: KubernetesApi, name: string, signal: AbortSignal): Promise<Deployment | undefined> {
  return api.get(DEPLOYMENT, api.path("apps/v1", "deployments", name), signal);
}

/** Pods of a Deployment, those that are being deleted included. @throws CouldNotLook */
export async function podsOf(api: KubernetesApi, deployment: Deployment, signal: AbortSignal): Promise<readonly Pod[]> {
  const { matchLabels } = deployment.spec.selector;
  if (!matchLabels || Object.keys(matchLabels).length === 0) {
    throw new CouldNotLook(
      `${api.label}, Deployment ${deployment.metadata.name}`,
      "its selector has no matchLabels, so its pods cannot be told from others",
      "give the Deployment a selector with matchLabels, as the official charts do",
    );
  }
  const labelSelector = Object.entries(matchLabels)
    .map(([name, value]) => `${name}=${value}`)
    .join(",");
  const list = await api.get(
    z.object({ items: z.array(POD) }),
    api.path("v1", "pods", "", { query: { labelSelector } }),
    signal,
  );
  return list?.items ?? [];
}

/** Undefined when it does not exist. @throws CouldNotLook */
export function getAutoscaler(api: KubernetesApi, name: string, signal: AbortSignal): Promise<Autoscaler | undefined> {
  return api.get(AUTOSCALER, api.path("autoscaling/v2", "horizontalpodautoscalers", name), signal);
}

/** Undefined when it does not exist. @throws CouldNotLook */
export function getService(api: KubernetesApi, name: string, signal: AbortSignal): Promise<Service | undefined> {
  return api.get(SERVICE, api.path("v1", "services", name), signal);
}

/** Content of a ConfigMap; undefined when it does not exist. @throws CouldNotLook */
export async function getConfigMap(
  api: KubernetesApi,
  name: string,
  signal: AbortSignal,
): Promise<Readonly<Record<string, string>> | undefined> {
  const found = await api.get(CONFIG_MAP, api.path("v1", "configmaps", name), signal);
  return found && (found.data ?? {});
}

/** Names of a Secret's entries; undefined when it does not exist. @throws CouldNotLook */
export async function getSecretKeys(
  api: KubernetesApi,
  name: string,
  signal: AbortSignal,
): Promise<readonly string[] | undefined> {
  const found = await api.get(SECRET_KEYS, api.path("v1", "secrets", name), signal);
  return found && Object.keys(found.data ?? {});
}

/**
 * The newest lines of a container's log, each with its time in front.
 * @param since lines from before are left out
 * @throws CouldNotLook
 */
export async function podLog(
  api: KubernetesApi,
  pod: string,
  container: string,
  lines: number,
  signal: AbortSignal,
  since?: Date,
): Promise<string> {
  const query = {
    container,
    tailLines: String(lines),
    timestamps: "true",
    ...(since && { sinceTime: since.toISOString().replace(/\.\d+Z$/, "Z") }),
  };
  const answer = await api.request({ path: api.path("v1", "pods", pod, { subresource: "log", query }), signal });
  if (answer.status !== 200) throw refused(`${api.label}, log of pod ${pod}`, answer);
  return answer.body;
}

/** Whether the pod takes requests: condition Ready, and not being deleted. */
export function isReady(pod: Pod): boolean {
  return pod.metadata.deletionTimestamp === undefined && readySince(pod) !== undefined;
}

/** Since when the pod is Ready; undefined when it is not. */
export function readySince(pod: Pod): Date | undefined {
  const ready = pod.status?.conditions?.find((condition) => condition.type === "Ready" && condition.status === "True");
  return ready && new Date(ready.lastTransitionTime ?? 0);
}
