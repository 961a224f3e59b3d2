import assert from "node:assert/strict";
import { checkDependencies } from "../../checks/dependencies";
import { type CheckResult } from "../../checks/result";
import { type Inspection } from "../../migration/inspection";
import { gateways } from "./support/clusterB";
import { closedPort, listen, routeWith, Surroundings, TABLES } from "./support/inspection";
import { TestServer } from "./support/postgres";
import { findingOn } from "./support/scope";

describe("check: dependencies", function () {
  this.timeout(60_000);
  let server: TestServer;
  let around: Surroundings;
  let service: { readonly port: number; close(): Promise<void> };

  before(async () => {
    server = await TestServer.start("127.241.21.1");
    service = await listen("127.241.21.2");
  });
  after(() => Promise.all([server.stop(), service.close()]));
  beforeEach(async () => {
    around = await Surroundings.start(server);
    await server.fresh(TABLES);
  });
  afterEach(() => around.stop());

  const upstream = (host: string, port: number): string =>
    `insert into upstream values ('u1', 'g-1', 'orders', '${JSON.stringify([{ host, port, weight: 1 }])}')`;
  const check = (inspection: Partial<Inspection> = {}): Promise<CheckResult> =>
    checkDependencies(around.context(inspection));

  it("holds when B reaches everything, and every reference has what it names", async () => {
    gateways(around.b, {
      env: [
        { name: "VAULT_TOKEN", value: "x" },
        { name: "BACKEND", value: "127.241.21.2" },
      ],
    });
    await server.run(
      "b",
      upstream("$env://BACKEND", service.port),
      `insert into secret_provider values ('main', 'g-1', 'vault', '{"uri": "http://127.241.21.2:${service.port}", "token": "$env://VAULT_TOKEN"}')`,
      routeWith({
        "key-auth": { key: "$secret://vault/main/keys/a" },
        "http-logger": { uri: `http://127.241.21.2:${service.port}/in` },
      }),
    );
    const result = await check();
    assert.deepEqual(result.findings, []);
    assert.equal(result.verdict, "holds");
    assert.deepEqual(result.evidence["reached"], [`127.241.21.2:${service.port} open`]);
  });

  it("holds for a configuration that points nowhere, without a pod", async () => {
    await server.run("b", routeWith({ "key-auth": {} }));
    assert.equal((await check()).verdict, "holds");
    assert.ok(around.b.requests.every(({ method }) => method === "GET"));
  });

  it("refuses what B cannot reach, and says who uses it", async () => {
    const port = await closedPort("127.241.21.2");
    await server.run("b", upstream("127.241.21.2", port));
    const finding = findingOn(await check(), `127.241.21.2:${port}`);
    assert.match(finding.seen, /refused.*used by upstream orders \(u1\): nodes\[0\]/);
    assert.match(finding.remedy, /inspection\.unreachable/);
  });

  const refused: readonly (readonly [string, string, string, RegExp])[] = [
    ["a name that B does not know", upstream("no-such-name.invalid", 80), "no-such-name.invalid:80", /does not know the name/],
    ["a name of a cluster's Services", upstream("redis.cache.svc.cluster.local", 6379), "redis.cache.svc.cluster.local:6379", /one cluster's Services/],
    ["a Redis in a nested action", routeWith({ workflow: { rules: [{ actions: [["limit-count", { policy: "redis", redis_host: "redis.cache.svc" }]] }] } }), "redis.cache.svc:6379", /one cluster's Services/],
    ["an identity provider", routeWith({ "openid-connect": { discovery: "https://login.invalid/.well-known" } }), "login.invalid:443", /does not know/],
    ["a variable that the gateways lack", routeWith({ "key-auth": { key: "$env://MISSING" } }), "variable MISSING", /group default do not have it/],
    ["a secret provider that is not there", routeWith({ "key-auth": { key: "$secret://vault/other/k" } }), "secret provider vault/other", /no such provider/],
    ["what is in the key-value table only", `insert into kine values (1, '/gateway_groups/default/upstreams/u', 1, 0, 1, 0, 0, convert_to('{"nodes": {"no-such.invalid:81": 1}}', 'UTF8'), null)`, "no-such.invalid:81", /key \/gateway_groups/],
  ]; // prettier-ignore
  for (const [what, sql, subject, seen] of refused) {
    it(`refuses ${what}`, async () => {
      await server.run("b", sql);
      const result = await check();
      assert.equal(result.verdict, "fails", JSON.stringify(result.findings));
      assert.match(findingOn(result, subject).seen, seen);
    });
  }

  it("refuses an address of cluster A although B reaches it, by its number or behind a name", async () => {
    await server.run("b", upstream("127.241.21.2", service.port));
    const result = await check({ addressesA: ["127.241.21.0/24"] });
    assert.match(findingOn(result, "127.241.21.2").seen, /belongs to cluster A \(B reaches it\)/);
  });

  it("passes over what was deleted, and over runtime data", async () => {
    const revision = (id: number, deleted: number): string =>
      `insert into kine values (${id}, '/x', 1, ${deleted}, 1, ${id - 1}, 0, convert_to('{"nodes": {"gone.invalid:81": 1}}', 'UTF8'), null)`;
    await server.run("b", revision(1, 0), revision(2, 1));
    assert.deepEqual((await check()).findings, []);
  });

  it("takes a decision for what B need not reach, and tells of one that nothing needs", async () => {
    await server.run("b", upstream("no-such-name.invalid", 80));
    const unreachable = [
      { address: "no-such-name.invalid:80", reason: "answers from August on" },
      { address: "other.invalid:80", reason: "was there once" },
    ];
    const result = await check({ unreachable });
    assert.equal(result.verdict, "holds");
    assert.match(result.notes.join("\n"), /answers from August on[\s\S]*other\.invalid:80 is accepted, but nothing/);
  });

  it("knows nothing of an address that comes from a Secret, of the pod's own, or over UDP", async () => {
    gateways(around.b, { envFrom: [{ secretRef: { name: "s" } }] });
    around.b.add("v1", "secrets", { metadata: { name: "s" }, data: { BACKEND: "eA==" } } as never);
    await server.run(
      "b",
      upstream("$env://BACKEND", 80),
      routeWith({ "http-logger": { uri: "http://localhost:9200" }, "udp-logger": { host: "10.0.0.1", port: 514 } }),
    );
    const result = await check();
    assert.equal(result.verdict, "unknown", JSON.stringify(result.findings));
    assert.equal(result.findings.length, 3);
  });

  it("knows nothing when no pod runs in B, database B is silent, or the API server is dead", async () => {
    await server.run("b", upstream("127.241.21.2", service.port));
    around.b.podCommand = ["false"];
    assert.equal((await check()).verdict, "unknown");
    around.b.podCommand = undefined;
    around.aws.world.instances.set("api7-test-b-1", { host: "127.241.21.3", port: 5432, status: "available" });
    assert.equal((await check()).verdict, "unknown");
    await around.b.die();
    const dead = await check();
    assert.equal(dead.verdict, "unknown");
    assert.ok(dead.findings.length > 0);
  });

  it("knows nothing of a database without configuration", async () => {
    await server.run("b", "drop table gateway_group, upstream, route, ssl, secret_provider, kine");
    const result = await check();
    assert.equal(result.verdict, "unknown");
    assert.match(findingOn(result, "database B").seen, /no configuration/);
  });
});
