import assert from "node:assert/strict";
import { capacity } from "../../../checks/capacity";
import { Systems, type GateContext, type GateCheck, type Move } from "../../../checks/context";
import { judge } from "../../../checks/judge";
import { type CheckResult } from "../../../checks/result";
import { split } from "../../../checks/split";
import { type MetricsRequest } from "../../../migration/metrics/metricsRequest";
import { appendEntry, EMPTY_RECORD, type MigrationRecord } from "../../../migration/record";
import { judge as judgeSchema } from "../../../migration/settings/judgeSchema";
import { metrics as metricsSchema } from "../../../migration/settings/metricsSchema";
import { shapeOf, type Stage } from "../../../migration/stages";
import { traffic } from "../support/gatewayTraffic";
import { PrometheusFake } from "../support/prometheusFake";
import { SCOPE } from "../support/scope";

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
  beforeEach(async () => (fake = await PrometheusFake.start()));
  afterEach(() => fake.stop());

  const request = (source: unknown = undefined, limits: unknown = {}): MetricsRequest => ({
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
      record: record(["start", ago(120)], ["traffic-5", ago(90)]),
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
    traffic(fake, { fromMs: ago(125), untilMs: NOW }, since(90), { requests: 1500 });
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
    traffic(fake, { fromMs: ago(40), untilMs: NOW }, since(6), { requests: 1500, errorShareB: 0.05 });
    const judged = await run(judge, context({ record: record(["start", ago(120)], ["traffic-5", ago(6)]) }));
    assert.equal(judged.evidence["judge"], "back");
    assert.equal(judged.verdict, "fails");
    assert.match(judged.findings[0]?.remedy ?? "", /stage rollback/);
  });

  it("back: B is slower by a bucket", async () => {
    traffic(fake, { fromMs: ago(60), untilMs: NOW }, since(30), { requests: 1500, slowShareB: 0.5 });
    const judged = await run(judge, context({ record: record(["start", ago(120)], ["traffic-5", ago(30)]) }));
    assert.equal(judged.evidence["judge"], "back");
    assert.match(JSON.stringify(judged.evidence["reasons"]), /slower|p95|p99/);
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

  it("no source: nothing rises, and the finding names the setting", async () => {
    const given = context({ metrics: undefined });
    for (const check of [judge, split, capacity])
      await assert.rejects(run(check, given), /the setting metrics: there is none/);
  });

  it("source none: the decision is told, and nothing is judged", async () => {
    const given = context({ metrics: request({ source: "none", by: "Ada", reason: "a lab" }) });
    for (const check of [judge, split, capacity]) {
      const result = await run(check, given);
      assert.equal(result.verdict, "holds");
      assert.match(result.notes.join(), /by decision of Ada/);
    }
    assert.deepEqual((await run(judge, given)).evidence, { judge: "none", by: "Ada", reason: "a lab" });
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
