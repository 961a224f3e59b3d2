import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { LoadBalancerProcess } from "../../rehearsal/cloud/loadBalancer";
import {
  Load,
  type LoadOptions,
  type LoadSecond,
  type LoadSnapshot,
  type TrafficSample,
  Upstream,
} from "../../rehearsal/cloud/traffic";
import { LoadRun, validateLoad } from "../../rehearsal/cloud/traffic/loadRun";
import { sequence, WeightedChoice } from "../../rehearsal/cloud/traffic/random";
import {
  type Answer,
  ask,
  balancerConfig,
  forward,
  freshAddress,
  group,
  PORT,
  startGateway,
  startTarget,
  TestBalancer,
  type TestTarget,
  until,
} from "./trafficFixture";

function sample(kind: TrafficSample["kind"], path = `/${kind}/1`): TrafficSample {
  return { service: kind, host: `${kind}.example.com`, path, headers: { apikey: "k" }, weight: 1, kind };
}

const catalogue = [sample("plain"), sample("slow"), sample("stream"), sample("websocket")];

function options(address: string, change: Partial<LoadOptions> = {}): LoadOptions {
  return {
    url: `http://${address}:${PORT}`,
    ratePerSecond: 0,
    catalogue,
    maxSeconds: 30,
    slow: { perSecond: 0, minSeconds: 0.1, maxSeconds: 0.3 },
    streams: 0,
    websockets: 0,
    ...change,
  };
}

describe("upstream", () => {
  const address = freshAddress();
  let upstream: Upstream;
  before(async () => {
    upstream = await Upstream.start({ address, port: PORT });
  });
  after(() => upstream.stop());

  const echo = (answer: Answer): unknown => JSON.parse(answer.body);

  it("echoes any path with nonce, method and host", async () => {
    const answer = await ask(address, "/any/path?x=1", { "x-nonce": "n1", host: "api.example.com" });
    assert.equal(answer.status, 200);
    assert.deepEqual(echo(answer), { nonce: "n1", method: "GET", path: "/any/path?x=1", host: "api.example.com" });
  });

  it("waits as long as the query says, and else as the path's prefix does", async () => {
    const startedAt = performance.now();
    assert.equal((await ask(address, "/slow/1?delay_ms=150", { "x-nonce": "n" })).status, 200);
    const took = performance.now() - startedAt;
    assert.ok(took >= 149, `${took} ms`);
  });

  it("streams numbered events, the last line carries the nonce", async () => {
    const answer = await ask(address, "/any?stream_seconds=0.6", { "x-nonce": "n2" });
    assert.equal(answer.headers["content-type"], "text/event-stream");
    assert.equal(
      answer.body,
      `id: 1\ndata: {"event":1}\n\nid: 2\ndata: {"event":2}\n\nid: 3\ndata: {"event":3}\n\n` +
        `event: end\ndata: {"nonce":"n2","events":3}\n\n`,
    );
  });

  it("counts and digests uploads", async () => {
    const body = "x".repeat(100_000);
    const answer = await ask(address, "/upload/1", { "x-nonce": "n3" }, "POST", body);
    const sha256 = createHash("sha256").update(body).digest("hex");
    const seen = { nonce: "n3", method: "POST", path: "/upload/1", host: `${address}:${PORT}`, bytes: 100_000, sha256 };
    assert.deepEqual(echo(answer), seen);
  });

  it("refuses an address that others can reach, and one that is taken", async () => {
    await assert.rejects(Upstream.start({ address: "0.0.0.0", port: PORT }), /expected a loopback address/);
    await assert.rejects(Upstream.start({ address, port: PORT }), /EADDRINUSE/);
  });
});

