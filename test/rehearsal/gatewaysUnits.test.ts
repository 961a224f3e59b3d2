import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { durationMs, listenAddress, readPod, type Pod } from "../../rehearsal/cloud/gateways/common/pod";
import { compareVersions } from "../../rehearsal/cloud/gateways/common/version";
import { seal, unseal } from "../../rehearsal/cloud/gateways/common/authority";
import { Configuration } from "../../rehearsal/cloud/gateways/gateway/configuration";
import { LocalCounters, RedisCounters } from "../../rehearsal/cloud/gateways/gateway/plugins";
import { Router } from "../../rehearsal/cloud/gateways/gateway/router";
import { readSettings } from "../../rehearsal/cloud/gateways/gateway/settings";
import { gatewayFiles } from "./gatewayPods";

describe("a data plane's settings", () => {
  const root = mkdtempSync(join(tmpdir(), "gateway-settings-"));
  const pod: Pod = {
    name: "p",
    ip: "127.135.0.1",
    namespace: "api7",
    cluster: "b",
    root,
    hostsFile: join(root, "hosts.json"),
    pace: 1,
  };
  const issued = { certificate: "file-cert", private_key: "file-key", ca_certificate: "file-ca" };

  before(() => {
    for (const [path, content] of Object.entries(gatewayFiles(issued, ["https://b:7943", "https://b2:7943"]))) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), content);
    }
  });
  after(() => rmSync(root, { recursive: true, force: true }));

  const hosts = (environment: Record<string, string>): readonly string[] =>
    readSettings(pod, environment).endpoints.map(({ host }) => host);

  it("take the addresses of the config file unless a variable names others, in the product's order", () => {
    assert.deepEqual(hosts({}), ["b:7943", "b2:7943"]);
    const third = { APISIX_DEPLOYMENT_ETCD_HOST: '["https://etcd:7943"]' };
    assert.deepEqual(hosts(third), ["etcd:7943"]);
    const second = { ...third, API7_CONTROL_PLANE_ENDPOINTS: '["https://cp:7943"]' };
    assert.deepEqual(hosts(second), ["cp:7943"]);
    assert.deepEqual(hosts({ ...second, API7_DP_MANAGER_ENDPOINTS: '["https://a:7943","https://a2:7943"]' }), [
      "a:7943",
      "a2:7943",
    ]);
    assert.deepEqual(hosts({ API7_DP_MANAGER_ENDPOINTS: "" }), ["b:7943", "b2:7943"]);
  });

  it("refuse a variable that is no JSON list", () => {
    for (const value of ["https://a:7943", "[]", '{"a":1}', "[1]"]) {
      assert.throws(() => hosts({ API7_DP_MANAGER_ENDPOINTS: value }), /expected a JSON array of URLs/);
    }
  });

  it("take certificate, key, authority, name, token and group from variables before files", () => {
    const plain = readSettings(pod, {});
    assert.deepEqual(
      [plain.clientCertificate, plain.clientKey, plain.trustedAuthority, plain.sni, plain.token],
      ["file-cert", "file-key", "file-ca", undefined, undefined],
    );
    assert.deepEqual(
      [plain.groupShortId, plain.verify, plain.keepAliveMs, plain.shutdownMs],
      ["default", true, 75_000, 240_000],
    );
    const own = readSettings(pod, {
      API7_CONTROL_PLANE_CERT: "cp-cert",
      API7_DP_MANAGER_CERT: "dp-cert",
      API7_CONTROL_PLANE_KEY: "cp-key",
      API7_DP_MANAGER_CA: "dp-ca",
      API7_DP_MANAGER_SNI: "name",
      API7_CONTROL_PLANE_TOKEN: "token",
      API7_GATEWAY_GROUP_SHORT_ID: "other",
    });
    assert.deepEqual(
      [own.clientCertificate, own.clientKey, own.trustedAuthority, own.sni, own.token, own.groupShortId],
      ["dp-cert", "cp-key", "dp-ca", "name", "token", "other"],
    );
  });

  it("read durations as Go and nginx write them, and refuse others", () => {
    assert.deepEqual(
      ["500ms", "75s", "5m", "1h", "30", 30].map(durationMs),
      [500, 75_000, 300_000, 3_600_000, 30_000, 30_000],
    );
    assert.throws(() => durationMs("soon"), /not a duration/);
  });

  it("open what the pod's network reaches, and not the pod's own loopback", () => {
    assert.deepEqual(
      ["0.0.0.0", "", "127.0.0.1"].map((host) => listenAddress(pod, host)),
      ["127.135.0.1", "127.135.0.1", undefined],
    );
  });

  it("name the variable that the runner did not give", () => {
    assert.throws(() => readPod({ REHEARSAL_CLUSTER: "b", REHEARSAL_PACE: "1" }), /POD_NAME is missing/);
    assert.throws(() => readPod({ REHEARSAL_CLUSTER: "c" }), /expected a or b/);
    assert.throws(() => readPod({ REHEARSAL_CLUSTER: "a", REHEARSAL_PACE: "0" }), /at least 1/);
  });
});

