import assert from "node:assert/strict";
import { choiceFor, idleChoices, StatefulPlugins, type StatefulState } from "../../migration/statefulPlugins";

function statesOf(value: unknown, environment: Readonly<Record<string, string>> = {}): readonly StatefulState[] {
  const found = new StatefulPlugins(new Map(Object.entries(environment)));
  found.add({ object: "route r1", value });
  return found.list();
}

const idsOf = (value: unknown): readonly string[] => statesOf(value).map(({ id }) => id);
const LIMIT = { count: 10, time_window: 60 };

describe("stateful plugins", () => {
  const cases: readonly (readonly [string, unknown, readonly string[]])[] = [
    ["a limit in Redis", { plugins: { "limit-count": { ...LIMIT, policy: "redis", redis_host: "r" } } }, ["redis r:6379"]],
    ["a Redis with its own port", { plugins: { "limit-count": { ...LIMIT, policy: "redis", redis_host: "r", redis_port: 6380 } } }, ["redis r:6380"]],
    ["a Redis cluster", { plugins: { "limit-req": { rate: 1, policy: "redis-cluster", redis_cluster_nodes: ["r2:7001", "r1"] } } }, ["redis r1:6379,r2:7001"]],
    ["Redis sentinels", { plugins: { "limit-count-advanced": { ...LIMIT, policy: "redis-sentinel", redis_sentinels: [{ host: "s1", port: 26380 }, { host: "s2" }] } } }, ["redis s1:26380,s2:26379"]],
    ["a policy of Redis without an address", { plugins: { "ai-rate-limiting": { limit: 1, policy: "redis" } } }, ["redis unknown:6379"]],
    ["any object with a key of Redis", { config: { redis_host: "r" } }, ["redis r:6379"]],
    ["any object with a key of a sentinel", { plugins: { custom: { sentinel_password: "x", redis_sentinels: ["s1:1"] } } }, ["redis s1:1"]],
    ["a plugin nobody knows", { plugins: { "our-own": { deep: { redis_host: "r", redis_port: "6400" } } } }, ["redis r:6400"]],
    ["a session in Redis", { plugins: { "openid-connect": { session: { storage: "redis", redis: { host: "s", port: 6381 } } } } }, ["redis s:6381"]],
    ["an action of workflow", { plugins: { workflow: { rules: [{ case: [], actions: [["limit-count", { ...LIMIT, policy: "redis", redis_host: "w" }]] }] } } }, ["redis w:6379"]],
    ["a local action of workflow", { plugins: { workflow: { rules: [{ actions: [["limit-conn", { conn: 1, burst: 0 }]] }] } } }, ["plugin limit-conn"]],
    ["a list of rules", { plugins: { "limit-count": { policy: "redis", redis_host: "r", rules: [{ count: 1, key: "a" }] } } }, ["redis r:6379"]],
    ["a limit without a policy", { plugins: { "limit-count": LIMIT } }, ["plugin limit-count"]],
    ["a local limit with leftovers of Redis", { plugins: { "limit-count": { ...LIMIT, policy: "local", redis_host: "old" } } }, ["plugin limit-count"]],
    ["local limits of every kind", { plugins: { "limit-req": { rate: 1, burst: 1 }, "graphql-limit-count": LIMIT } }, ["plugin graphql-limit-count", "plugin limit-req"]],
    ["caches", { plugins: { "proxy-cache": { cache_zone: "z" }, "graphql-proxy-cache": {} } }, ["plugin graphql-proxy-cache", "plugin proxy-cache"]],
    ["a circuit breaker", { plugins: { "api-breaker": { break_response_code: 502 } } }, ["plugin api-breaker"]],
    ["saml-auth without a secret", { plugins: { "saml-auth": { sp_issuer: "x" } } }, ["plugin saml-auth"]],
    ["saml-auth with a secret", { plugins: { "saml-auth": { secret: "x" } } }, []],
    ["openid-connect without a session's secret", { plugins: { "openid-connect": { client_id: "x" } } }, ["plugin openid-connect"]],
    ["openid-connect with one", { plugins: { "openid-connect": { session: { secret: "x" } } } }, []],
    ["openid-connect for bearer tokens only", { plugins: { "openid-connect": { bearer_only: true } } }, []],
    ["a plugin that is switched off", { plugins: { "limit-count": { ...LIMIT, policy: "redis", redis_host: "r", _meta: { disable: true } } } }, []],
    ["plugins without state", { plugins: { "key-auth": {}, "proxy-rewrite": { uri: "/x" } } }, []],
    ["a policy that means something else", { policy: "redis", name: "alert" }, []],
    ["metadata of a limit", { plugin: "limit-count", config: { log_format: {} } }, []],
    ["a credential's plugin", { plugin: "api-breaker", config: { break_response_code: 500 } }, ["plugin api-breaker"]],
    ["JSON in a column of text", { plugins: JSON.stringify({ "limit-count": { ...LIMIT, policy: "redis", redis_host: "t" } }) }, ["redis t:6379"]],
  ]; // prettier-ignore
  for (const [what, value, ids] of cases) it(`finds ${what}`, () => assert.deepEqual(idsOf(value), ids));

  it("takes an address from a variable of the gateways, and leaves the others as they are written", () => {
    const limit = (redis_host: string): unknown => ({
      plugins: { "limit-count": { ...LIMIT, policy: "redis", redis_host } },
    });
    assert.equal(statesOf(limit("$env://REDIS"), { REDIS: "10.0.0.9" })[0]?.id, "redis 10.0.0.9:6379");
    assert.equal(statesOf(limit("$env://OTHER"), { REDIS: "10.0.0.9" })[0]?.id, "redis $env://OTHER:6379");
  });

  it("gathers everything that uses one Redis, and whether all of it goes on without", () => {
    const found = new StatefulPlugins();
    const redis = { policy: "redis", redis_host: "r" };
    found.add({
      object: "route 1",
      value: { plugins: { "limit-count": { ...LIMIT, ...redis, allow_degradation: true } } },
    });
    found.add({ object: "service 2", value: { plugins: { "limit-req": { rate: 1, ...redis } } } });
    assert.deepEqual(found.list(), [
      {
        id: "redis r:6379",
        kind: "redis",
        addresses: ["r:6379"],
        plugins: ["limit-count", "limit-req"],
        uses: ["route 1: plugins.limit-count", "service 2: plugins.limit-req"],
        degrades: false,
      },
    ]);
  });

  it("knows which choice belongs to which state, and which belongs to none", () => {
    const states = statesOf({
      plugins: { "limit-count": { ...LIMIT, policy: "redis", redis_host: "r" }, "proxy-cache": {} },
    });
    const shared = { redis: "r:6379", policy: "shared", reason: "one Redis" } as const;
    const cold = { plugin: "proxy-cache", policy: "accept", reason: "cold" } as const;
    const old = { redis: "gone:6379", policy: "shared", reason: "was there once" } as const;
    assert.deepEqual(
      states.map((state) => choiceFor(state, [old, cold, shared])?.reason),
      ["cold", "one Redis"],
    );
    assert.deepEqual(idleChoices(states, [old, cold, shared]), [old]);
  });
});