describe("load through the load balancer", () => {
  const upstreamAt = { address: freshAddress(), port: PORT };
  let upstream: Upstream;
  let balancer: TestBalancer;
  let a: TestTarget;
  let b: TestTarget;
  const targets: TestTarget[] = [];
  const loads: Load[] = [];
  before(async () => {
    [upstream, balancer, a, b] = await Promise.all([
      Upstream.start(upstreamAt),
      TestBalancer.start(25),
      startGateway("a", upstreamAt),
      startGateway("b", upstreamAt),
    ]);
  });
  after(async () => {
    await Promise.allSettled(loads.map((load) => load.stop()));
    await Promise.all([upstream.stop(), balancer.process.stop(), ...[a, b, ...targets].map((target) => target.kill())]);
  });

  async function weights(address: string, weightB: number): Promise<void> {
    const groups = [group("a", [a]), group("b", [b])];
    await balancer.use(balancerConfig(address, forward({ a: 100 - weightB, b: weightB }), groups));
  }

  it("loses nothing when the weights change, long requests across the change included", async () => {
    const address = freshAddress();
    await weights(address, 0);
    const load = await Load.start(
      options(address, {
        ratePerSecond: 100,
        slow: { perSecond: 4, minSeconds: 1, maxSeconds: 2 },
        streams: 2,
        streamSeconds: { min: 4, max: 4.5 },
        websockets: 2,
        catalogue: [...catalogue, sample("upload")],
      }),
    );
    loads.push(load);
    await wait(1_500);
    assert.equal((await load.snapshot()).byCluster.b, 0);
    const changedAt = new Date().toISOString();
    await weights(address, 50);
    await wait(1_000);
    assert.ok((await load.snapshot()).byCluster.b > 20);
    await weights(address, 0);
    const backAt = new Date().toISOString();
    await wait(500);
    const end = await load.stop();

    assert.deepEqual([end.failed, end.failures], [0, []]);
    assert.ok(end.scheduled > 300, `${end.scheduled} scheduled`);
    assert.deepEqual([end.sent, end.answered], [end.scheduled, end.scheduled]);
    assert.deepEqual([end.byCluster.a + end.byCluster.b, end.byCluster.none], [end.answered, 0]);
    // What the load counted is what the balancer and the targets counted.
    const { counters } = await balancer.process.state();
    assert.deepEqual([counters.a?.requests, counters.b?.requests], [end.byCluster.a, end.byCluster.b]);
    assert.deepEqual([a.seen, b.seen], [end.byCluster.a, end.byCluster.b]);
    assert.ok((end.lastOnB ?? "") > changedAt && (end.lastOnB ?? "") <= backAt, `${String(end.lastOnB)} ${backAt}`);

    for (const kind of ["slow", "stream", "websocket"] as const) {
      const across = end.long.filter(
        (r) => r.kind === kind && r.startedAt < changedAt && (r.endedAt ?? "") > changedAt,
      );
      assert.ok(across.length > 0, `no ${kind} was in flight at the change`);
      assert.ok(across.every((r) => r.ok === true) && across.some((r) => r.cluster === "a"), JSON.stringify(across));
    }
    assert.ok(end.long.some((r) => r.kind === "upload" && r.ok === true));
    assert.ok(end.long.filter((r) => r.kind === "websocket").every((r) => (r.messages ?? 0) > 4));
    assert.ok(end.connections.reused > end.connections.opened, JSON.stringify(end.connections));
    const sum = (of: (second: LoadSecond) => number): number => end.perSecond.reduce((n, second) => n + of(second), 0);
    assert.deepEqual([sum((s) => s.sent), sum((s) => s.a + s.b), sum((s) => s.failed)], [end.sent, end.answered, 0]);
    assert.ok(end.latencyMs.a.p50 > 0 && end.latencyMs.a.p50 <= end.latencyMs.a.p99, JSON.stringify(end.latencyMs));
  });

  it("400 requests a second for five seconds through two targets: none fails, the rate is exact", async function () {
    this.timeout(60_000);
    const tiny = (cluster: string): Promise<TestTarget> =>
      startTarget((request, response) => {
        const body = JSON.stringify({ nonce: request.headers["x-nonce"] });
        response.writeHead(200, { "Content-Length": body.length, "x-rehearsal-cluster": cluster }).end(body);
      });
    const [one, two] = [await tiny("a"), await tiny("b")];
    const address = freshAddress();
    const groups = [group("one", [one]), group("two", [two])];
    targets.push(one, two);
    await balancer.use(balancerConfig(address, forward({ one: 95, two: 5 }), groups));
    const load = await Load.start(options(address, { ratePerSecond: 400, maxSeconds: 5 }));
    loads.push(load);
    await wait(4_000);
    const cpu = { balancer: cpuSeconds(balancer.process.pid), load: cpuSeconds(load.pid) };
    await until("it has stopped by itself", async () => (await load.snapshot()).sent >= 2_000, 20_000);
    const end = await load.stop();
    assert.deepEqual([end.failed, end.failures], [0, []]);
    // A busy computer ends the load a little late; what was due until then was sent.
    assert.ok(end.scheduled >= 2_000 && end.scheduled < 2_200, `${end.scheduled} scheduled in 5 s`);
    assert.deepEqual([end.sent, end.answered], [end.scheduled, end.scheduled]);
    const tolerance = 5 * Math.sqrt(end.sent * 0.05 * 0.95);
    assert.ok(Math.abs(end.byCluster.b - end.sent * 0.05) < tolerance, JSON.stringify(end.byCluster));
    const perThousand = Object.entries(cpu).map(([name, seconds]) => `${name} ${(seconds / 1.6).toFixed(2)} s`);
    console.log(`      CPU per 1,000 requests, start-up included: ${perThousand.join(", ")}`);
  });
});