describe("a data plane's router", () => {
  const pod: Pod = {
    name: "p",
    ip: "127.135.0.1",
    namespace: "n",
    cluster: "a",
    root: "/",
    hostsFile: "/none",
    pace: 1,
  };
  const logged: string[] = [];
  const state = {
    local: new LocalCounters(),
    redis: new RedisCounters(pod),
    log: (_: string, message: string) => void logged.push(message),
    reported: new Set<string>(),
  };

  function router(
    routes: readonly object[],
    services: readonly object[] = [{ id: "s", name: "s", hosts: ["h.example"] }],
  ): Router {
    const configuration = new Configuration();
    const item = (directory: string, value: object) => ({
      key: `${directory}/${(value as { readonly id: string }).id}`,
      value,
      revision: 1,
    });
    configuration.apply([
      ...services.map((value) => item("services", value)),
      ...routes.map((value) => item("routes", { service_id: "s", name: "r", ...value })),
    ]);
    return new Router(configuration, state);
  }

  it("prefers exact paths, then the longest prefix, then the priority", () => {
    const found = router([
      { id: "prefix", uris: ["/a/*"] },
      { id: "longer", uris: ["/a/b/*"] },
      { id: "exact", uris: ["/a/b/c"] },
      { id: "low", uris: ["/p"], priority: 1 },
      { id: "high", uris: ["/p"], priority: 2 },
    ]);
    const id = (path: string): string | undefined => found.find("h.example", path, "GET")?.id;
    assert.deepEqual(["/a/b/c", "/a/b/x", "/a/x", "/a/", "/a", "/p", "/"].map(id), [
      "exact",
      "longer",
      "prefix",
      "prefix",
      undefined,
      "high",
      undefined,
    ]);
  });

  it("matches methods, and goes on to the next candidate when one does not fit", () => {
    const found = router([
      { id: "get", uris: ["/x"], methods: ["GET"] },
      { id: "any", uris: ["/*"], methods: ["POST", "GET"] },
    ]);
    assert.equal(found.find("h.example", "/x", "GET")?.id, "get");
    assert.equal(found.find("h.example", "/x", "POST")?.id, "any");
    assert.equal(found.find("h.example", "/x", "PUT"), undefined);
  });

  it("knows hosts exactly, by wildcard, and none at all, in this order", () => {
    const services = [
      { id: "exact", name: "e", hosts: ["A.example"] },
      { id: "wild", name: "w", hosts: ["*.example"] },
      { id: "all", name: "a" },
    ];
    const found = router(
      services.map(({ id }) => ({ id, service_id: id, uris: ["/x"] })),
      services,
    );
    assert.deepEqual(
      ["a.example", "b.example", "c.other"].map((host) => found.find(host, "/x", "GET")?.id),
      ["exact", "wild", "all"],
    );
  });

  it("serves no route of an unknown service, and reports an unknown plugin once", () => {
    const found = router([
      { id: "orphan", uris: ["/orphan"], service_id: "gone" },
      { id: "odd", uris: ["/odd"], plugins: { "no-such-plugin": {} } },
      { id: "odd2", uris: ["/odd2"], plugins: { "no-such-plugin": {} } },
    ]);
    assert.equal(found.find("h.example", "/orphan", "GET"), undefined);
    assert.equal(found.find("h.example", "/odd", "GET")?.id, "odd");
    assert.deepEqual(logged, ["unknown plugin [no-such-plugin]"]);
  });
});

