import { request } from "node:https";
import { setTimeout as sleep } from "node:timers/promises";
import { type WrittenChart } from "../kubernetes/charts";
import { type Cluster } from "./clusters";
import { KINDS } from "./kubernetes/api/kinds";

/** Cluster A as its owners have run it for months: control plane, gateways, an autoscaler, and their target group. */

export interface ClusterAOptions {
  readonly cluster: Cluster;
  readonly charts: Readonly<Record<"api7ee3" | "gateway", WrittenChart>>;
  readonly namespace: string;
  readonly controlPlane: string;
  readonly gateway: string;
  readonly gatewayReplicas: number;
  readonly dashboardReplicas: number;
  readonly autoscaler: string;
  /** Secret: of the master user. */
  readonly dsn: string;
  /** Secret. */
  readonly token: string;
  readonly gatewayGroupId: string;
  readonly targetGroupArn: string;
  /** Of the listener in front of the dashboard. */
  readonly adminTargetGroupArn: string;
  readonly report: (line: string) => void;
}

const TLS_SECRET = "api7-ee-3-gateway-tls";
const READY_SECONDS = 180;

export async function installClusterA(o: ClusterAOptions): Promise<void> {
  const { cluster, charts, namespace, dsn, report } = o;
  const database = { dsn };
  await cluster.install({
    chart: charts.api7ee3.file,
    name: o.controlPlane,
    namespace,
    values: {
      postgresql: { builtin: false },
      prometheus: { builtin: false },
      jaeger: { builtin: false },
      dashboard: { replicaCount: o.dashboardReplicas },
      // Plain HTTP is off by default (facts/api7.md 1.4); A's owners have it on for the load balancer in front of it.
      dashboard_configuration: { database, server: { listen: { disable: false } } },
      dp_manager_configuration: { database },
      developer_portal_configuration: { database },
      file_server_configuration: { database },
    },
  });
  report("cluster A: control plane ready");

  const certificate = await issueCertificate(o);
  await cluster.create(KINDS.secret, namespace, {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: TLS_SECRET, namespace },
    type: "kubernetes.io/tls",
    stringData: {
      "tls.crt": certificate.certificate,
      "tls.key": certificate.private_key,
      "ca.crt": certificate.ca_certificate,
    },
  });
  await cluster.install({
    chart: charts.gateway.file,
    name: o.gateway,
    namespace,
    values: {
      apisix: {
        replicaCount: o.gatewayReplicas,
        // The secret store's token, which the configuration names by $env://.
        extraEnvVars: [{ name: "VAULT_TOKEN", value: "of a rehearsal" }],
      },
      etcd: {
        host: [`https://${o.controlPlane}-dp-manager.${namespace}.svc.cluster.local:7943`],
        auth: {
          tls: {
            enabled: true,
            existingSecret: TLS_SECRET,
            certFilename: "tls.crt",
            certKeyFilename: "tls.key",
            verify: true,
          },
        },
      },
      gateway: { tls: { existingCASecret: TLS_SECRET, certCAFilename: "ca.crt" } },
      api7ee: { status_endpoint: { enabled: true } },
      nginx: { http: { keepaliveTimeout: "75s" } },
      // Else the exporter listens inside of the pod only (facts/api7.md 1.4), and nobody could scrape it.
      serviceMonitor: { enabled: true },
    },
  });
  await cluster.create(KINDS.horizontalPodAutoscaler, namespace, {
    apiVersion: "autoscaling/v2",
    kind: "HorizontalPodAutoscaler",
    metadata: { name: o.autoscaler, namespace },
    spec: {
      scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: o.gateway },
      minReplicas: 1,
      maxReplicas: 6,
      metrics: [
        { type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 60 } } },
      ],
    },
  });
  const bindings = [
    { name: o.gateway, service: { name: `${o.gateway}-gateway`, port: 80 }, targetGroup: o.targetGroupArn },
    {
      name: `${o.controlPlane}-dashboard`,
      service: { name: `${o.controlPlane}-dashboard`, port: 7080 },
      targetGroup: o.adminTargetGroupArn,
    },
  ];
  for (const { name, service, targetGroup } of bindings) {
    await cluster.create(KINDS.targetGroupBinding, namespace, {
      apiVersion: "elbv2.k8s.aws/v1beta1",
      kind: "TargetGroupBinding",
      metadata: { name, namespace },
      spec: { serviceRef: service, targetGroupARN: targetGroup, targetType: "ip" },
    });
  }
  report("cluster A: gateways ready");
}

/** Waits until the load balancer sees every gateway of A healthy. */
export async function waitForTargets(
  describe: () => Promise<readonly { readonly state: string }[]>,
  wanted: number,
): Promise<void> {
  const until = Date.now() + READY_SECONDS * 1000;
  let states: readonly string[] = [];
  while (Date.now() < until) {
    states = (await describe()).map(({ state }) => state);
    if (states.filter((state) => state === "healthy").length >= wanted) return;
    await sleep(200);
  }
  throw new Error(`A's target group has ${states.join(", ") || "no targets"} after ${READY_SECONDS} s`);
}

interface IssuedCertificate {
  readonly certificate: string;
  readonly private_key: string;
  readonly ca_certificate: string;
}

async function issueCertificate(o: ClusterAOptions): Promise<IssuedCertificate> {
  const dashboard = o.cluster.pods("app.kubernetes.io/component=dashboard").find(({ ready }) => ready);
  if (dashboard?.ip === undefined) throw new Error("cluster A has no dashboard that is ready");
  const answer = await post(dashboard.ip, `/api/gateway_groups/${o.gatewayGroupId}/dp_client_certificates`, o.token);
  const { value } = JSON.parse(answer) as { value?: IssuedCertificate };
  if (value === undefined) throw new Error("the dashboard of A issued no certificate");
  return value;
}

/** The dashboard's own certificate is self-signed, as the chart makes it. */
async function post(host: string, path: string, token: string): Promise<string> {
  return new Promise((done, fail) => {
    const call = request(
      {
        host,
        port: 7443,
        path,
        method: "POST",
        rejectUnauthorized: false,
        headers: { "x-api-key": token, "content-type": "application/json" },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () => {
          const { statusCode = 0 } = response;
          if (statusCode >= 200 && statusCode < 300) done(Buffer.concat(chunks).toString("utf8"));
          else fail(new Error(`POST ${path} on A's dashboard: ${statusCode}`));
        });
      },
    );
    call.on("error", fail);
    call.end("{}");
  });
}
