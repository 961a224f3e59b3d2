import assert from "node:assert/strict";
import { type CheckResult } from "../../checks/result";
import { checkStatefulPlugins } from "../../checks/statefulPlugins";
import { type Inspection, type StatefulChoice } from "../../migration/inspection";
import { closedPort, listen, routeWith, Surroundings, TABLES } from "./support/inspection";
import { TestServer } from "./support/postgres";
import { findingOn } from "./support/scope";

const REDIS = "127.241.22.2";

describe("check: stateful plugins", function () {
  this.timeout(60_000);
  let server: TestServer;
  let around: Surroundings;
  let redis: { readonly port: number; close(): Promise<void> };

  before(async () => {
    server = await TestServer.start("127.241.22.1");
    redis = await listen(REDIS);
  });
  after(() => Promise.all([server.stop(), redis.close()]));
  beforeEach(async () => {
    around = await Surroundings.start(server);
    await server.fresh(TABLES);
  });
  afterEach(() => around.stop());

  const limit = (host: string, port: number, more: object = {}): string =>
    routeWith({
      workflow: {
        rules: [
          {
            actions: [
              [
                "limit-count",
                { count: 1, time_window: 1, policy: "redis", redis_host: host, redis_port: port, ...more },
              ],
            ],
          },
        ],
      },
    });
  const choose = (policy: StatefulChoice["policy"], redisId: string): Partial<Inspection> => ({
    statefulPlugins: [{ redis: redisId, policy, reason: "one Redis for both" }],
  });
  const check = (inspection: Partial<Inspection> = {}): Promise<CheckResult> =>
    checkStatefulPlugins(around.context(inspection));

  it("holds when each state has its choice and B reaches every Redis", async () => {
    await server.run("b", limit(REDIS, redis.port), `update route set plugins = plugins || '{"proxy-cache": {}}'`);
    const result = await check({
      statefulPlugins: [
        { redis: `${REDIS}:${redis.port}`, policy: "shared", reason: "one Redis for both" },
        { plugin: "proxy-cache", policy: "accept", reason: "cold for minutes" },
        { plugin: "api-breaker", policy: "accept", reason: "was there once" },
      ],
    });
    assert.deepEqual(result.findings, []);
    assert.match(result.notes.join("\n"), /one Redis for both[\s\S]*api-breaker has a choice, but nothing/);
  });

  it("holds for a configuration without state", async () => {
    await server.run("b", routeWith({ "key-auth": {} }));
    assert.equal((await check()).verdict, "holds");
  });

  it("refuses a Redis and a plugin without a choice, each with the setting that makes one", async () => {
    await server.run(
      "b",
      limit(REDIS, redis.port),
      `update route set plugins = plugins || '{"limit-req": {"rate": 1, "burst": 0}}'`,
    );
    const result = await check();
    assert.equal(result.verdict, "fails");
    assert.match(findingOn(result, `redis ${REDIS}:${redis.port}`).remedy, /statefulPlugins\[N\]\.redis/);
    assert.match(
      findingOn(result, "plugin limit-req").seen,
      /without a choice; used by route orders \(r1\): plugins\.limit-req/,
    );
  });

  it("refuses a Redis that B cannot reach, also when it is meant to be shared", async () => {
    const port = await closedPort(REDIS);
    await server.run("b", limit(REDIS, port));
    const result = await check(choose("shared", `${REDIS}:${port}`));
    assert.match(findingOn(result, `redis ${REDIS}:${port}, from B`).seen, /refused/);
  });

  it("refuses a Redis inside cluster A, the classic miss, by its name and by its address", async () => {
    await server.run("b", limit("redis-master.cache.svc.cluster.local", 6379));
    const named = await check(choose("shared", "redis-master.cache.svc.cluster.local:6379"));
    assert.match(findingOn(named, "redis-master").seen, /inside cluster A/);
    await server.fresh(TABLES);
    await server.run("b", limit(REDIS, redis.port));
    const numbered = await check({ ...choose("shared", `${REDIS}:${redis.port}`), addressesA: ["127.241.22.0/24"] });
    assert.match(findingOn(numbered, REDIS).seen, /inside cluster A, and goes away with it/);
  });

  it("does not try a Redis whose loss is accepted, and says what requests do then", async () => {
    await server.run("b", limit("redis.cache.svc.cluster.local", 6379));
    const result = await check(choose("accept", "redis.cache.svc.cluster.local:6379"));
    assert.equal(result.verdict, "holds");
    assert.match(result.notes.join("\n"), /requests fail \(allow_degradation is off\)/);
    assert.ok(around.b.requests.every(({ method }) => method === "GET"));
  });

  it("knows nothing of a Redis whose address is not written down", async () => {
    await server.run("b", limit("$secret://vault/main/redis/host", 6379));
    const result = await check(choose("shared", "$secret://vault/main/redis/host:6379"));
    assert.equal(result.verdict, "unknown");
  });

  it("knows nothing when no pod runs in B, database B is silent, or the API server is dead", async () => {
    await server.run("b", limit(REDIS, redis.port));
    const shared = choose("shared", `${REDIS}:${redis.port}`);
    around.b.podCommand = ["false"];
    assert.equal((await check(shared)).verdict, "unknown");
    around.b.podCommand = undefined;
    around.aws.world.instances.delete("api7-test-b-1");
    assert.equal((await check(shared)).verdict, "unknown");
    await around.b.die();
    assert.equal((await check(shared)).verdict, "unknown");
  });
});
