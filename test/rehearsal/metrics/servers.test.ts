import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import { type AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { MetricsServers } from "../../../rehearsal/cloud/metrics";

/** The servers in their process, with exporters that this test plays. */

const PATH = "/apisix/prometheus/metrics";
const PERIOD_MS = 200;

interface Exporter {
  readonly port: number;
  requests: number;
  broken: boolean;
  close(): Promise<void>;
}

async function exporter(): Promise<Exporter> {
  const state = { requests: 0, broken: false };
  const server: Server = createServer((request, response) => {
    if (request.url !== PATH || state.broken) response.writeHead(500).end();
    else {
      response.end(
        [
          "# TYPE apisix_http_status counter",
          `apisix_http_status{code="200",service="orders",instance_id="i1"} ${state.requests}`,
          `apisix_http_requests_total{instance_id="i1"} ${state.requests}`,
          'apisix_nginx_http_current_connections{state="active",instance_id="i1"} 3',
          'apisix_bandwidth{type="egress",instance_id="i1"} 99',
          "",
        ].join("\n"),
      );
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return Object.assign(state, {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.2", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}

interface Answer {
  readonly status: number;
  readonly body: {
    readonly status: string;
    readonly errorType?: string;
    readonly error?: string;
    readonly data?: {
      readonly resultType: string;
      readonly result: readonly { metric: object; value?: [number, string] }[];
    };
  };
}

describe("the metrics servers", () => {
  let gateway: Exporter;
  let servers: MetricsServers;
  const pod = { namespace: "api7", name: "gateway-default-1-a", ip: "127.0.0.1" };

  before(async () => {
    gateway = await exporter();
    servers = await MetricsServers.start({
      addresses: { a: "127.0.0.2", b: "127.0.0.3" },
      port: await freePort(),
      periodMs: PERIOD_MS,
      exporter: { port: gateway.port, path: PATH },
    });
    await servers.usePods("b", [pod]);
  });
  after(async () => {
    await servers.stop();
    await gateway.close();
  });
  afterEach(async () => servers.useFault("b", undefined));

  async function ask(path: string, parameters: Record<string, string>, method = "GET"): Promise<Answer> {
    const form = new URLSearchParams(parameters).toString();
    const url = `${servers.urls.b}api/v1/${path}`;
    const response =
      method === "GET" ? await fetch(`${url}?${form}`) : await fetch(url, { method, body: new URLSearchParams(form) });
    return { status: response.status, body: (await response.json()) as Answer["body"] };
  }
  const valueOf = async (query: string): Promise<number | undefined> => {
    const { body } = await ask("query", { query });
    const value = body.data?.result[0]?.value?.[1];
    return value === undefined ? undefined : Number(value);
  };
  async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
    for (const end = Date.now() + 20_000; Date.now() < end;) {
      if (await holds()) return;
      await sleep(50);
    }
    assert.fail(`not within 20 s: ${what}`);
  }

  it("scrape pods, add the server's labels and drop what is not kept", async () => {
    gateway.requests = 40;
    await until("a scrape", async () => (await valueOf("sum(apisix_http_status)")) === 40);
    const { status, body } = await ask("query", { query: 'apisix_http_status{cluster="b",code=~"2.."}' }, "POST");
    assert.equal(status, 200);
    assert.deepEqual(body.data?.result[0]?.metric, {
      __name__: "apisix_http_status",
      code: "200",
      service: "orders",
      instance_id: "i1",
      cluster: "b",
      job: "apisix",
      instance: `127.0.0.1:${gateway.port}`,
      namespace: "api7",
      pod: pod.name,
    });
    assert.equal(await valueOf("apisix_bandwidth"), undefined);
    assert.equal(await valueOf("timestamp(apisix_etcd_reachable)"), undefined);
  });

  it("answer ranges in the standard form", async () => {
    await until("a scrape", async () => (await valueOf("sum(apisix_http_status)")) !== undefined);
    const end = Math.ceil(Date.now() / 1000);
    const query = "sum by (instance_id) (apisix_http_status)";
    const { body } = await ask("query_range", { query, start: `${end - 4}`, end: `${end}`, step: "2", timeout: "5s" });
    assert.equal(body.data?.resultType, "matrix");
    const [row] = body.data.result as unknown as { metric: object; values: [number, string][] }[];
    assert.deepEqual(row?.metric, { instance_id: "i1" });
    assert.equal(row.values.at(-1)?.[0], end);
  });

  it("refuse what is not PromQL, what they do not model, and ranges out of bounds", async () => {
    const range = { query: "up", start: "100", end: "200", step: "15" };
    const cases: readonly (readonly [Record<string, string>, number, string, RegExp])[] = [
      [{ ...range, query: "" }, 400, "bad_data", /no expression found/],
      [{ ...range, query: "sum(" }, 400, "bad_data", /1:5: parse error: unexpected end of input/],
      [{ ...range, query: "rate(x[5m])" }, 422, "execution", /does not model function rate/],
      [{ ...range, step: "0" }, 400, "bad_data", /zero or negative/],
      [{ ...range, step: "x" }, 400, "bad_data", /valid duration/],
      [{ ...range, end: "99" }, 400, "bad_data", /must not be before start/],
      [{ ...range, start: "soon" }, 400, "bad_data", /valid timestamp/],
      [{ ...range, end: "999999", step: "1" }, 400, "bad_data", /11,000 points/],
    ];
    for (const [parameters, status, errorType, text] of cases) {
      const answer = await ask("query_range", parameters);
      assert.deepEqual([answer.status, answer.body.status, answer.body.errorType], [status, "error", errorType]);
      assert.match(answer.body.error ?? "", text);
    }
    assert.equal((await fetch(`${servers.urls.b}api/v1/series`)).status, 404);
  });

  it("tell the containers' CPU: it rises with requests, and faster when a request costs more", async () => {
    const query = `sum by (pod) (container_cpu_usage_seconds_total{cluster="b",namespace="api7",pod=~"(gateway-default)-.+",container!="",container!="POD"})`;
    await until("a scrape", async () => (await valueOf(query)) !== undefined);
    const rise = async (factor: number): Promise<number> => {
      await servers.useCost("b", factor);
      const before = (await valueOf(query)) ?? 0;
      gateway.requests += 100_000;
      const wanted = gateway.requests;
      await until("the requests", async () => (await valueOf("sum(apisix_http_requests_total)")) === wanted);
      return ((await valueOf(query)) ?? 0) - before;
    };
    const usual = await rise(1);
    const dear = await rise(10);
    await servers.useCost("b", 1);
    assert.ok(usual > 20 && dear > 5 * usual, `usual ${usual}, dear ${dear}`);
    assert.ok(((await valueOf('container_memory_working_set_bytes{container="gateway"}')) ?? 0) > 100e6);
  });

  it("have no value of a pod whose scrape fails or that is gone, and one again afterwards", async () => {
    const none = async (): Promise<boolean> => (await valueOf("sum(apisix_http_status)")) === undefined;
    const some = async (): Promise<boolean> => !(await none());
    await until("a scrape", some);
    gateway.broken = true;
    await until("nothing", none);
    gateway.broken = false;
    await until("a scrape", some);
    await servers.usePods("b", []);
    await until("nothing", none);
    await servers.usePods("b", [pod]);
    await until("a scrape", some);
  });

  it("can be down, all zero, late and slow, and well again", async () => {
    gateway.requests = 1_000_000;
    await until("a scrape", async () => (await valueOf("sum(apisix_http_status)")) === 1_000_000);
    await servers.useFault("b", { kind: "zero" });
    assert.equal(await valueOf("sum(apisix_http_status)"), 0);
    await servers.useFault("b", { kind: "down" });
    await assert.rejects(fetch(`${servers.urls.b}api/v1/query?query=up`));
    assert.equal((await fetch(`${servers.urls.a}api/v1/query?query=up`)).status, 200);
    await servers.useFault("b", { kind: "late", seconds: 3600 });
    assert.equal(await valueOf("sum(apisix_http_status)"), undefined);
    await servers.useFault("b", { kind: "slow", delayMs: 300 });
    const begun = performance.now();
    await valueOf("up");
    assert.ok(performance.now() - begun >= 295);
    await servers.useFault("b", undefined);
    await until("a scrape", async () => (await valueOf("sum(apisix_http_status)")) === 1_000_000);
  });

  it("say at once when an address is taken", async () => {
    const port = Number(new URL(servers.urls.a).port);
    await assert.rejects(
      MetricsServers.start({ addresses: { a: "127.0.0.2", b: "127.0.0.4" }, port, periodMs: PERIOD_MS }),
      /EADDRINUSE/,
    );
  });
});
