import { type ClusterObjects, type EventSink } from "../api/clusterObjects";
import { KINDS } from "../api/kinds";
import { type Service, type TargetGroupBinding } from "../api/objects";
import { endpointsOf, podPort } from "../api/proxy";
import { type Controller } from "./controller";

/** One target of a target group. */
export interface Target {
  readonly id: string;
  readonly port: number;
}

/** The load balancer's side of target groups. */
export interface TargetRegistry {
  registerTargets(targetGroupArn: string, targets: readonly Target[]): Promise<void>;
  deregisterTargets(targetGroupArn: string, targets: readonly Target[]): Promise<void>;
  describeTargets(
    targetGroupArn: string,
  ): Promise<readonly { readonly id: string; readonly port: number; readonly state: string }[]>;
}

/** The finalizer by which the load balancer controller keeps a binding until its targets are deregistered. */
export const BINDING_FINALIZER = "elbv2.k8s.aws/resources";

/** First wait after a failure, in milliseconds; doubled up to the last. */
const RETRY_MS = { first: 500, last: 10_000 };

interface Work {
  running: boolean;
  again: boolean;
  failures: number;
  /** What the group should hold, as last brought about; `undefined` before the first success. */
  done: string | undefined;
  retry: NodeJS.Timeout | undefined;
  /** Targets that this binding registered. */
  own: readonly Target[];
}

/**
 * The load balancer controller's TargetGroupBinding: ready pods of the Service become targets, and targets that are
 * not its own are deregistered unless `multiClusterTargetGroup` is set (facts/aws.md 1: a second binding on a group
 * throws the first one's targets out). It acts when its own pods or its spec change, not when others write the group.
 */
export class TargetGroupBindingController implements Controller {
  private readonly works = new Map<string, Work>();
  private readonly running = new Set<Promise<void>>();
  private stopped = false;

  constructor(
    private readonly resources: ClusterObjects,
    private readonly targets: TargetRegistry,
    private readonly events: EventSink,
    private readonly wake: () => void,
  ) {}

  sync(): void {
    for (const binding of this.resources.store.list(KINDS.targetGroupBinding) as readonly TargetGroupBinding[]) {
      const { uid } = binding.metadata;
      const work = this.works.get(uid) ?? {
        running: false,
        again: false,
        failures: 0,
        done: undefined,
        retry: undefined,
        own: [],
      };
      this.works.set(uid, work);
      if (work.running) {
        work.again = true;
      } else if (work.retry === undefined && work.done !== this.wish(binding)) {
        this.start(binding, work);
      }
    }
  }

  async stop(): Promise<void> {
    this.stopped = true;
    for (const { retry } of this.works.values()) {
      clearTimeout(retry);
    }
    await Promise.all(this.running);
  }

  private start(binding: TargetGroupBinding, work: Work): void {
    work.running = true;
    const task = this.reconcile(binding, work)
      .catch((error: unknown) => this.failed(binding, work, error))
      .finally(() => {
        work.running = false;
        this.running.delete(task);
        if (work.again) {
          work.again = false;
          this.wake();
        }
      });
    this.running.add(task);
  }

  private failed(binding: TargetGroupBinding, work: Work, error: unknown): void {
    const waitMs = Math.min(RETRY_MS.first * 2 ** work.failures, RETRY_MS.last);
    work.failures += 1;
    this.events.warn(binding, "FailedReconcile", error instanceof Error ? error.message : String(error));
    if (!this.stopped) {
      work.retry = setTimeout(() => {
        work.retry = undefined;
        this.wake();
      }, waitMs).unref();
    }
  }

  /** What the group should hold, and whether the binding lives, as one text to compare. */
  private wish(binding: TargetGroupBinding): string {
    return JSON.stringify([binding.metadata.deletionTimestamp !== undefined, binding.spec, this.desired(binding)]);
  }

  private desired(binding: TargetGroupBinding): readonly Target[] {
    const { serviceRef } = binding.spec;
    const service = this.resources.store.get(KINDS.service, binding.metadata.namespace, serviceRef.name) as
      Service | undefined;
    const port = service?.spec.ports?.find(({ name, port: number }) =>
      typeof serviceRef.port === "number" ? number === serviceRef.port : name === serviceRef.port,
    );
    if (service === undefined || port === undefined || binding.metadata.deletionTimestamp !== undefined) {
      return [];
    }
    return endpointsOf(this.resources.store, service).flatMap((pod) => {
      const number = podPort(pod, port.targetPort ?? port.port);
      return number === undefined || pod.status?.podIP === undefined ? [] : [{ id: pod.status.podIP, port: number }];
    });
  }

  private async reconcile(binding: TargetGroupBinding, work: Work): Promise<void> {
    const { targetGroupARN, serviceRef, multiClusterTargetGroup = false } = binding.spec;
    const wish = this.wish(binding);
    const desired = this.desired(binding);
    const service = this.resources.store.get(KINDS.service, binding.metadata.namespace, serviceRef.name);
    if (service === undefined && binding.metadata.deletionTimestamp === undefined && work.done !== wish) {
      this.events.warn(binding, "BackendNotFound", `backend not found: Service "${serviceRef.name}" not found`);
    }
    if (binding.metadata.deletionTimestamp === undefined) {
      this.resources.addFinalizer(KINDS.targetGroupBinding, binding, BINDING_FINALIZER);
    }
    const seen = await this.targets.describeTargets(targetGroupARN);
    const current = seen.filter(({ state }) => state !== "draining").map(({ id, port }) => ({ id, port }));
    const missing = desired.filter((target) => !has(current, target));
    const foreign = current.filter((target) => !has(desired, target));
    const surplus = multiClusterTargetGroup ? foreign.filter((target) => has(work.own, target)) : foreign;
    if (surplus.length > 0) {
      await this.targets.deregisterTargets(targetGroupARN, surplus);
    }
    if (missing.length > 0) {
      await this.targets.registerTargets(targetGroupARN, missing);
    }
    work.own = desired;
    work.failures = 0;
    work.done = wish;
    if (binding.metadata.deletionTimestamp !== undefined) {
      this.works.delete(binding.metadata.uid);
      this.resources.removeFinalizer(KINDS.targetGroupBinding, binding, BINDING_FINALIZER);
      return;
    }
    this.resources.setStatus(KINDS.targetGroupBinding, binding, { observedGeneration: binding.metadata.generation });
    this.wake();
  }
}

function has(targets: readonly Target[], { id, port }: Target): boolean {
  return targets.some((target) => target.id === id && target.port === port);
}