describe("counters in Redis", () => {
  const pod: Pod = {
    name: "p",
    ip: "127.135.0.1",
    namespace: "n",
    cluster: "a",
    root: "/",
    hostsFile: "/none",
    pace: 1,
  };
  const values = new Map<string, number>();
  const commands: string[] = [];
  // Knows just enough of Redis: INCR, PEXPIRE, PTTL, AUTH, and an error for the wrong password.
  const redis = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.on("data", (data: Buffer) => {
      const [name = "", key = ""] = data
        .toString("utf8")
        .split("\r\n")
        .filter((_, index) => index > 0 && index % 2 === 0);
      commands.push(name);
      if (name === "INCR") values.set(key, (values.get(key) ?? 0) + 1);
      const replies: Record<string, string> = {
        INCR: `:${values.get(key) ?? 0}`,
        PEXPIRE: ":1",
        PTTL: ":5000",
        AUTH: key === "right" ? "+OK" : "-WRONGPASS no",
      };
      // In two pieces, as a network may deliver it.
      const reply = `${replies[name] ?? "-ERR unknown command"}\r\n`;
      socket.write(reply.slice(0, 2));
      setTimeout(() => socket.write(reply.slice(2)), 5);
    });
  });
  const place = { redis_host: "127.135.6.1", redis_port: 6379, redis_timeout: 500 };

  before((done) => void redis.listen(place.redis_port, place.redis_host, done));
  after(() => redis.close());

  it("count in it, with an end for the first of a window", async () => {
    const counters = new RedisCounters(pod);
    const first = await counters.add(place, "k", 60_000);
    const second = await counters.add(place, "k", 60_000);
    assert.deepEqual([first.count, second.count], [1, 2]);
    assert.ok(Math.abs(second.endsAt - Date.now() - 5000) < 1000);
    assert.deepEqual(commands, ["INCR", "PEXPIRE", "PTTL", "INCR", "PTTL"]);
    counters.end();
  });

  it("fail with the reason when it refuses or is not there, and then at once for a while", async () => {
    const counters = new RedisCounters(pod);
    await assert.rejects(counters.add({ ...place, redis_password: "wrong" }, "k", 1), /WRONGPASS/);
    const missing = { ...place, redis_host: "127.135.6.2" };
    await assert.rejects(counters.add(missing, "k", 1), { tried: true, message: /ECONNREFUSED/ });
    await assert.rejects(counters.add(missing, "k", 1), { tried: false, message: /ECONNREFUSED/ });
    await assert.rejects(counters.add({ ...place, redis_host: "redis.cache.svc.cluster.local" }, "k", 1), {
      tried: true,
    });
    counters.end();
  });
});

describe("parts of the gateways", () => {
  it("compare versions by number", () => {
    assert.deepEqual(
      [
        compareVersions("3.9.10", "3.9.9") > 0,
        compareVersions("3.9.9", "3.10.0") < 0,
        compareVersions("3.9.1", "3.9.1"),
      ],
      [true, true, 0],
    );
  });

  it("seal private keys so that changes show", () => {
    const sealed = seal("text");
    assert.equal(unseal(sealed), "text");
    assert.notEqual(seal("text"), sealed);
    const bytes = Buffer.from(sealed, "base64");
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    assert.throws(() => unseal(bytes.toString("base64")));
  });

  for (const channel of ["ipc", "ignore"]) {
    it(`end when the process that started them is killed (channel: ${channel})`, async () => {
      const lifetime = join(__dirname, "../../rehearsal/cloud/gateways/common/lifetime");
      const pod = `require(${JSON.stringify(lifetime)}).endWithParent(); console.log(process.pid); setInterval(() => undefined, 1000);`;
      const argv = ["--import", "tsx", "--input-type=commonjs", "-e", pod];
      const stdio = ["ignore", "inherit", "inherit", channel];
      const parent = `require("node:child_process").spawn(process.execPath, ${JSON.stringify(argv)}, { stdio: ${JSON.stringify(stdio)} });
        setInterval(() => undefined, 1000);`;
      const owner = spawn(process.execPath, ["-e", parent], { stdio: ["ignore", "pipe", "inherit"] });
      const [line] = (await once(createInterface(owner.stdout), "line")) as [string];
      assert.ok(isAlive(Number(line)));
      owner.kill("SIGKILL");
      for (let wait = 0; wait < 100 && isAlive(Number(line)); wait += 1) await delay(50);
      assert.equal(isAlive(Number(line)), false);
    });
  }
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
