import assert from "node:assert/strict";
import { checkParity } from "../../checks/parity";
import { type CheckResult } from "../../checks/result";
import { type Inspection } from "../../migration/inspection";
import { newAuthority } from "../../rehearsal/cloud/gateways/common/authority";
import { Surroundings } from "./support/inspection";
import { type KubernetesFake } from "./support/kubernetesFake";
import { type TestServer } from "./support/postgres";
import { findingOn } from "./support/scope";

const DIGEST = `sha256:${"a".repeat(64)}`;

interface Gateway {
  readonly digest?: string;
  readonly config?: string;
  readonly env?: readonly object[];
  readonly ports?: readonly number[];
  readonly ca?: string;
  readonly code?: string;
}

describe("check: parity", () => {
  let around: Surroundings;
  let ca: string;
  let otherCa: string;

  before(async () => {
    [ca, otherCa] = (await Promise.all([newAuthority("CN=CA-1"), newAuthority("CN=CA-2")])).map(
      ({ certificate }) => certificate,
    ) as [string, string];
  });
  beforeEach(async () => {
    // No database is needed: parity is about everything outside of it.
    around = await Surroundings.start({ server: { address: "127.0.0.1" }, dsn: () => "" } as unknown as TestServer);
    install(around.a, "gateway-a", "https://a:7943", {});
    install(around.b, "gateway-default", "https://b:7943", {});
  });
  afterEach(() => around.stop());

  function install(fake: KubernetesFake, name: string, host: string, more: Gateway): void {
    const container = {
      name: "main",
      image: "api7/api7-ee-3-gateway:3.9.18",
      env: more.env ?? [{ name: "LOG_LEVEL", value: "warn" }],
      ports: (more.ports ?? [9080, 7085]).map((containerPort) => ({ containerPort })),
      volumeMounts: [
        { name: "config", mountPath: "/usr/local/apisix/conf/config.yaml", subPath: "config.yaml" },
        { name: "tls", mountPath: "/etc/ssl" },
        { name: "code", mountPath: "/custom/own.lua", subPath: "own.lua" },
      ],
    };
    const volumes = [
      { name: "config", configMap: { name } },
      { name: "tls", secret: { secretName: `${name}-tls` } },
      { name: "code", configMap: { name: `${name}-code` } },
    ];
    fake.add("apps/v1", "deployments", {
      metadata: { name },
      spec: {
        replicas: 1,
        selector: { matchLabels: { app: name } },
        template: { spec: { containers: [container], volumes } },
      },
    } as never);
    fake.add("v1", "configmaps", {
      metadata: { name },
      data: { "config.yaml": more.config ?? configOf(host) },
    } as never);
    fake.add("v1", "configmaps", {
      metadata: { name: `${name}-code` },
      data: { "own.lua": more.code ?? "return 1" },
    } as never);
    fake.add("v1", "secrets", {
      metadata: { name: `${name}-tls` },
      data: { "ca.crt": Buffer.from(more.ca ?? ca).toString("base64") },
    } as never);
    for (const key of [...fake.objects.keys()].filter((one) => one.startsWith("v1/pods/"))) fake.objects.delete(key);
    fake.add("v1", "pods", {
      metadata: { name: `${name}-1`, labels: { app: name } },
      spec: { containers: [container] },
      status: {
        containerStatuses: [{ name: "main", imageID: `docker.io/api7/api7-ee-3-gateway@${more.digest ?? DIGEST}` }],
      },
    } as never);
  }

  const configOf = (host: string, more = ""): string =>
    `apisix:\n  proxy_mode: http\n${more}deployment:\n  etcd:\n    host: ["${host}"]\n`;
  const check = (inspection: Partial<Inspection> = {}): Promise<CheckResult> => checkParity(around.context(inspection));
  const onB = (more: Gateway): void => install(around.b, "gateway-default", "https://b:7943", more);

  it("holds for gateways that differ in their DP Manager alone", async () => {
    const result = await check();
    assert.deepEqual(result.findings, []);
    assert.match(JSON.stringify(result.evidence), /each cluster has its own DP Manager/);
  });

  const wrong: readonly (readonly [string, () => Gateway, string, RegExp])[] = [
    ["another image under the same tag", () => ({ digest: `sha256:${"b".repeat(64)}` }), "default: image digest", /A has sha256:aaa.*B has sha256:bbb/],
    ["another value in the config file", () => ({ config: configOf("https://b:7943", "  enable_ipv6: false\n") }), "configuration apisix.enable_ipv6", /A has not set, B has false/],
    ["a missing variable", () => ({ env: [] }), "environment LOG_LEVEL", /B has missing/],
    ["a missing port", () => ({ ports: [9080] }), "port tcp 7085", /B has missing/],
    ["other code", () => ({ code: "return 2" }), "files at /custom/own.lua", /A has [0-9a-f]{16}, B has [0-9a-f]{16}/],
  ]; // prettier-ignore
  for (const [what, gateway, subject, seen] of wrong) {
    it(`refuses ${what}`, async () => {
      onB(gateway());
      const result = await check();
      assert.equal(result.verdict, "fails");
      assert.match(findingOn(result, subject).seen, seen);
    });
  }

  it("refuses another trusted CA, by both fingerprints", async () => {
    onB({ ca: otherCa });
    const result = await check();
    assert.equal(result.findings.length, 2);
    assert.match(findingOn(result, "CN=CA-2").seen, /A has missing, B has there/);
  });

  it("takes a decision with its reason, and tells of one that nothing needs", async () => {
    onB({ env: [] });
    const parity = [
      { item: "default: environment LOG_LEVEL", reason: "B logs to its own place" },
      { item: "default: port tcp 1", reason: "was there once" },
    ];
    const result = await check({ parity });
    assert.equal(result.verdict, "holds");
    assert.match(result.notes.join("\n"), /own place[\s\S]*tcp 1 is accepted, but does not differ/);
  });

  const unknown: readonly (readonly [string, () => unknown])[] = [
    ["A's API server is dead", () => around.a.die()],
    ["a pod does not say what it runs", () => around.a.add("v1", "pods", { metadata: { name: "gateway-a-1", labels: { app: "gateway-a" } }, spec: { containers: [] }, status: {} } as never)],
    ["A has no gateways", () => around.a.objects.delete("v1/pods/gateway-a-1")],
    ["the config file is missing", () => around.b.objects.delete("v1/configmaps/gateway-default")],
    ["the config file is no YAML", () => onB({ config: "{" })],
  ]; // prettier-ignore
  for (const [what, arrange] of unknown) {
    it(`knows nothing when ${what}`, async () => {
      await arrange();
      const result = await check();
      assert.equal(result.verdict, "unknown", JSON.stringify(result.findings));
    });
  }
});
