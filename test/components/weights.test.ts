import assert from "node:assert/strict";
import { judgeFirstWeights, judgeWeightStep, type WeightContext, weightOfB } from "../../components/weights";
import { judgeMove, type MoveContext } from "../../migration/moves";
import { type MoveVerdict, type Override, type Stage } from "../../migration/stages";

const STEPS = [5, 25, 50, 75, 100];

/** Inputs of a rule, or of a listener, with a share of B in percent. */
function rule(weightB: number): Record<string, unknown> {
  const targetGroups = [
    { arn: "a", weight: 100 - weightB },
    { arn: "b", weight: weightB },
  ];
  return { actions: [{ type: "forward", forward: { targetGroups, stickiness: { enabled: false, duration: 1 } } }] };
}

function listener(weightB: number): Record<string, unknown> {
  return { defaultActions: rule(weightB)["actions"] };
}

/** A gate that remembers whether its checks were run by the hook. */
class Gate {
  verified = 0;
  constructor(
    private readonly verdict: MoveVerdict | undefined,
    private readonly passed: boolean,
    private readonly failure?: string,
    private readonly before: Stage = "traffic-100",
    private readonly more: Partial<MoveContext> = {},
  ) {}
  moveContext(): MoveContext {
    return { trafficSteps: STEPS, ...this.more };
  }
  stageBefore(): Promise<Stage | undefined> {
    return Promise.resolve(this.before);
  }
  judge(): MoveVerdict | undefined {
    return this.verdict;
  }
  passedInThisRun(): boolean {
    return this.passed;
  }
  verify(): Promise<void> {
    this.verified += 1;
    return this.failure === undefined ? Promise.resolve() : Promise.reject(new Error(this.failure));
  }
}

function context(stage: Stage, gate: Gate): WeightContext {
  return { stage, gate };
}

const LEGAL = judgeMove("traffic-5", "traffic-25", { trafficSteps: STEPS });
const step = (from: number, to: number, of = rule): { name: string; oldInputs: object; newInputs: object } => ({
  name: "traffic-default",
  oldInputs: of(from),
  newInputs: of(to),
});
const judge = (given: object, ctx: WeightContext, dryRun = false): Promise<void> =>
  judgeWeightStep(given as Parameters<typeof judgeWeightStep>[0], ctx, dryRun);

describe("weights that a rule or listener holds", () => {
  it("are read from a rule and from a listener's default action", () => {
    assert.deepEqual([weightOfB(rule(25)), weightOfB(listener(75))], [25, 75]);
  });
  it("are shares, whatever their sum", () => {
    const targetGroups = [{ weight: 3 }, { weight: 1 }];
    assert.equal(weightOfB({ actions: [{ forward: { targetGroups } }] }), 25);
  });
  it("are 0 when nobody gets anything", () => {
    assert.equal(weightOfB({ actions: [{ forward: { targetGroups: [{ weight: 0 }, { weight: 0 }] } }] }), 0);
  });
  const without: readonly unknown[] = [
    {},
    { actions: [] },
    { actions: "unknown" },
    { actions: [{ type: "fixed-response" }] },
    { actions: [{ forward: { targetGroups: [{ weight: 1 }] } }] },
    { actions: [{ forward: { targetGroups: [{ weight: 1 }, {}] } }] },
  ];
  for (const inputs of without) {
    it(`are unknown in ${JSON.stringify(inputs)}`, () =>
      assert.equal(weightOfB(inputs as Record<string, unknown> | undefined), undefined));
  }
});

describe("a rule's creation", () => {
  it("with every request on A is taken", () => judgeFirstWeights({ name: "r", newInputs: rule(0) }));
  for (const weightB of [1, 5, 100]) {
    it(`with ${weightB} % on B is refused`, () =>
      assert.throws(
        () => judgeFirstWeights({ name: "r", newInputs: rule(weightB) }),
        /must begin with 0[^]*pulumi config set stage/,
      ));
  }
  it("with weights that cannot be read is refused", () => {
    assert.throws(() => judgeFirstWeights({ name: "r", newInputs: {} }), /an unknown share/);
  });
});

