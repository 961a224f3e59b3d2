import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parse, parseAllDocuments } from "yaml";
import {
  CHARTS,
  render,
  writeCharts,
  type ChartName,
  type RenderedObject,
  type WrittenChart,
} from "../../../../rehearsal/kubernetes/charts";
import { helmTemplate } from "../../../../rehearsal/kubernetes/real/helm";
import { ensurePrograms } from "../../../../rehearsal/kubernetes/real/programs";

/** A machine on which nothing was built yet needs this long when it is busy. */
const BUILD_MS = 90 * 60_000;
const RENDER_MS = 120_000;

type Values = Readonly<Record<string, unknown>>;

/** What the program gives both charts, as the goldens of both stacks have it. */
function goldenReleases(): readonly { title: string; chart: ChartName; name: string; values: Values }[] {
  return ["staging", "prod"].flatMap((stack) => {
    const file = resolve(__dirname, `../../../golden/${stack}/complete.json`);
    const { resources } = JSON.parse(readFileSync(file, "utf8")) as {
      readonly resources: Readonly<Record<string, { readonly type: string; readonly inputs: Values }>>;
    };
    return Object.values(resources)
      .filter(({ type }) => type === "kubernetes:helm.sh/v3:Release")
      .map(({ inputs }) => {
        const { name, chart, values } = inputs as { name: string; chart: string; values: Values };
        return { title: `${stack}: ${name}`, chart: chartOf(chart), name, values: plain(values) as Values };
      });
  });
}

function chartOf(file: string): ChartName {
  return file.includes("gateway") ? "gateway" : "api7ee3";
}

