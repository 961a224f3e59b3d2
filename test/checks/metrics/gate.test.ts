import assert from "node:assert/strict";
import { capacity } from "../../../checks/capacity";
import { Systems, type GateContext, type GateCheck, type Move } from "../../../checks/context";
import { forRecord } from "../../../checks/gateParts";
import { judge } from "../../../checks/judge";
import { quiet } from "../../../checks/quiet";
import { CouldNotLook, type CheckResult } from "../../../checks/result";
import { split } from "../../../checks/split";
import { type MetricsRequest } from "../../../migration/metrics/metricsRequest";
import { appendEntry, EMPTY_RECORD, type MigrationRecord } from "../../../migration/record";
import { judge as judgeSchema } from "../../../migration/settings/judgeSchema";
import { metrics as metricsSchema } from "../../../migration/settings/metricsSchema";
import { shapeOf, type Stage } from "../../../migration/stages";
import { AwsFake } from "../support/awsFake";
import { traffic } from "../support/gatewayTraffic";
import { PrometheusFake } from "../support/prometheusFake";
import { findingOn, GROUP_B, SCOPE } from "../support/scope";

const MINUTE = 60_000;
/** Now, on a whole interval: the fake's own clock is this machine's. */
const NOW = Math.floor(Date.now() / 15_000) * 15_000;
const ago = (minutes: number): number => NOW - minutes * MINUTE;

function record(...entries: readonly (readonly [Stage, number])[]): MigrationRecord {
  return entries.reduce<MigrationRecord>(
    (grown, [stage, atMs]) =>
      appendEntry(grown, {
        at: new Date(atMs).toISOString(),
        stage,
        from: null,
        kind: "up",
        weightB: shapeOf(stage).weightB,
        by: "x",
        commit: "-",
        copy: 1,
        checks: [],
      }).record,
    EMPTY_RECORD,
  );
}

