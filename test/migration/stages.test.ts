import assert from "node:assert/strict";
import fc from "fast-check";
import { judgeMove, judgeWeights, type MoveContext } from "../../migration/moves";
import {
  allStages,
  canRollBack,
  isStage,
  legalNext,
  setStageCommand,
  shapeOf,
  trafficShare,
  trafficStage,
  wayUp,
  type Override,
  type Stage,
} from "../../migration/stages";

const STEPS = [5, 25, 50, 75, 100] as const;
const CONTEXT: MoveContext = { trafficSteps: STEPS };
const ALL = allStages(STEPS);
const ROLLBACK_ID = "0123456789ab";

/** Every legal move but staying, written out: the stage table's moves (first row: a new stack). */
const LEGAL: Readonly<Record<string, readonly string[]>> = {
  "(new)": ["prepare"],
  prepare: ["freeze"],
  freeze: ["restore", "abandon"],
  restore: ["start", "abandon"],
  start: ["traffic-5", "rollback", "abandon"],
  "traffic-5": ["traffic-25", "rollback"],
  "traffic-25": ["traffic-50", "traffic-5", "rollback"],
  "traffic-50": ["traffic-75", "traffic-5", "traffic-25", "rollback"],
  "traffic-75": ["traffic-100", "traffic-5", "traffic-25", "traffic-50", "rollback"],
  "traffic-100": ["complete", "traffic-5", "traffic-25", "traffic-50", "traffic-75", "rollback"],
  complete: ["decommission", "rollback"],
  decommission: [],
  rollback: ["start", "traffic-5", "abandon"],
  abandon: ["prepare"],
};

/** The moves that an override permits: from `start` or a traffic step, upwards, to a traffic step. */
function mayOverride(from: Stage, to: Stage): boolean {
  const share = from === "start" ? 0 : trafficShare(from);
  const target = trafficShare(to);
  return share !== undefined && target !== undefined && target > share;
}

describe("stages: every pair", () => {
  for (const from of [undefined, ...ALL]) {
    for (const to of ALL) {
      const pair = `${from ?? "(new)"} -> ${to}`;
      const named = LEGAL[from ?? "(new)"] ?? assert.fail(pair);
      // Leaving rollback needs its acknowledgement, which is tried apart.
      const legal = from === to || (named.includes(to) && from !== "rollback");

      it(`${pair} is ${legal ? "legal" : "refused"} without an override`, () => {
        const verdict = judgeMove(from, to, CONTEXT);
        assert.equal(verdict.allowed, legal);
        if (verdict.allowed) return;
        assert.ok(verdict.reason.includes(to), verdict.reason);
        assert.deepEqual([...verdict.legal].sort(), [...named, ...(from === undefined ? [] : [from])].sort());
        assert.match(verdict.remedy, /pulumi config set (stage|acknowledgeRollback) /);
      });

      if (from === undefined || from === to || named.includes(to)) continue;
      const permitted = mayOverride(from, to);
      it(`${pair} is ${permitted ? "permitted" : "refused"} with an override for it`, () => {
        const override: Override = { from, to, by: "ada", reason: "load test passed" };
        const verdict = judgeMove(from, to, { ...CONTEXT, override });
        assert.equal(verdict.allowed, permitted);
        if (verdict.allowed) assert.equal(verdict.kind, "override");
      });
      if (!permitted) continue;
      it(`${pair} is refused with an override for another move`, () => {
        for (const override of [
          { from: to, to: from },
          { from, to: "complete" },
          { from: "prepare", to },
        ] satisfies Pick<Override, "from" | "to">[]) {
          assert.equal(
            judgeMove(from, to, { ...CONTEXT, override: { ...override, by: "a", reason: "b" } }).allowed,
            false,
          );
        }
      });
    }
  }
});

