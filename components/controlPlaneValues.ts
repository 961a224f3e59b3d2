import type * as pulumi from "@pulumi/pulumi";
import { CONTROL_PLANE_B } from "../migration/names";
import { type Settings } from "../migration/settings";
import { apartFrom, repository, spread } from "./placement";

const CHART_NAME = "api7ee3";

/** Labels of the chart's pods of one component. */
export function podLabels(component: string): Record<string, string> {
  return {
    "app.kubernetes.io/name": CHART_NAME,
    "app.kubernetes.io/instance": CONTROL_PLANE_B,
    "app.kubernetes.io/component": component,
  };
}

/** Values of the chart api7ee3. The same at every stage, so that no stage restarts a pod. Every path: valuePaths.ts. */
export function controlPlaneValues(settings: Settings, dsn: pulumi.Input<string>): pulumi.Inputs {
  const { controlPlane, version } = settings;
  const { replicas, prometheusUrl, imagePullSecret, maxDatabaseConnections, certificates, imageRegistry } =
    controlPlane;
  const database = { dsn, max_open_conns: maxDatabaseConnections };
  const component = (name: string, image: string, replicaCount: number, certificate?: string): pulumi.Inputs => ({
    replicaCount,
    image: { ...repository(imageRegistry, image), tag: `v${version}` },
    topologySpreadConstraints: spread(podLabels(name)),
    ...(certificate === undefined ? {} : { keyCertSecret: certificate }),
  });
  // None: the chart's own address stays, where nobody listens; the graphs stay empty.
  const prometheus = prometheusUrl === undefined ? {} : { prometheus: { addr: prometheusUrl } };
  const annotations = controlPlane.serviceAccountAnnotations;
  return {
    fullnameOverride: CONTROL_PLANE_B,
    ...(imagePullSecret === undefined ? {} : { imagePullSecret }),
    ...(Object.keys(annotations).length === 0 ? {} : { serviceAccount: { annotations: { ...annotations } } }),
    resources: controlPlane.resources,
    affinity: apartFrom({ "app.kubernetes.io/instance": CONTROL_PLANE_B }),
    dashboard: component("dashboard", "api7-ee-3-integrated", replicas.dashboard, certificates.dashboard),
    dp_manager: component("dp-manager", "api7-ee-dp-manager", replicas.dpManager),
    developer_portal: component(
      "developer-portal",
      "api7-ee-developer-portal",
      replicas.developerPortal,
      certificates.developerPortal,
    ),
    // B's database is the restored one; B's Prometheus and tracing are the cluster's own.
    postgresql: { builtin: false },
    prometheus: { builtin: false },
    jaeger: { builtin: false },
    // Each program has a connection string of its own, and all of them must be set (facts/api7.md 1.2).
    dashboard_configuration: { database, ...prometheus },
    dp_manager_configuration: { database, ...prometheus },
    developer_portal_configuration: { enable: replicas.developerPortal > 0, database },
    file_server_configuration: { database: { dsn } },
  };
}
