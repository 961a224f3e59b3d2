import assert from "node:assert/strict";
import fc from "fast-check";
import { decide, stageAfter, type Decision, type GateAnswer, type Situation } from "../../pilot/decide";
import { allStages, shapeOf, type Stage } from "../../migration/stages";

const NOW = new Date("2026-03-02T22:00:00Z");
const STEPS = [5, 25, 50, 75, 100];
const HOLDS: GateAnswer = { verdict: "holds", checks: [{ name: "health", verdict: "holds", findings: [] }] };

function gate(name: string, more: Partial<GateAnswer> = {}): GateAnswer {
  return { verdict: "fails", checks: [{ name, verdict: "fails", findings: ["something is wrong"] }], ...more };
}

function minutesAgo(minutes: number): Date {
  return new Date(NOW.getTime() - minutes * 60_000);
}

function situation(changes: Partial<Situation> = {}): Situation {
  return {
    now: NOW,
    stage: "traffic-25",
    trafficSteps: STEPS,
    goal: "complete",
    gate: HOLDS,
    approval: { state: "not needed" },
    holdingSince: undefined,
    limits: { holdMinutes: 60, backUpToPercent: 25, approvalHours: 24 },
    ...changes,
  };
}

describe("the pilot decides", () => {
  const CASES: readonly (readonly [string, Partial<Situation>, Decision["kind"]])[] = [
    ["goes on when everything holds", {}, "advance"],
    ["begins a new stack at prepare", { stage: undefined }, "advance"],
    ["is done at its goal", { goal: "traffic-25" }, "done"],
    ["is done beyond its goal", { goal: "traffic-5" }, "done"],
    ["is done at the end of the way", { stage: "decommission", goal: "decommission" }, "done"],
    ["leaves a rollback to people", { stage: "rollback" }, "stop"],
    ["leaves abandon to people", { stage: "abandon" }, "stop"],
    ["goes back when B is worse", { gate: gate("judge", { judge: "back" }) }, "back"],
    ["goes back also at its goal", { goal: "traffic-25", gate: gate("judge", { judge: "back" }) }, "back"],
    ["goes back in the soak", { stage: "traffic-100", gate: gate("judge", { judge: "back" }) }, "back"],
    [
      "goes back from complete",
      { stage: "complete", goal: "decommission", gate: gate("judge", { judge: "back" }) },
      "back",
    ],
    [
      "does not go back where A is gone",
      { stage: "decommission", goal: "decommission", gate: gate("judge", { judge: "back" }) },
      "done",
    ],
    ["waits when the judge holds", { gate: gate("judge", { judge: "hold" }) }, "wait"],
    [
      "waits when it could not look",
      { gate: { verdict: "unknown", checks: [{ name: "health", verdict: "unknown", findings: ["no answer"] }] } },
      "wait",
    ],
    ["goes back when a hold at 25 % expires", { gate: gate("judge"), holdingSince: minutesAgo(60) }, "back"],
    [
      "calls a person when a hold at 50 % expires",
      { stage: "traffic-50", gate: gate("judge"), holdingSince: minutesAgo(60) },
      "page",
    ],
    [
      "calls a person when a hold at 100 % expires",
      { stage: "traffic-100", gate: gate("judge"), holdingSince: minutesAgo(61) },
      "page",
    ],
    [
      "stops when a hold without traffic expires",
      { stage: "start", gate: gate("health"), holdingSince: minutesAgo(60) },
      "stop",
    ],
    ["waits a minute before a hold expires", { gate: gate("judge"), holdingSince: minutesAgo(59) }, "wait"],
    ["waits for the window however long", { gate: gate("window"), holdingSince: minutesAgo(10_000) }, "wait"],
    [
      "waits for the soak however long",
      { stage: "traffic-100", gate: gate("soak"), holdingSince: minutesAgo(10_000) },
      "wait",
    ],
    ["enters what a person agreed to", { approval: { state: "given", by: "alice" } }, "advance"],
    ["goes back when a person refuses", { approval: { state: "refused", by: "alice", reason: "no" } }, "back"],
    [
      "stops when a person refuses before any traffic",
      { stage: "freeze", approval: { state: "refused", by: "alice", reason: "no" } },
      "stop",
    ],
    ["waits for a person", { approval: { state: "asked", since: minutesAgo(60) } }, "wait"],
    ["goes back when nobody answers", { approval: { state: "asked", since: minutesAgo(24 * 60) } }, "back"],
    [
      "stops when nobody answers before any traffic",
      { stage: "prepare", approval: { state: "asked", since: minutesAgo(24 * 60) } },
      "stop",
    ],
    ["asks nobody while the gate holds it", { gate: gate("judge"), approval: { state: "given", by: "alice" } }, "wait"],
  ];
  for (const [title, changes, kind] of CASES) {
    it(title, () => {
      assert.equal(decide(situation(changes)).kind, kind);
    });
  }

  it("counts a wait for the calendar as no hold, and a wait for B as one", () => {
    const opensAt = new Date("2026-03-03T20:00:00Z");
    assert.deepEqual(decide(situation({ gate: gate("window", { opensAt }) })), {
      kind: "wait",
      hold: false,
      until: opensAt,
      reasons: ["window: something is wrong"],
    });
    const held = decide(situation({ gate: gate("judge"), holdingSince: minutesAgo(10) }));
    assert.deepEqual(held, {
      kind: "wait",
      hold: true,
      until: new Date(NOW.getTime() + 50 * 60_000),
      reasons: ["judge: something is wrong"],
    });
  });

  it("counts a closed window beside a bad check as a hold", () => {
    const both: GateAnswer = { verdict: "fails", checks: [...gate("window").checks, ...gate("health").checks] };
    assert.equal(decide(situation({ gate: both, holdingSince: minutesAgo(60) })).kind, "back");
  });

  const stages = fc.constantFrom<Stage>(...allStages(STEPS));
  const verdicts = fc.constantFrom("holds", "fails", "unknown" as const);
  const answers: fc.Arbitrary<GateAnswer> = fc.record({
    verdict: verdicts,
    checks: fc.array(
      fc.record({
        name: fc.constantFrom("judge", "window", "soak", "health"),
        verdict: verdicts,
        findings: fc.constant(["x"]),
      }),
    ),
    judge: fc.constantFrom("go", "hold", "back" as const),
  });
  const situations = fc.record({
    stage: stages,
    goal: stages,
    gate: answers,
    holdingSince: fc.option(fc.integer({ min: 0, max: 500 }).map(minutesAgo), { nil: undefined }),
  });

  it("never goes up unless the gate holds, and only by one stage", () => {
    fc.assert(
      fc.property(situations, (changes) => {
        const decision = decide(situation(changes));
        if (decision.kind !== "advance") return;
        assert.equal(changes.gate.verdict, "holds");
        assert.notEqual(changes.gate.judge === "back" && shapeOf(changes.stage).weightB > 0, true);
        assert.equal(decision.to, stageAfter(changes.stage, STEPS));
      }),
    );
  });

  it("never leaves B its requests when the judge says back", () => {
    fc.assert(
      fc.property(situations, (changes) => {
        if (changes.gate.judge !== "back" || shapeOf(changes.stage).weightB === 0 || changes.stage === "decommission")
          return;
        assert.equal(decide(situation(changes)).kind, "back");
      }),
    );
  });
});
