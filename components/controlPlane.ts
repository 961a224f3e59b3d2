import { Namespace } from "@pulumi/kubernetes/core/v1";
import { Release } from "@pulumi/kubernetes/helm/v3";
import { PodDisruptionBudget } from "@pulumi/kubernetes/policy/v1";
import type * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { CONTROL_PLANE_B, dpManagerAddressB } from "../migration/names";
import { scopeOf } from "../migration/scope";
import { type Settings } from "../migration/settings";
import { shapeOf } from "../migration/stages";
import { pinnedChart } from "./chart";
import { controlPlaneValues, podLabels } from "./controlPlaneValues";
import { dpManagerRecord } from "./dpManagerRecord";
import { egressOfControlPlane, egressPolicy } from "./egress";
import { type Host } from "./host";
import { operation, proof } from "./proof";
import { withExtraValues } from "./values";

export interface ControlPlaneArgs {
  readonly settings: Settings;
  readonly host: Host;
  readonly provider: kubernetes.Provider;
  /** Connection string of database B. Secret: the chart puts it into a plain ConfigMap, so the values are one secret. */
  readonly dsn: pulumi.Input<string>;
  /** Secret. API7 token: asks for the version, and writes the settings that have to differ from A's. */
  readonly controlPlaneToken: pulumi.Input<string>;
  /** The proof of the copy: started on another database the control plane would make another CA. */
  readonly dependsOn: readonly pulumi.Resource[];
  /** What has to hold right before it first writes to database B. */
  readonly beforeStart: readonly pulumi.ResourceHook[];
}

/** Components that serve, and the replica counts that decide whether they are there. */
const COMPONENTS = { dashboard: "dashboard", dpManager: "dp-manager", developerPortal: "developer-portal" } as const;

/**
 * Control plane B: the official chart on the restored database, none of the chart's own databases. It counts as there
 * once dashboard and DP Manager answer in A's version, and its own settings name B.
 */
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
    this.dpManagerAddress = dpManagerAddressB(clusterB.namespace, controlPlane.domain?.name);

    this.namespace = new Namespace(
      name,
      { metadata: { name: clusterB.namespace } },
      { ...child, dependsOn: [...args.dependsOn] },
    );
    const closed =
      settings.clusterA.databaseCidrs.length === 0
        ? []
        : [
            egressPolicy(
              `${name}-egress`,
              {
                instance: CONTROL_PLANE_B,
                namespace: clusterB.namespace,
                rules: egressOfControlPlane(settings.clusterA),
              },
              { ...child, dependsOn: [this.namespace] },
            ),
          ];
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
        dependsOn: [this.namespace, ...closed, ...args.dependsOn],
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
    this.ready = this.becomesReady(name, args, release);
    this.registerOutputs({ dpManagerAddress: this.dpManagerAddress });
  }

  /** What is looked at and written once the pods run, in this order. */
  private becomesReady(name: string, args: ControlPlaneArgs, release: Release): readonly pulumi.Resource[] {
    const { settings, controlPlaneToken } = args;
    const { stage } = settings;
    const scope = scopeOf(settings);
    const { clusterB: cluster } = scope;
    const secrets = { controlPlaneToken };
    const answers = proof(
      `${name}-ready`,
      { name: "control-plane", request: scope, secrets },
      { parent: this, dependsOn: [release] },
    );
    // The restored setting names A: who adds a gateway by the dashboard's script would connect it there.
    const address = operation(
      `${name}-address`,
      { name: "setDpManagerAddress", request: { cluster, address: this.dpManagerAddress }, secrets },
      { parent: this, dependsOn: [answers] },
    );
    // B lists A's instances as lost. What was switched stays so until `complete`, and at a rollback from there: the way
    // back waits for nothing of B, and B's own alerts are true by then.
    const open = shapeOf(stage).configurationB === "open";
    operation(
      `${name}-alerts`,
      {
        name: "switchAlertPolicies",
        request: { cluster, policies: open ? "restored" : "muted" },
        secrets,
      },
      { parent: this, dependsOn: [answers], ...(open ? {} : { ignoreChanges: ["stdin", "environment"] }) },
    );
    const { domain } = settings.controlPlane;
    // Without it B's gateways would lose their control plane: as firm as what B serves with.
    const firm = { parent: this, protect: shapeOf(stage).protectB };
    return [
      release,
      answers,
      address,
      ...(domain === undefined ? [] : dpManagerRecord(`${name}-domain`, domain, firm)),
    ];
  }
}