describe("stages: kinds of moves", () => {
  const kinds: readonly (readonly [Stage | undefined, Stage, string])[] = [
    [undefined, "prepare", "first"],
    ["prepare", "freeze", "up"],
    ["restore", "start", "up"],
    ["start", "traffic-5", "up"],
    ["traffic-75", "traffic-100", "up"],
    ["traffic-100", "complete", "up"],
    ["complete", "decommission", "up"],
    ["traffic-50", "traffic-5", "down"],
    ["traffic-50", "traffic-50", "stay"],
    ["rollback", "rollback", "stay"],
    ["start", "rollback", "rollback"],
    ["complete", "rollback", "rollback"],
    ["freeze", "abandon", "abandon"],
    ["abandon", "prepare", "reopen"],
  ];
  for (const [from, to, kind] of kinds) {
    it(`${from ?? "(new)"} -> ${to} is ${kind}`, () => {
      const verdict = judgeMove(from, to, CONTEXT);
      assert.deepEqual(verdict, { allowed: true, kind });
    });
  }

  it("leaving rollback needs the id of this very rollback", () => {
    for (const to of ["start", "traffic-5", "abandon"] as const) {
      const context = { ...CONTEXT, rollbackId: ROLLBACK_ID };
      const refused = judgeMove("rollback", to, context);
      assert.ok(!refused.allowed);
      assert.ok(refused.remedy.includes(`pulumi config set acknowledgeRollback ${ROLLBACK_ID}`), refused.remedy);
      const old = judgeMove("rollback", to, { ...context, acknowledgeRollback: "ba9876543210" });
      assert.ok(!old.allowed);
      assert.ok(old.reason.includes("ba9876543210"), old.reason);
      const left = judgeMove("rollback", to, { ...context, acknowledgeRollback: ROLLBACK_ID });
      assert.deepEqual(left, { allowed: true, kind: "leave-rollback" });
    }
    // An acknowledgement without any rollback on record acknowledges nothing.
    assert.equal(judgeMove("rollback", "start", { ...CONTEXT, acknowledgeRollback: ROLLBACK_ID }).allowed, false);
  });

  it("rollback needs no override and no acknowledgement from start to complete, and from nowhere else", () => {
    for (const from of ALL) {
      const expected = canRollBack(from) || from === "rollback";
      assert.equal(judgeMove(from, "rollback", CONTEXT).allowed, expected, from);
    }
  });
});

describe("stages: shapes", () => {
  const shapes: readonly (readonly [Stage, number, string, boolean, string, string, boolean])[] = [
    ["prepare", 0, "none", false, "open", "none", false],
    ["freeze", 0, "none", false, "frozen", "none", false],
    ["restore", 0, "present", false, "frozen", "none", false],
    ["start", 0, "present", true, "frozen", "restricted", true],
    ["traffic-5", 5, "present", true, "frozen", "restricted", true],
    ["traffic-100", 100, "present", true, "frozen", "restricted", true],
    ["complete", 100, "present", true, "frozen", "open", true],
    ["decommission", 100, "present", true, "stopped", "open", true],
    ["rollback", 0, "present", true, "frozen", "restricted", true],
    ["abandon", 0, "kept", false, "open", "none", false],
  ];
  for (const [stage, weightB, databaseB, planes, clusterA, configurationB, protectB] of shapes) {
    it(stage, () => {
      assert.deepEqual(shapeOf(stage), {
        weightB,
        databaseB,
        controlPlaneB: planes,
        dataPlaneB: planes,
        clusterA,
        configurationB,
        protectB,
      });
    });
  }

  it("names traffic stages by their share, and knows no other text", () => {
    assert.equal(trafficStage(25), "traffic-25");
    assert.equal(trafficShare("traffic-25"), 25);
    for (const text of ["traffic-", "traffic-5 ", "traffic-5%", "traffic-1000", "Traffic-5", "complete", ""]) {
      assert.equal(trafficShare(text), undefined, text);
    }
    assert.ok(isStage("traffic-25", STEPS));
    for (const text of ["traffic-10", "traffic-025", "go", ""]) assert.ok(!isStage(text, STEPS), text);
    assert.equal(setStageCommand("rollback"), "pulumi config set stage rollback");
  });
});

