import assert from "node:assert/strict";
import { Provider } from "@pulumi/kubernetes/provider";
import { ControlPlane } from "../../components/controlPlane";
import { DashboardAccess } from "../../components/dashboardAccess";
import { DataPlane } from "../../components/dataPlane";
import { type Changes, settingsOf, type StackName } from "../migration/stackConfig";
import { record, type RecordedResource, type Recording, SECRET, the } from "./recorder";

const RELEASE = "kubernetes:helm.sh/v3:Release";
const POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy";
const COMMAND = "command:local:Command";

const HOST = { startedAt: new Date(0), programFolder: "/program", projectFolder: "/project", environment: {} };

function clusterOf(stack: StackName, changes: Changes = {}): Promise<Recording> {
  const settings = settingsOf(stack, { stage: "start", ...changes });
  return record(() => {
    const provider = new Provider("cluster-b", { kubeconfig: "b.yaml", clusterIdentifier: "b" });
    const controlPlane = new ControlPlane("control-plane-b", {
      settings,
      host: HOST,
      provider,
      dsn: "postgres://dsn",
      dependsOn: [],
      beforeStart: [],
    });
    new DashboardAccess("dashboard-b", { settings, controlPlane });
    for (const group of settings.gatewayGroups) {
      new DataPlane(`data-plane-b-${group.name}`, {
        settings,
        group,
        host: HOST,
        controlPlane,
        targetGroup: "arn-b",
        controlPlaneToken: "token",
      });
    }
    return { address: controlPlane.dpManagerAddress };
  });
}

function of(recording: Recording, type: string): readonly RecordedResource[] {
  return recording.resources.filter((resource) => resource.type === type).sort((a, b) => (a.name < b.name ? -1 : 1));
}

describe("control plane B", () => {
  it("is one secret as a whole, with every connection string, and no database of the chart's own", async () => {
    const recording = await clusterOf("prod");
    const { inputs } = the(recording, RELEASE, "control-plane-b");
    assert.deepEqual(Object.keys(inputs["values"] as object), [SECRET]);
    const values = (inputs["values"] as { [SECRET]: Record<string, Record<string, unknown>> })[SECRET];
    const database = { dsn: "postgres://dsn", max_open_conns: 30 };
    const prometheus = { addr: "http://prometheus-server.monitoring.svc.cluster.local:9090" };
    assert.deepEqual(values["dashboard_configuration"], { database, prometheus });
    assert.deepEqual(values["dp_manager_configuration"], { database, prometheus });
    assert.deepEqual(values["developer_portal_configuration"], { enable: true, database });
    assert.deepEqual(values["file_server_configuration"], { database: { dsn: "postgres://dsn" } });
    assert.deepEqual(
      [values["postgresql"], values["prometheus"], values["jaeger"]],
      [{ builtin: false }, { builtin: false }, { builtin: false }],
    );
    assert.deepEqual(
      [
        values["dashboard"]?.["replicaCount"],
        values["dp_manager"]?.["replicaCount"],
        values["developer_portal"]?.["replicaCount"],
      ],
      [2, 3, 2],
    );
    assert.deepEqual(
      [inputs["name"], inputs["chart"], inputs["version"], inputs["timeout"], inputs["repositoryOpts"]],
      ["api7ee3", "charts/api7ee3-3.9.5.tgz", "3.9.5", 900, undefined],
    );
  });

  it("comes with a disruption budget for each component, and without the portal none for it", async () => {
    const budgets = async (changes: Changes): Promise<readonly string[]> =>
      of(await clusterOf("prod", changes), "kubernetes:policy/v1:PodDisruptionBudget").map(({ name }) => name);
    assert.deepEqual(await budgets({}), [
      "control-plane-b-dashboard",
      "control-plane-b-developer-portal",
      "control-plane-b-dp-manager",
    ]);
    assert.deepEqual(await budgets({ "controlPlane.replicas.developerPortal": 0 }), [
      "control-plane-b-dashboard",
      "control-plane-b-dp-manager",
    ]);
  });

  it("says the only address of its DP Manager in plain text", async () => {
    const { outputs } = await clusterOf("prod", { "clusterB.namespace": "gateway" });
    assert.equal(outputs["address"], "https://api7ee3-dp-manager.gateway.svc.cluster.local:7943");
  });

  it("has a dashboard for the operators and the API server until complete, then for everybody", async () => {
    const restricted = of(await clusterOf("prod"), POLICY).filter(({ name }) => name.startsWith("dashboard-b"));
    assert.deepEqual(
      restricted.map(({ name }) => name),
      ["dashboard-b-dashboard-restricted", "dashboard-b-developer-portal-restricted"],
    );
    const [dashboard] = restricted;
    assert.deepEqual((dashboard?.inputs["spec"] as { ingress: unknown }).ingress, [
      {
        from: ["10.64.250.0/26", "10.9.0.0/24", "10.64.64.0/20", "10.64.80.0/20", "10.64.96.0/20"].map((cidr) => ({
          ipBlock: { cidr },
        })),
        ports: [{ protocol: "TCP", port: 7443 }],
      },
    ]);
    const complete = await clusterOf("prod", { stage: "complete" });
    const open = the(complete, POLICY, "dashboard-b-dashboard-open");
    assert.deepEqual((open.inputs["spec"] as { ingress: unknown }).ingress, [
      { ports: [{ protocol: "TCP", port: 7443 }] },
    ]);
    assert.equal(open.options.protect, false, "a rollback takes it away");
    assert.deepEqual(
      the(complete, POLICY, "dashboard-b-dashboard-restricted").inputs,
      dashboard?.inputs,
      "the restricting one never changes",
    );
  });
});

