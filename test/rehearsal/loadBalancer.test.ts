import assert from "node:assert/strict";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { LoadBalancerProcess } from "../../rehearsal/cloud/loadBalancer";
import {
  ask,
  askMany,
  balancerConfig,
  forward,
  freshAddress,
  group,
  PORT,
  rule,
  startNamed,
  startTarget,
  TestBalancer,
  type TestTarget,
  until,
} from "./trafficFixture";

const PACE = 25;

describe("load balancer", () => {
  let balancer: TestBalancer;
  const targets: TestTarget[] = [];

  before(async () => {
    balancer = await TestBalancer.start(PACE);
  });
  after(() => balancer.process.stop());
  afterEach(async () => {
    await Promise.all(targets.splice(0).map((target) => target.kill()));
  });

  async function target(name: string): ReturnType<typeof startNamed> {
    const started = await startNamed(name);
    targets.push(started);
    return started;
  }

  describe("shares", () => {
    it("are weight / sum within binomial bounds, and round robin within a group", async () => {
      const [a, b1, b2] = [await target("a"), await target("b"), await target("b")];
      const address = await balancer.use(
        balancerConfig(freshAddress(), forward({ "share-a": 3, "share-b": 1 }), [
          group("share-a", [a]),
          group("share-b", [b1, b2]),
        ]),
      );
      const count = 800;
      const answers = await askMany(address, count);
      // Five standard deviations: a false alarm once in 1.7 million runs.
      const tolerance = 5 * Math.sqrt(count * 0.25 * 0.75);
      assert.ok(Math.abs((answers.b ?? 0) - count / 4) < tolerance, JSON.stringify(answers));
      assert.equal((answers.a ?? 0) + (answers.b ?? 0), count);
      assert.ok(Math.abs(b1.seen - b2.seen) <= 1, `${b1.seen} and ${b2.seen}`);
      const counted = await balancer.counters("share-b");
      assert.equal(counted.requests, answers.b);
      assert.equal(counted.responses["2xx"], answers.b);
      assert.equal(
        counted.latencyMs.count.reduce((sum, n) => sum + n, 0),
        answers.b,
      );
      assert.equal(counted.active, 0);
      assert.ok(Date.now() - Date.parse(counted.lastRequestAt ?? "") < 60_000, counted.lastRequestAt);
    });

    it("weight 0 gets no request, though its targets are checked", async () => {
      const [a, b] = [await target("a"), await target("b")];
      const address = await balancer.use(
        balancerConfig(freshAddress(), forward({ a: 100, b: 0 }), [group("a", [a]), group("b", [b])]),
      );
      assert.deepEqual(await askMany(address, 100), { a: 100 });
      assert.equal(b.seen, 0);
      assert.equal(await balancer.states("b"), "healthy");
    });

    it("all weights 0: 503", async () => {
      const a = await target("a");
      const address = await balancer.use(balancerConfig(freshAddress(), forward({ a: 0 }), [group("a", [a])]));
      assert.equal((await ask(address)).status, 503);
      assert.equal(a.seen, 0);
    });

    it("an empty group answers its share with 503 and nobody takes it over", async () => {
      const a = await target("a");
      const address = await balancer.use(
        balancerConfig(freshAddress(), forward({ a: 1, b: 1 }), [group("a", [a]), group("b", [])]),
      );
      const before = (await balancer.counters("b")).elb5xx;
      const answers = await askMany(address, 200);
      assert.ok((answers["503"] ?? 0) > 50 && (answers.a ?? 0) > 50, JSON.stringify(answers));
      assert.equal((await balancer.counters("b")).elb5xx - before, answers["503"]);
    });

    it("an unhealthy group fails open: it keeps its share", async () => {
      const [a, b] = [await target("a"), await target("b")];
      b.health = 500;
      const address = await balancer.use(
        balancerConfig(freshAddress(), forward({ a: 0, b: 1 }), [group("a", [a]), group("b", [b])]),
      );
      assert.equal(await balancer.states("b"), "unhealthy");
      assert.deepEqual(await askMany(address, 20), { b: 20 });
      assert.equal(a.seen, 0);
    });

    it("a group with one healthy target sends nothing to its unhealthy ones", async () => {
      const [good, bad] = [await target("good"), await target("bad")];
      bad.health = 500;
      const address = await balancer.use(balancerConfig(freshAddress(), forward({ a: 1 }), [group("a", [bad, good])]));
      assert.deepEqual(await askMany(address, 20), { good: 20 });
    });

    it("the cookie outranks weight 0 while stickiness is on, and means nothing once it is off", async () => {
      const [a, b] = [await target("a"), await target("b")];
      const groups = [group("a", [a]), group("b", [b])];
      const address = await balancer.use(balancerConfig(freshAddress(), forward({ a: 0, b: 1 }, 60), groups));
      const first = await ask(address);
      assert.equal(first.body, "b");
      const cookie = first.headers["set-cookie"]?.[0]?.split(";")[0] ?? "";
      assert.match(cookie, /^AWSALBTG=/);
      await balancer.use(balancerConfig(address, forward({ a: 1, b: 0 }, 60), groups));
      assert.equal((await ask(address, "/", { cookie })).body, "b");
      assert.equal((await ask(address)).body, "a");
      await balancer.use(balancerConfig(address, forward({ a: 1, b: 0 }), groups));
      const freed = await ask(address, "/", { cookie });
      assert.equal(freed.body, "a");
      assert.equal(freed.headers["set-cookie"], undefined);
    });
  });

  describe("configuration", () => {
    it("takes effect after the propagation time, and not before", async () => {
      const slow = await LoadBalancerProcess.start({ pace: PACE, propagationMs: 400 });
      try {
        const [a, b] = [await target("a"), await target("b")];
        const groups = [group("a", [a]), group("b", [b])];
        const config = balancerConfig(freshAddress(), forward({ a: 1, b: 0 }), groups);
        await slow.apply(config);
        assert.equal((await slow.state()).targets.a?.[0]?.state, "initial");
        assert.equal((await ask(config.address)).status, 503);
        await until("first configuration in effect", async () => (await ask(config.address)).status === 200);
        const changedAt = performance.now();
        await slow.apply(balancerConfig(config.address, forward({ a: 0, b: 1 }), groups));
        await until("second configuration in effect", async () => (await ask(config.address)).body === "b");
        const took = performance.now() - changedAt;
        assert.ok(took >= 390, `${took} ms`);
      } finally {
        await slow.stop();
      }
    });

    it("rules go by priority, fixed responses come from the load balancer", async () => {
      const a = await target("a");
      const closed = {
        type: "fixed-response",
        statusCode: 503,
        body: '{"frozen":true}',
        contentType: "application/json",
      } as const;
      const rules = [rule(1, closed, { methods: ["POST", "PUT"], paths: ["/api/*"] })];
      const address = await balancer.use(balancerConfig(freshAddress(), forward({ a: 1 }), [group("a", [a])], rules));
      const refused = await ask(address, "/api/routes", {}, "POST", "x");
      assert.deepEqual(
        [refused.status, refused.body, refused.headers["content-type"]],
        [503, closed.body, closed.contentType],
      );
      assert.equal((await ask(address, "/api/routes")).body, "a");
      assert.equal(a.seen, 1);
    });

    it("a refused one changes nothing", async () => {
      const a = await target("a");
      const config = balancerConfig(freshAddress(), forward({ a: 1 }), [group("a", [a])]);
      await balancer.use(config);
      await assert.rejects(
        balancer.process.apply(balancerConfig(config.address, forward({ z: 1 }), [])),
        /forward\.groups is z/,
      );
      await wait(60);
      assert.equal((await ask(config.address)).body, "a");
    });

    it("a port that is taken is refused by name, and a listener that is gone is closed", async () => {
      const a = await target("a");
      await assert.rejects(
        balancer.process.apply(balancerConfig(a.id, forward({ a: 1 }), [group("a", [a])])),
        new RegExp(`listener ${a.id}:${PORT} cannot be opened: the port is taken`),
      );
      const old = await balancer.use(balancerConfig(freshAddress(), forward({ a: 1 }), [group("a", [a])]));
      await balancer.use(balancerConfig(freshAddress(), forward({ a: 1 }), [group("a", [a])]));
      await assert.rejects(ask(old), /ECONNREFUSED/);
    });

    it("a group in no rule is unused and unchecked", async () => {
      const [a, b] = [await target("a"), await target("b")];
      await balancer.use(balancerConfig(freshAddress(), forward({ a: 1 }), [group("a", [a]), group("b", [b])]));
      const [state] = (await balancer.process.state()).targets.b ?? [];
      assert.deepEqual(state, { id: b.id, port: b.port, state: "unused", reason: "Target.NotInUse" });
      assert.equal(b.sockets.size, 0);
    });
  });

  describe("forwarding", () => {
    it("passes head and body on as they are, and says where they come from", async () => {
      let seen: IncomingMessage | undefined;
      const echo = await startTarget((request, response) => {
        seen = request;
        response.writeHead(201, "Made", ["Set-Cookie", "a=1", "Set-Cookie", "b=2", "X-Case", "Kept"]);
        request.pipe(response);
      });
      targets.push(echo);
      const address = await balancer.use(balancerConfig(freshAddress(), forward({ a: 1 }), [group("a", [echo])]));
      const headers = {
        Host: "api.example.com",
        "X-Forwarded-For": "10.1.2.3",
        Connection: "close, X-Private",
        "X-Private": "1",
      };
      const answer = await ask(address, "/a/b?c=%20d", headers, "PUT", "body");
      assert.deepEqual([answer.status, answer.body, answer.headers["set-cookie"]], [201, "body", ["a=1", "b=2"]]);
      assert.deepEqual([seen?.method, seen?.url, seen?.headers.host], ["PUT", "/a/b?c=%20d", "api.example.com"]);
      assert.equal(seen?.headers["x-forwarded-for"], "10.1.2.3, 127.0.0.1");
      assert.equal(seen.headers["x-forwarded-proto"], "http");
      assert.equal(seen.headers["x-forwarded-port"], String(PORT));
      assert.equal(seen.headers["x-private"], undefined);
      assert.equal(seen.headers.connection, "keep-alive");
    });

    it("keeps the length of an answer to HEAD, and the connection in step after it", async () => {
      const sized = await startTarget((_request, response) =>
        response.writeHead(200, { "Content-Length": 5 }).end("hello"),
      );
      targets.push(sized);
      const address = await balancer.use(balancerConfig(freshAddress(), forward({ a: 1 }), [group("a", [sized])]));
      const head = await ask(address, "/", {}, "HEAD");
      assert.deepEqual([head.status, head.body, head.headers["content-length"]], [200, "", "5"]);
      assert.equal((await ask(address)).body, "hello");
    });

    it("streams: the head and each piece go on as they come", async () => {
      let send: ((text: string) => void) | undefined;
      let end: (() => void) | undefined;
      const streamer = await startTarget((_request, response) => {
        response.flushHeaders();
        send = (text) => void response.write(text);
        end = () => void response.end();
      });
      targets.push(streamer);
      const address = await balancer.use(balancerConfig(freshAddress(), forward({ a: 1 }), [group("a", [streamer])]));
      const response = await new Promise<IncomingMessage>((resolve, reject) => {
        httpRequest({ host: address, port: PORT, agent: false }, resolve).on("error", reject).end();
      });
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      for (const piece of ["one", "two"]) {
        text = "";
        send?.(piece);
        await until(`${piece} has come`, () => text === piece);
      }
      end?.();
      await until("the answer has ended", () => response.complete);
    });

    it("uses the same connections to targets again", async () => {
      const a = await target("a");
      const address = await balancer.use(balancerConfig(freshAddress(), forward({ a: 1 }), [group("a", [a])]));
      for (let i = 0; i < 10; i += 1) {
        await ask(address);
      }
      const fromPool = [...a.sockets].filter((socket) => !socket.destroyed);
      assert.ok(fromPool.length <= 2, `${fromPool.length} connections`);
    });
  });

  it("answers what is no HTTP with 400 and goes on", async () => {
    const a = await target("a");
    const address = await balancer.use(balancerConfig(freshAddress(), forward({ a: 1 }), [group("a", [a])]));
    const text = await new Promise<string>((resolve, reject) => {
      let received = "";
      const socket = connect(PORT, address, () => socket.write("nonsense\r\n\r\n"));
      socket.on("data", (chunk) => (received += chunk.toString()));
      socket.on("error", reject);
      socket.on("close", () => resolve(received));
    });
    assert.match(text, /^HTTP\/1\.1 400 /);
    assert.equal((await ask(address)).body, "a");
  });
});
