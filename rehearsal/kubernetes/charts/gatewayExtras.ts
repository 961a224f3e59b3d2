import { labelsOf, labelsOfPods } from "./gatewayLabels";
import { fullname, present, refuseIf, texts, type RenderContext, type RenderedObject } from "./objects";
import { at, count, flag, map, text } from "./values";

export function disruptionBudget(context: RenderContext): readonly RenderedObject[] {
  const { values, namespace } = context;
  const budget = "apisix.podDisruptionBudget";
  if (!flag(values, `${budget}.enabled`)) {
    return [];
  }
  const minAvailable = at(values, `${budget}.minAvailable`);
  const bound = present({ minAvailable });
  return [
    {
      apiVersion: "policy/v1",
      kind: "PodDisruptionBudget",
      metadata: { name: fullname(context), namespace, labels: labelsOf(context) },
      spec: {
        ...(Object.keys(bound).length > 0 ? bound : { maxUnavailable: at(values, `${budget}.maxUnavailable`) }),
        selector: { matchLabels: labelsOfPods(context) },
      },
    },
  ];
}

export function autoscaler(context: RenderContext): readonly RenderedObject[] {
  const { values, namespace } = context;
  if (!flag(values, "autoscaling.enabled")) {
    return [];
  }
  refuseIf(text(values, "autoscaling.version") !== "v2", "autoscaling.version", 'Set it to "v2".');
  const metrics = [
    ["cpu", at(values, "autoscaling.targetCPUUtilizationPercentage")] as const,
    ["memory", at(values, "autoscaling.targetMemoryUtilizationPercentage")] as const,
  ].filter(([, percent]) => typeof percent === "number" && percent > 0);
  return [
    {
      apiVersion: "autoscaling/v2",
      kind: "HorizontalPodAutoscaler",
      metadata: { name: fullname(context), namespace, labels: labelsOf(context) },
      spec: {
        scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: fullname(context) },
        minReplicas: count(values, "autoscaling.minReplicas"),
        maxReplicas: count(values, "autoscaling.maxReplicas"),
        metrics: metrics.map(([name, averageUtilization]) => ({
          type: "Resource",
          resource: { name, target: { type: "Utilization", averageUtilization } },
        })),
      },
    },
  ];
}

export function serviceMonitor(context: RenderContext): readonly RenderedObject[] {
  const { values } = context;
  const block = "serviceMonitor";
  if (!flag(values, `${block}.enabled`)) {
    return [];
  }
  const namespace = text(values, `${block}.namespace`) || context.namespace;
  const annotations = texts(map(values, `${block}.annotations`));
  return [
    {
      apiVersion: "monitoring.coreos.com/v1",
      kind: "ServiceMonitor",
      metadata: {
        name: text(values, `${block}.name`) || fullname(context),
        namespace,
        labels: { ...labelsOf(context), ...texts(map(values, `${block}.labels`)) },
        ...present({ annotations }),
      },
      spec: {
        namespaceSelector: { matchNames: [namespace] },
        selector: { matchLabels: { ...labelsOf(context), "app.kubernetes.io/service": "apisix-gateway" } },
        endpoints: [
          {
            scheme: "http",
            targetPort: "prometheus",
            path: text(values, `${block}.path`),
            interval: text(values, `${block}.interval`),
          },
        ],
      },
    },
  ];
}