describe("data planes of B", () => {
  it("are pinned to the control plane that they were given, and leave without cutting requests", async () => {
    const values = the(await clusterOf("prod"), RELEASE, "data-plane-b-default").inputs["values"];
    assert.deepEqual(values, {
      fullnameOverride: "gateway-default",
      apisix: {
        kind: "Deployment",
        image: { tag: "3.9.18" },
        replicaCount: 12,
        resources: { requests: { cpu: "2", memory: "2Gi" }, limits: { memory: "4Gi" } },
        terminationGracePeriodSeconds: 300,
        preStopSleepSeconds: 30,
        podDisruptionBudget: { enabled: true, minAvailable: "90%" },
        topologySpreadConstraints: [
          {
            maxSkew: 1,
            topologyKey: "topology.kubernetes.io/zone",
            whenUnsatisfiable: "ScheduleAnyway",
            labelSelector: { matchLabels: { "app.kubernetes.io/instance": "gateway-default" } },
          },
        ],
        extraEnvVars: [
          { name: "API7_GATEWAY_GROUP_SHORT_ID", value: "default" },
          { name: "BILLING_UPSTREAM", value: "billing.internal.example.com" },
        ],
        extraEnvVarsSecret: "gateway-environment",
      },
      updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      autoscaling: { enabled: true, minReplicas: 12, maxReplicas: 36, targetCPUUtilizationPercentage: 60 },
      etcd: {
        host: ["https://api7ee3-dp-manager.api7.svc.cluster.local:7943"],
        auth: {
          tls: {
            enabled: true,
            existingSecret: "gateway-default-tls",
            certFilename: "tls.crt",
            certKeyFilename: "tls.key",
            verify: true,
          },
        },
      },
      gateway: { type: "ClusterIP", tls: { existingCASecret: "gateway-default-tls", certCAFilename: "ca.crt" } },
      api7ee: { status_endpoint: { enabled: true, ip: "0.0.0.0", port: 7085 } },
      nginx: { workerProcesses: "2", workerShutdownTimeout: "240s", http: { keepaliveTimeout: "75s" } },
      serviceMonitor: { enabled: true },
    });
  });

  it("give requests in flight time: the pre-stop sleep and nginx's own wait fit into the grace period", async () => {
    const values = the(await clusterOf("prod"), RELEASE, "data-plane-b-default").inputs["values"] as {
      apisix: { terminationGracePeriodSeconds: number; preStopSleepSeconds: number };
      nginx: { workerShutdownTimeout: string; http: { keepaliveTimeout: string } };
    };
    const { terminationGracePeriodSeconds: grace, preStopSleepSeconds: sleep } = values.apisix;
    assert.ok(sleep + Number.parseInt(values.nginx.workerShutdownTimeout, 10) < grace);
    assert.ok(
      Number.parseInt(values.nginx.http.keepaliveTimeout, 10) > 60,
      "longer than the load balancer's idle timeout",
    );
  });

  it("start after the control plane, with a certificate that it issued, and only then become targets", async () => {
    const recording = await clusterOf("prod");
    const certificate = the(recording, COMMAND, "data-plane-b-partner-certificate");
    assert.equal(certificate.inputs["create"], "node --import tsx operations/issueDataPlaneCertificate.ts");
    assert.deepEqual(certificate.inputs["environment"], { MIGRATION_CONTROL_PLANE_TOKEN: { [SECRET]: "token" } });
    assert.deepEqual(certificate.options.dependsOn, ["Release control-plane-b"]);
    const { group, secretName } = JSON.parse(String(certificate.inputs["stdin"])) as Record<string, string>;
    assert.deepEqual([group, secretName], ["partner", "gateway-partner-tls"]);
    assert.deepEqual(the(recording, RELEASE, "data-plane-b-partner").options.dependsOn, [
      "Command data-plane-b-partner-certificate",
      "NetworkPolicy data-plane-b-partner-egress",
      "Release control-plane-b",
    ]);
    const binding = the(
      recording,
      "kubernetes:elbv2.k8s.aws/v1beta1:TargetGroupBinding",
      "data-plane-b-partner-targets",
    );
    assert.deepEqual(binding.inputs["spec"], {
      serviceRef: { name: "gateway-partner-gateway", port: 80 },
      targetGroupARN: "arn-b",
      targetType: "ip",
    });
    assert.deepEqual(binding.options.dependsOn, ["Release data-plane-b-partner"]);
  });

  it("cannot reach A's DP Manager, and everything else", async () => {
    const { inputs } = the(await clusterOf("prod"), POLICY, "data-plane-b-default-egress");
    const { spec } = inputs as {
      spec: {
        policyTypes: readonly string[];
        egress: readonly {
          to: readonly { ipBlock: { cidr: string; except?: readonly string[] } }[];
          ports?: readonly { protocol: string; port: number; endPort?: number }[];
        }[];
      };
    };
    assert.deepEqual(spec.policyTypes, ["Egress"]);
    const [elsewhere, toA] = spec.egress;
    const cidrs = ["10.64.0.0/18", "10.64.240.16/28"];
    assert.deepEqual(elsewhere, { to: [{ ipBlock: { cidr: "0.0.0.0/0", except: cidrs } }] });
    assert.ok(toA !== undefined);
    assert.deepEqual(
      toA.to,
      cidrs.map((cidr) => ({ ipBlock: { cidr } })),
    );
    const allowed = (port: number): boolean =>
      (toA.ports ?? []).some(
        (range) => range.protocol === "TCP" && range.port <= port && port <= (range.endPort ?? range.port),
      );
    assert.deepEqual([7943, 7900].map(allowed), [false, false]);
    assert.deepEqual([1, 443, 5432, 7899, 7901, 7942, 7944, 65_535].map(allowed), Array(8).fill(true));
  });

  it("have no autoscaling, secret environment or monitor unless asked for", async () => {
    const values = the(
      await clusterOf("staging", { "gatewayGroups[0].clusterB.serviceMonitor": false }),
      RELEASE,
      "data-plane-b-default",
    ).inputs["values"] as Record<string, Record<string, unknown>>;
    assert.deepEqual(
      [
        values["autoscaling"],
        values["serviceMonitor"],
        Object.keys(values["apisix"] ?? {}).includes("extraEnvVarsSecret"),
      ],
      [undefined, undefined, false],
    );
  });
});

describe("Helm values", () => {
  for (const stack of ["staging", "prod"] as const) {
    it(`${stack}: are the same from start to decommission, and at rollback`, async () => {
      const values = async (stage: string): Promise<unknown> =>
        of(await clusterOf(stack, { stage }), RELEASE).map(({ inputs }) => inputs);
      const first = await values("start");
      for (const stage of ["traffic-5", "traffic-100", "complete", "decommission", "rollback"]) {
        assert.deepEqual(await values(stage), first, stage);
      }
    });
  }
});
