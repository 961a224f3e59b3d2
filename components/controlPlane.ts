import { Namespace } from "@pulumi/kubernetes/core/v1";
import { Release } from "@pulumi/kubernetes/helm/v3";
import { PodDisruptionBudget } from "@pulumi/kubernetes/policy/v1";
import type * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { CONTROL_PLANE_B, dpManagerAddressB } from "../migration/names";
import { type Settings } from "../migration/settings";
import { shapeOf } from "../migration/stages";
import { pinnedChart } from "./chart";
import { type Host } from "./host";
import { withExtraValues } from "./values";

export interface ControlPlaneArgs {
  readonly settings: Settings;
  readonly host: Host;
  readonly provider: kubernetes.Provider;
  /** Connection string of database B. Secret: the chart puts it into a plain ConfigMap, so the values are one secret. */
  readonly dsn: pulumi.Input<string>;
  /** The proof of the copy: started on another database the control plane would make another CA. */
  readonly dependsOn: readonly pulumi.Resource[];
  /** What has to hold right before it first writes to database B. */
  readonly beforeStart: readonly pulumi.ResourceHook[];
}

/** Components that serve, and the replica counts that decide whether they are there. */
const COMPONENTS = { dashboard: "dashboard", dpManager: "dp-manager", developerPortal: "developer-portal" } as const;
const CHART_NAME = "api7ee3";

/** Control plane B: the official chart on the restored database, none of the chart's own databases. */
export class ControlPlane extends pulumi.ComponentResource {
  /** The only DP Manager address of B. Plain text, so that a preview shows what the data planes are pinned to. */
  readonly dpManagerAddress: string;
  readonly namespace: Namespace;
  readonly provider: kubernetes.Provider;
  /** What a data plane must wait for. */
  readonly ready: readonly pulumi.Resource[];

  constructor(name: string, args: ControlPlaneArgs, options?: pulumi.ComponentResourceOptions) {
    super("api7-migration:components:ControlPlane", name, {}, options);
    const { settings, provider } = args;
    const { clusterB, controlPlane, charts, stage } = settings;
    const { protectB: protect } = shapeOf(stage);
    const child = { parent: this, provider, protect };
    this.provider = provider;
    this.dpManagerAddress = dpManagerAddressB(clusterB.namespace);

    this.namespace = new Namespace(
      name,
      { metadata: { name: clusterB.namespace } },
      { ...child, dependsOn: [...args.dependsOn] },
    );
    const pinned = pinnedChart(name, charts.controlPlane, args.host);
    const release = new Release(
      name,
      {
        name: CONTROL_PLANE_B,
        namespace: clusterB.namespace,
        chart: charts.controlPlane.file,
        version: charts.controlPlane.version,
        timeout: controlPlane.timeoutSeconds,
        values: pulumi.secret(withExtraValues(controlPlaneValues(settings, args.dsn), controlPlane.extraValues)),
      },
      {
        ...child,
        dependsOn: [this.namespace, ...args.dependsOn],
        customTimeouts: { create: `${controlPlane.timeoutSeconds}s`, update: `${controlPlane.timeoutSeconds}s` },
        hooks: { ...pinned, beforeCreate: [...(pinned.beforeCreate ?? []), ...args.beforeStart] },
      },
    );
    // The chart has none. They select by label, so they may come before the pods.
    for (const [key, component] of Object.entries(COMPONENTS) as [keyof typeof COMPONENTS, string][]) {
      if (controlPlane.replicas[key] === 0) continue;
      new PodDisruptionBudget(
        `${name}-${component}`,
        {
          metadata: { namespace: clusterB.namespace, name: `${CONTROL_PLANE_B}-${component}` },
          spec: { maxUnavailable: 1, selector: { matchLabels: podLabels(component) } },
        },
        { ...child, dependsOn: [this.namespace] },
      );
    }
    this.ready = [release];
    this.registerOutputs({ dpManagerAddress: this.dpManagerAddress });
  }
}

/** Labels of the chart's pods of one component. */
export function podLabels(component: string): Record<string, string> {
  return {
    "app.kubernetes.io/name": CHART_NAME,
    "app.kubernetes.io/instance": CONTROL_PLANE_B,
    "app.kubernetes.io/component": component,
  };
}

/** Values of the chart api7ee3. The same at every stage, so that no stage restarts a pod. */
export function controlPlaneValues(settings: Settings, dsn: pulumi.Input<string>): pulumi.Inputs {
  const { controlPlane, version } = settings;
  const { replicas, prometheusUrl, imagePullSecret, maxDatabaseConnections } = controlPlane;
  const image = { tag: `v${version}` };
  const database = { dsn, max_open_conns: maxDatabaseConnections };
  const spread = (component: string): pulumi.Inputs[] => [
    {
      maxSkew: 1,
      topologyKey: "topology.kubernetes.io/zone",
      whenUnsatisfiable: "ScheduleAnyway",
      labelSelector: { matchLabels: podLabels(component) },
    },
  ];
  const prometheus = prometheusUrl === undefined ? {} : { prometheus: { addr: prometheusUrl } };
  return {
    fullnameOverride: CONTROL_PLANE_B,
    ...(imagePullSecret === undefined ? {} : { imagePullSecret }),
    resources: controlPlane.resources,
    dashboard: { replicaCount: replicas.dashboard, image, topologySpreadConstraints: spread("dashboard") },
    dp_manager: { replicaCount: replicas.dpManager, image, topologySpreadConstraints: spread("dp-manager") },
    developer_portal: {
      replicaCount: replicas.developerPortal,
      image,
      topologySpreadConstraints: spread("developer-portal"),
    },
    // B's database is the restored one; B's Prometheus and tracing are the cluster's own.
    postgresql: { builtin: false },
    prometheus: { builtin: false },
    jaeger: { builtin: false },
    dashboard_configuration: { database, ...prometheus },
    dp_manager_configuration: { database, ...prometheus },
    developer_portal_configuration: { enable: replicas.developerPortal > 0, database },
    file_server_configuration: { database: { dsn } },
  };
}
