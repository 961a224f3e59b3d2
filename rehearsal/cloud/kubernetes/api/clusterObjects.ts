import { type Kind } from "./kinds";
import { type KubeObject, type Pod } from "./objects";

/** The objects of a cluster, as they were last seen. */
export interface ObjectReader {
  get(kind: Kind, namespace: string | undefined, name: string): KubeObject | undefined;
  /** In the order of namespace and name. Without a namespace: those of all. */
  list(kind: Kind, namespace?: string): readonly KubeObject[];
}

/**
 * What the node and the load balancer's controller need of a cluster. Served by the stand-in's own objects, and by a real
 * API server: then what is written takes its time, and is seen when the server tells it.
 */
export interface ClusterObjects {
  readonly store: ObjectReader;
  /** Changes the status, as controllers do. Does nothing when the object is gone. */
  setStatus(kind: Kind, object: KubeObject, status: unknown): void;
  /** Ends an object that was waiting for its end (a stopped pod). */
  remove(kind: Kind, object: KubeObject): void;
  /** Keeps an object from its end until the finalizer is taken off. */
  addFinalizer(kind: Kind, object: KubeObject, finalizer: string): void;
  /** The last one of a deleted object ends it. */
  removeFinalizer(kind: Kind, object: KubeObject, finalizer: string): void;
  /** A token of the pod's service account, bound to the pod; missing where the cluster gives none. Secret. */
  readonly serviceAccountToken?: (pod: Pod, audience: string | undefined, seconds: number) => Promise<string>;
}

/** Where somebody tells what went wrong with an object. The message must hold no secret. */
export interface EventSink {
  warn(object: KubeObject, reason: string, message: string): void;
}