/** CPU time that a process has used so far (user and system), from /proc where there is one. */
function cpuSeconds(pid: number | undefined): number {
  if (process.platform !== "linux") {
    return NaN;
  }
  const fields =
    readFileSync(`/proc/${String(pid)}/stat`, "utf8")
      .split(") ")[1]
      ?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

describe("load counts as failed", () => {
  const targets: TestTarget[] = [];
  afterEach(async () => {
    await Promise.all(targets.splice(0).map((target) => target.kill()));
  });

  /** A load on one target for a moment, and what it says at the end. */
  async function run(target: TestTarget, change: Partial<LoadOptions>): Promise<LoadSnapshot> {
    targets.push(target);
    const load = new LoadRun(options(target.id, change));
    await until("it has sent", () => load.snapshot().scheduled >= 3);
    return load.stop();
  }

  const plain = { ratePerSecond: 50 };

  async function allFail(target: TestTarget, change: Partial<LoadOptions>, reason: RegExp): Promise<LoadSnapshot> {
    const end = await run(target, change);
    assert.ok(end.failed >= 1);
    assert.equal(end.failed, end.scheduled);
    assert.match(end.failures[0]?.reason ?? "", reason);
    return end;
  }

  it("a status that is not 200", async () => {
    const target = await startTarget((_request, response) => {
      response.writeHead(404, { "x-rehearsal-cluster": "b" }).end('{"error_msg":"404 Route Not Found"}');
    });
    const end = await allFail(target, plain, /status 404, expected 200/);
    const [first] = end.failures;
    assert.equal(first?.body, '{"error_msg":"404 Route Not Found"}');
    assert.deepEqual([first.cluster, first.status, first.service, first.method], ["b", 404, "plain", "GET"]);
    assert.deepEqual([end.byCluster.b, end.answered], [end.scheduled, end.scheduled]);
  });

  it("an echo of another request", async () => {
    const target = await startTarget((_request, response) => response.end('{"nonce":"other"}'));
    const end = await allFail(target, plain, /the echo has nonce other, expected/);
    assert.equal(end.byCluster.none, end.scheduled);
  });

  it("a body that is no echo", async () => {
    const target = await startTarget((_request, response) => response.end("null"));
    await allFail(target, plain, /the body is no JSON object/);
  });

  it("an answer that is cut", async () => {
    const target = await startTarget((_request, response) => {
      response.writeHead(200, { "Content-Length": 100 });
      response.write("{");
      setTimeout(() => response.socket?.resetAndDestroy(), 5);
    });
    const end = await allFail(target, plain, /no complete answer/);
    assert.equal(end.answered, 0);
    assert.equal(end.sent, end.scheduled);
  });

  it("a connection that is refused: it was not even sent, and not tried again", async () => {
    const target = await startTarget(() => undefined);
    await target.kill();
    const end = await allFail(target, plain, /ECONNREFUSED/);
    assert.deepEqual([end.sent, end.answered, target.seen], [0, 0, 0]);
  });

  it("a request that dies on a used connection: it is sent once", async () => {
    const target = await startTarget((request, response) => {
      if (target.seen === 1) {
        response.end(JSON.stringify({ nonce: request.headers["x-nonce"] }));
      } else {
        response.socket?.resetAndDestroy();
      }
    });
    const end = await run(target, plain);
    assert.equal(end.failed, end.scheduled - 1);
    assert.equal(target.seen, end.scheduled);
  });

  it("a stream that ends without its last line", async () => {
    const target = await startTarget((_request, response) => {
      response.end('id: 1\ndata: {"event":1}\n\n');
    });
    targets.push(target);
    const load = new LoadRun(options(target.id, { streams: 1 }));
    await until("it has failed", () => load.snapshot().failed > 0);
    const end = await load.stop();
    assert.match(end.failures[0]?.reason ?? "", /ended after 1 events without its last line: it was cut/);
    assert.deepEqual([end.long[0]?.ok, end.long[0]?.messages], [false, 1]);
  });

  it("a stream whose connection breaks", async () => {
    const target = await startTarget((_request, response) => {
      response.write('id: 1\ndata: {"event":1}\n\n');
      setTimeout(() => response.socket?.resetAndDestroy(), 5);
    });
    targets.push(target);
    const load = new LoadRun(options(target.id, { streams: 1 }));
    await until("it has failed", () => load.snapshot().failed > 0);
    assert.match((await load.stop()).failures[0]?.reason ?? "", /no complete answer/);
  });

  it("a stream with a gap", async () => {
    const target = await startTarget((request, response) => {
      const nonce = request.headers["x-nonce"];
      response.end(`id: 1\ndata: 1\n\nid: 3\ndata: 3\n\nevent: end\ndata: ${JSON.stringify({ nonce, events: 2 })}\n\n`);
    });
    targets.push(target);
    const load = new LoadRun(options(target.id, { streams: 1 }));
    await until("it has failed", () => load.snapshot().failed > 0);
    assert.match((await load.stop()).failures[0]?.reason ?? "", /event 3 came where event 2 was expected/);
  });

  it("a WebSocket that is declined, and one that breaks", async () => {
    const declining = await startTarget(
      () => undefined,
      (_request, socket) => socket.end("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"),
    );
    targets.push(declining);
    const load = new LoadRun(options(declining.id, { websockets: 1 }));
    await until("it has failed", () => load.snapshot().failed > 0);
    const end = await load.stop();
    assert.equal(end.failures[0]?.reason, "status 503, expected 101");
    assert.deepEqual([end.failures[0].status, end.answered], [503, end.scheduled]);

    const upstreamAt = { address: freshAddress(), port: PORT };
    const upstream = await Upstream.start(upstreamAt);
    const gateway = await startGateway("a", upstreamAt);
    const second = new LoadRun(options(gateway.id, { websockets: 1 }));
    await until("it talks", () => (second.snapshot().long[0]?.messages ?? 0) > 1);
    await gateway.kill();
    await until("it has failed", () => second.snapshot().failed > 0);
    const [first] = (await second.stop()).failures;
    assert.match(first?.reason ?? "", /WebSocket closed with code 1006 after \d+ of \d+ messages|WebSocket broken/);
    assert.equal(first?.cluster, "a");
    await upstream.stop();
  });

  it("an upload that arrives changed", async () => {
    const target = await startTarget((request, response) => {
      request.resume();
      request.on("end", () =>
        response.end(JSON.stringify({ nonce: request.headers["x-nonce"], bytes: 1, sha256: "00" })),
      );
    });
    targets.push(target);
    const load = new LoadRun(options(target.id, { catalogue: [sample("upload")] }));
    await until("it has failed", () => load.snapshot().failed > 0);
    assert.match((await load.stop()).failures[0]?.reason ?? "", /1 bytes with SHA-256 00 arrived, expected \d+ with/);
  });
});

describe("load", () => {
  it("does not wait for answers: the rate holds while nothing is answered", async () => {
    const open: (() => void)[] = [];
    const target = await startTarget((request, response) => {
      open.push(() => response.end(JSON.stringify({ nonce: request.headers["x-nonce"] })));
    });
    const load = new LoadRun(options(target.id, { ratePerSecond: 100 }));
    await until("50 requests are waiting", () => open.length >= 50);
    assert.equal(load.snapshot().answered, 0);
    const stopped = load.stop();
    await wait(100);
    open.splice(0).forEach((answer) => answer());
    const end = await stopped;
    assert.deepEqual([end.failed, end.answered, end.sent], [0, end.scheduled, end.scheduled]);
    await target.kill();
  });

  it("stops by itself after its time", async () => {
    const target = await startTarget((request, response) =>
      response.end(JSON.stringify({ nonce: request.headers["x-nonce"] })),
    );
    const load = new LoadRun(options(target.id, { ratePerSecond: 100, maxSeconds: 0.2 }));
    await wait(400);
    const { scheduled } = load.snapshot();
    await wait(100);
    assert.ok(scheduled >= 20, `${scheduled} scheduled`);
    assert.equal(load.snapshot().scheduled, scheduled);
    assert.equal((await load.stop()).failed, 0);
    await target.kill();
  });

  it("chooses the same samples for the same seed, in the shares of their weights", () => {
    const choice = new WeightedChoice([1, 2, 0, 7].map((weight) => ({ weight })));
    const chosen = (seed: number): readonly number[] => {
      const random = sequence(seed);
      return Array.from({ length: 1000 }, () => choice.pick(random()).weight);
    };
    assert.deepEqual(chosen(7), chosen(7));
    assert.notDeepEqual(chosen(7), chosen(8));
    for (const weight of [1, 2, 0, 7]) {
      const share = chosen(7).filter((w) => w === weight).length / 1000;
      assert.ok(Math.abs(share - weight / 10) < 0.08, `${weight}: ${share}`);
    }
    assert.throws(() => new WeightedChoice([{ weight: 0 }]), /nothing to choose from/);
  });

  it("is refused by its process before anything is sent", async () => {
    await assert.rejects(Load.start(options("127.60.0.1", { ratePerSecond: -1 })), /load refused: the amount of plain/);
  });

  for (const [title, change, message] of [
    ["a kind that the catalogue lacks", { websockets: 1, catalogue: [sample("plain")] }, /no sample of kind websocket/],
    [
      "a delay beyond the idle timeout",
      { slow: { perSecond: 1, minSeconds: 1, maxSeconds: 90 } },
      /expected a range within 0-55 s/,
    ],
    ["a rate below 0", { ratePerSecond: -1 }, /amount of plain requests is -1/],
    ["no time", { maxSeconds: 0 }, /maxSeconds is 0/],
    ["a url that is not the balancer's", { url: "https://example.com" }, /url is https:\/\/example\.com/],
  ] as const) {
    it(`refuses ${title}`, () => {
      assert.throws(() => validateLoad(options("127.60.0.1", change)), message);
    });
  }
});

describe("children", () => {
  it("end with the process that started them, even when it is killed", async () => {
    const script = `
      const { LoadBalancerProcess } = require("./rehearsal/cloud/loadBalancer");
      const { Load, Upstream } = require("./rehearsal/cloud/traffic");
      (async () => {
        const address = ${JSON.stringify(freshAddress())};
        const children = [
          await Upstream.start({ address, port: ${PORT} }),
          await LoadBalancerProcess.start({ pace: 1 }),
          await Load.start(${JSON.stringify({ ...options("127.60.0.1", { ratePerSecond: 1 }) })}),
        ];
        console.log(children.map((child) => child.pid).join(" "));
      })();`;
    const parent = spawn(process.execPath, ["--require", "tsx/cjs", "--eval", script], {
      cwd: join(__dirname, "../.."),
      stdio: ["ignore", "pipe", "inherit"],
    });
    let output = "";
    parent.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    await until("the children run", () => output.endsWith("\n"), 15_000);
    const pids = output.trim().split(" ").map(Number);
    assert.equal(pids.length, 3);
    assert.ok(pids.every(alive));
    parent.kill("SIGKILL");
    await until("the children have ended", () => !pids.some(alive));
  });

  it("that end by themselves make the next question fail, and are reported", async () => {
    const lines: string[] = [];
    const upstream = await LoadBalancerProcess.start({ pace: 1, log: (line) => lines.push(line) });
    process.kill(upstream.pid ?? 0, "SIGKILL");
    await assert.rejects(upstream.state(), /load balancer: .*SIGKILL/);
    assert.deepEqual(lines, ["load balancer ended with SIGKILL without having been stopped"]);
    await upstream.stop();
  });
});

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
