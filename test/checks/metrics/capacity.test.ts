import assert from "node:assert/strict";
import { capacity } from "../../../checks/capacity";
import { type GateContext } from "../../../checks/context";
import { quiet } from "../../../checks/quiet";
import { traffic } from "../support/gatewayTraffic";
import { recordOf } from "../../support/recordOf";
import { ago, GateFixture, NOW, run, since } from "./gateFixture";

describe("check: capacity and quiet, on Prometheus", () => {
  let gate: GateFixture;
  beforeEach(async () => (gate = await GateFixture.start()));
  afterEach(() => gate.stop());

  describe("capacity", () => {
    /** CPU seconds of B's two pods: a fixed part and a part per request. */
    function use(perRequest: number, idle = 0.05): void {
      for (const pod of ["gateway-default-x1", "gateway-default-x2"]) {
        const labels = { cluster: "b", namespace: "api7", pod, container: "apisix" };
        const cpu = gate.fake.add("container_cpu_usage_seconds_total", labels);
        const memory = gate.fake.add("container_memory_working_set_bytes", labels);
        let seconds = 0;
        for (let at = ago(50); at <= NOW; at += 15_000) {
          const rate = (200 * since(35)(at)) / 100 / 2;
          seconds += 15 * (idle + perRequest * rate + 0.002 * Math.sin(at / 40_000));
          cpu.points.push([at + 1000, seconds]);
          memory.points.push([at + 1000, 2e8 + 1e6 * Math.sin(at / 40_000)]);
        }
      }
    }

    it("fits: the projection stays below the limit", async () => {
      traffic(gate.fake, { fromMs: ago(50), untilMs: NOW }, since(35), { requests: 3000 });
      use(0.01);
      const result = await run(capacity, gate.context());
      assert.deepEqual(result.findings, []);
      assert.ok(Math.abs(Number(result.evidence["nextRequestsPerSecond"]) - 50) < 1, JSON.stringify(result.evidence));
      const projected = result.evidence["projected"] as { resource: string; expected: number }[];
      // 0.1 idle and 0.01 for each of 50 requests.
      assert.ok(Math.abs((projected[0]?.expected ?? 0) - 0.6) < 0.03, JSON.stringify(projected));
    });

    it("too small: refused, with what would be used", async () => {
      traffic(gate.fake, { fromMs: ago(50), untilMs: NOW }, since(35), { requests: 3000 });
      use(0.04);
      const given = gate.context({
        metrics: gate.with({ withoutCapacity: { by: "Ada", reason: "x" } }),
      });
      const result = await run(capacity, given);
      assert.equal(result.verdict, "fails");
      assert.match(
        result.findings[0]?.seen ?? "",
        /^CPU of B's gateways: 10\d(\.\d)? % of its limit expected at 50 requests\/s/,
      );
    });

    it("not known: could not look, unless a person takes it on by name", async () => {
      traffic(gate.fake, { fromMs: ago(50), untilMs: NOW }, since(35), { requests: 3000 });
      const unknown = await run(capacity, gate.context());
      assert.equal(unknown.verdict, "unknown");
      assert.match(unknown.findings[0]?.seen ?? "", /container_cpu_usage_seconds_total/);
      const metrics = gate.with({ withoutCapacity: { by: "Ada", reason: "no cAdvisor" } });
      const accepted = await run(capacity, gate.context({ metrics }));
      assert.equal(accepted.verdict, "holds");
      assert.match(accepted.notes[0] ?? "", /accepted by Ada: no cAdvisor/);
    });
  });

  describe("quiet", () => {
    const complete = (): GateContext =>
      gate.context({
        record: recordOf(["traffic-100", ago(300)], ["complete", ago(120)]),
        move: { ...gate.context().move, from: "complete", to: "decommission", liveWeightsB: [100] },
      });

    it("holds when A has had no request for an hour, and nothing is open", async () => {
      traffic(gate.fake, { fromMs: ago(65), untilMs: NOW }, () => 100, { requests: 3000 });
      const result = await run(quiet, complete());
      assert.deepEqual(result.findings, []);
      assert.deepEqual([result.evidence["requests"], result.evidence["longLived"]], [0, 0]);
    });

    it("refuses A with requests, and A with open connections", async () => {
      traffic(gate.fake, { fromMs: ago(65), untilMs: NOW }, () => 99.9, { requests: 3000 });
      for (const { labels, points } of gate.fake.series.get("apisix_nginx_http_current_connections") ?? []) {
        if (labels["state"] === "waiting" && labels["instance_id"] === "a-1") {
          for (const [index, [at]] of points.entries()) points[index] = [at, 2];
        }
      }
      const result = await run(quiet, complete());
      assert.equal(result.verdict, "fails");
      assert.match(result.findings.map(({ seen }) => seen).join("; "), /^7\d\d since .*; 3 long-lived connections/);
    });

    it("does not know when A is not scraped", async () => {
      const result = await run(quiet, complete());
      assert.equal(result.verdict, "unknown");
      assert.equal(result.findings.length, 2);
    });

    it("is asked before decommission alone", () => {
      assert.ok(quiet.appliesTo(complete().move));
      assert.ok(!quiet.appliesTo({ ...complete().move, from: "traffic-100", to: "complete" }));
      assert.ok(!quiet.appliesTo({ ...complete().move, from: "decommission" }));
    });
  });
});
