import assert from "node:assert/strict";
import { faultTable } from "../../rehearsal/faultTable";
import { type StepSummary, type Summary } from "../../rehearsal/summary";

const STEP: StepSummary = {
  title: "weights changed by hand: traffic-50 is held",
  fault: true,
  stage: "traffic-10",
  seconds: 9.5,
  said: "hold after 2 s: live weights",
  failedRequests: 0,
  held: true,
};

function summary(more: Partial<Summary>): Summary {
  return {
    scenario: "bad-b",
    ok: true,
    stages: [],
    totals: { requests: 1000, failed: 0 },
    rollback: null,
    database: null,
    judged: [],
    faults: [],
    connections: [],
    steps: [STEP],
    ...more,
  };
}

function lines(summaries: readonly Summary[]): readonly string[] {
  const text = faultTable({ summaries, at: new Date("2026-03-01T10:00:00Z"), command: "npm run rehearse" });
  return text.split("\n");
}

describe("table of faults", () => {
  it("has one row for each step that broke something, and none for the others", () => {
    const other = { ...STEP, title: "traffic-10", fault: false };
    const rows = lines([summary({ steps: [other, STEP] })]).filter((line) => line.startsWith("| bad-b | traffic-10 |"));
    assert.equal(rows.length, 1);
    assert.match(rows[0] ?? "", /weights changed by hand.* \| hold after 2 s: live weights \| 0 \| 9\.5 s \| yes \|/);
  });

  it("takes the measured figures of a fault: until the verdict, and until A has everything", () => {
    const faults: Summary["faults"] = [
      {
        fault: "weights changed by hand",
        at: "2026-03-01T10:00:00.000Z",
        expected: "back",
        verdict: "back",
        check: "judge",
        reason: "x",
        seconds: 3,
        requests: 100,
        failedRequests: 4,
        backSeconds: 1.5,
      },
    ];
    const text = lines([summary({ faults })]).join("\n");
    assert.match(text, /\| 4 \| 4\.5 s \| yes \|/);
  });

  it("says which scenario did not hold", () => {
    const text = lines([
      summary({}),
      summary({ scenario: "other", ok: false, steps: [{ ...STEP, held: false }] }),
    ]).join("\n");
    assert.match(text, /NOT held: other/);
    assert.match(text, /\| \*\*no\*\* \|/);
    assert.doesNotMatch(text, /all held/);
  });

  it("a text with bars, brackets and lines stays one cell", () => {
    const said = `a|b <c>\nd ${"x".repeat(500)}`;
    const row = lines([summary({ steps: [{ ...STEP, said }] })]).find((line) => line.includes("a\\|b")) ?? "";
    assert.match(row, /a\\\|b &lt;c> d x+…/);
    assert.equal(row.replaceAll("\\|", "").split("|").length, 9);
  });
});
