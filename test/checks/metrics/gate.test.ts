import assert from "node:assert/strict";
import { capacity } from "../../../checks/capacity";
import { type GateCheck, type Move } from "../../../checks/context";
import { forRecord } from "../../../checks/gateParts";
import { judge } from "../../../checks/judge";
import { CouldNotLook } from "../../../checks/result";
import { split } from "../../../checks/split";
import { type MigrationRecord } from "../../../migration/record";
import { type Stage } from "../../../migration/stages";
import { traffic } from "../support/gatewayTraffic";
import { findingOn, GROUP_B } from "../support/scope";
import { recordOf } from "../../support/recordOf";
import { ago, GateFixture, NOW, run, since } from "./gateFixture";

describe("check: judge and split, on Prometheus", () => {
  let gate: GateFixture;
  beforeEach(async () => (gate = await GateFixture.start()));
  afterEach(() => gate.stop());

  it("go: B is as good as A for long enough", async () => {
    traffic(gate.fake, { fromMs: ago(50), untilMs: NOW }, since(35), { requests: 3000 });
    const given = gate.context();
    const judged = await run(judge, given);
    assert.deepEqual(judged.findings, []);
    assert.equal(judged.evidence["judge"], "go");
    const shared = await run(split, given);
    assert.deepEqual(shared.findings, []);
    assert.equal(shared.evidence["weightB"], 5);
    assert.ok(Math.abs(Number(shared.evidence["share"]) - 0.05) < 0.002);
  });

  it("hold: too few requests yet, with how many and how long", async () => {
    traffic(gate.fake, { fromMs: ago(40), untilMs: NOW }, since(6), { requests: 1500 });
    const given = gate.context({ record: recordOf(["start", ago(120)], ["traffic-5", ago(6)]) });
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
    traffic(gate.fake, { fromMs: ago(40), untilMs: NOW }, since(6), { requests: 3000, errorShareB: 0.05 });
    const judged = await run(judge, gate.context({ record: recordOf(["start", ago(120)], ["traffic-5", ago(6)]) }));
    assert.equal(judged.evidence["judge"], "back");
    assert.equal(judged.verdict, "fails");
    assert.match(judged.findings[0]?.remedy ?? "", /stage rollback/);
  });

  it("back: B is slower by a bucket", async () => {
    traffic(gate.fake, { fromMs: ago(60), untilMs: NOW }, since(30), { requests: 3000, slowShareB: 0.5 });
    const judged = await run(judge, gate.context({ record: recordOf(["start", ago(120)], ["traffic-5", ago(30)]) }));
    assert.equal(judged.evidence["judge"], "back");
    assert.match(JSON.stringify(judged.evidence["reasons"]), /slower|p95|p99/);
  });

  it("back: B has no healthy target, although its counts are missing too", async () => {
    gate.aws.world.targets.set(GROUP_B, [{ id: "10.0.0.1", port: 9080, state: "unhealthy" }]);
    for (const away of [false, true]) {
      if (away) gate.fake.fault = () => ({ status: 503, body: "away" });
      const judged = await run(judge, gate.context());
      assert.deepEqual([judged.verdict, judged.evidence["judge"]], ["fails", "back"]);
      assert.match(findingOn(judged, "targets of B").seen, /no healthy target; .*10\.0\.0\.1:9080 unhealthy/);
    }
    // Where the load balancer cannot be asked, the check `health` holds the way up; the counts are judged all the same.
    gate.aws.fault = () => ({
      status: 403,
      body: "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>",
    });
    gate.fake.fault = undefined;
    traffic(gate.fake, { fromMs: ago(50), untilMs: NOW }, since(35), { requests: 3000 });
    const judged = await run(judge, gate.context());
    assert.equal(judged.evidence["judge"], "go");
    assert.match(judged.notes.join(), /healthy targets was not seen/);
  });

  it("split: sticky clients keep B's share away from its weight", async () => {
    traffic(gate.fake, { fromMs: ago(60), untilMs: NOW }, since(30), {
      requests: 1500,
      shareB: (at) => (at > ago(30) ? 3 : 0),
    });
    const given = gate.context({ record: recordOf(["start", ago(120)], ["traffic-5", ago(30)]) });
    const shared = await run(split, given);
    assert.equal(shared.verdict, "fails");
    assert.match(shared.findings[0]?.seen ?? "", /^B got (2\.9\d*|3(\.0\d*)?) % of [\d,]+ requests/);
    assert.notEqual((await run(judge, given)).evidence["judge"], "go");
  });

  it("hold, and nothing is known, when a server is away or its counts are old", async () => {
    traffic(gate.fake, { fromMs: ago(50), untilMs: ago(6) }, since(35), { requests: 3000 });
    const old = await run(judge, gate.context());
    assert.equal(old.evidence["judge"], "hold");
    assert.ok(
      old.findings.some(({ unknown, seen }) => unknown === true && /^data: .*gateway/.test(seen)),
      JSON.stringify(old.findings),
    );
    gate.fake.fault = () => ({ status: 503, body: "away" });
    for (const check of [split, capacity]) {
      await assert.rejects(
        run(check, gate.context()),
        (error: unknown) => error instanceof CouldNotLook && error.seen === "HTTP 503: away",
      );
    }
    const away = await run(judge, gate.context());
    assert.deepEqual([away.verdict, away.evidence["judge"]], ["unknown", "hold"]);
    assert.match(away.findings[0]?.seen ?? "", /HTTP 503: away/);
  });

  it("hold, when the newest counts are from the future or too old", async () => {
    traffic(gate.fake, { fromMs: ago(50), untilMs: NOW }, since(35), { requests: 3000 });
    const metrics = gate.with({ delaySeconds: 600 });
    const result = await run(judge, gate.context({ metrics }));
    assert.equal(result.verdict, "unknown");
    assert.match(result.findings[0]?.seen ?? "", /last sample is 6\d\d s old, limit 180 s/);
  });

  it("at 100 %: B against what A did at the step before", async () => {
    const steps = (at: number): number => (at > ago(25) ? 100 : at > ago(45) ? 75 : at > ago(55) ? 50 : 0);
    traffic(gate.fake, { fromMs: ago(65), untilMs: NOW }, steps, { requests: 3000 });
    const history = recordOf(
      ["start", ago(300)],
      ["traffic-50", ago(55)],
      ["traffic-75", ago(45)],
      ["traffic-100", ago(25)],
    );
    const move: Move = { ...gate.context().move, from: "traffic-100", to: "complete", liveWeightsB: [100] };
    const result = await run(judge, gate.context({ record: history, move }));
    assert.deepEqual(result.findings, []);
    assert.equal(result.evidence["judge"], "go");
    assert.match(JSON.stringify(result.evidence["reasons"]), /A at the last step/);
  });

  it("at 100 %, worse than A was: not go", async () => {
    const steps = (at: number): number => (at > ago(25) ? 100 : at > ago(45) ? 75 : 0);
    traffic(gate.fake, { fromMs: ago(60), untilMs: ago(25) }, steps, { requests: 3000 });
    const history = recordOf(["start", ago(300)], ["traffic-75", ago(45)], ["traffic-100", ago(25)]);
    for (const series of [...gate.fake.series.values()].flat()) series.endedMs = ago(25) + 1;
    traffic(gate.fake, { fromMs: ago(25) + 15_000, untilMs: NOW }, steps, { requests: 3000, errorShareB: 0.03 });
    const move: Move = { ...gate.context().move, from: "traffic-100", to: "complete", liveWeightsB: [100] };
    const result = await run(judge, gate.context({ record: history, move }));
    assert.notEqual(result.evidence["judge"], "go");
    assert.notEqual(result.verdict, "holds");
  });

  it("a rise that was recorded and not made is judged by what was seen before it", async () => {
    traffic(gate.fake, { fromMs: ago(50), untilMs: NOW }, since(35), { requests: 3000 });
    const move: Move = { ...gate.context().move, mode: "verify", liveWeightsB: [5, 25] };
    const recorded = (minutes: number): MigrationRecord =>
      recordOf(["start", ago(120)], ["traffic-5", ago(35)], ["traffic-25", ago(minutes)]);
    assert.equal((await run(judge, gate.context({ move, record: recorded(10) }))).evidence["judge"], "go");
    await assert.rejects(
      run(split, gate.context({ move, record: recorded(70) })),
      /evidence for traffic-25: it is 70 min old/,
    );
  });

  it("a step begins when the weights really rose", async () => {
    traffic(gate.fake, { fromMs: ago(50), untilMs: NOW }, since(30), { requests: 3000 });
    // By the record alone B would have had no requests for an hour.
    assert.notEqual((await run(judge, gate.context())).evidence["judge"], "go");
    assert.equal((await run(judge, gate.context({ verifiedAt: new Date(ago(30)) }))).evidence["judge"], "go");
  });

  it("no source: nothing rises, and the finding names the setting", async () => {
    const given = gate.context({ metrics: undefined });
    for (const check of [split, capacity]) {
      await assert.rejects(run(check, given), /the setting metrics: there is none/);
    }
    const judged = await run(judge, given);
    assert.deepEqual([judged.verdict, judged.findings[0]?.subject], ["unknown", "the setting metrics"]);
  });

  it("source none: the decision is told, and nothing is judged", async () => {
    const given = gate.context({ metrics: gate.request({ source: "none", by: "Ada", reason: "a lab" }) });
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
    const move = (from: Stage, to: Stage, kind: Move["kind"] = "up"): Move => ({
      ...gate.context().move,
      from,
      to,
      kind,
    });
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
