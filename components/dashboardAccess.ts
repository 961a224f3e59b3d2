import { NetworkPolicy } from "@pulumi/kubernetes/networking/v1";
import * as pulumi from "@pulumi/pulumi";
import { CONTROL_PLANE_B } from "../migration/names";
import { type Settings } from "../migration/settings";
import { shapeOf } from "../migration/stages";
import { type ControlPlane } from "./controlPlane";
import { podLabels } from "./controlPlaneValues";

export interface DashboardAccessArgs {
  readonly settings: Settings;
  readonly controlPlane: ControlPlane;
}

const DASHBOARD_PORT = 7443;
const PORTAL_PORT = 4321;

/**
 * Who may edit B. Until `complete` the operators alone; then everybody, by one resource more: policies add up, so the
 * restricting one never changes. That is what an emergency change needs as well: the operators reach B's dashboard from
 * `start` on, in every stage, so that it opens nothing here and B need not answer for it.
 */
export class DashboardAccess extends pulumi.ComponentResource {
  constructor(name: string, args: DashboardAccessArgs, options?: pulumi.ComponentResourceOptions) {
    super("api7-migration:components:DashboardAccess", name, {}, options);
    const { settings, controlPlane } = args;
    const { clusterB, stage } = settings;
    const { configurationB, protectB } = shapeOf(stage);
    const child = { parent: this, provider: controlPlane.provider, protect: protectB };
    const { namespace } = clusterB;
    const cidrs = [...clusterB.operatorCidrs, ...clusterB.apiServerCidrs];
    const entries = [
      { component: "dashboard", port: DASHBOARD_PORT },
      ...(settings.controlPlane.replicas.developerPortal > 0
        ? [{ component: "developer-portal", port: PORTAL_PORT }]
        : []),
    ];

    for (const { component, port } of entries) {
      const spec = { podSelector: { matchLabels: podLabels(component) }, policyTypes: ["Ingress"] };
      const ports = [{ protocol: "TCP", port }];
      new NetworkPolicy(
        `${name}-${component}-restricted`,
        {
          metadata: { name: `${CONTROL_PLANE_B}-${component}-restricted`, namespace },
          spec: { ...spec, ingress: [{ from: cidrs.map((cidr) => ({ ipBlock: { cidr } })), ports }] },
        },
        { ...child, dependsOn: [controlPlane.namespace] },
      );
      if (configurationB !== "open") continue;
      new NetworkPolicy(
        `${name}-${component}-open`,
        {
          metadata: { name: `${CONTROL_PLANE_B}-${component}-open`, namespace },
          spec: { ...spec, ingress: [{ ports }] },
        },
        // Not protected: a rollback from `complete` takes it away again.
        { parent: this, provider: controlPlane.provider, dependsOn: [controlPlane.namespace] },
      );
    }
    this.registerOutputs();
  }
}
