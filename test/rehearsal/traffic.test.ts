import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { LoadBalancerProcess } from "../../rehearsal/cloud/loadBalancer";
import { Load, type LoadSecond, Upstream } from "../../rehearsal/cloud/traffic";
import { LoadRun, validateLoad } from "../../rehearsal/cloud/traffic/loadRun";
import { OpenLoop } from "../../rehearsal/cloud/traffic/openLoop";
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
import { catalogue, options, sample } from "./trafficOptions";

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
    await until("B answers", async () => (await load.snapshot()).byCluster.b > 50);
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
    assert.deepEqual([end.scheduled, end.sent, end.answered], [2000, 2000, 2000]);
    const tolerance = 5 * Math.sqrt(2000 * 0.05 * 0.95);
    assert.ok(Math.abs(end.byCluster.b - 100) < tolerance, JSON.stringify(end.byCluster));
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

  it("stops by itself after its time, with exactly the requests that were due in it", async () => {
    const target = await startTarget((request, response) =>
      response.end(JSON.stringify({ nonce: request.headers["x-nonce"] })),
    );
    const load = new LoadRun(options(target.id, { ratePerSecond: 100, maxSeconds: 0.2 }));
    await wait(300);
    const { scheduled, sent, answered, failed } = await load.stop();
    assert.deepEqual([scheduled, sent, answered, failed], [20, 20, 20, 0]);
    await target.kill();
  });

  it("sends late what a busy process could not send in time, and leaves nothing out", () => {
    const lateness: number[] = [];
    const loop = new OpenLoop(1000, 60, (late) => lateness.push(late));
    const busyUntil = performance.now() + 50;
    while (performance.now() < busyUntil);
    const inTime = lateness.length;
    assert.equal(inTime, 0);
    loop.stop();
    assert.ok(lateness.length >= 50 && lateness.length < 5000, `${lateness.length} calls`);
    assert.ok((lateness[0] ?? 0) >= 49 && (lateness.at(-1) ?? 99) < 1, JSON.stringify(lateness));
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
    const balancer = await LoadBalancerProcess.start({ pace: 1, log: (line) => lines.push(line) });
    process.kill(balancer.pid ?? 0, "SIGKILL");
    await assert.rejects(balancer.state(), /load balancer: .*SIGKILL/);
    assert.deepEqual(lines, ["load balancer ended with SIGKILL without having been stopped"]);
    await balancer.stop();
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
