import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import { type GatewayConfiguration } from "../../../rehearsal/cloud/kubernetes/rendered";
import {
  CHARTS,
  knownChart,
  readChart,
  render,
  writeCharts,
  type ChartName,
  type RenderedObject,
} from "../../../rehearsal/kubernetes/charts";
import { pack, unpack } from "../../../rehearsal/kubernetes/charts/tarball";

const BUILT_INS_OFF = { postgresql: { builtin: false }, prometheus: { builtin: false }, jaeger: { builtin: false } };
const DSN = "postgres://api7ee:very-secret@db:5432/api7ee";

function objects(
  chart: ChartName,
  release: string,
  values: Readonly<Record<string, unknown>>,
): readonly RenderedObject[] {
  const { name, version, appVersion } = CHARTS[chart];
  return render({ chart: { name, version, appVersion }, release, namespace: "api7", values });
}

function named(list: readonly RenderedObject[]): string[] {
  return list.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
}

/** The value at a path through objects and lists. */
function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>((below, key) => (below as Record<string | number, unknown> | undefined)?.[key], value);
}

function find(list: readonly RenderedObject[], kind: string, name?: string): RenderedObject {
  const found = list.filter((object) => object.kind === kind && (name === undefined || object.metadata.name === name));
  assert.equal(found.length, 1, `one ${kind} ${name ?? ""}`);
  return found[0] as RenderedObject;
}

describe("charts: control plane", () => {
  const rendered = objects("api7ee3", "api7ee3", {
    ...BUILT_INS_OFF,
    dashboard_configuration: { database: { dsn: DSN } },
  });

  it("has the official names, in Helm's order", () => {
    assert.deepEqual(named(rendered), [
      "ServiceAccount api7ee3",
      "ConfigMap api7ee3-dashboard-config",
      "ConfigMap api7ee3-dp-manager-config",
      "ConfigMap api7ee3-developer-portal-config",
      "Service api7ee3-dashboard",
      "Service api7ee3-dp-manager",
      "Service api7ee3-developer-portal",
      "Deployment api7ee3-dashboard",
      "Deployment api7ee3-dp-manager",
      "Deployment api7ee3-developer-portal",
    ]);
    const ports = (service: string): unknown =>
      (
        at(find(rendered, "Service", service), "spec", "ports") as { name: string; port: number; targetPort: string }[]
      ).map(({ name, port, targetPort }) => [name, port, targetPort]);
    assert.deepEqual(ports("api7ee3-dashboard"), [
      ["http", 7080, "http"],
      ["https", 7443, "https"],
    ]);
    assert.deepEqual(ports("api7ee3-dp-manager"), [
      ["http", 7900, "http"],
      ["https", 7943, "https"],
    ]);
    assert.deepEqual(ports("api7ee3-developer-portal"), [["http", 4321, "http"]]);
  });

  it("runs the images of the version with the official labels, probes and config files", () => {
    const dashboard = find(rendered, "Deployment", "api7ee3-dashboard");
    const container = at(dashboard, "spec", "template", "spec", "containers", 0) as Record<string, unknown>;
    assert.equal(container["image"], "api7/api7-ee-3-integrated:v3.9.18");
    assert.deepEqual(at(dashboard, "spec", "template", "metadata", "labels"), {
      "app.kubernetes.io/name": "api7ee3",
      "app.kubernetes.io/instance": "api7ee3",
      "app.kubernetes.io/component": "dashboard",
    });
    assert.deepEqual(container["livenessProbe"], {
      httpGet: { path: "/healthz", port: "https", scheme: "HTTPS" },
      initialDelaySeconds: 180,
      periodSeconds: 10,
      failureThreshold: 30,
    });
    const manager = at(find(rendered, "Deployment", "api7ee3-dp-manager"), "spec", "template", "spec", "containers", 0);
    assert.equal(at(manager, "image"), "api7/api7-ee-dp-manager:v3.9.18");
    assert.deepEqual(at(manager, "readinessProbe", "httpGet"), { path: "/healthz", port: "http", scheme: "HTTP" });
    assert.deepEqual(at(manager, "volumeMounts"), [{ name: "config", mountPath: "/api7-ee" }]);

    const text = at(find(rendered, "ConfigMap", "api7ee3-dashboard-config"), "data", "config.yaml") as string;
    const config = parse(text) as unknown;
    assert.equal(at(config, "database", "dsn"), DSN);
    assert.equal(at(config, "database", "max_open_conns"), 30);
    assert.equal(at(config, "server", "tls", "port"), 7443);
  });

  it("replaces pods when their config changes, and only then", () => {
    const sum = (values: object): unknown =>
      at(
        find(objects("api7ee3", "api7ee3", { ...BUILT_INS_OFF, ...values }), "Deployment", "api7ee3-dashboard"),
        "spec",
        "template",
        "metadata",
        "annotations",
        "checksum/config",
      );
    assert.equal(sum({}), sum({ dashboard: { replicaCount: 3 } }));
    assert.notEqual(sum({}), sum({ dashboard_configuration: { database: { dsn: DSN } } }));
  });

  it("follows Helm's rule for full names, leaves the portal out when told, and takes components' own settings", () => {
    const release = (name: string, values: object = {}): string =>
      named(objects("api7ee3", name, { ...BUILT_INS_OFF, ...values }))[1] ?? "";
    assert.equal(release("cp"), "ConfigMap cp-api7ee3-dashboard-config");
    assert.equal(release("my-api7ee3"), "ConfigMap my-api7ee3-dashboard-config");
    assert.equal(release("cp", { fullnameOverride: "x" }), "ConfigMap x-dashboard-config");
    const without = objects("api7ee3", "api7ee3", {
      ...BUILT_INS_OFF,
      developer_portal_configuration: { enable: false },
    });
    assert.deepEqual(
      named(without).filter((name) => name.includes("portal")),
      [],
    );
    const sized = objects("api7ee3", "api7ee3", {
      ...BUILT_INS_OFF,
      resources: { a: 1 },
      dashboard: { resources: { b: 2 } },
    });
    const resources = (component: string): unknown =>
      at(find(sized, "Deployment", `api7ee3-${component}`), "spec", "template", "spec", "containers", 0, "resources");
    assert.deepEqual([resources("dashboard"), resources("dp-manager")], [{ b: 2 }, { a: 1 }]);
  });
});

