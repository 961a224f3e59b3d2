import assert from "node:assert/strict";
import { type LoadOptions, type LoadSnapshot, Upstream } from "../../rehearsal/cloud/traffic";
import { LoadRun } from "../../rehearsal/cloud/traffic/loadRun";
import { freshAddress, PORT, startGateway, startTarget, type TestTarget, until } from "./trafficFixture";
import { options, sample } from "./trafficOptions";

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
