import assert from "node:assert/strict";
import { Agent, request as httpRequest } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { Client } from "pg";
import { WebSocket } from "ws";
import { type TrafficSample } from "../../rehearsal/cloud/traffic";
import { answers, ask, eventually, type Answer, type TestPod } from "./gatewayPods";
import { GatewayWorld, type ControlPlane } from "./gatewayWorld";

const NETWORK = "127.133";
const DP = `${NETWORK}.10.11`;
const OTHER_DP = `${NETWORK}.10.12`;

describe("data planes of the rehearsal", function () {
  this.timeout(60_000);
  let world: GatewayWorld;
  let controlPlane: ControlPlane;
  let gateway: TestPod;
  let other: TestPod;
  const database = new Client({ connectionString: `postgres://api7ee:rehearsal@${NETWORK}.1.1:5432/api7ee` });

  before(async () => {
    world = await GatewayWorld.start(NETWORK, 10_200);
    await database.connect();
    controlPlane = await world.controlPlane("a", 10, world.database);
    const certificate = await controlPlane.issue();
    const common = { cluster: "a", certificate, dpManagers: [controlPlane.dpManagerIp] } as const;
    gateway = world.gateway({ ...common, name: "gateway-1", ip: DP });
    other = world.gateway({ ...common, name: "gateway-2", ip: OTHER_DP, exporter: false });
    await Promise.all([answers(`http://${DP}:7085/status/ready`), answers(`http://${OTHER_DP}:7085/status/ready`)]);
  });

  after(async () => {
    await database.end();
    await world.stop();
  });

  const samples = (kind: TrafficSample["kind"]): readonly TrafficSample[] =>
    world.seeded.catalogue.filter((sample) => sample.kind === kind);

  function send(
    sample: TrafficSample,
    o: { ip?: string; query?: string; method?: string; body?: string; headers?: Record<string, string> } = {},
  ): Promise<Answer> {
    return ask(`http://${o.ip ?? DP}:9080${sample.path}${o.query ?? ""}`, {
      method: o.method ?? "GET",
      headers: o.headers ?? { host: sample.host, "x-nonce": "n-1", ...sample.headers },
      ...(o.body === undefined ? {} : { body: o.body }),
    });
  }

  const ROUTE = "/core/v1/late";
  const putRoute = (id: string, fields: object): Promise<Answer> =>
    controlPlane.api(`/apisix/admin/routes/${id}?gateway_group_id=default`, { method: "PUT", body: fields });
  const service = async (name: string): Promise<string> => {
    const found = await database.query<{ id: string }>("select id from service where name = $1", [name]);
    return found.rows[0]?.id ?? "";
  };
  const late = (path = ROUTE): Promise<Answer> =>
    ask(`http://${DP}:9080${path}`, { headers: { host: "orders.shop.example", "x-nonce": "n" } });

  it("serve every plain request of the catalogue, on both, and say who they are", async () => {
    for (const [ip, name] of [
      [DP, "gateway-1"],
      [OTHER_DP, "gateway-2"],
    ] as const) {
      for (const sample of samples("plain")) {
        const { status, body, headers } = await send(sample, { ip });
        assert.equal(status, 200, `${sample.host}${sample.path}: ${body}`);
        assert.match(body, /"nonce":"n-1"/);
        assert.deepEqual([headers["x-rehearsal-cluster"], headers["x-rehearsal-pod"]], ["a", name]);
      }
    }
  });

  it("can be made to fail, to be slow and to answer something else, for one service or all, and be well again", async () => {
    const [first, second] = [
      samples("plain")[0],
      samples("plain").find(({ service: name }) => name !== samples("plain")[0]?.service),
    ];
    assert.ok(first !== undefined && second !== undefined);
    const outcome = async (sample: TrafficSample): Promise<string> => {
      const { status, body, headers } = await send(sample);
      return `${status} ${/"nonce":"n-1"/.test(body) ? "echo" : "other"} ${String(headers["x-rehearsal-cluster"])}`;
    };
    const becomes = async (sample: TrafficSample, expected: string): Promise<boolean> =>
      eventually(`the answer ${expected}`, async () => (await outcome(sample)) === expected);
    try {
      gateway.fault({ errorPercent: 100, service: first.service });
      await becomes(first, "500 other a");
      assert.equal(await outcome(second), "200 echo a");
      gateway.fault({ wrongBodyPercent: 100 });
      await becomes(second, "200 other a");
      gateway.fault({ delayMs: 400 });
      await becomes(second, "200 echo a");
      const begun = performance.now();
      await send(second);
      assert.ok(performance.now() - begun >= 395);
    } finally {
      gateway.fault({});
    }
    await becomes(first, "200 echo a");
    const { body } = await ask(`http://${DP}:9091/apisix/prometheus/metrics`);
    assert.match(body, new RegExp(`apisix_http_status\\{code="500",[^}]*service="${first.service}"`));
    assert.equal(await outcome(second), "200 echo a");
  });

  it("pass slow answers, uploads and streams through", async () => {
    for (const sample of samples("slow").slice(0, 3))
      assert.equal((await send(sample, { query: "?delay_ms=120" })).status, 200);
    const payload = "x".repeat(300_000);
    for (const sample of samples("upload").slice(0, 3)) {
      const { status, body } = await send(sample, { method: "POST", body: payload });
      assert.equal(status, 200);
      assert.match(body, /"bytes":300000/);
    }
    const { body } = await send(samples("stream")[0] ?? assert.fail(), { query: "?stream_seconds=0.6" });
    assert.match(body, /event: end\ndata: {"nonce":"n-1","events":3}/);
  });

  it("send the head of a stream before its end", async () => {
    const sample = samples("stream")[1] ?? assert.fail();
    const started = performance.now();
    const firstByteMs = await new Promise<number>((resolve, reject) => {
      const options = {
        host: DP,
        port: 9080,
        path: `${sample.path}?stream_seconds=2`,
        headers: { host: sample.host },
        agent: false,
      } as const;
      const request = httpRequest(options, (response) => {
        resolve(performance.now() - started);
        response.on("error", () => undefined);
        request.destroy();
      });
      request.on("error", reject);
      request.end();
    });
    assert.ok(firstByteMs < 1500, `the head came after ${firstByteMs} ms`);
  });

  it("tunnel WebSockets where the route allows it, and only there", async () => {
    const sample = samples("websocket")[0] ?? assert.fail();
    const socket = new WebSocket(`ws://${DP}:9080${sample.path}`, { headers: { host: sample.host } });
    const echoed = await new Promise<string>((resolve, reject) => {
      socket.on("upgrade", ({ headers }) => assert.equal(headers["x-rehearsal-pod"], "gateway-1"));
      socket.on("open", () => socket.send("hello"));
      socket.on("message", (data) => resolve((data as Buffer).toString("utf8")));
      socket.on("error", reject);
    });
    assert.equal(echoed, "hello");
    socket.close();
    const plain = samples("plain")[0] ?? assert.fail();
    const refused = new WebSocket(`ws://${DP}:9080${plain.path}`, { headers: { host: plain.host } });
    const message = await new Promise<string>((resolve) => {
      refused.on("error", (error) => resolve(error.message));
      refused.on("open", () => resolve("opened"));
    });
    assert.match(message, /Unexpected server response: 200/);
  });

  it("answer 404 for an unknown host, path or method", async () => {
    const sample = samples("plain")[0] ?? assert.fail();
    const cases = [
      { path: sample.path, host: "nobody.example", method: "GET" },
      { path: `${sample.path}-unknown`, host: sample.host, method: "GET" },
      { path: sample.path, host: sample.host, method: "DELETE" },
    ];
    for (const { path, host, method } of cases) {
      const { status, body, headers } = await ask(`http://${DP}:9080${path}`, { method, headers: { host } });
      assert.equal(status, 404);
      assert.deepEqual(JSON.parse(body), { error_msg: "404 Route Not Found" });
      assert.equal(headers["x-rehearsal-pod"], "gateway-1");
    }
  });

  it("ask for a key where key-auth is on", async () => {
    const sample = samples("plain").find(({ headers }) => headers.apikey !== undefined) ?? assert.fail();
    assert.equal((await send(sample)).status, 200);
    assert.equal((await send(sample, { headers: { host: sample.host } })).status, 401);
    assert.equal((await send(sample, { headers: { host: sample.host, apikey: "wrong" } })).status, 401);
  });

  it("rewrite paths and answers, and go on without Redis where that is allowed", async () => {
    const rewritten = await send(samples("plain").find(({ service: name }) => name === "carts-core") ?? assert.fail());
    assert.match(rewritten.body, /"path":"\/legacy\/core\/v1\//);
    const changed = await send(samples("plain").find(({ service: name }) => name === "shipping-core") ?? assert.fail());
    assert.equal(changed.headers["x-served-for"], "loyalty");
    const counted = samples("plain").find(({ service: name }) => name === "customers-core") ?? assert.fail();
    assert.equal((await send(counted)).status, 200);
    await eventually("the log names Redis", () =>
      Promise.resolve(gateway.output.includes("failed to limit count: redis redis-master")),
    );
  });

  it("limit by count in memory, and refuse without Redis where degradation is not allowed", async () => {
    const serviceId = await service("orders-core");
    const limit = { count: 2, time_window: 60, key: "remote_addr", rejected_code: 429, policy: "local" };
    const made = await putRoute("limited", {
      service_id: serviceId,
      name: "limited",
      paths: ["/core/v1/limited"],
      plugins: { "limit-count": limit },
    });
    assert.equal(made.status, 200, made.body);
    const strict = { count: 2, time_window: 60, policy: "redis", redis_host: "127.133.9.9", redis_timeout: 200 };
    await putRoute("strict", {
      service_id: serviceId,
      name: "strict",
      paths: ["/core/v1/strict"],
      plugins: { "limit-count": strict },
    });
    await eventually("the routes are served", async () => (await late("/core/v1/strict")).status === 500);
    const statuses = [];
    for (let n = 0; n < 3; n += 1) statuses.push((await late("/core/v1/limited")).status);
    assert.deepEqual(statuses, [200, 200, 429]);
  });

  it("serve a route that the Admin API makes, and stop when its row is deleted or its service disabled", async () => {
    assert.equal((await late()).status, 404);
    const serviceId = await service("orders-core");
    assert.equal(
      (await putRoute("late", { service_id: serviceId, name: "late", paths: [ROUTE], methods: ["GET"] })).status,
      200,
    );
    await eventually("the new route is served", async () => (await late()).status === 200);
    await database.query("update service set status = 'disabled' where id = $1", [serviceId]);
    await eventually("the disabled service is gone", async () => (await late()).status === 404);
    await database.query("update service set status = 'enabled' where id = $1", [serviceId]);
    await eventually("the service is back", async () => (await late()).status === 200);
    await database.query("delete from route where id = 'late'");
    await eventually("the deleted route is gone", async () => (await late()).status === 404);
    assert.equal((await send(samples("plain")[0] ?? assert.fail())).status, 200);
  });

  it("answer HTTPS with the certificate of the name, and refuse other names", async () => {
    const sample = samples("plain")[0] ?? assert.fail();
    const url = `https://${DP}:9443${sample.path}`;
    assert.equal((await ask(url, { headers: { host: sample.host }, servername: sample.host })).status, 200);
    await assert.rejects(ask(url, { headers: { host: sample.host }, servername: "nobody.example" }));
  });

  it("have a status port that takes any path beginning with /status for the status", async () => {
    assert.equal((await ask(`http://${DP}:7085/status`)).status, 200);
    assert.equal((await ask(`http://${DP}:7085/status/raedy`)).status, 200);
    assert.equal((await ask(`http://${DP}:7085/other`)).status, 404);
  });

  it("export metrics only where the config says so", async () => {
    const { body } = await ask(`http://${DP}:9091/apisix/prometheus/metrics`);
    assert.match(
      body,
      /apisix_http_status{code="200",route="items-v1-collection",.*service="orders-core".*gateway_group_id="default",instance_id="[0-9a-f-]{36}"} \d+/,
    );
    assert.match(body, /apisix_http_latency_bucket{type="apisix",.*le="60000",/);
    assert.match(body, /apisix_etcd_reachable{[^}]*} 1/);
    assert.match(body, /apisix_node_info{hostname="gateway-1",version="3.9.18",/);
    const [count, inf] = ["_count", "_bucket"].map((suffix) =>
      body
        .split("\n")
        .filter(
          (line) =>
            line.startsWith(`apisix_http_latency${suffix}{type="request"`) &&
            (suffix === "_count" || line.includes('le="+Inf"')),
        )
        .reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0),
    );
    assert.ok(count !== undefined && count > 50);
    assert.equal(inf, count);
    await assert.rejects(ask(`http://${OTHER_DP}:9091/apisix/prometheus/metrics`), /ECONNREFUSED/);
  });

  it("lose nothing when they stop under load: answers in flight end, connections are told to close, new ones are refused", async () => {
    const sample = samples("plain")[0] ?? assert.fail();
    const slow = samples("slow")[0] ?? assert.fail();
    const agent = new Agent({ keepAlive: true, maxSockets: 8 });
    const get = (path: string, host: string): Promise<{ status: number; close: boolean }> =>
      new Promise((resolve, reject) => {
        const options = { host: OTHER_DP, port: 9080, path, agent, headers: { host, "x-nonce": "n" } } as const;
        httpRequest(options, (response) => {
          response.resume();
          response.on("end", () =>
            resolve({ status: response.statusCode ?? 0, close: response.headers.connection === "close" }),
          );
          response.on("error", reject);
        })
          .on("error", reject)
          .end();
      });
    const stopping = { yes: false };
    let sent = 0;
    // Each worker uses its connection again and again, until it is told that the connection closes.
    const workers = Array.from({ length: 6 }, async () => {
      for (let closed = false; !closed;) {
        const { status, close } = await get(sample.path, sample.host);
        assert.equal(status, 200);
        sent += 1;
        if (close) assert.ok(stopping.yes, "a connection was closed before the stop");
        closed = close;
      }
    });
    const inFlight = Array.from({ length: 4 }, () =>
      ask(`http://${OTHER_DP}:9080${slow.path}?delay_ms=1800`, { headers: { host: slow.host } }),
    );
    const sampleSocket = samples("websocket")[0] ?? assert.fail();
    const socket = new WebSocket(`ws://${OTHER_DP}:9080${sampleSocket.path}`, { headers: { host: sampleSocket.host } });
    await new Promise((resolve) => socket.on("open", resolve));
    await delay(300);
    stopping.yes = true;
    other.signal("SIGTERM");
    await Promise.all(workers);
    assert.ok(sent > 12, `${sent} requests: too few to have been in the middle of some`);
    await eventually("new connections are refused", () =>
      ask(`http://${OTHER_DP}:9080${sample.path}`, { headers: { host: sample.host } }).then(
        () => false,
        (error: unknown) => /ECONNREFUSED/.test(String(error)),
      ),
    );
    for (const { status } of await Promise.all(inFlight)) assert.equal(status, 200);
    // The tunnel lives on until one of its ends closes it.
    const echoed = new Promise((resolve) => socket.on("message", (data) => resolve((data as Buffer).toString("utf8"))));
    socket.send("still here");
    assert.equal(await echoed, "still here");
    socket.close();
    assert.equal(await other.exited, 0);
    agent.destroy();
  });

  it("report their calls to the control plane, which counts them by service", async () => {
    const serviceId = await service("orders-core");
    await eventually("the statistics have this hour's calls", async () => {
      const found = await database.query<{ calls: number }>(
        "select calls::int as calls from api_call_statistics where service_id = $1 and hour = date_trunc('hour', now())",
        [serviceId],
      );
      return (found.rows[0]?.calls ?? 0) > 10;
    });
  });
});