describe("charts: gateway", () => {
  const secret = "api7-ee-3-gateway-tls";
  const values = {
    apisix: {
      replicaCount: 3,
      extraEnvVars: [{ name: "API7_GATEWAY_GROUP_SHORT_ID", value: "default" }],
      podDisruptionBudget: { enabled: true },
    },
    etcd: {
      host: ["https://api7ee3-dp-manager.api7.svc.cluster.local:7943"],
      auth: {
        tls: {
          enabled: true,
          existingSecret: secret,
          certFilename: "tls.crt",
          certKeyFilename: "tls.key",
          verify: true,
        },
      },
    },
    gateway: { type: "ClusterIP", tls: { existingCASecret: secret, certCAFilename: "ca.crt" } },
    api7ee: { status_endpoint: { enabled: true } },
    serviceMonitor: { enabled: true },
  };
  const rendered = objects("gateway", "gateway", values);
  const pod = at(find(rendered, "Deployment"), "spec", "template", "spec");

  it("has the official names and ports", () => {
    assert.deepEqual(named(rendered), [
      "PodDisruptionBudget gateway",
      "ConfigMap gateway",
      "Service gateway-gateway",
      "Deployment gateway",
      "ServiceMonitor gateway",
    ]);
    assert.equal(named(objects("gateway", "dp", {}))[1], "Service dp-gateway-gateway");
    const ports = at(find(rendered, "Service"), "spec", "ports") as {
      name: string;
      port: number;
      targetPort: number | string;
    }[];
    assert.deepEqual(
      ports.map(({ name, port, targetPort }) => [name, port, targetPort]),
      [
        ["apisix-gateway", 80, 9080],
        ["apisix-gateway-tls", 443, 9443],
        ["prometheus", 9091, 9091],
        ["status", 7085, "status"],
      ],
    );
  });

  it("renders the config file that pins the gateway, and mounts what it names", () => {
    const config = parse(at(find(rendered, "ConfigMap"), "data", "config.yaml") as string) as GatewayConfiguration;
    assert.deepEqual(config.deployment.etcd, {
      host: ["https://api7ee3-dp-manager.api7.svc.cluster.local:7943"],
      prefix: "/apisix",
      timeout: 30,
      tls: { cert: "/etcd-ssl/tls.crt", key: "/etcd-ssl/tls.key", verify: true },
    });
    assert.deepEqual(config.apisix.status, { ip: "0.0.0.0", port: 7085 });
    assert.deepEqual(config.apisix.node_listen, [{ ip: "0.0.0.0", port: 9080 }]);
    assert.equal(config.apisix.ssl.ssl_trusted_certificate, "system,/usr/local/apisix/conf/ssl/ca.crt");
    assert.deepEqual(config.plugin_attr?.prometheus?.export_addr, { ip: "0.0.0.0", port: 9091 });
    assert.equal(config.nginx_config.worker_shutdown_timeout, "240s");
    assert.deepEqual(at(pod, "containers", 0, "volumeMounts"), [
      { name: "apisix-config", mountPath: "/usr/local/apisix/conf/config.yaml", subPath: "config.yaml" },
      { name: "ssl", mountPath: "/usr/local/apisix/conf/ssl/ca.crt", subPath: "ca.crt" },
      { name: "etcd-ssl", mountPath: "/etcd-ssl" },
    ]);
  });

  it("has no status port, exporter address or liveness probe unless asked for", () => {
    const plain = objects("gateway", "gateway", {});
    const config = parse(at(find(plain, "ConfigMap"), "data", "config.yaml") as string) as GatewayConfiguration;
    assert.deepEqual(
      [config.apisix.status, config.plugin_attr, config.deployment.etcd.tls],
      [undefined, undefined, { verify: false }],
    );
    const container = at(find(plain, "Deployment"), "spec", "template", "spec", "containers", 0) as Record<
      string,
      unknown
    >;
    assert.deepEqual(container["readinessProbe"], {
      failureThreshold: 6,
      initialDelaySeconds: 10,
      periodSeconds: 10,
      successThreshold: 1,
      tcpSocket: { port: 9080 },
      timeoutSeconds: 1,
    });
    assert.equal(container["livenessProbe"], undefined);
    assert.deepEqual(
      (container["ports"] as { name: string }[]).map(({ name }) => name),
      ["http", "tls"],
    );
  });

  it("leaves with a wait and a grace period, and leaves the size to an autoscaler", () => {
    assert.deepEqual(at(pod, "containers", 0, "lifecycle", "preStop", "exec", "command"), [
      "/bin/sh",
      "-c",
      "sleep 30",
    ]);
    assert.equal(at(pod, "terminationGracePeriodSeconds"), 180);
    const scaled = objects("gateway", "gateway", { autoscaling: { enabled: true, minReplicas: 2 } });
    assert.equal(at(find(scaled, "Deployment"), "spec", "replicas"), undefined);
    assert.equal(at(find(scaled, "HorizontalPodAutoscaler"), "spec", "minReplicas"), 2);
  });
});

