import assert from "node:assert/strict";
import { addressOf, Endpoints, isClusterName, isWithin } from "../../migration/endpoints";

function addressesOf(value: unknown, environment: Readonly<Record<string, string>> = {}): readonly string[] {
  const found = new Endpoints(new Map(Object.entries(environment)));
  found.add({ object: "upstream u1", value });
  return found.list().map(({ host, port, protocol }) => `${protocol === "udp" ? "udp:" : ""}${host}:${port}`);
}

describe("endpoints of the configuration", () => {
  const cases: readonly (readonly [string, unknown, readonly string[]])[] = [
    ["nodes of an upstream", { nodes: [{ host: "10.0.0.1", port: 8080, weight: 1 }, { host: "api.example.com", port: 443, weight: 1 }] }, ["10.0.0.1:8080", "api.example.com:443"]],
    ["nodes as a map", { nodes: { "10.0.0.1:80": 1, "b.internal:81": 2 } }, ["10.0.0.1:80", "b.internal:81"]],
    ["a node without a port", { nodes: [{ host: "b.internal", weight: 1 }] }, ["b.internal:80"]],
    ["an IPv6 node", { nodes: [{ host: "[::2]", port: 80, weight: 1 }] }, ["::2:80"]],
    ["an upstream within a route", { name: "r", upstream: { nodes: [{ host: "x.internal", port: 1, weight: 1 }] } }, ["x.internal:1"]],
    ["vault", { manager: "vault", id: "main", config: { uri: "https://vault.example.com", token: "x" } }, ["vault.example.com:443"]],
    ["an identity provider", { plugins: { "openid-connect": { discovery: "https://login.example.com/.well-known/openid-configuration", redirect_uri: "https://shop.example.com/cb", authorization_endpoint: "https://browser.example.com" } } }, ["login.example.com:443"]],
    ["introspection", { plugins: { "openid-connect": { introspection_endpoint: "http://login.internal:8080/introspect" } } }, ["login.internal:8080"]],
    ["a logger", { plugins: { "http-logger": { uri: "http://logs.internal:9200/in" } } }, ["logs.internal:9200"]],
    ["a TCP logger", { plugins: { "tcp-logger": { host: "logs.internal", port: 514 } } }, ["logs.internal:514"]],
    ["a UDP logger", { plugins: { "udp-logger": { host: "logs.internal", port: 514 } } }, ["udp:logs.internal:514"]],
    ["syslog over UDP", { plugins: { syslog: { host: "logs.internal", port: 514, sock_type: "udp" } } }, ["udp:logs.internal:514"]],
    ["Kafka", { plugins: { "kafka-logger": { brokers: [{ host: "k1", port: 9092 }], kafka_topic: "t" } } }, ["k1:9092"]],
    ["Kafka in the old form", { plugins: { "kafka-logger": { broker_list: { "10.0.0.7": 9092 } } } }, ["10.0.0.7:9092"]],
    ["a list of addresses", { plugins: { "loki-logger": { endpoint_addrs: ["http://l1:3100", "http://l2:3100"] } } }, ["l1:3100", "l2:3100"]],
    ["host and port in one", { plugin: "opentelemetry", config: { collector: { address: "otel.internal:4318" } } }, ["otel.internal:4318"]],
    ["ldap", { plugins: { "ldap-auth": { ldap_uri: "ldap.internal:1389" } } }, ["ldap.internal:1389"]],
    ["a registry", { type: "nacos", config: { host: ["http://nacos.internal:8848"] } }, ["nacos.internal:8848"]],
    ["mail", { key: "smtp", value: { host: "smtp.example.com", port: "587", from: "x@example.com" } }, ["smtp.example.com:587"]],
    ["Redis", { plugins: { "limit-count": { count: 1, time_window: 1, policy: "redis", redis_host: "r" } } }, ["r:6379"]],
    ["a call-out", { plugins: { "forward-auth": { uri: "http://auth.internal/check" } } }, ["auth.internal:80"]],
    ["nothing in what requests are matched by", { hosts: ["shop.example.com", "x.example.com:8443"], paths: ["/x"], uris: ["/y"], snis: ["z.example.com"] }, []],
    ["nothing in rewritten requests", { plugins: { redirect: { uri: "https://elsewhere.example.com/x" }, "proxy-rewrite": { host: "backend", uri: "/x" }, cors: { allow_origins: "https://a.example.com" } } }, []],
    ["nothing in patterns and descriptions", { description: "see https://docs.example.com", host: "*", port: 80, labels: { team: "http" } }, []],
    ["nothing in places that only browsers go to", { logout_uri: "https://x.example.com", portal_url: "https://y.example.com", callback_url: "https://z.example.com" }, []],
    ["nothing in what is switched off", { plugins: { "http-logger": { uri: "http://l:1", _meta: { disable: true } } } }, []],
  ]; // prettier-ignore
  for (const [what, value, addresses] of cases) {
    it(`finds ${what}`, () => assert.deepEqual(addressesOf(value), addresses));
  }

  it("resolves variables of the gateways, and keeps what it cannot resolve", () => {
    const upstream = { nodes: [{ host: "$env://BILLING", port: 8080, weight: 1 }] };
    assert.deepEqual(addressesOf(upstream, { BILLING: "billing.internal" }), ["billing.internal:8080"]);
    assert.deepEqual(addressesOf(upstream), ["$env://billing:8080"]);
    assert.deepEqual(addressesOf({ plugins: { "http-logger": { uri: "$secret://vault/main/logs/uri" } } }), [
      "$secret://vault/main/logs/uri:0",
    ]);
  });

  it("finds references to variables and secrets, with the groups that use them", () => {
    const found = new Endpoints();
    found.add({
      object: "secret_provider main",
      group: "default",
      value: { manager: "vault", id: "main", config: { token: "$env://VAULT_TOKEN" } },
    });
    found.add({
      object: "route r",
      group: "partner",
      value: { plugins: { "key-auth": { key: "$secret://vault/main/a/b" }, x: { a: "$ENV://VAULT_TOKEN/sub" } } },
    });
    found.add({ object: "consumer c", value: { plugins: { y: "$secret://aws/other/c" } } });
    assert.deepEqual(
      found.listReferences().map(({ kind, name, groups }) => [kind, name, groups]),
      [
        ["env", "VAULT_TOKEN", ["default", "partner"]],
        ["secret", "aws/other", undefined],
        ["secret", "vault/main", ["partner"]],
      ],
    );
    assert.deepEqual([found.hasProvider("vault/main"), found.hasProvider("aws/other")], [true, false]);
  });

  it("knows a secret provider in the key-value table by its key", () => {
    const found = new Endpoints();
    found.add({ object: "key /gateway_groups/default/secrets/vault/main", value: { uri: "http://v:8200" } });
    assert.ok(found.hasProvider("vault/main"));
  });

  it("keeps no value of the configuration but addresses", () => {
    const found = new Endpoints();
    found.add({
      object: "route r",
      value: { plugins: { "http-logger": { uri: "http://user:geheim@logs:80/?token=geheim" } } },
    });
    assert.deepEqual(
      found.list().map(({ host }) => host),
      ["logs"],
    );
    assert.doesNotMatch(JSON.stringify([found.list(), found.listReferences()]), /geheim/);
  });

  it("reads addresses", () => {
    assert.deepEqual(addressOf("https://[2001:db8::1]:8443/x"), { host: "[2001:db8::1]", port: 8443 });
    assert.deepEqual(addressOf("grpc://x"), { host: "x", port: 80 });
    for (const text of ["", "/path", "http://$host/x", "word", "a:b:c", "http://", "mailto:x@y"]) {
      assert.equal(addressOf(text), undefined, text);
    }
  });

  it("tells a cluster's own names and addresses", () => {
    assert.ok(isClusterName("redis.cache.svc.cluster.local") && isClusterName("redis.cache.svc"));
    assert.ok(!isClusterName("svc.example.com"));
    assert.ok(
      isWithin("10.64.63.255", "10.64.0.0/18") &&
        isWithin("10.1.2.3", "0.0.0.0/0") &&
        isWithin("10.0.0.1", "10.0.0.1/32"),
    );
    assert.ok(
      !isWithin("10.64.64.0", "10.64.0.0/18") && !isWithin("name", "10.0.0.0/8") && !isWithin("10.0.0.2", "10.0.0.1"),
    );
  });
});
