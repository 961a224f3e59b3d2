import { KINDS } from "../api/kinds";
import { isReady, timestamp, type Condition, type Deployment, type DeploymentStatus, type Pod } from "../api/objects";
import { type Resources } from "../api/resources";
import { TEMPLATE_HASH, podFrom, templateHash } from "./podTemplate";
import { type Controller } from "./controller";

/** Who the controllers are in `managedFields`. */
export const CONTROLLER_MANAGER = "kube-controller-manager";

/** Pods of one Deployment, as the controller sees them. */
interface Fleet {
  /** Of the current template, not being deleted. */
  readonly fresh: readonly Pod[];
  /** Of earlier templates, not being deleted. */
  readonly old: readonly Pod[];
}

/** `25%` of the replicas, or a number. */
function countOf(value: number | string | undefined, replicas: number, round: (value: number) => number): number {
  if (typeof value === "string" && value.endsWith("%")) {
    return round((replicas * Number(value.slice(0, -1))) / 100);
  }
  return Number(value ?? 0);
}

/** How many pods there may be too many and too few while a template is being replaced. */
function limits({ spec }: Deployment, replicas: number): { readonly surge: number; readonly unavailable: number } {
  const rolling = spec.strategy?.rollingUpdate;
  const surge = countOf(rolling?.maxSurge, replicas, Math.ceil);
  const unavailable = countOf(rolling?.maxUnavailable, replicas, Math.floor);
  // With both zero nothing would ever move: then one may be missing, as on the real server.
  return { surge, unavailable: surge === 0 && unavailable === 0 ? 1 : unavailable };
}

/** Unready ones go first, then the youngest. */
function inOrderOfRemoval(pods: readonly Pod[]): readonly Pod[] {
  const age = (pod: Pod): number => Number(pod.metadata.resourceVersion);
  return [...pods].sort((a, b) => Number(isReady(a)) - Number(isReady(b)) || age(b) - age(a));
}

/**
 * Makes pods for Deployments, replaces them on a new template within `maxSurge` and `maxUnavailable`, and keeps the
 * status. Pods belong to the Deployment directly: this cluster has no ReplicaSets, so no history to roll back to.
 */
export class DeploymentController implements Controller {
  private readonly timers = new Map<string, NodeJS.Timeout>();

  /** @param wake asks for another `sync` @param pace divides `minReadySeconds` and the progress deadline */
  constructor(
    private readonly resources: Resources,
    private readonly wake: () => void,
    private readonly pace: number,
  ) {}

  sync(): void {
    const { store } = this.resources;
    for (const deployment of store.list(KINDS.deployment) as readonly Deployment[]) {
      if (deployment.metadata.deletionTimestamp === undefined) {
        this.reconcile(deployment);
      }
    }
  }

  stop(): void {
    for (const timer of this.timers.values()) {
      clearTimeout(timer);
    }
    this.timers.clear();
  }

  private reconcile(deployment: Deployment): void {
    const hash = templateHash(deployment.spec);
    const replicas = deployment.spec.replicas ?? 1;
    const before = this.fleet(deployment, hash);
    this.scaleUp(deployment, hash, replicas, before);
    this.scaleDown(deployment, replicas, this.fleet(deployment, hash));
    this.report(deployment, replicas, this.fleet(deployment, hash));
  }

  private fleet({ metadata }: Deployment, hash: string): Fleet {
    const pods = (this.resources.store.list(KINDS.pod, metadata.namespace) as readonly Pod[]).filter(
      (pod) =>
        pod.metadata.deletionTimestamp === undefined &&
        pod.metadata.ownerReferences?.some(({ uid }) => uid === metadata.uid),
    );
    const isFresh = (pod: Pod): boolean => pod.metadata.labels?.[TEMPLATE_HASH] === hash;
    return { fresh: pods.filter(isFresh), old: pods.filter((pod) => !isFresh(pod)) };
  }

  private scaleUp(deployment: Deployment, hash: string, replicas: number, { fresh, old }: Fleet): void {
    const { strategy } = deployment.spec;
    const total = fresh.length + old.length;
    const room =
      strategy?.type === "Recreate"
        ? this.terminating(deployment) || old.length > 0
          ? 0
          : replicas - fresh.length
        : replicas + limits(deployment, replicas).surge - total;
    // Without old pods the surge is not used: it is for replacing, not for more.
    const wanted = Math.min(replicas - fresh.length, old.length === 0 ? replicas - total : room);
    for (let made = 0; made < wanted; made += 1) {
      this.resources.create(KINDS.pod, deployment.metadata.namespace, podFrom(deployment, hash), {
        manager: CONTROLLER_MANAGER,
      });
    }
  }