describe("charts: values", () => {
  it("refuses what the chart does not know, naming the nearest path, and never the value", () => {
    const wrong = (chart: ChartName, values: Readonly<Record<string, unknown>>): string => {
      try {
        objects(chart, chart, values);
      } catch (error) {
        assert.ok(error instanceof Error);
        assert.doesNotMatch(error.message, /very-secret/);
        return error.message;
      }
      return "";
    };
    assert.match(
      wrong("gateway", { apisix: { replicas: "very-secret" } }),
      /The chart knows no value apisix\.replicas\./,
    );
    assert.match(
      wrong("gateway", { etcd: { hosts: ["very-secret"] } }),
      /no value etcd\.hosts\. Did you mean etcd\.host\?/,
    );
    assert.match(
      wrong("api7ee3", { dashboard_configuration: { database: { dns: DSN } } }),
      /no value dashboard_configuration\.database\.dns\. Did you mean dashboard_configuration\.database\.dsn\?/,
    );
    assert.match(wrong("api7ee3", { dashboard: "very-secret" }), /expects a map at dashboard, and got a string/);
    assert.match(
      wrong("gateway", { apisix: { replicaCount: "2" } }),
      /expects a number at apisix\.replicaCount, and got a string/,
    );
    assert.match(wrong("gateway", { etcd: { host: "very-secret" } }), /expects a list at etcd\.host, and got a string/);
    const two = wrong("gateway", { one: 1, two: 2 });
    assert.equal(two.split("\n- ").length, 3);
  });

  it("takes anything where the chart does, and takes a default away by null", () => {
    const free = {
      podAnnotations: { "a.b/c": "d" },
      extraEnvVars: [{ name: "X", value: "y" }],
      affinity: { deep: { er: [1] } },
    };
    const rendered = objects("gateway", "gateway", {
      apisix: free,
      pluginAttrs: { "log-rotate": { interval: 1 } },
      gateway: { readinessProbe: { httpGet: { path: "/status/ready", port: 7085 } } },
    });
    const template = at(find(rendered, "Deployment"), "spec", "template");
    assert.equal(at(template, "metadata", "annotations", "a.b/c"), "d");
    assert.deepEqual(at(template, "spec", "containers", 0, "env"), [{ name: "X", value: "y" }]);
    assert.deepEqual(at(template, "spec", "containers", 0, "readinessProbe"), {
      httpGet: { path: "/status/ready", port: 7085 },
    });
    const config = parse(at(find(rendered, "ConfigMap"), "data", "config.yaml") as string) as unknown;
    assert.deepEqual(at(config, "plugin_attr"), { "log-rotate": { interval: 1 } });
    const without = objects("api7ee3", "api7ee3", {
      ...BUILT_INS_OFF,
      dashboard_configuration: { database: { timeout: null } },
    });
    const text = at(find(without, "ConfigMap", "api7ee3-dashboard-config"), "data", "config.yaml") as string;
    assert.equal(at(parse(text), "database", "timeout"), undefined);
  });

  it("refuses what the stand-in does not model, saying what to set", () => {
    assert.throws(
      () => objects("api7ee3", "api7ee3", {}),
      /Chart value postgresql\.builtin: .*Set postgresql\.builtin to false/,
    );
    assert.throws(
      () => objects("gateway", "gateway", { apisix: { kind: "DaemonSet" } }),
      /apisix\.kind: .*Set it to "Deployment"/,
    );
    assert.throws(
      () => objects("gateway", "gateway", { deployment: { fallback_cp: { mode: "write" } } }),
      /deployment\.fallback_cp/,
    );
    assert.throws(
      () => objects("gateway", "gateway", { apisix: { extraEnvVars: [{ name: "A", value: "{{ .Release.Name }}" }] } }),
      /without \{\{ \}\}/,
    );
  });
});

