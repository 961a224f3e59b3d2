import assert from "node:assert/strict";
import { createServer } from "node:net";
import { Systems } from "../../checks/context";
import { checkPinning } from "../../checks/pinning";
import { type CheckResult } from "../../checks/result";
import { NO_INSPECTION } from "../../migration/inspection";
import { API_TOKEN, DP_MANAGER, gateways, healthyClusterB, instances, PODS } from "./support/clusterB";
import { KubernetesFake, status } from "./support/kubernetesFake";
import { configMap, deployment, pod } from "./support/objects";
import { TestServer } from "./support/postgres";
import { findingOn, SCOPE } from "./support/scope";

const DP_MANAGER_A = "https://api7ee3-dp-manager.api7.cluster-a.example.com:7943";
const DP_MANAGER_OF_A = "127.241.3.9";
const INSTANCES = `
  create table gateway_instance (instance_id text primary key, hostname text, ip inet, last_heartbeat_time timestamptz);
  insert into gateway_instance values ('i1', 'gateway-a-1', '10.2.0.1', now()), ('i2', 'gateway-a-2', '10.1.0.2', now());
  create table route (id text primary key);`;

describe("check: pinned", () => {
  let server: TestServer;
  let fake: KubernetesFake;
  let a: KubernetesFake;

  before(async () => {
    server = await TestServer.start("127.241.3.1");
  });
  after(() => server.stop());
  beforeEach(async () => {
    [fake, a] = await Promise.all([KubernetesFake.start("api7"), KubernetesFake.start("api7")]);
    healthyClusterB(fake);
    const manager = { name: "api7ee3-dp-manager", app: "dp-manager", image: "api7/api7-ee-dp-manager:v3.9.18" };
    a.add("apps/v1", "deployments", deployment({ ...manager, replicas: 1 }));
    a.add("v1", "pods", pod({ ...manager, name: "api7ee3-dp-manager-1", ip: DP_MANAGER_OF_A }));
    await server.fresh(INSTANCES);
  });
  afterEach(() => Promise.all([fake.stop(), a.stop()]));

  function check(clusterA = true, dsn = server.dsn("a"), inspection = NO_INSPECTION): Promise<CheckResult> {
    const scope = {
      ...SCOPE,
      clusterA: { ...SCOPE.clusterA, kubeconfig: a.kubeconfig },
      clusterB: { ...SCOPE.clusterB, kubeconfig: fake.kubeconfig },
    };
    const { signal } = new AbortController();
    const environment = { MIGRATION_CONTROL_PLANE_TOKEN: API_TOKEN, MIGRATION_DATABASE_A_DSN: dsn };
    return checkPinning({ scope, signal, systems: new Systems(scope, signal, environment) }, { clusterA, inspection });
  }

  /** What control plane B lists. */
  function listed(...list: Parameters<typeof instances>[0]): void {
    const before = fake.proxied.get("services/https:api7ee3-dashboard:7443") ?? assert.fail();
    fake.proxied.set("services/https:api7ee3-dashboard:7443", (request) =>
      request.path.endsWith("/instances") ? instances(list) : before(request),
    );
  }

  it("holds when B lists every gateway freshly, and A none of them, in spite of a shared address", async () => {
    const result = await check();
    assert.deepEqual(result.findings, []);
    assert.equal(result.verdict, "holds");
    assert.deepEqual(result.evidence["pods"], [...PODS]);
  });

  describe("a gateway of B that is given A's address is refused", () => {
    it("by the config file", async () => {
      gateways(fake, { hosts: [DP_MANAGER_A] });
      const result = await check();
      assert.equal(result.verdict, "fails");
      const finding = findingOn(result, "ConfigMap gateway-default");
      assert.match(finding.seen, /cluster-a\.example\.com/);
      assert.match(finding.expected, /api7ee3-dp-manager\.api7\.svc\.cluster\.local:7943/);
      assert.notEqual(finding.transient, true);
    });

    it("by a second address in the config file", async () => {
      gateways(fake, { hosts: [DP_MANAGER, DP_MANAGER_A] });
      const { seen } = findingOn(await check(), "ConfigMap gateway-default");
      assert.ok(!seen.includes(DP_MANAGER));
    });

    for (const name of ["API7_DP_MANAGER_ENDPOINTS", "API7_CONTROL_PLANE_ENDPOINTS", "APISIX_DEPLOYMENT_ETCD_HOST"]) {
      it(`by variable ${name}`, async () => {
        gateways(fake, { env: [{ name, value: `["${DP_MANAGER_A}"]` }] });
        const result = await check();
        assert.equal(result.findings.length, 3);
        for (const subject of ["Deployment gateway-default", ...PODS.map((pod) => `pod ${pod}`)]) {
          assert.match(findingOn(result, subject).seen, new RegExp(name));
        }
        // The variable may hold a token.
        assert.ok(!JSON.stringify(result.findings).includes("cluster-a"));
      });
    }

    it("by a variable in a ConfigMap, under a prefix", async () => {
      fake.add("v1", "configmaps", configMap("extra", { DP_MANAGER_ENDPOINTS: "x", OTHER: "y" }));
      gateways(fake, { envFrom: [{ prefix: "API7_", configMapRef: { name: "extra" } }] });
      assert.match(findingOn(await check(), "Deployment").seen, /API7_DP_MANAGER_ENDPOINTS \(ConfigMap extra\)/);
    });

    it("by a variable in a Secret, whose values are not shown", async () => {
      fake.add("v1", "secrets", { metadata: { name: "extra" }, data: { API7_DP_MANAGER_TOKEN: "c2VjcmV0" } } as never);
      gateways(fake, { envFrom: [{ secretRef: { name: "extra" } }] });
      const result = await check();
      assert.match(findingOn(result, "Deployment").seen, /API7_DP_MANAGER_TOKEN \(Secret extra\)/);
      assert.ok(!JSON.stringify(result).includes("c2VjcmV0"));
    });

    it("by a variable that only a running pod still has", async () => {
      const pods = [...fake.objects].filter(([key]) => key.startsWith("v1/pods/gateway-default"));
      gateways(fake, { env: [{ name: "API7_DP_MANAGER_SNI", value: "x" }] });
      const [first] = [...fake.objects].filter(([key]) => key.startsWith("v1/pods/gateway-default"));
      gateways(fake, {});
      for (const [key, object] of pods) fake.objects.set(key, object);
      if (first) fake.objects.set(...first);
      const result = await check();
      assert.deepEqual(
        result.findings.map(({ subject }) => subject),
        ["cluster B, pod gateway-default-1"],
      );
    });

    it("by control plane B, which does not list it", async () => {
      listed({ hostname: PODS[0] }, { hostname: "gateway-a-1" });
      const finding = findingOn(await check(), PODS[1]);
      assert.match(finding.seen, /does not list it among 2 instances/);
      assert.equal(finding.transient, true);
    });

    it("by control plane B, which has not heard of it lately", async () => {
      listed({ hostname: PODS[0], secondsAgo: 29 }, { hostname: PODS[1], secondsAgo: 90 });
      assert.match(findingOn(await check(), PODS[1]).seen, /(89|9\d) s old/);
    });

    it("by control plane B, which never heard of it", async () => {
      listed({ hostname: PODS[0] }, { hostname: PODS[1], secondsAgo: null });
      assert.match(findingOn(await check(), PODS[1]).seen, /without a heartbeat/);
    });

    it("by database A, which lists it", async () => {
      await server.run(
        "a",
        `insert into gateway_instance values ('i9', '${PODS[1]}', '10.2.0.2', now() - interval '1 hour')`,
      );
      const finding = findingOn(await check(), PODS[1]);
      assert.match(finding.seen, /database A lists it in public\.gateway_instance/);
      assert.notEqual(finding.transient, true);
      assert.deepEqual((await check(false)).findings, []);
    });
  });

  it("refuses a gateway of A that reports to B, and tells A's copied instances apart", async () => {
    const old = { hostname: "gateway-a-2", secondsAgo: 20 };
    listed({ hostname: PODS[0] }, { hostname: PODS[1] }, { hostname: "gateway-a-1", ip: "10.2.0.1" }, old);
    const result = await check();
    assert.equal(result.findings.length, 2);
    assert.match(findingOn(result, "instance gateway-a-1").seen, /no pod of Deployment gateway-default/);
    // Control plane B is younger than this heartbeat: it came with the copy.
    const since = new Date(Date.now() - 10_000).toISOString();
    const manager = fake.objects.get("v1/pods/api7ee3-dp-manager-1") as { status: object };
    fake.objects.set("v1/pods/api7ee3-dp-manager-1", { ...manager, status: { ...manager.status, startTime: since } });
    assert.deepEqual(
      (await check()).findings.map(({ subject }) => subject.split(" at ")[0]),
      ["instance gateway-a-1"],
    );
    listed({ hostname: PODS[0] }, { hostname: PODS[1] }, { hostname: "gateway-a-1", secondsAgo: 90 });
    assert.deepEqual((await check()).findings, []);
  });

  it("knows B's pods that are on their way out", async () => {
    const ending = { name: "gateway-default-0", app: "gateway-default", image: "x", ip: "10.2.0.9", deleting: true };
    fake.add("v1", "pods", pod(ending));
    listed({ hostname: PODS[0] }, { hostname: PODS[1] }, { hostname: "gateway-default-0" });
    const result = await check();
    assert.deepEqual(result.findings, []);
    assert.deepEqual(result.evidence["pods"], [...PODS]);
  });

  it("refuses a way from B to A's DP Manager, by its pods and by the settings' single addresses", async () => {
    const open = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => open.listen(7943, DP_MANAGER_OF_A, resolve));
    try {
      const finding = findingOn(await check(), "DP Manager of A");
      assert.match(finding.subject, /127\.241\.3\.9:7943/);
      a.add("v1", "pods", pod({ name: "api7ee3-dp-manager-1", app: "dp-manager", image: "x", ip: "127.241.3.10" }));
      assert.deepEqual((await check()).findings, []);
      const inspection = { ...NO_INSPECTION, addressesA: [`${DP_MANAGER_OF_A}/32`, "10.64.0.0/18"] };
      assert.equal((await check(true, server.dsn("a"), inspection)).verdict, "fails");
      assert.deepEqual((await check(false, server.dsn("a"), inspection)).findings, []);
    } finally {
      await new Promise((resolve) => open.close(resolve));
    }
  });

  it("knows nothing of the way to A when A's DP Manager does not run, or no pod of B tells", async () => {
    a.add(
      "v1",
      "pods",
      pod({ name: "api7ee3-dp-manager-1", app: "dp-manager", image: "x", ip: DP_MANAGER_OF_A, ready: false }),
    );
    assert.match(findingOn(await check(), "Deployment api7ee3-dp-manager").seen, /none of its pods is ready/);
    fake.podCommand = ["false"];
    await a.die();
    assert.equal((await check()).verdict, "unknown");
  });

  it("refuses a pod that runs with an earlier config file", async () => {
    const rendered = (key: string, checksum: string): void => {
      const object = fake.objects.get(key) as { metadata: object; spec: { template?: object } };
      const annotations = { "checksum/config": checksum };
      fake.objects.set(
        key,
        key.startsWith("v1/pods")
          ? { ...object, metadata: { ...object.metadata, annotations } }
          : { ...object, spec: { ...object.spec, template: { ...object.spec.template, metadata: { annotations } } } },
      );
    };
    rendered("apps/v1/deployments/gateway-default", "new");
    for (const name of PODS) rendered(`v1/pods/${name}`, name === PODS[1] ? "old" : "new");
    const finding = findingOn(await check(), PODS[1]);
    assert.match(finding.seen, /checksum\/config old/);
  });

  it("refuses another gateway group, and an unreadable one", async () => {
    gateways(fake, { env: [{ name: "API7_GATEWAY_GROUP_SHORT_ID", value: "other" }] });
    assert.match(findingOn(await check(), "Deployment").expected, /default, the gateway group/);
    gateways(fake, {
      env: [{ name: "API7_GATEWAY_GROUP_SHORT_ID", valueFrom: { secretKeyRef: { name: "s", key: "k" } } }],
    });
    assert.equal((await check()).verdict, "fails");
  });

  for (const host of [
    "http://api7ee3-dp-manager.api7.svc.cluster.local:7900",
    "https://api7ee3-dp-manager.api7.svc.cluster.local:443",
    "https://api7ee3-dp-manager.api7.svc.cluster.local.evil.example.com:7943",
    "https://api7ee3-dp-manager.other.svc.cluster.local:7943",
    "https://other-dp-manager.api7.svc.cluster.local:7943",
    "${{DP_MANAGER}}",
    "10.1.0.9:7943",
  ]) {
    it(`refuses the address ${host}`, async () => {
      gateways(fake, { hosts: [host] });
      assert.equal((await check()).verdict, "fails");
    });
  }
  for (const host of ["https://api7ee3-dp-manager.api7.svc:7943", "https://api7ee3-dp-manager:7943"]) {
    it(`takes the address ${host}`, async () => {
      gateways(fake, { hosts: [host] });
      assert.deepEqual((await check()).findings, []);
    });
  }

  it("refuses gateways that are not there", async () => {
    for (const pod of PODS) fake.objects.delete(`v1/pods/${pod}`);
    assert.match(findingOn(await check(), "gateways of B").seen, /no pod/);
    fake.objects.delete("apps/v1/deployments/gateway-default");
    assert.equal((await check()).verdict, "fails");
  });

  it("goes by the node's name on the host's network", async () => {
    gateways(fake, {
      spec: {
        hostNetwork: true,
        nodeName: "node-b-7",
        containers: [{ name: "gateway", image: "x/api7-ee-3-gateway:3.9.18" }],
      },
    });
    listed({ hostname: "node-b-7" });
    assert.deepEqual((await check()).findings, []);
    await server.run("a", "insert into gateway_instance values ('i9', 'node-b-7', '10.2.0.2', now())");
    assert.equal((await check()).verdict, "fails");
  });

  it("goes by address where A's table has no names, and only by rows younger than the pod", async () => {
    await server.run("a", "drop table gateway_instance", "create table dp (ip text, heartbeat_at bigint)");
    const at = (iso: string): number => Date.parse(iso) / 1000;
    await server.run("a", `insert into dp values ('10.2.0.1', ${at("2026-03-01T06:59:00Z")})`);
    assert.deepEqual((await check()).findings, []);
    await server.run("a", `insert into dp values ('10.2.0.1', ${at("2026-03-01T07:30:00Z")})`);
    assert.match(findingOn(await check(), PODS[0]).seen, /public\.dp.*2026-03-01T07:30:00\.000Z/);
  });

  const unknown: readonly (readonly [string, () => unknown, RegExp])[] = [
    ["A has no table of instances", () => server.run("a", "drop table gateway_instance"), /none of its \d+ tables has a heartbeat/],
    ["B does not know the group", () => void fake.proxied.set("services/https:api7ee3-dashboard:7443", () => ({ body: '{"list":[{"id":"g","short_id":"other"}],"total":1}' })), /lists other/],
    ["B refuses the token", () => void fake.proxied.set("services/https:api7ee3-dashboard:7443", () => ({ status: 401, body: "{}" })), /HTTP 401/],
    ["the gateways mount no config file", () => void fake.objects.delete("v1/configmaps/gateway-default"), /has a config\.yaml/],
    ["the config file is no YAML", () => fake.add("v1", "configmaps", configMap("gateway-default", { "config.yaml": "a: [" })), /not YAML/],
    ["the config file has no address", () => fake.add("v1", "configmaps", configMap("gateway-default", { "config.yaml": "deployment: {}" })), /no list deployment\.etcd\.host/],
  ]; // prettier-ignore
  for (const [what, arrange, seen] of unknown) {
    it(`knows nothing when ${what}`, async () => {
      await arrange();
      const result = await check();
      assert.equal(result.verdict, "unknown", JSON.stringify(result.findings));
      assert.match(result.findings.map((finding) => finding.seen).join("\n"), seen);
    });
  }

  it("knows nothing when a Secret of the environment may not be read", async () => {
    gateways(fake, { envFrom: [{ secretRef: { name: "extra" } }] });
    fake.fault = ({ path }, response) => {
      if (!path.includes("/secrets/")) return false;
      const { status: code = 403, body } = status(403, "secrets is forbidden");
      response.writeHead(code, { "content-type": "application/json" });
      response.end(body);
      return true;
    };
    assert.equal((await check()).verdict, "unknown");
  });

  it("knows nothing when A's database is out of reach, and says what it saw of B", async () => {
    listed({ hostname: PODS[0] });
    const result = await check(true, "postgres://u:hunter2@127.0.0.1:1/x");
    assert.equal(result.verdict, "fails");
    assert.equal(result.findings.filter(({ unknown: isUnknown }) => isUnknown).length, 1);
    assert.ok(!JSON.stringify(result).includes("hunter2"));
  });
});