/** Goldens mark what is secret by an object around it. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  if ("[secret]" in value) return plain(value["[secret]"]);
  return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, plain(child)]));
}

const OFF = { postgresql: { builtin: false }, prometheus: { builtin: false }, jaeger: { builtin: false } };

/** Every branch of both charts. */
const CASES: readonly { title: string; chart: ChartName; name: string; values: Values }[] = [
  { title: "control plane, plain", chart: "api7ee3", name: "api7ee3", values: OFF },
  {
    title: "control plane, everything set",
    chart: "api7ee3",
    name: "cp",
    values: {
      ...OFF,
      imagePullSecret: "registry",
      nameOverride: "ee",
      serviceAccount: { annotations: { "eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/x" } },
      podAnnotations: { "example.com/a": "b" },
      podSecurityContext: { runAsNonRoot: true },
      securityContext: { readOnlyRootFilesystem: true },
      nodeSelector: { "kubernetes.io/os": "linux" },
      affinity: { podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [] } },
      tolerations: [{ key: "a", operator: "Exists" }],
      topologySpreadConstraints: [{ maxSkew: 1, topologyKey: "zone", whenUnsatisfiable: "ScheduleAnyway" }],
      resources: { requests: { cpu: "1" } },
      dashboard: {
        replicaCount: 3,
        keyCertSecret: "dashboard-tls",
        image: { tag: "v3.9.10" },
        resources: { limits: { memory: "1Gi" } },
        extraEnvVars: [{ name: "A", value: "1" }],
        extraVolumes: [{ name: "more", emptyDir: {} }],
        extraVolumeMounts: [{ name: "more", mountPath: "/more" }],
        podLabels: { tier: "control" },
        topologySpreadConstraints: [{ maxSkew: 2, topologyKey: "host", whenUnsatisfiable: "DoNotSchedule" }],
      },
      dashboard_service: { type: "NodePort", nodePort: 30080, tlsNodePort: 30443, annotations: { port: 1 } },
      dashboard_configuration: { server: { listen: { disable: false } }, database: { dsn: "postgres://a:b@c/d" } },
      dp_manager_service: { type: "LoadBalancer", loadBalancerClass: "service.k8s.aws/nlb" },
      dp_manager: { extraInitContainers: [{ name: "wait", image: "busybox" }] },
      developer_portal: { keyCertSecret: "portal-tls" },
      developer_portal_configuration: { server: { listen: { tls: { enabled: false } } } },
    },
  },
  {
    title: "control plane without portal and service account",
    chart: "api7ee3",
    name: "api7ee3",
    values: { ...OFF, developer_portal_configuration: { enable: false }, serviceAccount: { create: false } },
  },
  { title: "gateway, plain", chart: "gateway", name: "gateway", values: {} },
  {
    title: "gateway, everything set",
    chart: "gateway",
    name: "edge",
    values: {
      fullnameOverride: "edge-gateway",
      global: { imagePullSecrets: ["registry"] },
      serviceAccount: { create: true, annotations: { a: "b" } },
      apisix: {
        replicaCount: 3,
        image: { tag: "3.9.10" },
        resources: { requests: { cpu: "500m" } },
        podAnnotations: { a: "b" },
        podLabels: { c: "d" },
        podSecurityContext: { fsGroup: 1 },
        securityContext: { runAsUser: 1 },
        priorityClassName: "high",
        dnsConfig: { options: [{ name: "ndots", value: "2" }] },
        nodeSelector: { a: "b" },
        tolerations: [{ operator: "Exists" }],
        affinity: { nodeAffinity: {} },
        topologySpreadConstraints: [{ maxSkew: 1, topologyKey: "zone", whenUnsatisfiable: "ScheduleAnyway" }],
        timezone: "Europe/Berlin",
        extraEnvVars: [{ name: "A", value: "1" }],
        extraEnvVarsCM: "settings",
        extraEnvVarsSecret: "secrets",
        preStopSleepSeconds: 0,
        trustedAddresses: ["10.0.0.0/8"],
        podDisruptionBudget: { enabled: true, minAvailable: null, maxUnavailable: 2 },
      },
      updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      autoscaling: { enabled: true, minReplicas: 3, maxReplicas: 9, targetMemoryUtilizationPercentage: 0 },
      serviceMonitor: { enabled: true, labels: { release: "prometheus" }, annotations: { a: "b" } },
      api7ee: { status_endpoint: { enabled: true } },
      etcd: {
        host: ["https://dp-manager:7943"],
        user: "root",
        password: "secret",
        auth: {
          tls: {
            enabled: true,
            existingSecret: "tls",
            certFilename: "c",
            certKeyFilename: "k",
            verify: true,
            sni: "x",
          },
        },
      },
      gateway: {
        type: "LoadBalancer",
        externalIPs: ["203.0.113.1"],
        annotations: { "example.com/x": "y" },
        loadBalancerClass: "service.k8s.aws/nlb",
        readinessProbe: { httpGet: { path: "/status/ready", port: "status" } },
        livenessProbe: { tcpSocket: { port: 9080 } },
        http: { additionalContainerPorts: [{ port: 9081 }] },
        tls: {
          additionalContainerPorts: [{ port: 9444 }],
          existingCASecret: "ca",
          certCAFilename: "ca.crt",
          additionalTrustedCAs: [{ secretName: "more", filename: "more.crt" }],
          fallbackSNI: "fallback.example.com",
        },
      },
      pluginAttrs: { prometheus: { metric_prefix: "own_" }, "ext-plugin": { a: 1 } },
      logs: { enableAccessLog: false },
      nginx: { envs: ["A"], workerConnections: "20000" },
      control: { enabled: false },
    },
  },
  {
    title: "gateway by node ports, with labels of its own",
    chart: "gateway",
    name: "gateway",
    values: {
      gateway: { labelsOverride: { app: "edge" }, http: { nodePort: 30081 }, tls: { enabled: false } },
      extraVolumes: [{ name: "more", emptyDir: {} }],
      extraVolumeMounts: [{ name: "more", mountPath: "/more" }],
      extraInitContainers: [{ name: "wait", image: "busybox" }],
      serviceMonitor: { enabled: true, namespace: "monitoring", name: "edge" },
      apisix: { podDisruptionBudget: { enabled: true } },
    },
  },
];

/** Values that both refuse, and the words that both use. */
const REFUSED: readonly { chart: ChartName; values: Values; words: string }[] = [
  { chart: "api7ee3", values: {}, words: "Chart value postgresql.builtin" },
  { chart: "api7ee3", values: { ...OFF, file_server: { enabled: true } }, words: "Chart value file_server.enabled" },
  {
    chart: "api7ee3",
    values: { ...OFF, dp_manager_service: { ingress: { enabled: true } } },
    words: "Chart value dp_manager_service.ingress.enabled",
  },
  {
    chart: "api7ee3",
    values: { ...OFF, dashboard: { extraEnvVars: [{ name: "A", value: "{{ .Release.Name }}" }] } },
    words: "Chart value dashboard.extraEnvVars",
  },
  { chart: "gateway", values: { apisix: { kind: "DaemonSet" } }, words: "Chart value apisix.kind" },
  { chart: "gateway", values: { etcd: { enabled: true } }, words: "Chart value etcd.enabled" },
  { chart: "gateway", values: { gateway: { stream: { enabled: true } } }, words: "Chart value gateway.stream.enabled" },
  { chart: "gateway", values: { apisix: { enabled: false } }, words: "Chart value apisix.enabled" },
  {
    chart: "gateway",
    values: { deployment: { fallback_cp: { interval: 1 } } },
    words: "Chart value deployment.fallback_cp",
  },
  {
    chart: "gateway",
    values: { autoscaling: { enabled: true, version: "v1" } },
    words: "Chart value autoscaling.version",
  },
];

