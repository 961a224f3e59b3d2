import assert from "node:assert/strict";
import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { WebSocket, WebSocketServer } from "ws";
import {
  ask,
  askMany,
  balancerConfig,
  forward,
  freshAddress,
  group,
  PORT,
  startNamed,
  startTarget,
  TestBalancer,
  type TestTarget,
  until,
} from "./trafficFixture";

const PACE = 25;

describe("load balancer: faults and long requests", () => {
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

  describe("faults", () => {
    it("a target that is gone: 502, counted, and sent to nobody else", async () => {
      const [a, b] = [await target("a"), await target("b")];
      const address = await balancer.use(
        balancerConfig(freshAddress(), forward({ a: 1, b: 0 }), [group("a", [a]), group("b", [b])]),
      );
      const before = await balancer.counters("a");
      await a.kill();
      const answer = await ask(address);
      assert.equal(answer.status, 502);
      assert.match(answer.body, /502 Bad Gateway/);
      const after = await balancer.counters("a");
      assert.equal(after.connectionErrors - before.connectionErrors, 1);
      assert.equal(after.elb5xx - before.elb5xx, 1);
      assert.deepEqual(after.responses, before.responses);
      assert.equal(b.seen, 0);
    });

    it("a target that dies with the request: 502, and the request was sent once", async () => {
      const dying = await startTarget((_request, response) => response.socket?.resetAndDestroy());
      const other = await target("other");
      targets.push(dying);
      const address = await balancer.use(balancerConfig(freshAddress(), forward({ a: 1 }), [group("a", [dying])]));
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
      await balancer.use(balancerConfig(address, forward({ a: 1 }), [group("a", [once])]));
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
      const address = await balancer.use(balancerConfig(freshAddress(), forward({ a: 1 }), [group("a", [half])]));
      await assert.rejects(ask(address), /aborted|ECONNRESET/);
    });

    it("a client that goes away: the request to the target is ended, and nothing is left active", async () => {
      let closed = false;
      const patient = await startTarget((_request, response) => {
        response.on("close", () => (closed = true));
      });
      targets.push(patient);
      const address = await balancer.use(balancerConfig(freshAddress(), forward({ a: 1 }), [group("a", [patient])]));
      const request = httpRequest({ host: address, port: PORT, agent: false });
      request.on("error", () => undefined);
      request.end();
      await until("the target has the request", () => patient.seen === 1);
      assert.equal((await balancer.counters("a")).active, 1);
      request.destroy();
      await until("the target sees its client go", () => closed);
      assert.equal((await balancer.counters("a")).active, 0);
    });

    it("a silent target: 504 after the idle timeout", async () => {
      const silent = await startTarget(() => undefined);
      targets.push(silent);
      const config = balancerConfig(freshAddress(), forward({ a: 1 }), [group("a", [silent])]);
      const address = await balancer.use({ ...config, idleTimeoutSeconds: 1 });
      const startedAt = performance.now();
      assert.equal((await ask(address)).status, 504);
      assert.ok(performance.now() - startedAt >= 900);
      assert.equal(silent.seen, 1);
    });
  });

  describe("health checks", () => {
    it("follow a target down and up again, and requests follow the health", async () => {
      const [a, b] = [await target("a"), await target("b")];
      const address = await balancer.use(balancerConfig(freshAddress(), forward({ a: 1 }), [group("a", [a, b])]));
      assert.equal(await balancer.states("a"), "healthy healthy");
      a.health = 503;
      await until("a is unhealthy", async () => (await balancer.states("a")) === "unhealthy healthy");
      const [state] = (await balancer.process.state()).targets.a ?? [];
      assert.equal(state?.reason, "Target.ResponseCodeMismatch");
      assert.deepEqual(await askMany(address, 10), { b: 10 });
      a.health = 200;
      await until("a is healthy", async () => (await balancer.states("a")) === "healthy healthy");
      await a.kill();
      await until("a is unhealthy", async () => (await balancer.states("a")) === "unhealthy healthy");
      assert.equal((await balancer.process.state()).targets.a?.[0]?.reason, "Target.FailedHealthChecks");
      assert.ok(
        balancer.log.some((line) =>
          line.includes(`${a.id}:${a.port} healthy -> unhealthy (Target.FailedHealthChecks)`),
        ),
      );
    });
  });

  describe("deregistration", () => {
    it("lets requests in flight finish, sends nothing new, closes idle connections at once", async () => {
      const [a, b] = [await target("a"), await target("b")];
      const address = await balancer.use(balancerConfig(freshAddress(), forward({ a: 1 }), [group("a", [a])]));
      await Promise.all([ask(address), ask(address)]);
      const inFlight = ask(address, "/wait");
      await until("a has the request", () => a.seen === 3);
      await balancer.use(balancerConfig(address, forward({ a: 1 }), [group("a", [b])]));
      assert.equal(await balancer.states("a"), "healthy draining");
      await until("only the connection in use is open", () => a.sockets.size === 1);
      assert.deepEqual(await askMany(address, 10), { b: 10 });
      a.finish();
      assert.equal((await inFlight).body, "a");
      await until("a is gone", async () => (await balancer.states("a")) === "healthy" && a.sockets.size === 0);
    });

    it("cuts what is in flight when the delay is over", async () => {
      const [a, b] = [await target("a"), await target("b")];
      const address = await balancer.use(balancerConfig(freshAddress(), forward({ a: 1 }), [group("a", [a], 10)]));
      const inFlight = ask(address, "/wait");
      await until("a has the request", () => a.seen === 1);
      const startedAt = performance.now();
      await balancer.use(balancerConfig(address, forward({ a: 1 }), [group("a", [b], 10)]));
      assert.equal((await inFlight).status, 502);
      assert.ok(performance.now() - startedAt >= 10_000 / PACE - 20);
      assert.equal(await balancer.states("a"), "healthy");
    });

    it("a group that is in no configuration any more: what is in flight takes its time, and the counters stay", async () => {
      const [a, b] = [await target("a"), await target("b")];
      const address = await balancer.use(balancerConfig(freshAddress(), forward({ gone: 1 }), [group("gone", [a], 0)]));
      const inFlight = ask(address, "/wait");
      await until("a has the request", () => a.seen === 1);
      await balancer.use(balancerConfig(address, forward({ b: 1 }), [group("b", [b])]));
      assert.equal((await ask(address)).body, "b");
      assert.deepEqual((await balancer.process.state()).targets.gone, undefined);
      assert.equal((await balancer.counters("gone")).active, 1);
      await wait(50);
      a.finish();
      assert.equal((await inFlight).body, "a");
      await balancer.use(balancerConfig(address, forward({ gone: 1 }), [group("gone", [a])]));
      assert.equal((await ask(address)).body, "a");
      assert.deepEqual([(await balancer.counters("gone")).requests, (await balancer.counters("gone")).active], [2, 0]);
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
      const address = await balancer.use(balancerConfig(freshAddress(), forward({ a: 1, b: 0 }), groups));
      const socket = await open(address);
      assert.equal(await echo(socket, "before"), "before");
      await balancer.use(balancerConfig(address, forward({ a: 0, b: 1 }), groups));
      assert.equal(await echo(socket, "after"), "after");
      assert.equal((await balancer.counters("a")).active, 1);
      const code = new Promise((resolve) => socket.on("close", resolve));
      socket.close(1000);
      assert.equal(await code, 1000);
      await until("nothing is active", async () => (await balancer.counters("a")).active === 0);
      assert.equal(b.seen, 0);
    });

    it("are cut when the deregistration delay of their target is over", async () => {
      const a = await socketTarget();
      const address = await balancer.use(balancerConfig(freshAddress(), forward({ a: 1 }), [group("a", [a], 5)]));
      const socket = await open(address);
      socket.on("error", () => undefined);
      const code = new Promise((resolve) => socket.on("close", resolve));
      await balancer.use(balancerConfig(address, forward({ a: 1 }), [group("a", [], 5)]));
      assert.equal(await code, 1006);
    });

    it("end with their target, and with their client", async () => {
      const a = await socketTarget();
      const address = await balancer.use(balancerConfig(freshAddress(), forward({ a: 1 }), [group("a", [a])]));
      const [one, two] = [await open(address), await open(address)];
      one.terminate();
      await until("one is active", async () => (await balancer.counters("a")).active === 1);
      two.on("error", () => undefined);
      const code = new Promise((resolve) => two.on("close", resolve));
      await a.kill();
      assert.equal(await code, 1006);
      await until("nothing is active", async () => (await balancer.counters("a")).active === 0);
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
      const address = await balancer.use(balancerConfig(freshAddress(), forward({ a: 1 }), [group("a", [closing])]));
      let text = "";
      const client = connect({ host: address, port: PORT, allowHalfOpen: true }, () =>
        client.write("GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
      );
      client.on("error", () => undefined).on("data", (chunk: Buffer) => (text += chunk.toString()));
      await until("the target's last word is there", () => text.endsWith("\r\n\r\nbye"));
      closing.sockets.forEach((socket) => socket.destroy());
      await until("nothing is active", async () => (await balancer.counters("a")).active === 0);
      client.destroy();
    });

    it("that are declined, or have no target, get the answer as it is", async () => {
      const a = await socketTarget();
      const address = await balancer.use(balancerConfig(freshAddress(), forward({ a: 1 }), [group("a", [a])]));
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
      await balancer.use(balancerConfig(address, forward({ a: 1 }), [group("a", [])]));
      assert.equal((await ask(address, "/", upgrade)).status, 503);
    });
  });
});
