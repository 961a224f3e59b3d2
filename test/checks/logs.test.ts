import assert from "node:assert/strict";
import { CONTROL_PLANE_FRAGMENTS, DATA_PLANE_FRAGMENTS, readLog } from "../../checks/logs";

const NOW = new Date("2026-03-01T12:00:00Z");
const READY = new Date("2026-03-01T11:00:00Z");

/** A line as the API server gives it, so many minutes ago. */
function line(minutesAgo: number, text: string): string {
  return `${new Date(NOW.getTime() - minutesAgo * 60_000).toISOString()} ${text}`;
}

/** Every fragment of facts/api7.md 3.4, inside a line as a gateway writes it. */
const BROKEN = [
  "request etcd endpoint 'https://a:7943/version' error, connection refused",
  "all etcd nodes are unavailable",
  "the etcd cluster needs at least 50% and above healthy nodes",
  "none of the configured etcd works well",
  'got malformed version message: "<html>" from etcd',
  "failed to send heartbeat to control plane: timeout",
  "failed to connect with control plane after 3 attempts",
  "heartbeat failed: 401",
  "missing gateway_group_id in heartbeat response",
  "upload metrics failed: 500",
  "failed to fetch data from etcd: closed",
  "no healthy etcd endpoint available",
  "sslv3 alert bad certificate",
  "certificate verify failed",
  "handshake failed",
];

describe("check: logs", () => {
  for (const text of BROKEN) {
    it(`counts "${text.slice(0, 50)}" of a ready gateway`, () => {
      const log = [line(40, "started"), line(5, `2026/03/01 11:55:00 [error] 48#48: ${text}`), line(1, "serving")].join(
        "\n",
      );
      const { troubles, lines } = readLog(log, DATA_PLANE_FRAGMENTS, READY, NOW);
      assert.equal(troubles.length, 1);
      assert.equal(lines, 3);
    });
  }

  it("does not count what was before the pod was ready", () => {
    const log = BROKEN.map((text, index) => line(60.5 - index / 30, text)).join("\n");
    assert.equal(
      readLog(line(59.9, "heartbeat failed"), DATA_PLANE_FRAGMENTS, READY, new Date(NOW.getTime() - 31 * 60_000))
        .troubles.length,
      1,
    );
    const reading = readLog(log, DATA_PLANE_FRAGMENTS, READY, NOW);
    assert.deepEqual(reading.troubles, []);
    assert.ok(reading.past.length > 10);
  });

  it("counts everything of a pod that is not ready", () => {
    assert.equal(readLog(line(20, "heartbeat failed"), DATA_PLANE_FRAGMENTS, undefined, NOW).troubles.length, 1);
  });

  it("counts a line without a time, and one with a time that is none", () => {
    for (const text of ["heartbeat failed", "2026-99-99T00:00:00Z heartbeat failed"]) {
      assert.equal(readLog(text, DATA_PLANE_FRAGMENTS, READY, NOW).troubles.length, 1, text);
    }
  });

  it("forgets what has not come again for 30 minutes", () => {
    assert.equal(readLog(line(29, "heartbeat failed"), DATA_PLANE_FRAGMENTS, READY, NOW).troubles.length, 1);
    assert.equal(readLog(line(31, "heartbeat failed"), DATA_PLANE_FRAGMENTS, READY, NOW).troubles.length, 0);
  });

  it("takes lost synchronization as healed by a later recovery, and other troubles not", () => {
    const healed = [line(9, "failed to fetch data from etcd"), line(8, "reconnected to etcd")].join("\n");
    assert.deepEqual(readLog(healed, DATA_PLANE_FRAGMENTS, READY, NOW).troubles, []);
    const again = [healed, line(7, "failed to fetch data from etcd")].join("\n");
    assert.equal(readLog(again, DATA_PLANE_FRAGMENTS, READY, NOW).troubles.length, 1);
    const other = [line(9, "heartbeat failed"), line(8, "reconnected to etcd")].join("\n");
    assert.equal(readLog(other, DATA_PLANE_FRAGMENTS, READY, NOW).troubles.length, 1);
  });

  it("does not count what happens in good health, nor TLS errors of clients and upstreams", () => {
    const log = [
      line(3, "watch canceled by etcd"),
      line(3, "etcd compacted"),
      line(3, "instance_id changed from a to b"),
      line(
        2,
        "SSL_do_handshake() failed (SSL: certificate verify failed) while SSL handshaking to upstream, client: 10.0.0.1",
      ),
      line(2, "127.0.0.1 - GET /certificate HTTP/1.1 200"),
    ].join("\n");
    assert.deepEqual(readLog(log, DATA_PLANE_FRAGMENTS, READY, NOW).troubles, []);
  });

  it("counts a control plane's lost database, and not its lost tracing", () => {
    const lost = [
      'level=error msg="failed to connect to `host=db user=api7ee database=api7ee`: dial error"',
      'FATAL: password authentication failed for user "api7ee"',
      "dial tcp 10.0.0.9:5432: connect: connection refused",
      "FATAL: sorry, too many clients already",
      "pq: the database system is starting up",
    ];
    for (const text of lost) {
      assert.equal(readLog(line(3, text), CONTROL_PLANE_FRAGMENTS, READY, NOW).troubles.length, 1, text);
    }
    const tracing = 'traces export: Post "http://jaeger:4318/v1/traces": dial tcp: lookup jaeger: no such host';
    assert.deepEqual(readLog(line(3, tracing), CONTROL_PLANE_FRAGMENTS, READY, NOW).troubles, []);
  });

  it("shows no credentials", () => {
    const text = "failed to connect to postgres://api7ee:hunter2@db:5432/api7ee password=hunter2 token a7ee-abc123";
    const { troubles } = readLog(line(3, text), CONTROL_PLANE_FRAGMENTS, READY, NOW);
    assert.equal(troubles.length, 1);
    assert.ok(!JSON.stringify(troubles).includes("hunter2"));
    assert.ok(!JSON.stringify(troubles).includes("abc123"));
  });
});
