import assert from "node:assert/strict";
import { checkLicence } from "../../checks/licence";
import { type CheckResult } from "../../checks/result";
import { type Inspection } from "../../migration/inspection";
import { selfSigned } from "../../rehearsal/cloud/gateways/common/authority";
import { LICENCE } from "./support/clusterB";
import { Surroundings, TABLES } from "./support/inspection";
import { TestServer } from "./support/postgres";
import { findingOn } from "./support/scope";

const DAY_MS = 86_400_000;

describe("check: licence", function () {
  this.timeout(60_000);
  let server: TestServer;
  let around: Surroundings;
  /** Valid for a year from now on. */
  let served: { readonly certificate: string; readonly privateKey: string; readonly notAfter: Date };
  let mounted: typeof served;

  before(async () => {
    server = await TestServer.start("127.241.23.1");
    [served, mounted] = await Promise.all([selfSigned(["shop.example.com"]), selfSigned(["gateway"])]);
  });
  after(() => server.stop());
  beforeEach(async () => {
    around = await Surroundings.start(server);
    await server.fresh(TABLES);
    await server.run("b", `insert into ssl values ('c1', 'shop', '${served.certificate}', '${served.privateKey}')`);
    const template = {
      spec: {
        containers: [{ name: "main", image: "api7/api7-ee-3-gateway:3.9.18" }],
        volumes: [{ name: "tls", secret: { secretName: "gateway-tls" } }],
      },
    };
    around.b.add("apps/v1", "deployments", {
      metadata: { name: "gateway-default" },
      spec: { replicas: 2, selector: { matchLabels: { app: "gateway-default" } }, template },
    } as never);
    around.b.add("v1", "secrets", {
      metadata: { name: "gateway-tls" },
      data: { "tls.crt": base64(mounted.certificate), "tls.key": base64(mounted.privateKey) },
    } as never);
  });
  afterEach(() => around.stop());

  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  const check = (inspection: Partial<Inspection> = {}, now = new Date()): Promise<CheckResult> =>
    checkLicence(around.context(inspection, { now }));
  /** Control plane B answers with this licence. */
  function licence(value: unknown): void {
    const before = around.b.proxied.get("services/https:api7ee3-dashboard:7443") ?? assert.fail();
    around.b.proxied.set("services/https:api7ee3-dashboard:7443", (request) =>
      request.path === "/api/license" ? { body: JSON.stringify({ value }) } : before(request),
    );
  }
  const inDays = (days: number): string => new Date(Date.now() + days * DAY_MS).toISOString();

  it("holds when licence and certificates outlive the migration", async () => {
    const result = await check();
    assert.deepEqual(result.findings, []);
    assert.equal(result.verdict, "holds");
  });

  const wrong: readonly (readonly [string, () => unknown, RegExp])[] = [
    ["has expired", () => ({ ...LICENCE, expired_at: inDays(-1) }), /it expired at/],
    ["expires within the soak, the standby and 14 days", () => ({ ...LICENCE, expired_at: inDays(17) }), /in 16\.9 days|in 17 days/],
    ["is not valid yet", () => ({ ...LICENCE, effective_at: inDays(3) }), /valid from/],
    ["is restricted", () => ({ ...LICENCE, runtime: { status: "dp_core_exceeded_restricted", dp_cores: 70 } }), /restricted \(70 of 64 cores\)/],
  ]; // prettier-ignore
  for (const [what, value, seen] of wrong) {
    it(`refuses a licence that ${what}`, async () => {
      licence(value());
      const result = await check();
      assert.equal(result.verdict, "fails");
      assert.match(findingOn(result, "licence").seen, seen);
    });
  }

  it("holds, and says so, when the licence is only over its cores", async () => {
    licence({ ...LICENCE, runtime: { status: "dp_core_exceeded", dp_cores: 70 } });
    const result = await check();
    assert.equal(result.verdict, "holds");
    assert.match(result.notes.join(), /70 of 64 cores/);
  });

  it("goes by the planned end where there is one", async () => {
    licence({ ...LICENCE, expired_at: inDays(60) });
    assert.equal((await check()).verdict, "holds");
    const plannedEnd = inDays(50).slice(0, 10);
    assert.equal((await check({ plannedEnd })).verdict, "fails");
    // One that has passed says nothing about how long it still takes.
    assert.equal((await check({ plannedEnd: inDays(-50).slice(0, 10) })).verdict, "holds");
  });

  it("refuses certificates that expire meanwhile: those of the configuration and those that gateways mount", async () => {
    const now = new Date(served.notAfter.getTime() - 10 * DAY_MS);
    const result = await check({}, now);
    const subjects = result.findings.map(({ subject }) => subject).filter((one) => one.startsWith("certificate"));
    assert.equal(subjects.length, 2);
    assert.match(findingOn(result, "CN=shop.example.com").seen, /it expires at .*ssl shop \(c1\): cert/);
    assert.match(findingOn(result, "CN=gateway").seen, /Secret gateway-tls: tls\.crt/);
    assert.doesNotMatch(JSON.stringify(result), /PRIVATE KEY/);
  });

  it("takes a decision for a certificate, by its id", async () => {
    const now = new Date(served.notAfter.getTime() - 10 * DAY_MS);
    const ids = (await check({}, now)).findings.map(
      ({ subject }) => /certificate ([0-9a-f]{16})/.exec(subject)?.[1] ?? "",
    );
    const expiring = ids.map((certificate) => ({ certificate, reason: "renewed in the week before" }));
    const result = await check({ expiring }, now);
    assert.deepEqual(result.findings, []);
    assert.match(result.notes.join(), /renewed in the week before/);
  });

  it("knows nothing of a state that it does not know, or a licence that is not told", async () => {
    licence({ ...LICENCE, runtime: { status: "quantum" } });
    assert.equal((await check()).verdict, "unknown");
    licence({ max_dp_cores: 3 });
    assert.equal((await check()).verdict, "unknown");
    around.b.proxied.delete("services/https:api7ee3-dashboard:7443");
    assert.equal((await check()).verdict, "unknown");
  });

  it("knows nothing when a Secret is missing, or the cluster is dead", async () => {
    around.b.objects.delete("v1/secrets/gateway-tls");
    assert.equal((await check()).verdict, "unknown");
    await around.b.die();
    assert.equal((await check()).verdict, "unknown");
  });
});
