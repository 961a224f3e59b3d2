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
      controlPlaneToken: "token",
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

  it("keeps its pods apart, and takes role, certificates and registry from the settings", async () => {
    const values = async (changes: Changes): Promise<Record<string, Record<string, unknown>>> => {
      const { inputs } = the(await clusterOf("prod", changes), RELEASE, "control-plane-b");
      return (inputs["values"] as { [SECRET]: Record<string, Record<string, unknown>> })[SECRET];
    };
    const plain = await values({});
    assert.deepEqual(plain["dashboard"]?.["image"], { tag: "v3.9.18" });
    assert.equal(plain["serviceAccount"], undefined);
    assert.deepEqual(Object.keys(plain["affinity"] ?? {}), ["podAntiAffinity"]);
    const [zone, node] = plain["dp_manager"]?.["topologySpreadConstraints"] as readonly Record<string, unknown>[];
    assert.deepEqual(
      [zone?.["topologyKey"], node?.["topologyKey"]],
      ["topology.kubernetes.io/zone", "kubernetes.io/hostname"],
    );
    const role = { "eks.amazonaws.com/role-arn": "arn:aws:iam::444455556666:role/api7" };
    const given = await values({
      "controlPlane.imageRegistry": "registry.example.com/api7",
      "controlPlane.imagePullSecret": "registry",
      "controlPlane.serviceAccountAnnotations": role,
      "controlPlane.certificates": { dashboard: "dashboard-tls", developerPortal: "portal-tls" },
    });
    assert.deepEqual(
      ["dashboard", "dp_manager", "developer_portal"].map((part) => given[part]?.["image"]),
      ["api7-ee-3-integrated", "api7-ee-dp-manager", "api7-ee-developer-portal"].map((image) => ({
        repository: `registry.example.com/api7/${image}`,
        tag: "v3.9.18",
      })),
    );
    assert.equal(given["imagePullSecret"], "registry");
    assert.deepEqual(given["serviceAccount"], { annotations: role });
    assert.deepEqual(
      ["dashboard", "dp_manager", "developer_portal"].map((part) => given[part]?.["keyCertSecret"]),
      ["dashboard-tls", undefined, "portal-tls"],
    );
  });

  it("counts as ready once it answers in A's version and names its own DP Manager", async () => {
    const recording = await clusterOf("prod");
    const ready = the(recording, COMMAND, "control-plane-b-ready");
    assert.equal(ready.inputs["create"], "node --import tsx checks/cli.ts control-plane");
    assert.deepEqual(ready.options.dependsOn, ["Release control-plane-b"]);
    const address = the(recording, COMMAND, "control-plane-b-address");
    assert.equal(address.inputs["create"], "node --import tsx operations/setDpManagerAddress.ts");
    assert.equal(
      (JSON.parse(String(address.inputs["stdin"])) as Record<string, unknown>)["address"],
      "https://api7ee3-dp-manager.api7.svc.cluster.local:7943",
    );
    assert.deepEqual(address.options.dependsOn, ["Command control-plane-b-ready"]);
    for (const command of [ready, address]) {
      assert.deepEqual(command.inputs["environment"], { MIGRATION_CONTROL_PLANE_TOKEN: { [SECRET]: "token" } });
    }
  });

  it("has restored alert policies muted until complete; the way back does not wait for that", async () => {
    const alerts = async (stage: string): Promise<readonly [unknown, readonly string[]]> => {
      const { inputs, options } = the(await clusterOf("prod", { stage }), COMMAND, "control-plane-b-alerts");
      assert.deepEqual(options.dependsOn, ["Command control-plane-b-ready"]);
      const { policies } = JSON.parse(String(inputs["stdin"])) as Record<string, unknown>;
      return [policies, options.ignoreChanges];
    };
    // A changed input is ignored before `complete`: what was switched once is not switched again, at `rollback` neither.
    for (const stage of ["start", "traffic-5", "traffic-100", "rollback", "abandon"]) {
      assert.deepEqual(await alerts(stage), ["muted", ["stdin", "environment"]], stage);
    }
    for (const stage of ["complete", "decommission"]) assert.deepEqual(await alerts(stage), ["restored", []], stage);
  });

  it("is kept from A's database by its addresses, where these are given", async () => {
    const policy = "control-plane-b-egress";
    assert.ok(
      !of(await clusterOf("prod", { "clusterA.databaseCidrs": [] }), POLICY).some(({ name }) => name === policy),
    );
    const recording = await clusterOf("prod", { "clusterA.databaseCidrs": ["10.64.200.17/32"] });
    assert.deepEqual(the(recording, POLICY, policy).inputs["spec"], {
      podSelector: { matchLabels: { "app.kubernetes.io/instance": "api7ee3" } },
      policyTypes: ["Egress"],
      egress: [{ to: [{ ipBlock: { cidr: "0.0.0.0/0", except: ["10.64.200.17/32"] } }] }],
    });
    assert.ok(
      the(recording, RELEASE, "control-plane-b").options.dependsOn.includes("NetworkPolicy control-plane-b-egress"),
      "before its first pod",
    );
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
        topologySpreadConstraints: ["topology.kubernetes.io/zone", "kubernetes.io/hostname"].map((topologyKey) => ({
          maxSkew: 1,
          topologyKey,
          whenUnsatisfiable: "ScheduleAnyway",
          labelSelector: { matchLabels: { "app.kubernetes.io/instance": "gateway-default" } },
        })),
        affinity: {
          podAntiAffinity: {
            preferredDuringSchedulingIgnoredDuringExecution: [
              {
                weight: 100,
                podAffinityTerm: {
                  topologyKey: "kubernetes.io/hostname",
                  labelSelector: { matchLabels: { "app.kubernetes.io/instance": "gateway-default" } },
                },
              },
            ],
          },
        },
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
      gateway: {
        type: "ClusterIP",
        tls: { existingCASecret: "gateway-default-tls", certCAFilename: "ca.crt" },
        readinessProbe: {
          httpGet: { path: "/status/ready", port: 7085 },
          initialDelaySeconds: 5,
          periodSeconds: 10,
          timeoutSeconds: 3,
          failureThreshold: 8640,
        },
        livenessProbe: {
          httpGet: { path: "/status", port: 7085 },
          initialDelaySeconds: 300,
          periodSeconds: 30,
          timeoutSeconds: 5,
          failureThreshold: 10,
        },
      },
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

  it("keep connections open for longer than the load balancer, whatever its idle time", async () => {
    for (const idleTimeoutSeconds of [1, 60, 350]) {
      const recording = await clusterOf("prod", { "loadBalancer.idleTimeoutSeconds": idleTimeoutSeconds });
      const { nginx } = the(recording, RELEASE, "data-plane-b-partner").inputs["values"] as {
        nginx: { http: { keepaliveTimeout: string } };
      };
      assert.equal(nginx.http.keepaliveTimeout, `${idleTimeoutSeconds + 15}s`);
    }
  });

  it("may be evicted one by one, a tenth of many at once, and the only one never", async () => {
    for (const [replicas, out] of [
      [1, 0],
      [2, 1],
      [3, 1],
      [4, 1],
      [9, 1],
      [12, 1],
      [40, 4],
      [500, 50],
    ] as const) {
      const recording = await clusterOf("prod", {
        "gatewayGroups[1].clusterA.replicas": 1,
        "gatewayGroups[1].clusterB.replicas": replicas,
      });
      const { apisix } = the(recording, RELEASE, "data-plane-b-partner").inputs["values"] as {
        apisix: { podDisruptionBudget: { minAvailable: string } };
      };
      const percent = Number(apisix.podDisruptionBudget.minAvailable.replace("%", ""));
      assert.equal(replicas - Math.ceil((percent * replicas) / 100), out, `${replicas}: ${percent} %`);
    }
  });

  it("stay ready through an outage of the control plane, and are not so before they have its configuration", async () => {
    const { gateway } = the(await clusterOf("prod"), RELEASE, "data-plane-b-default").inputs["values"] as {
      gateway: Record<"readinessProbe" | "livenessProbe", Record<string, unknown> & { httpGet: { path: string } }>;
    };
    const { readinessProbe: ready, livenessProbe: alive } = gateway;
    // Unready until the first success; afterwards a day of failures in a row.
    assert.equal(ready.httpGet.path, "/status/ready");
    assert.equal(Number(ready["failureThreshold"]) * Number(ready["periodSeconds"]), 24 * 3600);
    assert.equal(alive.httpGet.path, "/status", "a lost control plane restarts nothing");
  });

  it("believe the load balancer's headers, run under a role and come from another registry where they shall", async () => {
    const role = { "eks.amazonaws.com/role-arn": "arn:aws:iam::444455556666:role/api7" };
    const recording = await clusterOf("prod", {
      "gatewayGroups[0].clusterB.trustedAddresses": ["10.64.0.0/20"],
      "gatewayGroups[0].clusterB.serviceAccountAnnotations": role,
      "controlPlane.imageRegistry": "registry.example.com:5000/mirror/api7",
      "controlPlane.imagePullSecret": "registry",
    });
    const values = the(recording, RELEASE, "data-plane-b-default").inputs["values"] as Record<
      string,
      Record<string, unknown>
    >;
    const { apisix = {} } = values;
    assert.deepEqual(apisix["trustedAddresses"], ["10.64.0.0/20"]);
    assert.deepEqual(apisix["image"], {
      repository: "registry.example.com:5000/mirror/api7/api7-ee-3-gateway",
      tag: "3.9.18",
    });
    assert.deepEqual(values["serviceAccount"], { create: true, annotations: role });
    assert.deepEqual(values["global"], { imagePullSecrets: ["registry"] });
    const other = the(recording, RELEASE, "data-plane-b-partner").inputs["values"] as Record<string, object>;
    assert.equal(other["serviceAccount"], undefined);
  });

  it("know the DP Manager by a name of its own, and its certificate by the Service's", async () => {
    const recording = await clusterOf("prod", {
      "controlPlane.domain": {
        name: "dp-manager.b.example.com",
        record: { hostedZoneId: "Z0123456789ABC", target: "internal-b.elb.example.com" },
      },
    });
    const { etcd } = the(recording, RELEASE, "data-plane-b-default").inputs["values"] as {
      etcd: { host: readonly string[]; auth: { tls: Record<string, unknown> } };
    };
    assert.deepEqual(etcd.host, ["https://dp-manager.b.example.com:7943"]);
    assert.equal(etcd.auth.tls["sni"], "api7ee3-dp-manager");
    assert.equal(etcd.auth.tls["verify"], true);
    const record = the(recording, "aws:route53/record:Record", "control-plane-b-domain");
    assert.deepEqual(record.inputs, {
      zoneId: "Z0123456789ABC",
      name: "dp-manager.b.example.com",
      type: "CNAME",
      ttl: 60,
      records: ["internal-b.elb.example.com"],
    });
    assert.equal(record.options.protect, true);
    assert.ok(
      the(recording, RELEASE, "data-plane-b-default").options.dependsOn.includes("Record control-plane-b-domain"),
      "no gateway asks for the name before it is there",
    );
    const named = await clusterOf("prod", { "controlPlane.domain": { name: "dp-manager.b.example.com" } });
    assert.deepEqual(of(named, "aws:route53/record:Record"), [], "somebody else's name is not touched");
  });

  it("start after the control plane, with a certificate that it issued, and only then become targets", async () => {
    const recording = await clusterOf("prod");
    const certificate = the(recording, COMMAND, "data-plane-b-partner-certificate");
    assert.equal(certificate.inputs["create"], "node --import tsx operations/issueDataPlaneCertificate.ts");
    assert.deepEqual(certificate.inputs["environment"], { MIGRATION_CONTROL_PLANE_TOKEN: { [SECRET]: "token" } });
    const ready = ["Command control-plane-b-address", "Command control-plane-b-ready", "Release control-plane-b"];
    assert.deepEqual(certificate.options.dependsOn, ready);
    const { group, secretName } = JSON.parse(String(certificate.inputs["stdin"])) as Record<string, string>;
    assert.deepEqual([group, secretName], ["partner", "gateway-partner-tls"]);
    assert.deepEqual(the(recording, RELEASE, "data-plane-b-partner").options.dependsOn, [
      ...ready.slice(0, 2),
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
