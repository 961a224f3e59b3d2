import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Systems } from "../../checks/context";
import { checkPreflight } from "../../checks/preflight";
import { preflightLoadBalancer } from "../../checks/preflightLoadBalancer";
import { Report, type CheckResult } from "../../checks/result";
import { type Inspection, type Prerequisites } from "../../migration/inspection";
import { instances, LICENCE } from "./support/clusterB";
import { Surroundings, TABLES } from "./support/inspection";
import { status } from "./support/kubernetesFake";
import { autoscaler, deployment } from "./support/objects";
import { TestServer } from "./support/postgres";
import { findingOn } from "./support/scope";

const CHART = "an archive";
const NOTHING: Prerequisites = {
  engineVersion: "15.8",
  databaseSubnetIds: [],
  loadBalancerSubnetIds: [],
  charts: [],
  deploymentsA: [],
  autoscalersA: [],
};

describe("check: preflight", function () {
  this.timeout(60_000);
  let server: TestServer;
  let around: Surroundings;
  let folder: string;

  before(async () => {
    server = await TestServer.start("127.241.24.1");
  });
  after(() => server.stop());
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "preflight-"));
    writeFileSync(join(folder, "gateway.tgz"), CHART);
    around = await Surroundings.start(server);
    around.aws.world.instances.set("api7-a", { host: "127.0.0.1", port: 5432, status: "available" });
    clusterA();
    await server.fresh(TABLES);
  });
  afterEach(async () => {
    rmSync(folder, { recursive: true, force: true });
    await around.stop();
  });

  /** A as its owners run it. */
  function clusterA(): void {
    const { a } = around;
    for (const name of ["api7ee3-dashboard", "api7ee3-dp-manager"]) {
      a.add("apps/v1", "deployments", deployment({ name, app: name, image: "x", replicas: 2 }));
    }
    a.add("apps/v1", "deployments", deployment({ name: "gateway-a", app: "gateway-a", image: "x", replicas: 2 }));
    pinned(2);
    a.proxied.set("services/https:api7ee3-dashboard:7443", ({ path }) => {
      if (path === "/api/version") return { body: '{"value":"v3.9.18"}' };
      if (path === "/api/license") return { body: JSON.stringify({ value: LICENCE }) };
      if (path === "/api/gateway_groups") return { body: '{"list":[{"id":"g-1","short_id":"default"}],"total":1}' };
      return instances([{ hostname: "gateway-a-1" }]);
    });
  }

  /** The autoscaler of A's gateways. */
  function pinned(minimum: number, name = "gateway-a", metadata: object = {}): void {
    const object = autoscaler(name, minimum) as unknown as { metadata: object; spec: object };
    around.a.add("autoscaling/v2", "horizontalpodautoscalers", {
      metadata: { ...object.metadata, ...metadata },
      spec: { ...object.spec, scaleTargetRef: { kind: "Deployment", name: "gateway-a" } },
    } as never);
  }

  function managed(name: string, metadata: object): void {
    const object = around.a.objects.get(`apps/v1/deployments/${name}`) as { metadata: object };
    around.a.objects.set(`apps/v1/deployments/${name}`, { ...object, metadata: { ...object.metadata, ...metadata } });
  }

  function check(inspection: Partial<Inspection> = {}, more: Partial<Prerequisites> = {}): Promise<CheckResult> {
    const prerequisites: Prerequisites = {
      databaseA: "api7-a",
      needsEncryptedA: true,
      engineVersion: "15.8",
      databaseSubnetIds: [],
      loadBalancerSubnetIds: [],
      charts: [
        { name: "charts.dataPlane", file: "gateway.tgz", sha256: createHash("sha256").update(CHART).digest("hex") },
      ],
      deploymentsA: [
        { name: "api7ee3-dashboard", replicas: 2 },
        { name: "api7ee3-dp-manager", replicas: 2 },
      ],
      autoscalersA: [{ name: "gateway-a", minimum: 2 }],
      ...more,
    };
    return checkPreflight(around.context({ prerequisites, ...inspection }), folder);
  }

  it("holds when everything is there", async () => {
    const result = await check();
    assert.deepEqual(result.findings, []);
    assert.equal(result.verdict, "holds");
    assert.equal(result.evidence["versionA"], "3.9.18");
  });

  const wrong: readonly (readonly [string, () => unknown, string, RegExp])[] = [
    ["another version on A", () => void around.a.proxied.set("services/https:api7ee3-dashboard:7443", ({ path }) => ({ body: path === "/api/version" ? '{"value":"v3.9.17"}' : path === "/api/license" ? JSON.stringify({ value: LICENCE }) : '{"list":[{"id":"g-1","short_id":"default"}],"total":1}' })), "/api/version", /3\.9\.17/],
    ["a dashboard of another size", () => around.a.add("apps/v1", "deployments", deployment({ name: "api7ee3-dashboard", app: "x", image: "x", replicas: 3 })), "Deployment api7ee3-dashboard", /3 replicas/],
    ["a missing DP Manager", () => void around.a.objects.delete("apps/v1/deployments/api7ee3-dp-manager"), "Deployment api7ee3-dp-manager", /none/],
    ["gateways beyond their recorded size", () => around.a.add("apps/v1", "deployments", deployment({ name: "gateway-a", app: "x", image: "x", replicas: 5 })), "Deployment gateway-a", /5 replicas/],
    ["an autoscaler with another minimum", () => pinned(1), "HorizontalPodAutoscaler gateway-a", /minimum of 1/],
    ["an autoscaler that nobody named", () => { around.a.objects.delete("autoscaling/v2/horizontalpodautoscalers/gateway-a"); pinned(2, "other"); }, "HorizontalPodAutoscaler other", /settings do not know it/],
    ["Argo CD", () => managed("api7ee3-dashboard", { labels: { "argocd.argoproj.io/instance": "shop" } }), "api7ee3-dashboard", /Argo CD application shop/],
    ["an ingress controller", () => around.a.add("apps/v1", "deployments", deployment({ name: "aic", app: "aic", image: "api7/api7-ingress-controller:2.0", replicas: 1 })), "configuration of A", /ingress controller api7\/aic/],
    ["a database instance that is not there", () => void around.aws.world.instances.delete("api7-a"), "RDS instance api7-a", /none in this region/],
    ["an unencrypted instance", () => void around.aws.world.instances.set("api7-a", { status: "available", encrypted: false }), "RDS instance api7-a", /not encrypted/],
    ["an instance of another version", () => void around.aws.world.instances.set("api7-a", { status: "available", engineVersion: "14.9" }), "RDS instance api7-a", /14\.9/],
    ["an instance that is being modified", () => void around.aws.world.instances.set("api7-a", { status: "modifying" }), "RDS instance api7-a", /modifying/],
    ["another chart than the pinned one", () => writeFileSync(join(folder, "gateway.tgz"), "another"), "chart gateway.tgz", /SHA-256/],
    ["a missing chart", () => rmSync(join(folder, "gateway.tgz")), "chart gateway.tgz", /cannot be read/],
  ]; // prettier-ignore
  for (const [what, arrange, subject, seen] of wrong) {
    it(`refuses ${what}`, async () => {
      await arrange();
      const result = await check();
      assert.equal(result.verdict, "fails", JSON.stringify(result.findings));
      assert.match(findingOn(result, subject).seen, seen);
    });
  }

  it("refuses a PostgreSQL of another major version, and an empty database", async () => {
    const result = await check({}, { engineVersion: "14.12" });
    assert.match(
      findingOn(
        { ...result, findings: result.findings.filter(({ subject }) => subject === "database A") },
        "database A",
      ).seen,
      /PostgreSQL 15/,
    );
    await server.fresh("select 1");
    assert.match(findingOn(await check(), "database A").seen, /no tables/);
  });

  it("refuses a user who cannot read every table", async () => {
    await server.asAdmin(
      "a",
      "drop role if exists narrow",
      "create role narrow login password 'pw'",
      "grant usage on schema public to narrow",
      "grant select on route to narrow",
    );
    const narrow = around.context();
    const systems = new Systems(narrow.scope, narrow.signal, {
      MIGRATION_CONTROL_PLANE_TOKEN: "x",
      MIGRATION_DATABASE_A_DSN: server.dsn("a", "narrow"),
    });
    const result = await checkPreflight({ ...narrow, systems }, folder);
    assert.match(findingOn(result, "user narrow").seen, /may not read \d+ tables/);
    await server.asAdmin("a", "drop owned by narrow", "drop role narrow");
  });

  it("names the command that pauses a tool, and takes the operators' word for it", async () => {
    managed("gateway-a", { labels: { "helm.toolkit.fluxcd.io/name": "gateway" } });
    pinned(2, "gateway-a", { labels: { "scaledobject.keda.sh/name": "gateway" } });
    const result = await check();
    assert.deepEqual(
      result.findings.map(({ remedy }) => remedy.split(";")[0]),
      [
        "flux suspend helmrelease gateway --namespace flux-system",
        "kubectl annotate scaledobject gateway --namespace api7 autoscaling.keda.sh/paused=true",
      ],
    );
    const paused = [
      { manager: "Flux HelmRelease flux-system/gateway", reason: "suspended by ada" },
      { manager: "KEDA ScaledObject api7/gateway", reason: "paused by ada" },
    ];
    const again = await check({ paused });
    assert.deepEqual(again.findings, []);
    assert.match(again.notes.join("\n"), /suspended by ada[\s\S]*paused by ada/);
  });

  it("knows nothing of what does not answer", async () => {
    await around.b.die();
    const b = await check();
    assert.equal(b.verdict, "unknown");
    assert.match(findingOn(b, "cluster B").seen, /ECONNREFUSED/);
    around.a.fault = ({ path }, response) => {
      if (!path.includes("autoscalers")) return false;
      response.writeHead(403, { "content-type": "application/json" }).end(status(403, "is forbidden").body);
      return true;
    };
    assert.match(findingOn(await check(), "horizontalpodautoscalers").seen, /forbidden/);
    await around.a.die();
    const a = await check();
    assert.equal(a.verdict, "unknown");
    around.aws.fault = () => ({
      status: 403,
      body: "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>",
    });
    assert.ok((await check()).findings.some(({ remedy }) => remedy === "allow rds:DescribeDBInstances for the caller"));
  });

  it("knows nothing without the settings' part of the request", async () => {
    assert.equal((await check({ prerequisites: undefined })).verdict, "unknown");
  });

  describe("an existing load balancer", () => {
    const LISTENER = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener/app/edge/1/2";

    async function look(idleTimeoutSeconds: number | undefined, listenerArn = LISTENER): Promise<CheckResult> {
      around.aws.world.loadBalancers = [
        { name: "edge", arn: "arn-of-edge", listeners: [{ arn: LISTENER, port: 443, rules: [] }] },
      ];
      const context = around.context({
        prerequisites: { ...NOTHING, ...(idleTimeoutSeconds === undefined ? {} : { idleTimeoutSeconds }) },
      });
      const scope = { ...context.scope, rules: [{ group: "default", listenerArn, priority: 10 }] };
      const report = new Report("preflight");
      await report.look(() => preflightLoadBalancer(report, { ...context, scope }));
      return report.result();
    }

    it("may keep idle connections as long as the settings say, and no longer", async () => {
      assert.deepEqual((await look(60)).findings, []);
      around.aws.world.idleTimeoutSeconds = 350;
      const finding = findingOn(await look(60), "load balancer of");
      assert.match(finding.seen, /350 s/);
      assert.match(finding.remedy, /loadBalancer\.idleTimeoutSeconds 350/);
      assert.deepEqual((await look(350)).findings, []);
      assert.deepEqual((await look(undefined)).findings, [], "one of the program's own is set to it");
    });

    it("is not known when AWS does not answer, or there is no such listener", async () => {
      assert.equal((await look(60, `${LISTENER}3`)).verdict, "unknown");
      around.aws.fault = (action) =>
        action === "DescribeLoadBalancerAttributes" ? { status: 500, body: "<x/>" } : undefined;
      assert.equal((await look(60)).verdict, "unknown");
    });
  });
});
