import type * as pulumi from "@pulumi/pulumi";
import { LEAVING } from "../migration/leaving";
import { CONTROL_PLANE_B, gatewayRelease } from "../migration/names";
import { type Settings } from "../migration/settings";
import { apartFrom, repository, spread } from "./placement";

/** Files of the Secret that holds the client certificate, as API7's own installation script names them. */
const CERTIFICATE_FILES = { certificate: "tls.crt", key: "tls.key", authority: "ca.crt" } as const;
const STATUS_PORT = 7085;

/** Connections stay open for longer than the load balancer keeps them, else it reuses one that is being closed: 502. */
const BEYOND_IDLE_SECONDS = 15;

/**
 * `/status/ready` is red until the gateway has its configuration, so a pod gets no request before. It is red again
 * whenever no DP Manager answers, while the gateway goes on serving from memory (facts/api7.md 3.1): taking all of them
 * out then would turn a control plane's outage into one of the traffic. So one success is enough, and a day of failures
 * is needed. A gateway that does not serve is found by the load balancer within seconds, by `/status`.
 */
const READINESS = {
  httpGet: { path: "/status/ready", port: STATUS_PORT },
  initialDelaySeconds: 5,
  periodSeconds: 10,
  timeoutSeconds: 3,
  failureThreshold: 8640,
} as const;
/** Only what does not answer at all is started anew: five minutes of silence, no busy moment and no slow start. */
const LIVENESS = {
  httpGet: { path: "/status", port: STATUS_PORT },
  initialDelaySeconds: 300,
  periodSeconds: 30,
  timeoutSeconds: 5,
  failureThreshold: 10,
} as const;

/**
 * How many gateways an eviction has to leave: all but a tenth, and all but one of fewer than ten. Kubernetes rounds up, so
 * that the chart's 90 % of nine gateways are nine, and no node could be drained. A single gateway is not evicted.
 */
function minAvailable(replicas: number): string {
  return `${replicas === 1 ? 90 : Math.min(90, Math.floor((100 * (replicas - 1)) / replicas))}%`;
}

/** What the values of one gateway group are made from. */
export interface DataPlaneValuesArgs {
  readonly settings: Settings;
  readonly group: Settings["gatewayGroups"][number];
  /** Control plane B's own; an address cannot be given. */
  readonly dpManagerAddress: string;
  /** Secret with the client certificate. */
  readonly secretName: string;
}

/** Values of the chart gateway. The same at every stage, so that no stage restarts a pod. Every path: valuePaths.ts. */
export function dataPlaneValues({ settings, group, dpManagerAddress, secretName }: DataPlaneValuesArgs): pulumi.Inputs {
  const { clusterB, shortId } = group;
  const { imagePullSecret, imageRegistry, domain } = settings.controlPlane;
  const fullname = gatewayRelease(group);
  const own = { "app.kubernetes.io/instance": fullname };
  const environment = Object.entries(clusterB.environment).sort(([a], [b]) => (a < b ? -1 : 1));
  const annotations = clusterB.serviceAccountAnnotations;
  return {
    fullnameOverride: fullname,
    ...(imagePullSecret === undefined ? {} : { global: { imagePullSecrets: [imagePullSecret] } }),
    ...(Object.keys(annotations).length === 0
      ? {}
      : { serviceAccount: { create: true, annotations: { ...annotations } } }),
    apisix: {
      kind: "Deployment",
      image: { ...repository(imageRegistry, "api7-ee-3-gateway"), tag: settings.version },
      replicaCount: clusterB.replicas,
      resources: clusterB.resources,
      terminationGracePeriodSeconds: LEAVING.graceSeconds,
      preStopSleepSeconds: LEAVING.preStopSeconds,
      podDisruptionBudget: { enabled: true, minAvailable: minAvailable(clusterB.replicas) },
      topologySpreadConstraints: spread(own),
      affinity: apartFrom(own),
      ...(clusterB.trustedAddresses.length === 0 ? {} : { trustedAddresses: [...clusterB.trustedAddresses] }),
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
          // The DP Manager's certificate is made for its Service, not for a name of our own (facts/api7.md 2.2).
          ...(domain === undefined ? {} : { sni: `${CONTROL_PLANE_B}-dp-manager` }),
        },
      },
    },
    gateway: {
      type: "ClusterIP",
      tls: { existingCASecret: secretName, certCAFilename: CERTIFICATE_FILES.authority },
      readinessProbe: READINESS,
      livenessProbe: LIVENESS,
    },
    // Off by default, and then there is nothing that the load balancer could ask.
    api7ee: { status_endpoint: { enabled: true, ip: "0.0.0.0", port: STATUS_PORT } },
    nginx: {
      workerProcesses: clusterB.workerProcesses,
      workerShutdownTimeout: `${LEAVING.workerShutdownSeconds}s`,
      http: { keepaliveTimeout: `${settings.loadBalancer.idleTimeoutSeconds + BEYOND_IDLE_SECONDS}s` },
    },
    ...(clusterB.serviceMonitor ? { serviceMonitor: { enabled: true } } : {}),
  };
}
