import { CustomResource } from "@pulumi/kubernetes/apiextensions";
import { Release } from "@pulumi/kubernetes/helm/v3";
import * as pulumi from "@pulumi/pulumi";
import { gatewayRelease } from "../migration/names";
import { scopeOf } from "../migration/scope";
import { type Settings } from "../migration/settings";
import { shapeOf } from "../migration/stages";
import { pinnedChart } from "./chart";
import { type ControlPlane } from "./controlPlane";
import { dataPlaneValues } from "./dataPlaneValues";
import { egressOfGateways, egressPolicy } from "./egress";
import { type Host } from "./host";
import { operation } from "./proof";
import { withExtraValues } from "./values";

export interface DataPlaneArgs {
  readonly settings: Settings;
  readonly group: Settings["gatewayGroups"][number];
  readonly host: Host;
  /** The control plane that these gateways are pinned to: an address cannot be given. */
  readonly controlPlane: ControlPlane;
  /** ARN of B's target group of this gateway group. */
  readonly targetGroup: pulumi.Input<string>;
  /** Secret. API7 token that the client certificate is issued with. */
  readonly controlPlaneToken: pulumi.Input<string>;
}

const SERVICE_PORT = 80;

/** Gateways of B of one gateway group, pinned to control plane B. */
export class DataPlane extends pulumi.ComponentResource {
  /** What must be there before the gateways count as serving. */
  readonly ready: readonly pulumi.Resource[];

  constructor(name: string, args: DataPlaneArgs, options?: pulumi.ComponentResourceOptions) {
    super("api7-migration:components:DataPlane", name, {}, options);
    const { settings, group, controlPlane } = args;
    const { provider } = controlPlane;
    const { namespace } = settings.clusterB;
    const { protectB: protect } = shapeOf(settings.stage);
    const fullname = gatewayRelease(group);
    const secretName = `${fullname}-tls`;
    const child = { parent: this, provider, protect };

    const certificate = operation(
      `${name}-certificate`,
      {
        name: "issueDataPlaneCertificate",
        request: { cluster: scopeOf(settings).clusterB, group: group.shortId, secretName },
        secrets: { controlPlaneToken: args.controlPlaneToken },
      },
      { parent: this, dependsOn: [...controlPlane.ready] },
    );
    const pinning = egressPolicy(
      `${name}-egress`,
      { instance: fullname, namespace, rules: egressOfGateways(settings.clusterA) },
      { ...child, dependsOn: [controlPlane.namespace] },
    );
    const release = new Release(
      name,
      {
        name: fullname,
        namespace,
        chart: settings.charts.dataPlane.file,
        version: settings.charts.dataPlane.version,
        timeout: settings.controlPlane.timeoutSeconds,
        values: withExtraValues(
          dataPlaneValues({ settings, group, dpManagerAddress: controlPlane.dpManagerAddress, secretName }),
          group.clusterB.extraValues,
        ),
      },
      {
        ...child,
        dependsOn: [...controlPlane.ready, certificate, pinning],
        customTimeouts: {
          create: `${settings.controlPlane.timeoutSeconds}s`,
          update: `${settings.controlPlane.timeoutSeconds}s`,
        },
        hooks: pinnedChart(name, settings.charts.dataPlane, args.host),
      },
    );
    const binding = new CustomResource(
      `${name}-targets`,
      targetGroupBinding(fullname, namespace, `${fullname}-gateway`, args.targetGroup),
      { ...child, dependsOn: [release] },
    );
    this.ready = [release, binding];
    this.registerOutputs();
  }
}

/** Fills a target group with the pods behind a Service. One group per cluster: the controller owns all of its targets. */
export function targetGroupBinding(
  name: string,
  namespace: string,
  service: string,
  targetGroup: pulumi.Input<string>,
): ConstructorParameters<typeof CustomResource>[1] {
  return {
    apiVersion: "elbv2.k8s.aws/v1beta1",
    kind: "TargetGroupBinding",
    metadata: { name, namespace },
    spec: { serviceRef: { name: service, port: SERVICE_PORT }, targetGroupARN: targetGroup, targetType: "ip" },
  };
}
