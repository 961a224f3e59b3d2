import { setTimeout as sleep } from "node:timers/promises";
import { type ClusterObjects, type EventSink, type ObjectReader } from "../../cloud/kubernetes/api/clusterObjects";
import { KINDS, pathOf, type Kind } from "../../cloud/kubernetes/api/kinds";
import { timestamp, type KubeObject, type Pod } from "../../cloud/kubernetes/api/objects";
import { KubeError } from "../../cloud/kubernetes/client";
import { type RealApi } from "./api";

/** Who the node is in `managedFields`. */
const NODE_MANAGER = "kubelet";
const CONTROLLER_MANAGER = "aws-load-balancer-controller";
/** Wait after a write that the server did not take, in milliseconds: it may be down. */
const AGAIN_MS = 500;
/** Most events that are told apart; what comes later is only reported. */
const MAX_EVENTS = 500;

/**
 * Writes of the node and of the load balancer's controller to a real API server. Each object has one write at a time and
 * at most one waiting, the newest; a write is tried until the server takes or refuses it.
 */
export class RemoteObjects implements ClusterObjects, EventSink {
  private readonly waiting = new Map<string, () => Promise<void>>();
  private readonly running = new Map<string, Promise<void>>();
  private readonly lastStatus = new Map<string, string>();
  private readonly events = new Map<string, string>();
  private stopped = false;

  constructor(
    private readonly api: RealApi,
    readonly store: ObjectReader,
    private readonly report: (line: string) => void,
  ) {}

  setStatus(kind: Kind, object: KubeObject, status: unknown): void {
    const { uid } = object.metadata;
    const text = JSON.stringify(status);
    if (this.lastStatus.get(uid) === text) return;
    this.lastStatus.set(uid, text);
    const manager = kind === KINDS.pod ? NODE_MANAGER : CONTROLLER_MANAGER;
    this.write(`status ${uid}`, async () => {
      await this.api.merge(kind, object, { metadata: { uid }, status }, { manager, subresource: "status" });
    });
  }

  remove(kind: Kind, object: KubeObject): void {
    const { uid } = object.metadata;
    this.lastStatus.delete(uid);
    this.write(`remove ${uid}`, async () => this.api.delete(kind, object, { gracePeriodSeconds: 0 }));
  }

  addFinalizer(kind: Kind, object: KubeObject, finalizer: string): void {
    this.setFinalizers(kind, object, (before) => [...before.filter((one) => one !== finalizer), finalizer]);
  }

  removeFinalizer(kind: Kind, object: KubeObject, finalizer: string): void {
    this.setFinalizers(kind, object, (before) => before.filter((one) => one !== finalizer));
  }

  /** Bound to the pod: the server takes it back when the pod is gone. */
  readonly serviceAccountToken = async (pod: Pod, audience: string | undefined, seconds: number): Promise<string> => {
    const { name, namespace, uid } = pod.metadata;
    const account = pod.spec.serviceAccountName ?? "default";
    const answer = (await this.api.post(`${pathOf(KINDS.serviceAccount, namespace, account)}/token`, {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      spec: {
        ...(audience === undefined ? {} : { audiences: [audience] }),
        expirationSeconds: seconds,
        boundObjectRef: { apiVersion: "v1", kind: "Pod", name, uid },
      },
    })) as { readonly status: { readonly token: string } };
    return answer.status.token;
  };

  warn(object: KubeObject, reason: string, message: string): void {
    this.report(`${object.kind} ${object.metadata.name}: ${reason}: ${message}`);
    const { name, namespace, uid } = object.metadata;
    const key = [uid, reason, message].join("\0");
    if (this.events.has(key) || this.events.size >= MAX_EVENTS) return;
    const eventName = `${name}.${uid.slice(0, 8)}${this.events.size.toString(16)}`;
    this.events.set(key, eventName);
    const { apiVersion, kind } = object;
    const event = {
      metadata: { name: eventName },
      involvedObject: { apiVersion, kind, name, namespace, uid },
      type: "Warning",
      reason,
      message,
      count: 1,
      firstTimestamp: timestamp(),
      lastTimestamp: timestamp(),
      source: { component: NODE_MANAGER },
    };
    this.write(`event ${eventName}`, async () => {
      await this.api.create(KINDS.event, namespace, event, NODE_MANAGER);
    });
  }

  /** Nothing is written any more; what is under way is waited for. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.waiting.clear();
    await Promise.all(this.running.values());
  }

  private setFinalizers(
    kind: Kind,
    object: KubeObject,
    change: (before: readonly string[]) => readonly string[],
  ): void {
    const { uid, namespace, name } = object.metadata;
    this.write(`finalizers ${uid}`, async () => {
      const live = await this.api.find(kind, namespace, name);
      const before = live?.metadata.finalizers ?? [];
      const after = change(before);
      if (live?.metadata.uid !== uid || JSON.stringify(before) === JSON.stringify(after)) return;
      const { resourceVersion } = live.metadata;
      const patch = { metadata: { uid, resourceVersion, finalizers: after } };
      await this.api.merge(kind, live, patch, { manager: CONTROLLER_MANAGER });
    });
  }

  private write(key: string, work: () => Promise<void>): void {
    if (this.stopped) return;
    this.waiting.set(key, work);
    if (this.running.has(key)) return;
    const task = this.drain(key).finally(() => this.running.delete(key));
    this.running.set(key, task);
  }

  private async drain(key: string): Promise<void> {
    for (let work = this.waiting.get(key); work !== undefined; work = this.waiting.get(key)) {
      this.waiting.delete(key);
      try {
        await work();
      } catch (error) {
        if (isFinal(error)) {
          if (!isGone(error)) this.report(`the API server refused: ${key}: ${String(error)}`);
          continue;
        }
        await sleep(AGAIN_MS);
        if (!this.isStopped() && !this.waiting.has(key)) this.waiting.set(key, work);
      }
    }
  }

  private isStopped(): boolean {
    return this.stopped;
  }
}

/** A refusal that another try would not change. A conflict of versions is tried again, on the newest object. */
function isFinal(error: unknown): boolean {
  return error instanceof KubeError && error.code < 500 && error.code !== 429 && !isVersionConflict(error);
}

function isVersionConflict(error: KubeError): boolean {
  return (
    error.code === 409 && !error.message.includes("UID in precondition") && !error.message.includes("already exists")
  );
}

/** The object is gone, or its namespace is: nobody needs to know. */
function isGone(error: unknown): boolean {
  return (
    error instanceof KubeError &&
    (error.code === 404 || error.code === 409 || (error.code === 403 && error.message.includes("being terminated")))
  );
}
