import assert from "node:assert/strict";
import { Systems } from "../../checks/context";
import { checkControlPlaneB, checkHealth } from "../../checks/health";
import { type CheckResult } from "../../checks/result";
import { type MigrationScope } from "../../migration/gateRequest";
import { AwsFake } from "./support/awsFake";
import { API_TOKEN, gateways, healthyClusterB, PODS } from "./support/clusterB";
import { KubernetesFake, status } from "./support/kubernetesFake";
import { deployment, pod } from "./support/objects";
import { findingOn, GROUP_B, SCOPE } from "./support/scope";

describe("check: health", () => {
  let aws: AwsFake;
  let fake: KubernetesFake;

  beforeEach(async () => {
    aws = await AwsFake.start();
    fake = await KubernetesFake.start("api7");
    healthyClusterB(fake);
    aws.world.targetGroups.set("api7-test-default-b", GROUP_B);
    targets("healthy", "healthy");
  });
  afterEach(() => Promise.all([aws.stop(), fake.stop()]));

  function targets(...states: readonly string[]): void {
    aws.world.targets.set(
      GROUP_B,
      states.map((state, index) => ({ id: `10.2.0.${index + 1}`, port: 9080, state, reason: "Target.Timeout" })),
    );
  }

  function check(token = API_TOKEN, more: Partial<MigrationScope> = {}): Promise<CheckResult> {
    const scope = { ...SCOPE, ...more, clusterB: { ...SCOPE.clusterB, kubeconfig: fake.kubeconfig } };
    const { signal } = new AbortController();
    const systems = new Systems(scope, signal, { MIGRATION_CONTROL_PLANE_TOKEN: token });
    return checkHealth({ scope, signal, systems }, new Date("2026-03-01T12:00:00Z"));
  }

  it("holds when control plane, gateways and targets are well", async () => {
    const result = await check();
    assert.deepEqual(result.findings, []);
    assert.equal(result.verdict, "holds");
    assert.equal(result.evidence["version"], "3.9.18");
  });

  const cases: readonly (readonly [string, () => void, string, RegExp])[] = [
    ["a dashboard that is not available", () => fake.add("apps/v1", "deployments", deployment({ name: "api7ee3-dashboard", app: "api7ee3-dashboard", image: "api7/api7-ee-3-integrated:v3.9.18", replicas: 2, ready: 1 })), "Deployment api7ee3-dashboard", /1 available/],
    ["a control plane scaled to zero", () => fake.add("apps/v1", "deployments", deployment({ name: "api7ee3-dp-manager", app: "api7ee3-dp-manager", image: "api7/api7-ee-dp-manager:v3.9.18", replicas: 0 })), "Deployment api7ee3-dp-manager", /of 0/],
    ["a missing DP Manager", () => void fake.objects.delete("apps/v1/deployments/api7ee3-dp-manager"), "Deployment api7ee3-dp-manager", /none/],
    ["a DP Manager of another version", () => fake.add("apps/v1", "deployments", deployment({ name: "api7ee3-dp-manager", app: "api7ee3-dp-manager", image: "api7/api7-ee-dp-manager:v3.9.17", replicas: 1 })), "Deployment api7ee3-dp-manager", /v3\.9\.17/],
    ["a dashboard that is not healthy", () => void fake.proxied.set("services/https:api7ee3-dashboard:7443", ({ path }) => (path === "/healthz" ? { status: 503, body: "no database" } : { body: '{"value":"v3.9.18"}' })), "dashboard:7443/healthz", /HTTP 503: no database/],
    ["a DP Manager without endpoints", () => void fake.proxied.delete("services/api7ee3-dp-manager:7900"), "dp-manager:7900/healthz", /HTTP 503/],
    ["a control plane of another version", () => void fake.proxied.set("services/https:api7ee3-dashboard:7443", ({ path }) => ({ body: path === "/healthz" ? "ok" : '{"value":"v3.9.17"}' })), "/api/version", /3\.9\.17/],
    ["a gateway that is not ready", () => fake.add("v1", "pods", pod({ name: PODS[1], app: "gateway-default", image: "api7/api7-ee-3-gateway:3.9.18", ip: "10.2.0.2", ready: false })), "Deployment gateway-default", /not ready: gateway-default-2/],
    ["too few gateways", () => void fake.objects.delete(`v1/pods/${PODS[1]}`), "Deployment gateway-default", /1 pods ready/],
    ["a missing Deployment of gateways", () => void fake.objects.delete("apps/v1/deployments/gateway-default"), "Deployment gateway-default", /none/],
    ["a gateway whose status is bad", () => void fake.proxied.set(`pods/${PODS[0]}:7085`, ({ path }) => ({ status: path === "/status" ? 500 : 200, body: "" })), `${PODS[0]}:7085/status`, /HTTP 500/],
    ["a gateway that lost its DP Manager", () => void fake.proxied.set(`pods/${PODS[0]}:7085`, ({ path }) => ({ status: path === "/status/ready" ? 503 : 200, body: "none of the configured dp_manager available" })), `${PODS[0]}:7085/status/ready`, /dp_manager/],
    ["a log that tells of a broken connection", () => void fake.logs.set(PODS[0], "2026-03-01T11:59:00Z [error] failed to send heartbeat to control plane\n"), `log of pod ${PODS[0]}`, /1 times/],
    ["a control plane's log that tells of a lost database", () => void fake.logs.set("api7ee3-dashboard-1", "2026-03-01T11:59:00Z FATAL: password authentication failed\n"), "log of pod api7ee3-dashboard-1", /password authentication/],
    ["an unhealthy target", () => targets("healthy", "healthy", "unhealthy"), "target group", /2 healthy, 10\.2\.0\.3:9080 unhealthy \(Target\.Timeout\)/],
    ["too few targets", () => targets("healthy"), "target group", /1 healthy/],
    ["a target that is not looked at yet", () => targets("healthy", "initial"), "target group", /initial/],
    ["a target group in no rule", () => targets("unused", "unused"), "target group", /0 healthy.*unused/],
    ["a missing target group", () => aws.world.targetGroups.clear(), "target group", /none/],
  ]; // prettier-ignore
  for (const [what, arrange, subject, seen] of cases) {
    it(`refuses ${what}`, async () => {
      arrange();
      const result = await check();
      assert.equal(result.verdict, "fails", JSON.stringify(result.findings));
      assert.match(findingOn(result, subject).seen, seen);
    });
  }

  it("refuses gateways of another version, each by its name", async () => {
    gateways(fake, { image: "api7/api7-ee-3-gateway:3.9.17" });
    const result = await check();
    assert.deepEqual(
      result.findings.map(({ subject }) => subject),
      PODS.map((name) => `cluster B, pod ${name}`),
    );
    gateways(fake, { image: "api7/api7-ee-3-gateway@sha256:0123" });
    assert.match(findingOn(await check(), PODS[0]).seen, /sha256/);
  });

  it("goes by the gateway's image, not by a sidecar's", async () => {
    const containers = [
      { name: "mesh", image: "istio/proxyv2:1.24.0" },
      { name: "gateway", image: "api7/api7-ee-3-gateway:3.9.18" },
    ];
    gateways(fake, { spec: { containers } });
    assert.deepEqual((await check()).findings, []);
  });

  it("lets draining targets and pods that are ending go", async () => {
    targets("healthy", "healthy", "draining");
    const ending = {
      name: "gateway-default-0",
      app: "gateway-default",
      image: "api7/api7-ee-3-gateway:3.9.17",
      ip: "10.2.0.9",
    };
    fake.add("v1", "pods", pod({ ...ending, ready: false, deleting: true }));
    assert.deepEqual((await check()).findings, []);
  });

  it("says so when B is larger than recorded, and one of its pods is not ready", async () => {
    fake.add(
      "v1",
      "pods",
      pod({
        name: "gateway-default-3",
        app: "gateway-default",
        image: "api7/api7-ee-3-gateway:3.9.18",
        ip: "10.2.0.3",
      }),
    );
    fake.logs.set("gateway-default-3", "");
    fake.proxied.set("pods/gateway-default-3:7085", () => ({ body: "ok" }));
    assert.deepEqual((await check()).findings, []);
  });

  it("knows nothing when the API server is dead, and still looks at the targets", async () => {
    await fake.die();
    const result = await check();
    assert.equal(result.verdict, "unknown");
    assert.ok(result.findings.every(({ unknown }) => unknown === true));
    assert.match(findingOn({ ...result, findings: result.findings.slice(0, 1) }, "cluster B").seen, /ECONNREFUSED/);
    targets("unhealthy");
    assert.equal((await check()).verdict, "fails");
  });

  for (const [what, fault, seen] of [
    ["refuses the token", status(401, "Unauthorized"), /HTTP 401/],
    ["does not permit it", status(403, "deployments.apps is forbidden"), /is forbidden/],
    [
      "answers with a log-in page",
      { body: "<html>sign in</html>", headers: { "content-type": "text/html" } },
      /without JSON \(text\/html/,
    ],
    ["answers with other JSON", { body: '{"items":"many"}' }, /unexpected JSON/],
    ["is out of order", status(500, "etcd is gone"), /etcd is gone/],
  ] as const) {
    it(`knows nothing when the API server ${what}`, async () => {
      fake.fault = ({ path }, response) => {
        if (!path.includes("deployments")) return false;
        const { status: code, headers } = { status: 200, headers: {}, ...fault };
        response.writeHead(code, { "content-type": "application/json", ...headers });
        response.end(fault.body);
        return true;
      };
      const result = await check();
      assert.equal(result.verdict, "unknown");
      for (const finding of result.findings) assert.match(finding.seen, seen);
    });
  }

  describe("of control plane B alone, before it has data planes", () => {
    function look(): Promise<CheckResult> {
      const scope = { ...SCOPE, clusterB: { ...SCOPE.clusterB, kubeconfig: fake.kubeconfig } };
      const { signal } = new AbortController();
      const systems = new Systems(scope, signal, { MIGRATION_CONTROL_PLANE_TOKEN: API_TOKEN });
      return checkControlPlaneB({ scope, signal, systems }, new Date("2026-03-01T12:00:00Z"));
    }

    beforeEach(() => {
      fake.objects.delete("apps/v1/deployments/gateway-default");
      aws.world.targetGroups.clear();
    });

    it("holds without a gateway, a target or a target group", async () => {
      assert.deepEqual((await look()).findings, []);
      assert.equal((await check()).verdict, "fails");
    });

    it("is refused for another version, and waited for while it does not answer yet", async () => {
      const dashboard = "services/https:api7ee3-dashboard:7443";
      fake.proxied.set(dashboard, ({ path }) => ({ body: path === "/healthz" ? "ok" : '{"value":"v3.9.17"}' }));
      const other = findingOn(await look(), "/api/version");
      assert.equal(other.seen, "3.9.17");
      assert.notEqual(other.transient, true);
      fake.proxied.set(dashboard, () => ({ status: 503, body: "starting" }));
      const starting = await look();
      assert.notEqual(starting.verdict, "holds");
      assert.ok(starting.findings.every(({ transient }) => transient === true));
    });

    it("knows nothing when the API server is gone", async () => {
      await fake.die();
      assert.equal((await look()).verdict, "unknown");
    });
  });

  it("knows nothing when an answer breaks off", async () => {
    fake.fault = ({ path }, response) => {
      if (!path.includes("pods")) return false;
      response.writeHead(200, { "content-type": "application/json", "content-length": "1000" });
      response.write('{"items":[');
      response.destroy();
      return true;
    };
    const result = await check();
    assert.equal(result.verdict, "unknown");
  });

  it("does not swallow an endless answer", async () => {
    fake.fault = ({ path }, response) => {
      if (!path.endsWith("/log")) return false;
      response.writeHead(200, { "content-type": "text/plain" });
      const piece = "x".repeat(1024 * 1024);
      const more = (): void => {
        if (response.writableEnded || response.destroyed) return;
        response.write(piece, (failure) => {
          if (!failure) setImmediate(more);
        });
      };
      more();
      return true;
    };
    const result = await check();
    assert.equal(result.verdict, "unknown");
    assert.match(result.findings[0]?.seen ?? "", /larger than 16777216 bytes/);
  });

  it("knows nothing without the API7 token, or with a wrong one, and shows neither", async () => {
    const without = await check("");
    assert.match(findingOn(without, "MIGRATION_CONTROL_PLANE_TOKEN").seen, /not set/);
    const wrong = await check("a7ee-wrong");
    assert.match(findingOn(wrong, "/api/version").seen, /HTTP 401/);
    assert.ok(!JSON.stringify(wrong).includes("a7ee-wrong"));
  });
});
