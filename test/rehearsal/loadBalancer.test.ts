import assert from "node:assert/strict";
import { connect } from "node:net";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { setTimeout as wait } from "node:timers/promises";
import { WebSocket, WebSocketServer } from "ws";
import {
  LoadBalancerProcess,
  type LoadBalancerConfig,
  type TargetGroupCounters,
} from "../../rehearsal/cloud/loadBalancer";
import {
  ask,
  balancerConfig,
  forward,
  freshAddress,
  group,
  PORT,
  rule,
  startTarget,
  TestBalancer,
  type TestTarget,
  until,
} from "./trafficFixture";

const PACE = 25;

describe("load balancer", () => {
  let testBalancer: TestBalancer;
  let balancer: LoadBalancerProcess;
  const targets: TestTarget[] = [];

  before(async () => {
    testBalancer = await TestBalancer.start(PACE);
    balancer = testBalancer.process;
  });
  after(() => balancer.stop());
  afterEach(async () => {
    await Promise.all(targets.splice(0).map((target) => target.kill()));
  });

  /** A target that answers its name; `slow` is answered when the test says so. */
  async function target(name: string): Promise<TestTarget & { finish: () => void }> {
    const waiting: (() => void)[] = [];
    const started = await startTarget((request, response) => {
      const answer = (): void => void response.end(name);
      if (request.url === "/wait") {
        waiting.push(answer);
      } else {
        answer();
      }
    });
    targets.push(started);
    return Object.assign(started, { finish: () => waiting.splice(0).forEach((answer) => answer()) });
  }

  async function states(arn: string): Promise<string> {
    return ((await balancer.state()).targets[arn] ?? []).map(({ state }) => state).join(" ");
  }

  async function counters(arn: string): Promise<TargetGroupCounters> {
    const found = (await balancer.state()).counters[arn];
    assert.ok(found, `no counters of ${arn}`);
    return found;
  }

  function use(config: LoadBalancerConfig): Promise<string> {
    return testBalancer.use(config);
  }

  async function askMany(address: string, count: number): Promise<Record<string, number>> {
    const answers: Record<string, number> = {};
    let left = count;
    const worker = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        const { status, body } = await ask(address);
        const key = status === 200 ? body : String(status);
        answers[key] = (answers[key] ?? 0) + 1;
      }
    };
    await Promise.all(Array.from({ length: 8 }, worker));
    return answers;
  }

  describe("shares", () => {
    it("are weight / sum within binomial bounds, and round robin within a group", async () => {
      const [a, b1, b2] = [await target("a"), await target("b"), await target("b")];
      const address = await use(
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
      const counted = await counters("share-b");
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
      const address = await use(
        balancerConfig(freshAddress(), forward({ a: 100, b: 0 }), [group("a", [a]), group("b", [b])]),
      );
      assert.deepEqual(await askMany(address, 100), { a: 100 });
      assert.equal(b.seen, 0);
      assert.equal(await states("b"), "healthy");
    });

    it("all weights 0: 503", async () => {
      const a = await target("a");
      const address = await use(balancerConfig(freshAddress(), forward({ a: 0 }), [group("a", [a])]));
      assert.equal((await ask(address)).status, 503);
      assert.equal(a.seen, 0);
    });

    it("an empty group answers its share with 503 and nobody takes it over", async () => {
      const a = await target("a");
      const address = await use(
        balancerConfig(freshAddress(), forward({ a: 1, b: 1 }), [group("a", [a]), group("b", [])]),
      );
      const before = (await counters("b")).elb5xx;
      const answers = await askMany(address, 200);
      assert.ok((answers["503"] ?? 0) > 50 && (answers.a ?? 0) > 50, JSON.stringify(answers));
      assert.equal((await counters("b")).elb5xx - before, answers["503"]);
    });

    it("an unhealthy group fails open: it keeps its share", async () => {
      const [a, b] = [await target("a"), await target("b")];
      b.health = 500;
      const address = await use(
        balancerConfig(freshAddress(), forward({ a: 0, b: 1 }), [group("a", [a]), group("b", [b])]),
      );
      assert.equal(await states("b"), "unhealthy");
      assert.deepEqual(await askMany(address, 20), { b: 20 });
      assert.equal(a.seen, 0);
    });

    it("a group with one healthy target sends nothing to its unhealthy ones", async () => {
      const [good, bad] = [await target("good"), await target("bad")];
      bad.health = 500;
      const address = await use(balancerConfig(freshAddress(), forward({ a: 1 }), [group("a", [bad, good])]));
      assert.deepEqual(await askMany(address, 20), { good: 20 });
    });

    it("the cookie outranks weight 0 while stickiness is on, and means nothing once it is off", async () => {
      const [a, b] = [await target("a"), await target("b")];
      const groups = [group("a", [a]), group("b", [b])];
      const address = await use(balancerConfig(freshAddress(), forward({ a: 0, b: 1 }, 60), groups));
      const first = await ask(address);
      assert.equal(first.body, "b");
      const cookie = first.headers["set-cookie"]?.[0]?.split(";")[0] ?? "";
      assert.match(cookie, /^AWSALBTG=/);
      await use(balancerConfig(address, forward({ a: 1, b: 0 }, 60), groups));
      assert.equal((await ask(address, "/", { cookie })).body, "b");
      assert.equal((await ask(address)).body, "a");
      await use(balancerConfig(address, forward({ a: 1, b: 0 }), groups));
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
      const address = await use(balancerConfig(freshAddress(), forward({ a: 1 }), [group("a", [a])], rules));
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
      await use(config);
      await assert.rejects(
        balancer.apply(balancerConfig(config.address, forward({ z: 1 }), [])),
        /forward\.groups is z/,
      );
      await wait(60);
      assert.equal((await ask(config.address)).body, "a");
    });

    it("a port that is taken is refused by name, and a listener that is gone is closed", async () => {
      const a = await target("a");
      await assert.rejects(
        balancer.apply(balancerConfig(a.id, forward({ a: 1 }), [group("a", [a])])),
        new RegExp(`listener ${a.id}:${PORT} cannot be opened: the port is taken`),
      );
      const old = await use(balancerConfig(freshAddress(), forward({ a: 1 }), [group("a", [a])]));
      await use(balancerConfig(freshAddress(), forward({ a: 1 }), [group("a", [a])]));
      await assert.rejects(ask(old), /ECONNREFUSED/);
    });

    it("a group in no rule is unused and unchecked", async () => {
      const [a, b] = [await target("a"), await target("b")];
      await use(balancerConfig(freshAddress(), forward({ a: 1 }), [group("a", [a]), group("b", [b])]));
      const [state] = (await balancer.state()).targets.b ?? [];
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
      const address = await use(balancerConfig(freshAddress(), forward({ a: 1 }), [group("a", [echo])]));
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
      const address = await use(balancerConfig(freshAddress(), forward({ a: 1 }), [group("a", [sized])]));
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
      const address = await use(balancerConfig(freshAddress(), forward({ a: 1 }), [group("a", [streamer])]));
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
      const address = await use(balancerConfig(freshAddress(), forward({ a: 1 }), [group("a", [a])]));
      for (let i = 0; i < 10; i += 1) {
        await ask(address);
      }
      const fromPool = [...a.sockets].filter((socket) => !socket.destroyed);
      assert.ok(fromPool.length <= 2, `${fromPool.length} connections`);
    });
  });

  describe("faults", () => {
    it("a target that is gone: 502, counted, and sent to nobody else", async () => {
      const [a, b] = [await target("a"), await target("b")];
      const address = await use(
        balancerConfig(freshAddress(), forward({ a: 1, b: 0 }), [group("a", [a]), group("b", [b])]),
      );
      const before = await counters("a");
      await a.kill();
      const answer = await ask(address);
      assert.equal(answer.status, 502);
      assert.match(answer.body, /502 Bad Gateway/);
      const after = await counters("a");
      assert.equal(after.connectionErrors - before.connectionErrors, 1);
      assert.equal(after.elb5xx - before.elb5xx, 1);
      assert.deepEqual(after.responses, before.responses);
      assert.equal(b.seen, 0);
    });

    it("a target that dies with the request: 502, and the request was sent once", async () => {
      const dying = await startTarget((_request, response) => response.socket?.resetAndDestroy());
      const other = await target("other");
      targets.push(dying);
      const address = await use(balancerConfig(freshAddress(), forward({ a: 1 }), [group("a", [dying])]));
      assert.equal((await ask(address)).status, 502);
      assert.equal(dying.seen, 1);
      // The same over a connection that was used before, where clients are tempted to try again.
      const once = await startTarget((_request, response) => {
        if (once.seen % 2 === 1) {
          response.end("first");
        } else {
          response.socket?.resetAndDestroy();
        }
      });
      targets.push(once);
      await use(balancerConfig(address, forward({ a: 1 }), [group("a", [once])]));
      assert.equal((await ask(address)).body, "first");
      assert.equal((await ask(address, "/", {}, "GET")).status, 502);
      assert.equal(once.seen, 2);
      assert.equal(other.seen, 0);
    });

    it("a target that dies within its answer: the client's connection breaks, the part is not taken for the whole", async () => {
      const half = await startTarget((_request, response) => {
        response.write("half of it");
        setTimeout(() => response.socket?.resetAndDestroy(), 30);
      });
      targets.push(half);
      const address = await use(balancerConfig(freshAddress(), forward({ a: 1 }), [group("a", [half])]));
      await assert.rejects(ask(address), /aborted|ECONNRESET/);
    });

    it("a client that goes away: the request to the target is ended, and nothing is left active", async () => {
      let closed = false;
      const patient = await startTarget((_request, response) => {
        response.on("close", () => (closed = true));
      });
      targets.push(patient);
      const address = await use(balancerConfig(freshAddress(), forward({ a: 1 }), [group("a", [patient])]));
      const request = httpRequest({ host: address, port: PORT, agent: false });
      request.on("error", () => undefined);
      request.end();
      await until("the target has the request", () => patient.seen === 1);
      assert.equal((await counters("a")).active, 1);
      request.destroy();
      await until("the target sees its client go", () => closed);
      assert.equal((await counters("a")).active, 0);
    });

    it("a silent target: 504 after the idle timeout", async () => {
      const silent = await startTarget(() => undefined);
      targets.push(silent);
      const config = balancerConfig(freshAddress(), forward({ a: 1 }), [group("a", [silent])]);
      const address = await use({ ...config, idleTimeoutSeconds: 1 });
      const startedAt = performance.now();
      assert.equal((await ask(address)).status, 504);
      assert.ok(performance.now() - startedAt >= 900);
      assert.equal(silent.seen, 1);
    });
  });

  describe("health checks", () => {
    it("follow a target down and up again, and requests follow the health", async () => {
      const [a, b] = [await target("a"), await target("b")];
      const address = await use(balancerConfig(freshAddress(), forward({ a: 1 }), [group("a", [a, b])]));
      assert.equal(await states("a"), "healthy healthy");
      a.health = 503;
      await until("a is unhealthy", async () => (await states("a")) === "unhealthy healthy");
      const [state] = (await balancer.state()).targets.a ?? [];
      assert.equal(state?.reason, "Target.ResponseCodeMismatch");
      assert.deepEqual(await askMany(address, 10), { b: 10 });
      a.health = 200;
      await until("a is healthy", async () => (await states("a")) === "healthy healthy");
      await a.kill();
      await until("a is unhealthy", async () => (await states("a")) === "unhealthy healthy");
      assert.equal((await balancer.state()).targets.a?.[0]?.reason, "Target.FailedHealthChecks");
      assert.ok(
        testBalancer.log.some((line) =>
          line.includes(`${a.id}:${a.port} healthy -> unhealthy (Target.FailedHealthChecks)`),
        ),
      );
    });
  });

  describe("deregistration", () => {
    it("lets requests in flight finish, sends nothing new, closes idle connections at once", async () => {
      const [a, b] = [await target("a"), await target("b")];
      const address = await use(balancerConfig(freshAddress(), forward({ a: 1 }), [group("a", [a])]));
      await Promise.all([ask(address), ask(address)]);
      const inFlight = ask(address, "/wait");
      await until("a has the request", () => a.seen === 3);
      await use(balancerConfig(address, forward({ a: 1 }), [group("a", [b])]));
      assert.equal(await states("a"), "healthy draining");
      await until("only the connection in use is open", () => a.sockets.size === 1);
      assert.deepEqual(await askMany(address, 10), { b: 10 });
      a.finish();
      assert.equal((await inFlight).body, "a");
      await until("a is gone", async () => (await states("a")) === "healthy" && a.sockets.size === 0);
    });

    it("cuts what is in flight when the delay is over", async () => {
      const [a, b] = [await target("a"), await target("b")];
      const address = await use(balancerConfig(freshAddress(), forward({ a: 1 }), [group("a", [a], 10)]));
      const inFlight = ask(address, "/wait");
      await until("a has the request", () => a.seen === 1);
      const startedAt = performance.now();
      await use(balancerConfig(address, forward({ a: 1 }), [group("a", [b], 10)]));
      assert.equal((await inFlight).status, 502);
      assert.ok(performance.now() - startedAt >= 10_000 / PACE - 20);
      assert.equal(await states("a"), "healthy");
    });

    it("a group that is in no configuration any more: what is in flight takes its time, and the counters stay", async () => {
      const [a, b] = [await target("a"), await target("b")];
      const address = await use(balancerConfig(freshAddress(), forward({ gone: 1 }), [group("gone", [a], 0)]));
      const inFlight = ask(address, "/wait");
      await until("a has the request", () => a.seen === 1);
      await use(balancerConfig(address, forward({ b: 1 }), [group("b", [b])]));
      assert.equal((await ask(address)).body, "b");
      assert.deepEqual((await balancer.state()).targets.gone, undefined);
      assert.equal((await counters("gone")).active, 1);
      await wait(50);
      a.finish();
      assert.equal((await inFlight).body, "a");
      await use(balancerConfig(address, forward({ gone: 1 }), [group("gone", [a])]));
      assert.equal((await ask(address)).body, "a");
      assert.deepEqual([(await counters("gone")).requests, (await counters("gone")).active], [2, 0]);
    });
  });

  describe("WebSockets", () => {
    async function socketTarget(): Promise<TestTarget> {
      const server = new WebSocketServer({ noServer: true });
      const started = await startTarget(
        (_request, response) => response.writeHead(426).end("no"),
        (request, socket, head) => {
          if (request.url === "/declined") {
            socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\nConnection: close\r\n\r\nstop");
            return;
          }
          server.handleUpgrade(request, socket, head, (webSocket) => {
            webSocket.on("message", (data, binary) => webSocket.send(data, { binary }));
          });
        },
      );
      targets.push(started);
      return started;
    }

    async function open(address: string): Promise<WebSocket> {
      const socket = new WebSocket(`ws://${address}:${PORT}/`, { agent: false });
      await new Promise((resolve, reject) => socket.on("open", resolve).on("error", reject));
      return socket;
    }

    function echo(socket: WebSocket, text: string): Promise<string> {
      return new Promise((resolve, reject) => {
        socket.once("message", (data) => resolve(Buffer.isBuffer(data) ? data.toString() : ""));
        socket.once("close", (code) => reject(new Error(`closed with ${code}`)));
        socket.send(text);
      });
    }

    it("stay where they are when the weights change, and close in order", async () => {
      const [a, b] = [await socketTarget(), await socketTarget()];
      const groups = [group("a", [a]), group("b", [b])];
      const address = await use(balancerConfig(freshAddress(), forward({ a: 1, b: 0 }), groups));
      const socket = await open(address);
      assert.equal(await echo(socket, "before"), "before");
      await use(balancerConfig(address, forward({ a: 0, b: 1 }), groups));
      assert.equal(await echo(socket, "after"), "after");
      assert.equal((await counters("a")).active, 1);
      const code = new Promise((resolve) => socket.on("close", resolve));
      socket.close(1000);
      assert.equal(await code, 1000);
      await until("nothing is active", async () => (await counters("a")).active === 0);
      assert.equal(b.seen, 0);
    });

    it("are cut when the deregistration delay of their target is over", async () => {
      const a = await socketTarget();
      const address = await use(balancerConfig(freshAddress(), forward({ a: 1 }), [group("a", [a], 5)]));
      const socket = await open(address);
      socket.on("error", () => undefined);
      const code = new Promise((resolve) => socket.on("close", resolve));
      await use(balancerConfig(address, forward({ a: 1 }), [group("a", [], 5)]));
      assert.equal(await code, 1006);
    });

    it("end with their target, and with their client", async () => {
      const a = await socketTarget();
      const address = await use(balancerConfig(freshAddress(), forward({ a: 1 }), [group("a", [a])]));
      const [one, two] = [await open(address), await open(address)];
      one.terminate();
      await until("one is active", async () => (await counters("a")).active === 1);
      two.on("error", () => undefined);
      const code = new Promise((resolve) => two.on("close", resolve));
      await a.kill();
      assert.equal(await code, 1006);
      await until("nothing is active", async () => (await counters("a")).active === 0);
    });

    it("end with their target even when the client keeps its half open", async () => {
      const closing = await startTarget(
        () => undefined,
        (_request, socket) => {
          socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
          socket.end("bye");
        },
      );
      targets.push(closing);
      const address = await use(balancerConfig(freshAddress(), forward({ a: 1 }), [group("a", [closing])]));
      let text = "";
      const client = connect({ host: address, port: PORT, allowHalfOpen: true }, () =>
        client.write("GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
      );
      client.on("error", () => undefined).on("data", (chunk: Buffer) => (text += chunk.toString()));
      await until("the target's last word is there", () => text.endsWith("\r\n\r\nbye"));
      closing.sockets.forEach((socket) => socket.destroy());
      await until("nothing is active", async () => (await counters("a")).active === 0);
      client.destroy();
    });

    it("that are declined, or have no target, get the answer as it is", async () => {
      const a = await socketTarget();
      const address = await use(balancerConfig(freshAddress(), forward({ a: 1 }), [group("a", [a])]));
      const upgrade = {
        Connection: "Upgrade",
        Upgrade: "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
      };
      const declined = await ask(address, "/declined", upgrade);
      assert.deepEqual([declined.status, declined.body], [403, "stop"]);
      await a.kill();
      assert.equal((await ask(address, "/", upgrade)).status, 502);
      await use(balancerConfig(address, forward({ a: 1 }), [group("a", [])]));
      assert.equal((await ask(address, "/", upgrade)).status, 503);
    });
  });

  it("answers what is no HTTP with 400 and goes on", async () => {
    const a = await target("a");
    const address = await use(balancerConfig(freshAddress(), forward({ a: 1 }), [group("a", [a])]));
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