describe("check: judge, split and capacity on Prometheus", () => {
  let fake: PrometheusFake;
  let aws: AwsFake;
  beforeEach(async () => {
    [fake, aws] = await Promise.all([PrometheusFake.start(), AwsFake.start()]);
    aws.world.targetGroups.set("api7-test-default-b", GROUP_B);
    aws.world.targets.set(GROUP_B, [
      { id: "10.0.0.1", port: 9080, state: "healthy" },
      { id: "10.0.0.2", port: 9080, state: "unhealthy" },
    ]);
  });
  afterEach(() => Promise.all([fake.stop(), aws.stop()]));

  const request = (source?: unknown, limits: unknown = {}): MetricsRequest => ({
    source: metricsSchema.unwrap().parse(
      source ?? {
        source: "prometheus",
        delaySeconds: 0,
        a: { url: fake.url, selector: 'cluster="a"', gateways: 'job="gateways"' },
        b: { url: `${fake.url}/`, selector: 'cluster="b"', gateways: 'job="gateways"' },
      },
    ),
    judge: judgeSchema.parse(limits),
    gatewaysB: { cpuCores: 2, memoryBytes: 2 ** 30 },
    databaseConnections: 300,
  });

  const context = (more: Partial<GateContext> = {}): GateContext => {
    const { signal } = new AbortController();
    const move: Move = {
      from: "traffic-5",
      to: "traffic-25",
      kind: "up",
      copiesAnew: false,
      mode: "record",
      liveWeightsB: [5],
    };
    return {
      scope: SCOPE,
      signal,
      systems: new Systems(SCOPE, signal, {}),
      move,
      record: record(["start", ago(120)], ["traffic-5", ago(35)]),
      soakHours: 24,
      standbyHours: 72,
      calendar: { blackouts: [] },
      now: new Date(NOW),
      verifiedAt: undefined,
      metrics: request(),
      trafficSteps: [5, 25, 50, 75, 100],
      ...more,
    };
  };
  const since =
    (minutes: number) =>
    (at: number): number =>
      at > ago(minutes) ? 5 : 0;
  const run = (check: GateCheck, given: GateContext): Promise<CheckResult> => check.run(given);

  it("go: B is as good as A for long enough", async () => {
    traffic(fake, { fromMs: ago(50), untilMs: NOW }, since(35), { requests: 3000 });
    const given = context();
    const judged = await run(judge, given);
    assert.deepEqual(judged.findings, []);
    assert.equal(judged.evidence["judge"], "go");
    const shared = await run(split, given);
    assert.deepEqual(shared.findings, []);
    assert.equal(shared.evidence["weightB"], 5);
    assert.ok(Math.abs(Number(shared.evidence["share"]) - 0.05) < 0.002);
  });

  it("hold: too few requests yet, with how many and how long", async () => {
    traffic(fake, { fromMs: ago(40), untilMs: NOW }, since(6), { requests: 1500 });
    const given = context({ record: record(["start", ago(120)], ["traffic-5", ago(6)]) });
    const judged = await run(judge, given);
    assert.equal(judged.verdict, "fails");
    assert.equal(judged.evidence["judge"], "hold");
    const needed = judged.evidence["stillNeeded"] as { requestsB: number; minutes: number; requestsPerSecond: number };
    assert.ok(needed.minutes >= 3 && needed.requestsB > 100, JSON.stringify(needed));
    assert.equal(needed.requestsPerSecond, 100);
    assert.match(judged.findings[0]?.remedy ?? "", /more requests on B, \d+ min at the present 100\/s/);
    assert.ok(judged.findings.every(({ transient }) => transient === true));
  });

  it("back: B has 5 % errors", async () => {
    traffic(fake, { fromMs: ago(40), untilMs: NOW }, since(6), { requests: 3000, errorShareB: 0.05 });
    const judged = await run(judge, context({ record: record(["start", ago(120)], ["traffic-5", ago(6)]) }));
    assert.equal(judged.evidence["judge"], "back");
    assert.equal(judged.verdict, "fails");
    assert.match(judged.findings[0]?.remedy ?? "", /stage rollback/);
  });

  it("back: B is slower by a bucket", async () => {
    traffic(fake, { fromMs: ago(60), untilMs: NOW }, since(30), { requests: 3000, slowShareB: 0.5 });
    const judged = await run(judge, context({ record: record(["start", ago(120)], ["traffic-5", ago(30)]) }));
    assert.equal(judged.evidence["judge"], "back");
    assert.match(JSON.stringify(judged.evidence["reasons"]), /slower|p95|p99/);
  });

  it("back: B has no healthy target, although its counts are missing too", async () => {
    aws.world.targets.set(GROUP_B, [{ id: "10.0.0.1", port: 9080, state: "unhealthy" }]);
    for (const away of [false, true]) {
      if (away) fake.fault = () => ({ status: 503, body: "away" });
      const judged = await run(judge, context());
      assert.deepEqual([judged.verdict, judged.evidence["judge"]], ["fails", "back"]);
      assert.match(findingOn(judged, "targets of B").seen, /no healthy target; .*10\.0\.0\.1:9080 unhealthy/);
    }
    // Where the load balancer cannot be asked, the check `health` holds the way up; the counts are judged all the same.
    aws.fault = () => ({
      status: 403,
      body: "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>",
    });
    fake.fault = undefined;
    traffic(fake, { fromMs: ago(50), untilMs: NOW }, since(35), { requests: 3000 });
    const judged = await run(judge, context());
    assert.equal(judged.evidence["judge"], "go");
    assert.match(judged.notes.join(), /healthy targets was not seen/);
  });

  it("split: sticky clients keep B's share away from its weight", async () => {
    traffic(fake, { fromMs: ago(60), untilMs: NOW }, since(30), {
      requests: 1500,
      shareB: (at) => (at > ago(30) ? 3 : 0),
    });
    const given = context({ record: record(["start", ago(120)], ["traffic-5", ago(30)]) });
    const shared = await run(split, given);
    assert.equal(shared.verdict, "fails");
    assert.match(shared.findings[0]?.seen ?? "", /^B got (2\.9\d*|3(\.0\d*)?) % of [\d,]+ requests/);
    assert.notEqual((await run(judge, given)).evidence["judge"], "go");
  });

  it("hold, and nothing is known, when a server is away or its counts are old", async () => {
    traffic(fake, { fromMs: ago(50), untilMs: ago(6) }, since(35), { requests: 3000 });
    const old = await run(judge, context());
    assert.equal(old.evidence["judge"], "hold");
    assert.ok(
      old.findings.some(({ unknown, seen }) => unknown === true && /^data: .*gateway/.test(seen)),
      JSON.stringify(old.findings),
    );
    fake.fault = () => ({ status: 503, body: "away" });
    for (const check of [split, capacity]) {
      await assert.rejects(
        run(check, context()),
        (error: unknown) => error instanceof CouldNotLook && error.seen === "HTTP 503: away",
      );
    }
    const away = await run(judge, context());
    assert.deepEqual([away.verdict, away.evidence["judge"]], ["unknown", "hold"]);
    assert.match(away.findings[0]?.seen ?? "", /HTTP 503: away/);
  });

  it("hold, when the newest counts are from the future or too old", async () => {
    traffic(fake, { fromMs: ago(50), untilMs: NOW }, since(35), { requests: 3000 });
    const metrics = request({ ...(request().source as object), delaySeconds: 600 });
    const result = await run(judge, context({ metrics }));
    assert.equal(result.verdict, "unknown");
    assert.match(result.findings[0]?.seen ?? "", /last sample is 6\d\d s old, limit 180 s/);
  });

  it("at 100 %: B against what A did at the step before", async () => {
    const steps = (at: number): number => (at > ago(25) ? 100 : at > ago(45) ? 75 : at > ago(55) ? 50 : 0);
    traffic(fake, { fromMs: ago(65), untilMs: NOW }, steps, { requests: 3000 });
    const history = record(
      ["start", ago(300)],
      ["traffic-50", ago(55)],
      ["traffic-75", ago(45)],
      ["traffic-100", ago(25)],
    );
    const move: Move = { ...context().move, from: "traffic-100", to: "complete", liveWeightsB: [100] };
    const result = await run(judge, context({ record: history, move }));
    assert.deepEqual(result.findings, []);
    assert.equal(result.evidence["judge"], "go");
    assert.match(JSON.stringify(result.evidence["reasons"]), /A at the last step/);
  });

  it("at 100 %, worse than A was: not go", async () => {
    const steps = (at: number): number => (at > ago(25) ? 100 : at > ago(45) ? 75 : 0);
    traffic(fake, { fromMs: ago(60), untilMs: ago(25) }, steps, { requests: 3000 });
    const history = record(["start", ago(300)], ["traffic-75", ago(45)], ["traffic-100", ago(25)]);
    for (const series of [...fake.series.values()].flat()) series.endedMs = ago(25) + 1;
    traffic(fake, { fromMs: ago(25) + 15_000, untilMs: NOW }, steps, { requests: 3000, errorShareB: 0.03 });
    const move: Move = { ...context().move, from: "traffic-100", to: "complete", liveWeightsB: [100] };
    const result = await run(judge, context({ record: history, move }));
    assert.notEqual(result.evidence["judge"], "go");
    assert.notEqual(result.verdict, "holds");
  });

  it("a rise that was recorded and not made is judged by what was seen before it", async () => {
    traffic(fake, { fromMs: ago(50), untilMs: NOW }, since(35), { requests: 3000 });
    const move: Move = { ...context().move, mode: "verify", liveWeightsB: [5, 25] };
    const recorded = (minutes: number): MigrationRecord =>
      record(["start", ago(120)], ["traffic-5", ago(35)], ["traffic-25", ago(minutes)]);
    assert.equal((await run(judge, context({ move, record: recorded(10) }))).evidence["judge"], "go");
    await assert.rejects(
      run(split, context({ move, record: recorded(70) })),
      /evidence for traffic-25: it is 70 min old/,
    );
  });

  it("a step begins when the weights really rose", async () => {
    traffic(fake, { fromMs: ago(50), untilMs: NOW }, since(30), { requests: 3000 });
    // By the record alone B would have had no requests for an hour.
    assert.notEqual((await run(judge, context())).evidence["judge"], "go");
    assert.equal((await run(judge, context({ verifiedAt: new Date(ago(30)) }))).evidence["judge"], "go");
  });

  describe("capacity", () => {
    /** CPU seconds of B's two pods: a fixed part and a part per request. */
    function use(perRequest: number, idle = 0.05): void {
      for (const pod of ["gateway-default-x1", "gateway-default-x2"]) {
        const labels = { cluster: "b", namespace: "api7", pod, container: "apisix" };
        const cpu = fake.add("container_cpu_usage_seconds_total", labels);
        const memory = fake.add("container_memory_working_set_bytes", labels);
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
      traffic(fake, { fromMs: ago(50), untilMs: NOW }, since(35), { requests: 3000 });
      use(0.01);
      const result = await run(capacity, context());
      assert.deepEqual(result.findings, []);
      assert.ok(Math.abs(Number(result.evidence["nextRequestsPerSecond"]) - 50) < 1, JSON.stringify(result.evidence));
      const projected = result.evidence["projected"] as { resource: string; expected: number }[];
      // 0.1 idle and 0.01 for each of 50 requests.
      assert.ok(Math.abs((projected[0]?.expected ?? 0) - 0.6) < 0.03, JSON.stringify(projected));
    });

    it("too small: refused, with what would be used", async () => {
      traffic(fake, { fromMs: ago(50), untilMs: NOW }, since(35), { requests: 3000 });
      use(0.04);
      const given = context({
        metrics: request({ ...(request().source as object), withoutCapacity: { by: "Ada", reason: "x" } }),
      });
      const result = await run(capacity, given);
      assert.equal(result.verdict, "fails");
      assert.match(
        result.findings[0]?.seen ?? "",
        /^CPU of B's gateways: 10\d(\.\d)? % of its limit expected at 50 requests\/s/,
      );
    });

    it("not known: could not look, unless a person takes it on by name", async () => {
      traffic(fake, { fromMs: ago(50), untilMs: NOW }, since(35), { requests: 3000 });
      const unknown = await run(capacity, context());
      assert.equal(unknown.verdict, "unknown");
      assert.match(unknown.findings[0]?.seen ?? "", /container_cpu_usage_seconds_total/);
      const metrics = request({
        ...(request().source as object),
        withoutCapacity: { by: "Ada", reason: "no cAdvisor" },
      });
      const accepted = await run(capacity, context({ metrics }));
      assert.equal(accepted.verdict, "holds");
      assert.match(accepted.notes[0] ?? "", /accepted by Ada: no cAdvisor/);
    });
  });

  describe("quiet", () => {
    const complete = (): GateContext =>
      context({
        record: record(["traffic-100", ago(300)], ["complete", ago(120)]),
        move: { ...context().move, from: "complete", to: "decommission", liveWeightsB: [100] },
      });

    it("holds when A has had no request for an hour, and nothing is open", async () => {
      traffic(fake, { fromMs: ago(65), untilMs: NOW }, () => 100, { requests: 3000 });
      const result = await run(quiet, complete());
      assert.deepEqual(result.findings, []);
      assert.deepEqual([result.evidence["requests"], result.evidence["longLived"]], [0, 0]);
    });

    it("refuses A with requests, and A with open connections", async () => {
      traffic(fake, { fromMs: ago(65), untilMs: NOW }, () => 99.9, { requests: 3000 });
      for (const { labels, points } of fake.series.get("apisix_nginx_http_current_connections") ?? []) {
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

  it("no source: nothing rises, and the finding names the setting", async () => {
    const given = context({ metrics: undefined });
    for (const check of [split, capacity]) {
      await assert.rejects(run(check, given), /the setting metrics: there is none/);
    }
    const judged = await run(judge, given);
    assert.deepEqual([judged.verdict, judged.findings[0]?.subject], ["unknown", "the setting metrics"]);
  });

  it("source none: the decision is told, and nothing is judged", async () => {
    const given = context({ metrics: request({ source: "none", by: "Ada", reason: "a lab" }) });
    for (const check of [judge, split, capacity]) {
      const result = await run(check, given);
      assert.equal(result.verdict, "holds");
      assert.match(result.notes.join(), /by decision of Ada/);
    }
    const judged = await run(judge, given);
    assert.deepEqual(judged.evidence, { judge: "none", by: "Ada", reason: "a lab" });
    assert.deepEqual(forRecord(given.move, [judged]).unjudged, { by: "Ada", reason: "a lab" });
    assert.equal(forRecord(given.move, [{ ...judged, evidence: { judge: "go" } }]).unjudged, undefined);
  });

  it("applies to moves up from a traffic step alone", () => {
    const move = (from: Stage, to: Stage, kind: Move["kind"] = "up"): Move => ({ ...context().move, from, to, kind });
    const asked = (check: GateCheck): readonly string[] =>
      (
        [
          ["start", "traffic-5"],
          ["traffic-5", "traffic-25"],
          ["traffic-100", "complete"],
          ["complete", "decommission"],
        ] as const
      )
        .filter(([from, to]) => check.appliesTo(move(from, to)))
        .map(([from]) => from);
    assert.deepEqual(asked(judge), ["traffic-5", "traffic-100"]);
    assert.deepEqual(asked(split), ["traffic-5", "traffic-100"]);
    assert.deepEqual(asked(capacity), ["traffic-5"]);
    for (const kind of ["down", "rollback", "stay"] as const)
      assert.ok(!judge.appliesTo(move("traffic-25", "traffic-5", kind)));
  });
});