describe("a change of weights", () => {
  for (const of of [rule, listener]) {
    it(`that falls asks nobody (${of.name})`, async () => {
      for (const [from, to] of [
        [100, 0],
        [25, 5],
        [50, 0],
        [5, 5],
      ] as const) {
        const gate = new Gate({ allowed: false, reason: "never", legal: [], remedy: "none" }, false, "must not run");
        await judge(step(from, to, of), context("rollback", gate));
        await judge(step(from, to, of), context("traffic-100", gate), true);
        assert.equal(gate.verified, 0);
      }
    });
  }

  it("that falls after decommission is refused: A has nothing to serve with", async () => {
    const gate = new Gate(undefined, false, undefined, "decommission");
    for (const stage of ["rollback", "abandon", "traffic-75"] as const) {
      await assert.rejects(judge(step(100, 0), context(stage, gate)), /scaled to zero at decommission/);
      await assert.rejects(judge(step(100, 0), context(stage, gate), true), /scaled to zero at decommission/);
    }
  });

  it("that was lowered by hand at decommission may rise to 100 at once, checked", async () => {
    const gate = new Gate(LEGAL, false, undefined, "decommission");
    await judge(step(50, 100), context("decommission", gate));
    assert.equal(gate.verified, 1);
  });

  it("that rises after the gate passed in this run runs no check again", async () => {
    const gate = new Gate(LEGAL, true);
    await judge(step(5, 25), context("traffic-25", gate));
    assert.equal(gate.verified, 0);
  });

  it("that rises without the gate in this run (--target) runs its checks", async () => {
    const gate = new Gate(LEGAL, false);
    await judge(step(5, 25), context("traffic-25", gate));
    assert.equal(gate.verified, 1);
  });

  it("that rises without the gate is refused when the checks do not hold", async () => {
    const gate = new Gate(LEGAL, false, "table route differs");
    await assert.rejects(judge(step(5, 25), context("traffic-25", gate)), /table route differs/);
  });

  it("in preview is judged by the moves alone", async () => {
    const gate = new Gate(LEGAL, false, "must not run");
    await judge(step(5, 25), context("traffic-25", gate), true);
    assert.equal(gate.verified, 0);
  });

  for (const dryRun of [true, false]) {
    it(`that skips a step is refused, ${dryRun ? "in preview" : "in an update"}`, async () => {
      const gate = new Gate(undefined, true);
      await assert.rejects(judge(step(5, 75), context("traffic-75", gate), dryRun), /from 5 to 75[^]*traffic-25/);
      assert.equal(gate.verified, 0);
    });

    it(`that the record does not allow is refused, ${dryRun ? "in preview" : "in an update"}`, async () => {
      // The listener stands at 5 by a targeted update, the record at traffic-25 before a rollback.
      const verdict = judgeMove("rollback", "traffic-5", { trafficSteps: STEPS, rollbackId: "0123456789ab" });
      const gate = new Gate(verdict, true);
      await assert.rejects(judge(step(0, 5), context("traffic-5", gate), dryRun), /acknowledgeRollback 0123456789ab/);
    });
  }

  it("that skips steps with an override is taken", async () => {
    const override: Override = { from: "traffic-5", to: "traffic-75", by: "Ada", reason: "quiet" };
    const gate = new Gate(undefined, true, undefined, "traffic-5", { override });
    await judge(step(5, 75), context("traffic-75", gate));
    await assert.rejects(judge(step(25, 75), context("traffic-75", gate)), /step was skipped/);
    const used = new Gate(undefined, true, undefined, "traffic-5", { override, overrideUsed: true });
    await assert.rejects(judge(step(5, 75), context("traffic-75", used)), /was used before/);
  });

  it("that skips a step which the settings no longer name, but the record does, is refused", async () => {
    const plan = { steps: STEPS, groups: [] };
    const gate = new Gate(undefined, true, undefined, "traffic-5", { trafficSteps: [5, 100], plan });
    for (const dryRun of [true, false]) {
      await assert.rejects(
        judge(step(5, 100), context("traffic-100", gate), dryRun),
        /taken out of trafficSteps[^]*25, 50, 75[^]*trafficSteps: \[5, 25, 50, 75, 100\]/,
      );
    }
  });

  it("is told by the weights, not by the stage's name", async () => {
    // Live 50/50 after a change by hand; the settings say traffic-25: falling.
    await judge(step(50, 25), context("traffic-25", new Gate(undefined, false, "must not run")));
    // The settings say rollback, but the weights would rise: refused like any other.
    await assert.rejects(judge(step(0, 100), context("rollback", new Gate(undefined, true))), /from 0 to 100/);
  });

  it("from weights that cannot be read begins at 0", async () => {
    const gate = new Gate(undefined, true);
    await judge({ name: "r", oldInputs: {}, newInputs: rule(5) }, context("traffic-5", gate));
    await assert.rejects(
      judge({ name: "r", oldInputs: {}, newInputs: rule(50) }, context("traffic-50", gate)),
      /skipped/,
    );
  });

  it("to weights that cannot be read is refused", async () => {
    const gate = new Gate(undefined, true);
    await assert.rejects(
      judge({ name: "r", oldInputs: rule(5), newInputs: {} }, context("traffic-5", gate)),
      /no forward/,
    );
  });
});