describe("stages: weights alone", () => {
  const cases: readonly (readonly [number, number, boolean])[] = [
    [0, 0, true],
    [0, 5, true],
    [5, 25, true],
    [75, 100, true],
    [100, 0, true],
    [50, 25, true],
    [50, 10, true],
    [0, 25, false],
    [5, 50, false],
    [5, 10, false],
    [10, 25, true],
    [10, 50, false],
    [0, 100, false],
  ];
  for (const [from, to, allowed] of cases) {
    it(`B from ${from} to ${to} % is ${allowed ? "legal" : "refused"}`, () => {
      const verdict = judgeWeights(from, to, CONTEXT);
      assert.equal(verdict.allowed, allowed);
      if (!verdict.allowed) assert.match(verdict.reason, new RegExp(`from ${from} to ${to} %`));
    });
  }

  it("an override permits exactly its own weights", () => {
    const override: Override = { from: "traffic-5", to: "traffic-75", by: "ada", reason: "x" };
    assert.equal(judgeWeights(5, 75, { trafficSteps: STEPS, override }).allowed, true);
    assert.equal(judgeWeights(25, 75, { trafficSteps: STEPS, override }).allowed, false);
    assert.equal(judgeWeights(5, 100, { trafficSteps: STEPS, override }).allowed, false);
    const data: Override = { ...override, from: "freeze", to: "traffic-75" };
    assert.equal(judgeWeights(0, 75, { trafficSteps: STEPS, override: data }).allowed, false);
  });
});

describe("stages: properties over any steps", () => {
  const steps = fc
    .uniqueArray(fc.integer({ min: 1, max: 99 }), { minLength: 0, maxLength: 8 })
    .map((some) => [...some.sort((a, b) => a - b), 100]);
  const anyStage = (trafficSteps: readonly number[]): fc.Arbitrary<Stage> =>
    fc.constantFrom(...allStages(trafficSteps));
  const walk = steps.chain((trafficSteps) =>
    fc.record({ trafficSteps: fc.constant(trafficSteps), moves: fc.array(anyStage(trafficSteps), { maxLength: 40 }) }),
  );

  it("legal moves alone never raise B by more than one step, and never reach traffic before start", () => {
    fc.assert(
      fc.property(walk, ({ trafficSteps, moves }) => {
        let at: Stage | undefined;
        const entered = new Set<Stage>();
        for (const to of moves) {
          const context = { trafficSteps, rollbackId: ROLLBACK_ID, acknowledgeRollback: ROLLBACK_ID };
          if (!judgeMove(at, to, context).allowed) continue;
          const before = at === undefined ? 0 : shapeOf(at).weightB;
          assert.ok(judgeWeights(before, shapeOf(to).weightB, { trafficSteps }).allowed, `${at ?? "new"} -> ${to}`);
          if (shapeOf(to).weightB > 0) assert.ok(entered.has("start") && entered.has("restore"), to);
          entered.add(to);
          at = to;
        }
      }),
    );
  });

  it("from every stage of a migration under way, A is one move or, after decommission, no move away", () => {
    fc.assert(
      fc.property(steps, (trafficSteps) => {
        for (const from of allStages(trafficSteps)) {
          const next = legalNext(from, trafficSteps);
          assert.equal(next[0], from);
          assert.equal(new Set(next).size, next.length);
          const hasTraffic = shapeOf(from).weightB > 0;
          if (hasTraffic && from !== "decommission") assert.ok(next.includes("rollback"), from);
        }
      }),
    );
  });

  it("every stage of the way up has exactly one stage above it", () => {
    fc.assert(
      fc.property(steps, (trafficSteps) => {
        const path = wayUp(trafficSteps);
        for (const [index, stage] of path.entries()) {
          const above = legalNext(stage, trafficSteps).filter((next) => path.indexOf(next) > index);
          assert.deepEqual(above, path.slice(index + 1, index + 2));
        }
      }),
    );
  });

  it("a traffic step that the settings no longer name can only be left downwards or back", () => {
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 99 }), (trafficSteps, removed) => {
        fc.pre(!trafficSteps.includes(removed));
        const from = trafficStage(removed);
        for (const to of legalNext(from, trafficSteps)) {
          assert.ok(to === from || to === "rollback" || (trafficShare(to) ?? 101) < removed, to);
        }
      }),
    );
  });

  it("no override leads past start, complete or decommission, or out of rollback", () => {
    fc.assert(
      fc.property(
        steps.chain((trafficSteps) =>
          fc.tuple(fc.constant(trafficSteps), anyStage(trafficSteps), anyStage(trafficSteps)),
        ),
        ([trafficSteps, from, to]) => {
          const override: Override = { from, to, by: "a", reason: "b" };
          const verdict = judgeMove(from, to, { trafficSteps, override });
          if (!verdict.allowed || verdict.kind !== "override") return;
          assert.ok(from === "start" || trafficShare(from) !== undefined, from);
          assert.ok(trafficShare(to) !== undefined, to);
          assert.ok(shapeOf(to).weightB > shapeOf(from).weightB);
        },
      ),
    );
  });
});