describe("charts: archives", () => {
  const folder = mkdtempSync(join(tmpdir(), "charts-"));
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("are written with the same bytes each time, under the official names, and are valid for tar and gzip", async () => {
    const first = await writeCharts(join(folder, "one"));
    const second = await writeCharts(join(folder, "two"));
    for (const name of ["api7ee3", "gateway"] as const) {
      const bytes = readFileSync(first[name].file);
      assert.deepEqual(bytes, readFileSync(second[name].file));
      assert.equal(first[name].sha256, createHash("sha256").update(bytes).digest("hex"));
      const listed = execFileSync("tar", ["-tzf", first[name].file], { encoding: "utf8" });
      assert.deepEqual(listed.trim().split("\n"), [
        `${name}/Chart.yaml`,
        `${name}/values.yaml`,
        `${name}/templates/NOTES.txt`,
        ...["_helpers.tpl", "configmap.yaml", "deployment.yaml"].map((file) => `${name}/templates/${file}`),
        ...(name === "gateway" ? ["extras.yaml"] : []).map((file) => `${name}/templates/${file}`),
        ...["service.yaml", "serviceaccount.yaml"].map((file) => `${name}/templates/${file}`),
      ]);
      const values = parse(
        execFileSync("tar", ["-xzOf", first[name].file, `${name}/values.yaml`], { encoding: "utf8" }),
      ) as unknown;
      assert.notEqual(at(values, "fullnameOverride"), undefined);
    }
    assert.deepEqual(
      [first.api7ee3.version, first.gateway.version, first.gateway.appVersion],
      ["3.9.5", "3.9.10", "3.9.18"],
    );
    assert.match(first.gateway.file, /\/gateway-3\.9\.10\.tgz$/);
  });

  it("are read from an archive made by tar and gzip, and from a folder", async () => {
    execFileSync("tar", ["-xzf", join(folder, "one", "gateway-3.9.10.tgz"), "-C", folder]);
    execFileSync("tar", ["-czf", join(folder, "again.tgz"), "-C", folder, "gateway"]);
    const wanted = { name: "gateway", version: "3.9.10", appVersion: "3.9.18" };
    assert.deepEqual(await readChart(join(folder, "again.tgz")), wanted);
    assert.deepEqual(await readChart(join(folder, "gateway")), wanted);
  });

  it("say what is wrong with them", async () => {
    await assert.rejects(readChart(join(folder, "gone.tgz")), /path ".*gone\.tgz" not found/);
    writeFileSync(join(folder, "text.tgz"), "no archive");
    await assert.rejects(readChart(join(folder, "text.tgz")), /does not appear to be a gzipped archive/);
    writeFileSync(join(folder, "empty.tgz"), pack([{ path: "gateway/values.yaml", content: Buffer.from("{}") }]));
    await assert.rejects(readChart(join(folder, "empty.tgz")), /Chart\.yaml file is missing/);
    const cut = readFileSync(join(folder, "one", "gateway-3.9.10.tgz"));
    assert.throws(() => unpack(cut.subarray(0, 2000)));
    assert.throws(
      () => knownChart({ name: "gateway", version: "0.2.67", appVersion: "3.9.12" }),
      /knows what the charts api7ee3 3\.9\.5 and gateway 3\.9\.10 do, not gateway 0\.2\.67/,
    );
    assert.throws(() => knownChart({ name: "nginx", version: "1.0.0", appVersion: "" }), /not nginx 1\.0\.0/);
  });

  it("keep every byte, beyond one block of the stored form", () => {
    const files = [
      { path: "a", content: Buffer.alloc(200_000, "x") },
      { path: "b/c", content: Buffer.from("end") },
    ];
    assert.deepEqual(unpack(pack(files)), files);
  });
});