/** One object in a form to compare: config files by their content, the checksum of one by its being there. */
function comparable(object: RenderedObject): unknown {
  const copy = structuredClone(object) as Record<string, unknown> & {
    data?: Record<string, string>;
    spec?: { template?: { metadata?: { annotations?: Record<string, string> } } };
  };
  if (object.kind === "ConfigMap") {
    const files = Object.entries(copy.data ?? {}).map(([key, text]) => [key, parse(text) as unknown]);
    return { ...copy, data: Object.fromEntries(files) as unknown };
  }
  const annotations = copy.spec?.template?.metadata?.annotations;
  if (annotations !== undefined) {
    assert.match(annotations["checksum/config"] ?? "", /^[0-9a-f]{64}$/);
    annotations["checksum/config"] = "sha256";
  }
  return copy;
}

function sorted(objects: readonly RenderedObject[]): readonly unknown[] {
  const key = ({ kind, metadata }: RenderedObject): string => `${kind} ${metadata.namespace}/${metadata.name}`;
  return [...objects].sort((a, b) => (key(a) < key(b) ? -1 : 1)).map(comparable);
}

describe("charts: what real Helm renders and what the default tier's plugin makes of them", () => {
  let helm: string;
  let home: string;
  let charts: Record<ChartName, WrittenChart>;

  before(async function () {
    this.timeout(BUILD_MS);
    ({ helm } = await ensurePrograms({ only: ["helm"] }));
    home = await mkdtemp(join(tmpdir(), "api7-helm-"));
    charts = await writeCharts(join(home, "charts"));
  });
  after(async () => rm(home, { recursive: true, force: true }));

  async function byHelm(chart: ChartName, name: string, values: Values): Promise<readonly RenderedObject[]> {
    const text = await helmTemplate({ helm, home, chart: charts[chart].file, name, namespace: "api7", values });
    return parseAllDocuments(text)
      .map((document) => document.toJS() as RenderedObject | null)
      .filter((object): object is RenderedObject => object !== null);
  }

  function byPlugin(chart: ChartName, name: string, values: Values): readonly RenderedObject[] {
    const { name: chartName, version, appVersion } = CHARTS[chart];
    return render({ chart: { name: chartName, version, appVersion }, release: name, namespace: "api7", values });
  }

  for (const { title, chart, name, values } of [...CASES, ...goldenReleases()]) {
    it(`are the same objects: ${title}`, async function () {
      this.timeout(RENDER_MS);
      assert.deepEqual(sorted(await byHelm(chart, name, values)), sorted(byPlugin(chart, name, values)));
    });
  }

  for (const { chart, values, words } of REFUSED) {
    it(`refuse with the same words: ${words}`, async function () {
      this.timeout(RENDER_MS);
      const said = async (work: () => unknown): Promise<string> => {
        try {
          await work();
        } catch (error) {
          return error instanceof Error ? error.message : String(error);
        }
        return assert.fail("it was not refused");
      };
      for (const text of [
        await said(() => byPlugin(chart, chart, values)),
        await said(async () => byHelm(chart, chart, values)),
      ]) {
        assert.ok(text.includes(`${words}: the rehearsal's stand-in does not model this.`), text);
      }
    });
  }

  it("replace pods when a config file changes, and only then", async function () {
    this.timeout(RENDER_MS);
    const sums = async (values: Values): Promise<unknown> =>
      (await byHelm("gateway", "gateway", values))
        .filter(({ kind }) => kind === "Deployment")
        .map(
          (object) =>
            (object["spec"] as { template: { metadata: { annotations: Record<string, string> } } }).template.metadata
              .annotations["checksum/config"],
        );
    const before = await sums({});
    assert.deepEqual(await sums({ apisix: { replicaCount: 5 } }), before);
    assert.notDeepEqual(await sums({ etcd: { host: ["https://other:7943"] } }), before);
  });
});
