import { KINDS } from "../api/kinds";
import { timestamp, type Deployment, type HorizontalPodAutoscaler } from "../api/objects";
import { type Resources } from "../api/resources";
import { type Controller } from "./controller";
import { CONTROLLER_MANAGER } from "./deployments";

/**
 * Keeps the size of an autoscaler's Deployment between its bounds. There are no metrics here, so it never chooses a
 * size inside them. A Deployment of size 0 is left alone: that switches a real autoscaler off, too.
 */
export class AutoscalerController implements Controller {
  constructor(private readonly resources: Resources) {}

  sync(): void {
    for (const autoscaler of this.resources.store.list(KINDS.horizontalPodAutoscaler)) {
      this.reconcile(autoscaler as HorizontalPodAutoscaler);
    }
  }

  private reconcile(autoscaler: HorizontalPodAutoscaler): void {
    const { scaleTargetRef, minReplicas = 1, maxReplicas } = autoscaler.spec;
    const { namespace } = autoscaler.metadata;
    const target = this.resources.store.get(KINDS.deployment, namespace, scaleTargetRef.name) as Deployment | undefined;
    if (target === undefined) {
      return;
    }
    const current = target.spec.replicas ?? 1;
    const desired = current === 0 ? 0 : Math.min(Math.max(current, minReplicas), maxReplicas);
    if (desired !== current) {
      this.resources.merge(
        KINDS.deployment,
        namespace,
        target.metadata.name,
        { spec: { replicas: desired } },
        { manager: CONTROLLER_MANAGER, subresource: "scale" },
      );
    }
    this.report(autoscaler, target.status?.replicas ?? 0, desired);
  }

  private report(autoscaler: HorizontalPodAutoscaler, currentReplicas: number, desiredReplicas: number): void {
    const active = desiredReplicas > 0;
    const before = autoscaler.status as
      { readonly conditions?: readonly { status: string; lastTransitionTime: string }[] } | undefined;
    const previous = before?.conditions?.[0];
    const status = active ? "True" : "False";
    this.resources.setStatus(KINDS.horizontalPodAutoscaler, autoscaler, {
      observedGeneration: autoscaler.metadata.generation,
      currentReplicas,
      desiredReplicas,
      conditions: [
        {
          type: "ScalingActive",
          status,
          reason: active ? "ValidMetricFound" : "ScalingDisabled",
          message: active
            ? "the size is kept between the bounds"
            : "scaling is disabled since the replica count of the target is zero",
          lastTransitionTime: previous?.status === status ? previous.lastTransitionTime : timestamp(),
        },
      ],
    });
  }
}
