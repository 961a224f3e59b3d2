import { CustomResource } from "@pulumi/kubernetes/apiextensions";
import { Release } from "@pulumi/kubernetes/helm/v3";
import { NetworkPolicy } from "@pulumi/kubernetes/networking/v1";
import * as pulumi from "@pulumi/pulumi";
import { DP_MANAGER_PORT, gatewayRelease } from "../migration/names";
import { scopeOf } from "../migration/scope";
import { type Settings } from "../migration/settings";
import { shapeOf } from "../migration/stages";
import { pinnedChart } from "./chart";
import { type ControlPlane } from "./controlPlane";
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

/** Files of the Secret that holds the client certificate, as API7's own installation script names them. */
const CERTIFICATE_FILES = { certificate: "tls.crt", key: "tls.key", authority: "ca.crt" } as const;
const SERVICE_PORT = 80;
const STATUS_PORT = 7085;
const DP_MANAGER_HTTP_PORT = 7900;
const LAST_PORT = 65_535;

/**
 * How a gateway leaves: it goes on serving while the load balancer forgets it, then lets requests in flight finish.
 * The grace period holds both, with time to spare.
 */
const LEAVING = { preStopSeconds: 30, workerShutdownSeconds: 240, graceSeconds: 300 } as const;
/** Longer than the load balancer's idle timeout of 60 s, else it reuses a connection that is being closed: 502. */
const KEEPALIVE_SECONDS = 75;

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
    // Both clusters have the same CA after the restore: mutual TLS would let a gateway of B in at A (facts/api7.md 2.3).
    const pinning = new NetworkPolicy(
      `${name}-egress`,
      {
        metadata: { name: `${fullname}-egress`, namespace },
        spec: {
          podSelector: { matchLabels: { "app.kubernetes.io/instance": fullname } },
          policyTypes: ["Egress"],
          egress: egressWithoutDpManagerOf(settings.clusterA.dpManagerCidrs),
        },
      },
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
          dataPlaneValues(settings, group, controlPlane.dpManagerAddress, secretName),
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

/** Values of the chart gateway. The same at every stage, so that no stage restarts a pod. */
export function dataPlaneValues(
  settings: Settings,
  group: Settings["gatewayGroups"][number],
  dpManagerAddress: string,
  secretName: string,
): pulumi.Inputs {
  const { clusterB, shortId } = group;
  const { imagePullSecret } = settings.controlPlane;
  const fullname = gatewayRelease(group);
  const environment = Object.entries(clusterB.environment).sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    fullnameOverride: fullname,
    ...(imagePullSecret === undefined ? {} : { global: { imagePullSecrets: [imagePullSecret] } }),
    apisix: {
      kind: "Deployment",
      image: { tag: settings.version },
      replicaCount: clusterB.replicas,
      resources: clusterB.resources,
      terminationGracePeriodSeconds: LEAVING.graceSeconds,
      preStopSleepSeconds: LEAVING.preStopSeconds,
      podDisruptionBudget: { enabled: true, minAvailable: "90%" },
      topologySpreadConstraints: [
        {
          maxSkew: 1,
          topologyKey: "topology.kubernetes.io/zone",
          whenUnsatisfiable: "ScheduleAnyway",
          labelSelector: { matchLabels: { "app.kubernetes.io/instance": fullname } },
        },
      ],
      extraEnvVars: [
        { name: "API7_GATEWAY_GROUP_SHORT_ID", value: shortId },
        ...environment.map(([variable, value]) => ({ name: variable, value })),
      ],
      ...(clusterB.environmentSecret === undefined ? {} : { extraEnvVarsSecret: clusterB.environmentSecret }),
    },
    updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
    ...(clusterB.autoscaling === undefined
      ? {}
      : {
          autoscaling: {
            enabled: true,
            minReplicas: clusterB.replicas,
            maxReplicas: clusterB.autoscaling.maximum,
            targetCPUUtilizationPercentage: clusterB.autoscaling.cpuPercent,
          },
        }),
    // One address: heartbeats and metrics go to the first entry only, and a second one could be A's.
    etcd: {
      host: [dpManagerAddress],
      auth: {
        tls: {
          enabled: true,
          existingSecret: secretName,
          certFilename: CERTIFICATE_FILES.certificate,
          certKeyFilename: CERTIFICATE_FILES.key,
          verify: true,
        },
      },
    },
    gateway: {
      type: "ClusterIP",
      tls: { existingCASecret: secretName, certCAFilename: CERTIFICATE_FILES.authority },
    },
    // Off by default, and then there is nothing that the load balancer could ask.
    api7ee: { status_endpoint: { enabled: true, ip: "0.0.0.0", port: STATUS_PORT } },
    nginx: {
      workerProcesses: clusterB.workerProcesses,
      workerShutdownTimeout: `${LEAVING.workerShutdownSeconds}s`,
      http: { keepaliveTimeout: `${KEEPALIVE_SECONDS}s` },
    },
    ...(clusterB.serviceMonitor ? { serviceMonitor: { enabled: true } } : {}),
  };
}

/** Everything but the DP Manager's two ports at A's addresses. Policies can only allow, hence the gaps. */
function egressWithoutDpManagerOf(cidrs: readonly string[]): pulumi.Inputs[] {
  const gaps = [
    { port: 1, endPort: DP_MANAGER_HTTP_PORT - 1 },
    { port: DP_MANAGER_HTTP_PORT + 1, endPort: DP_MANAGER_PORT - 1 },
    { port: DP_MANAGER_PORT + 1, endPort: LAST_PORT },
  ];
  return [
    { to: [{ ipBlock: { cidr: "0.0.0.0/0", except: [...cidrs] } }] },
    {
      to: cidrs.map((cidr) => ({ ipBlock: { cidr } })),
      ports: [...gaps.map((gap) => ({ protocol: "TCP", ...gap })), { protocol: "UDP", port: 1, endPort: LAST_PORT }],
    },
  ];
}
