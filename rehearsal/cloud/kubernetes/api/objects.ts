import type {
  V1ContainerPort,
  V1DeploymentSpec,
  V1PodSpec,
  V1ServiceSpec,
  V2HorizontalPodAutoscalerSpec,
} from "@kubernetes/client-node";

/** Field ownership in the form of `metadata.managedFields[].fieldsV1`. */
export interface FieldTree {
  readonly [element: string]: FieldTree;
}

/** One manager's fields. `Apply` entries come from server-side apply, `Update` entries from every other write. */
export interface ManagedFields {
  readonly manager: string;
  readonly operation: "Apply" | "Update";
  readonly apiVersion: string;
  readonly time: string;
  readonly fieldsType: "FieldsV1";
  readonly fieldsV1: FieldTree;
  readonly subresource?: string;
}

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

export interface ObjectMetadata {
  readonly name: string;
  readonly namespace?: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly generation?: number;
  readonly creationTimestamp: string;
  readonly deletionTimestamp?: string;
  readonly deletionGracePeriodSeconds?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly OwnerReference[];
  readonly finalizers?: readonly string[];
  readonly managedFields?: readonly ManagedFields[];
}

/** An object as the API server keeps it. Never changed in place: every write makes a new one. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMetadata;
  readonly spec?: unknown;
  readonly status?: unknown;
  readonly [key: string]: unknown;
}

/** What a client sends: metadata may lack everything that the server sets. */
export interface ObjectInput {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata?: Partial<ObjectMetadata>;
  readonly [key: string]: unknown;
}

export interface Deployment extends KubeObject {
  readonly spec: V1DeploymentSpec;
  readonly status?: DeploymentStatus;
}

export interface Condition {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  readonly reason?: string;
  readonly message?: string;
  readonly lastTransitionTime: string;
}

export interface DeploymentStatus {
  readonly observedGeneration?: number;
  readonly replicas?: number;
  readonly updatedReplicas?: number;
  readonly readyReplicas?: number;
  readonly availableReplicas?: number;
  readonly unavailableReplicas?: number;
  readonly conditions?: readonly Condition[];
}

export interface ContainerState {
  readonly running?: { readonly startedAt: string };
  readonly waiting?: { readonly reason: string; readonly message?: string };
  readonly terminated?: {
    readonly exitCode: number;
    readonly signal?: number;
    readonly reason: string;
    readonly startedAt: string;
    readonly finishedAt: string;
  };
}

export interface ContainerStatus {
  readonly name: string;
  readonly image: string;
  readonly imageID: string;
  readonly ready: boolean;
  readonly started: boolean;
  readonly restartCount: number;
  readonly state: ContainerState;
  readonly lastState: ContainerState;
}

export interface PodStatus {
  readonly phase: "Pending" | "Running" | "Succeeded" | "Failed";
  readonly podIP?: string;
  readonly podIPs?: readonly { readonly ip: string }[];
  readonly hostIP?: string;
  readonly startTime?: string;
  readonly conditions?: readonly Condition[];
  readonly containerStatuses?: readonly ContainerStatus[];
}

export interface Pod extends KubeObject {
  readonly spec: V1PodSpec;
  readonly status?: PodStatus;
}

export interface Service extends KubeObject {
  readonly spec: V1ServiceSpec;
}

export interface HorizontalPodAutoscaler extends KubeObject {
  readonly spec: V2HorizontalPodAutoscalerSpec;
}

export interface TargetGroupBindingSpec {
  readonly serviceRef: { readonly name: string; readonly port: number | string };
  readonly targetGroupARN: string;
  readonly targetType?: "ip" | "instance";
  readonly multiClusterTargetGroup?: boolean;
}

export interface TargetGroupBinding extends KubeObject {
  readonly spec: TargetGroupBindingSpec;
}

export interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
  readonly binaryData?: Readonly<Record<string, string>>;
}

export interface Secret extends KubeObject {
  /** Base64. */
  readonly data?: Readonly<Record<string, string>>;
  readonly type?: string;
}

/** Whether a pod takes requests: it is ready and is not being deleted. */
export function takesRequests(pod: Pod): boolean {
  return isReady(pod) && pod.metadata.deletionTimestamp === undefined;
}

/** Whether the pod's condition `Ready` is true. */
export function isReady(pod: Pod): boolean {
  return pod.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false;
}

/** All declared ports of a pod's containers. */
export function containerPorts(pod: Pod): readonly V1ContainerPort[] {
  return pod.spec.containers.flatMap(({ ports }) => ports ?? []);
}

/** Now, in the form of the API's timestamps (seconds, UTC). */
export function timestamp(at: Date = new Date()): string {
  return at.toISOString().replace(/\.\d+Z$/, "Z");
}

/** The object without some of its keys. */
export function omit<T extends object, K extends keyof T>(object: T, ...keys: readonly K[]): Omit<T, K> {
  const kept = Object.entries(object).filter(([key]) => !keys.includes(key as K));
  return Object.fromEntries(kept) as Omit<T, K>;
}
