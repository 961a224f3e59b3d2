import { GATEWAY_FILE } from "../../cloud/kubernetes/rendered";
import { gatewayConfiguration } from "./gatewayConfig";
import { autoscaler, disruptionBudget, serviceMonitor } from "./gatewayExtras";
import { labelsOf, labelsOfPods } from "./gatewayLabels";
import { podSpec } from "./gatewayPod";
import {
  checksum,
  fullname,
  present,
  refuseIf,
  serviceAccount,
  texts,
  toYaml,
  type RenderContext,
  type RenderedObject,
} from "./objects";
import { at, count, flag, list, map, text, type Values } from "./values";

/** What needs parts that this computer does not run, or that the migration does not support yet. */
function refuseUnmodelled(values: Values): void {
  refuseIf(text(values, "apisix.kind") !== "Deployment", "apisix.kind", 'Set it to "Deployment".');
  for (const path of [
    "etcd.enabled",
    "admin.enabled",
    "admin.ingress.enabled",
    "apisix.enableCustomizedConfig",
    "apisix.hostNetwork",
    "apisix.setIDFromPodUID",
    "discovery.enabled",
    "gateway.ingress.enabled",
    "gateway.stream.enabled",
    "openapiToMcp.enabled",
    "rbac.create",
    "soapProxy.enabled",
    "vault.enabled",
  ]) {
    refuseIf(flag(values, path), path, "Set it to false.");
  }
  refuseIf(!flag(values, "apisix.enabled"), "apisix.enabled", "Set it to true.");
  refuseIf(Object.keys(map(values, "deployment.fallback_cp")).length > 0, "deployment.fallback_cp", "Leave it empty.");
}

/** The objects of chart `gateway` for the values in use, under the names of the official chart (facts/api7.md 1.4). */
export function renderGateway(context: RenderContext): readonly RenderedObject[] {
  refuseUnmodelled(context.values);
  const config = configMap(context);
  return [
    ...serviceAccount(context),
    ...disruptionBudget(context),
    config,
    service(context),
    deployment(context, config),
    ...autoscaler(context),
    ...serviceMonitor(context),
  ];
}

function configMap(context: RenderContext): RenderedObject {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: GATEWAY_FILE.configMap(fullname(context)), namespace: context.namespace },
    data: { [GATEWAY_FILE.key]: toYaml(gatewayConfiguration(context.values)) },
  };
}

function servicePorts(values: Values): readonly Values[] {
  const ports = [
    ...(flag(values, "gateway.http.enabled") ? [["apisix-gateway", "http"] as const] : []),
    ...(flag(values, "gateway.tls.enabled") ? [["apisix-gateway-tls", "tls"] as const] : []),
  ].map(([name, block]) => ({
    name,
    port: count(values, `gateway.${block}.servicePort`),
    targetPort: count(values, `gateway.${block}.containerPort`),
    protocol: "TCP",
    ...(text(values, "gateway.type") === "NodePort"
      ? present({ nodePort: at(values, `gateway.${block}.nodePort`) })
      : {}),
  }));
  const metrics = flag(values, "serviceMonitor.enabled") ? count(values, "serviceMonitor.containerPort") : undefined;
  const status = flag(values, "api7ee.status_endpoint.enabled")
    ? count(values, "api7ee.status_endpoint.port")
    : undefined;
  return [
    ...ports,
    ...(metrics === undefined ? [] : [{ name: "prometheus", port: metrics, targetPort: metrics, protocol: "TCP" }]),
    ...(status === undefined ? [] : [{ name: "status", port: status, targetPort: "status", protocol: "TCP" }]),
  ];
}

function service(context: RenderContext): RenderedObject {
  const { values, namespace } = context;
  const type = text(values, "gateway.type");
  const annotations = texts(map(values, "gateway.annotations"));
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: {
      name: `${fullname(context)}-gateway`,
      namespace,
      labels: { ...labelsOf(context), "app.kubernetes.io/service": "apisix-gateway" },
      ...present({ annotations }),
    },
    spec: {
      type,
      ...(type === "ClusterIP" ? {} : { externalTrafficPolicy: text(values, "gateway.externalTrafficPolicy") }),
      ...present({
        externalIPs: list(values, "gateway.externalIPs"),
        loadBalancerClass: type === "LoadBalancer" ? at(values, "gateway.loadBalancerClass") : undefined,
      }),
      ports: servicePorts(values),
      selector: labelsOfPods(context),
    },
  };
}

function deployment(context: RenderContext, config: RenderedObject): RenderedObject {
  const { values, namespace } = context;
  const labels = labelsOfPods(context);
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: fullname(context), namespace, labels: labelsOf(context) },
    spec: {
      // With an autoscaler the chart leaves the size alone.
      ...(flag(values, "autoscaling.enabled") ? {} : { replicas: count(values, "apisix.replicaCount") }),
      selector: { matchLabels: labels },
      ...present({ strategy: map(values, "updateStrategy") }),
      template: {
        metadata: {
          annotations: { "checksum/config": checksum(config), ...texts(map(values, "apisix.podAnnotations")) },
          labels: { ...labels, ...texts(map(values, "apisix.podLabels")) },
        },
        spec: podSpec(context, config),
      },
    },
  };
}