  private scaleDown(deployment: Deployment, replicas: number, { fresh, old }: Fleet): void {
    const surplus = inOrderOfRemoval(fresh).slice(0, Math.max(0, fresh.length - replicas));
    surplus.forEach((pod) => this.remove(pod));
    if (deployment.spec.strategy?.type === "Recreate") {
      old.forEach((pod) => this.remove(pod));
      return;
    }
    const least = replicas - limits(deployment, replicas).unavailable;
    const kept = fresh.filter((pod) => !surplus.includes(pod));
    let available = [...kept, ...old].filter((pod) => this.isAvailable(deployment, pod)).length;
    for (const pod of inOrderOfRemoval(old)) {
      const counts = this.isAvailable(deployment, pod);
      if (!counts || available > least) {
        this.remove(pod);
        available -= counts ? 1 : 0;
      }
    }
  }

  private terminating({ metadata }: Deployment): boolean {
    return this.resources.store
      .list(KINDS.pod, metadata.namespace)
      .some(
        (pod) =>
          pod.metadata.deletionTimestamp !== undefined &&
          pod.metadata.ownerReferences?.some(({ uid }) => uid === metadata.uid),
      );
  }

  private remove({ metadata }: Pod): void {
    this.resources.delete(KINDS.pod, metadata.namespace, metadata.name);
  }

  /** Ready for `minReadySeconds`. */
  private isAvailable({ spec }: Deployment, pod: Pod): boolean {
    const since = pod.status?.conditions?.find(({ type, status }) => type === "Ready" && status === "True");
    if (since === undefined) {
      return false;
    }
    const leftMs = Date.parse(since.lastTransitionTime) + ((spec.minReadySeconds ?? 0) * 1000) / this.pace - Date.now();
    if ((spec.minReadySeconds ?? 0) > 0 && leftMs > 0) {
      this.wakeIn(`ready ${pod.metadata.uid}`, leftMs);
      return false;
    }
    return true;
  }

  private report(deployment: Deployment, replicas: number, { fresh, old }: Fleet): void {
    const all = [...fresh, ...old];
    const available = all.filter((pod) => this.isAvailable(deployment, pod)).length;
    const least = replicas - limits(deployment, replicas).unavailable;
    const done = fresh.length === replicas && old.length === 0 && available === replicas;
    const conditions = [
      available >= least
        ? condition("Available", "True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
        : condition(
            "Available",
            "False",
            "MinimumReplicasUnavailable",
            "Deployment does not have minimum availability.",
          ),
      this.progress(deployment, done),
    ].map((now) => keepTime(now, deployment.status?.conditions));
    const status: DeploymentStatus = {
      observedGeneration: deployment.metadata.generation ?? 1,
      replicas: all.length,
      updatedReplicas: fresh.length,
      readyReplicas: all.filter(isReady).length,
      availableReplicas: available,
      unavailableReplicas: Math.max(0, Math.max(replicas, all.length) - available),
      conditions,
    };
    this.resources.setStatus(KINDS.deployment, deployment, status);
  }

  private progress({ metadata, spec, status }: Deployment, done: boolean): Condition {
    if (done) {
      return condition("Progressing", "True", "NewReplicaSetAvailable", "The Deployment has successfully progressed.");
    }
    const before = status?.conditions?.find(({ type }) => type === "Progressing");
    const same = status?.observedGeneration === metadata.generation && before?.reason !== "NewReplicaSetAvailable";
    const since = same && before !== undefined ? Date.parse(before.lastTransitionTime) : Date.now();
    const leftMs = since + ((spec.progressDeadlineSeconds ?? 600) * 1000) / this.pace - Date.now();
    if (leftMs <= 0 || (same && before?.reason === "ProgressDeadlineExceeded")) {
      return condition("Progressing", "False", "ProgressDeadlineExceeded", "The Deployment has timed out progressing.");
    }
    this.wakeIn(`progress ${metadata.uid}`, leftMs);
    return condition("Progressing", "True", "ReplicaSetUpdated", "The Deployment is progressing.");
  }

  private wakeIn(key: string, ms: number): void {
    if (!this.timers.has(key)) {
      const timer = setTimeout(() => {
        this.timers.delete(key);
        this.wake();
      }, ms + 1);
      this.timers.set(key, timer.unref());
    }
  }
}

function condition(type: string, status: "True" | "False", reason: string, message: string): Condition {
  return { type, status, reason, message, lastTransitionTime: timestamp() };
}

/** The time of a condition is when it came to be what it is. */
function keepTime(now: Condition, before: readonly Condition[] | undefined): Condition {
  const same = before?.find(
    ({ type, status, reason }) => type === now.type && status === now.status && reason === now.reason,
  );
  return same === undefined ? now : { ...now, lastTransitionTime: same.lastTransitionTime };
}
