import assert from "node:assert/strict";
import fc from "fast-check";
import { moveContextOf, type MoveRequest } from "../../migration/moveContext";
import { judgeMove, judgeWeights, type MoveContext } from "../../migration/moves";
import { groupsOf, planFor } from "../../migration/plan";
import {
  appendEntry,
  canonicalJson,
  EMPTY_RECORD,
  MAX_ENTRY_BYTES,
  parseRecord,
  renderRecord,
  stateOf,
  type EntryDraft,
  type MigrationRecord,
} from "../../migration/record";
import { allStages, shapeOf, trafficShare, type MoveVerdict, type Override, type Stage } from "../../migration/stages";
import { SCOPE } from "../checks/support/scope";

const STEPS = [5, 25, 50, 75, 100] as const;
const GROUPS = groupsOf(SCOPE);

/** Settings as they are at one moment of a migration. */
interface Set {
  readonly steps?: readonly number[];
  readonly override?: Override;
  readonly groups?: readonly string[];
}

function requestOf({ steps = STEPS, override, groups }: Set): MoveRequest {
  const dataPlanes = (groups ?? ["default"]).map((group) => ({
    group,
    deployment: `gateway-${group}`,
    replicas: 2,
    targetGroup: `api7-test-${group}-b`,
  }));
  const scope = { ...SCOPE, clusterB: { ...SCOPE.clusterB, dataPlanes } };
  return { trafficSteps: steps, scope, override };
}

/** A migration as the gate records it: each move is judged by the record before, and recorded when it is legal. */
class Walk {
  record: MigrationRecord = EMPTY_RECORD;

  to(stage: Stage, set: Set = {}): MoveVerdict {
    const request = requestOf(set);
    const state = stateOf(this.record);
    const context: MoveContext = { ...moveContextOf(request, this.record), acknowledgeRollback: state?.rollbackId };
    const verdict = judgeMove(state?.stage, stage, context);
    if (verdict.allowed) {
      const draft: EntryDraft = {
        at: "2026-03-01T08:00:00.000Z",
        stage,
        from: state?.stage ?? null,
        kind: verdict.kind,
        weightB: shapeOf(stage).weightB,
        by: "test",
        commit: "-",
        copy: 1,
        plan: planFor(stage, request.trafficSteps, request.scope ?? SCOPE),
        ...(verdict.kind === "override" && { override: set.override }),
        checks: [],
      };
      // Through its text, as through Pulumi's state.
      this.record = parseRecord(renderRecord(appendEntry(this.record, draft).record));
    }
    return verdict;
  }

  up(...stages: readonly Stage[]): this {
    for (const stage of stages) assert.ok(this.to(stage).allowed, stage);
    return this;
  }
}

const started = (): Walk => new Walk().up("prepare", "freeze", "restore", "start");

function refused(verdict: MoveVerdict): Extract<MoveVerdict, { allowed: false }> {
  assert.ok(!verdict.allowed);
  return verdict;
}

describe("traffic steps that are edited on the way", () => {
  it("taking out those above is skipping them", () => {
    const walk = started().up("traffic-5");
    const verdict = refused(walk.to("traffic-100", { steps: [5, 100] }));
    assert.match(verdict.reason, /from traffic-5 to traffic-100 is not legal/);
    assert.match(verdict.reason, /taken out of trafficSteps on the way is a step skipped: the record has 25, 50, 75/);
    assert.match(verdict.reason, /pulumi config set --path override\.from traffic-5 && .*override\.to traffic-100/);
    assert.deepEqual(verdict.legal, ["traffic-5", "rollback"]);
    assert.equal(
      verdict.remedy,
      "trafficSteps: [5, 25, 50, 75, 100] in the stack's file, then pulumi config set stage traffic-25",
    );
  });

  it("staying with the shorter list first does not make them forgotten", () => {
    const walk = started().up("traffic-5");
    assert.ok(walk.to("traffic-5", { steps: [5, 100] }).allowed);
    refused(walk.to("traffic-100", { steps: [5, 100] }));
  });

  it("nor does a step in between, a step down, or a rollback", () => {
    const walk = started().up("traffic-5");
    assert.ok(walk.to("traffic-10", { steps: [5, 10, 100] }).allowed);
    refused(walk.to("traffic-100", { steps: [5, 10, 100] }));
    assert.ok(walk.to("traffic-5", { steps: [5, 100] }).allowed);
    refused(walk.to("traffic-100", { steps: [5, 100] }));
    assert.ok(walk.to("rollback", { steps: [5, 100] }).allowed);
    assert.ok(walk.to("traffic-5", { steps: [5, 100] }).allowed);
    refused(walk.to("traffic-100", { steps: [5, 100] }));
  });

  it("the first step taken out at start or rollback is named", () => {
    for (const walk of [started(), started().up("traffic-5", "rollback")]) {
      const verdict = refused(walk.to("traffic-10", { steps: [10, 100] }));
      assert.match(verdict.reason, /the record has 5\./);
      assert.match(verdict.remedy, /trafficSteps: \[5, 10, 100\].*pulumi config set stage traffic-5/);
    }
  });

  it("an override permits the skip, once; what was skipped is not asked for again", () => {
    const walk = started().up("traffic-5");
    const override: Override = { from: "traffic-5", to: "traffic-50", by: "ada", reason: "load test" };
    const set: Set = { steps: [5, 50, 100], override };
    assert.deepEqual(walk.to("traffic-50", set), { allowed: true, kind: "override" });
    // 75 was not part of it.
    refused(walk.to("traffic-100", set));
    assert.ok(walk.to("traffic-75", { ...set, steps: [5, 50, 75, 100] }).allowed);
    assert.deepEqual(stateOf(walk.record)?.plan?.steps, [5, 50, 75, 100]);
  });

  it("putting more steps in makes them steps", () => {
    const walk = started().up("traffic-5");
    refused(walk.to("traffic-25", { steps: [5, 10, 25, 50, 75, 100] }));
    assert.ok(walk.to("traffic-10", { steps: [5, 10, 25, 50, 75, 100] }).allowed);
  });

  it("the present step may be taken out: the one above it is the next", () => {
    const walk = started().up("traffic-5", "traffic-25");
    refused(walk.to("traffic-75", { steps: [5, 50, 75, 100] }));
    assert.ok(walk.to("traffic-50", { steps: [5, 50, 75, 100] }).allowed);
  });

  it("before start, and in a new migration after abandon, steps are plans that may change", () => {
    const walk = new Walk().up("prepare", "freeze", "restore");
    assert.ok(walk.to("start", { steps: [10, 100] }).allowed);
    assert.ok(walk.to("traffic-10", { steps: [10, 100] }).allowed);
    const again = started().up("abandon", "prepare", "freeze", "restore");
    assert.ok(again.to("start", { steps: [1, 100] }).allowed);
    assert.ok(again.to("traffic-1", { steps: [1, 100] }).allowed);
  });

  it("property: whatever is edited, no recorded step above is passed without an override", () => {
    const steps = fc
      .uniqueArray(fc.integer({ min: 1, max: 99 }), { maxLength: 5 })
      .map((some) => [...some.sort((a, b) => a - b), 100]);
    const change = steps.chain((trafficSteps) =>
      fc.record({ steps: fc.constant(trafficSteps), to: fc.constantFrom(...allStages(trafficSteps)) }),
    );
    fc.assert(
      fc.property(fc.array(change, { maxLength: 15 }), (changes) => {
        const walk = started();
        const held = new globalThis.Set<number>(STEPS);
        for (const { steps: set, to } of changes) {
          const before = stateOf(walk.record)?.weightB ?? 0;
          const context = moveContextOf(requestOf({ steps: set }), walk.record);
          if (!walk.to(to, { steps: set }).allowed) continue;
          if (to === "abandon" || to === "decommission") return;
          const after = shapeOf(to).weightB;
          for (const step of held) assert.ok(step <= before || step >= after, `${before} -> ${after} passes ${step}`);
          // The rules, which know weights only, judge the same.
          assert.ok(judgeWeights(before, after, context).allowed);
          for (const step of set) held.add(step);
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe("an override", () => {
  const override: Override = { from: "traffic-5", to: "traffic-75", by: "ada", reason: "load test" };
  const set: Set = { override };

  it("is inert once fulfilled, also after a rollback and on the way up again", () => {
    const walk = started().up("traffic-5");
    assert.deepEqual(walk.to("traffic-75", set), { allowed: true, kind: "override" });
    assert.deepEqual(walk.to("traffic-75", set), { allowed: true, kind: "stay" });
    assert.ok(walk.to("traffic-5", set).allowed);
    assert.match(refused(walk.to("traffic-75", set)).reason, /was used before: it permitted one move/);
    assert.ok(walk.to("rollback", set).allowed);
    assert.ok(walk.to("traffic-5", set).allowed);
    const verdict = refused(walk.to("traffic-75", set));
    assert.match(verdict.reason, /was used before/);
    assert.equal(verdict.remedy, "pulumi config set stage traffic-25");
    // Another reason is another permission.
    assert.ok(walk.to("traffic-75", { override: { ...override, reason: "load test of Tuesday" } }).allowed);
  });

  it("still holds for the rules while the stage that it led to stands", () => {
    const walk = started().up("traffic-5");
    walk.to("traffic-75", set);
    const context = moveContextOf(requestOf(set), walk.record);
    assert.equal(context.overrideUsed, false);
    assert.ok(judgeWeights(5, 75, context).allowed);
    walk.to("traffic-5", set);
    const later = moveContextOf(requestOf(set), walk.record);
    assert.match(refused(judgeWeights(5, 75, later)).reason, /was used before/);
  });

  it("of another migration is another one's", () => {
    const walk = started().up("traffic-5");
    walk.to("traffic-75", set);
    walk.up("rollback", "abandon", "prepare", "freeze", "restore", "start", "traffic-5");
    assert.ok(walk.to("traffic-75", set).allowed);
  });

  it("is recognized by its clipped text, as the record holds it", () => {
    const long: Override = { ...override, reason: "é".repeat(3_000) };
    const walk = started().up("traffic-5");
    assert.ok(walk.to("traffic-75", { override: long }).allowed);
    walk.to("traffic-5");
    refused(walk.to("traffic-75", { override: long }));
  });
});

describe("the set of gateway groups", () => {
  const more: Set = { groups: ["default", "partner"] };
  const reached: readonly (readonly [Stage, readonly Stage[]])[] = [
    ["start", []],
    ["traffic-5", ["traffic-5"]],
    ["complete", ["traffic-5", "traffic-25", "traffic-50", "traffic-75", "traffic-100", "complete"]],
    ["rollback", ["rollback"]],
  ];
  for (const [at, way] of reached) {
    it(`is fixed at ${at}`, () => {
      for (const groups of [["default", "partner"], ["partner"], ["other"]]) {
        const walk = started().up(...way);
        for (const to of [at, at === "complete" ? "decommission" : "traffic-5"] as const) {
          if (to === "rollback") continue;
          const verdict = refused(walk.to(to, { groups }));
          assert.match(verdict.reason, /gateway groups are fixed from start to complete/);
          assert.match(verdict.remedy, /gatewayGroups as recorded \(default \(gateway-default\)\)/);
        }
      }
    });
  }

  it("says which came and which went", () => {
    const { reason } = refused(started().to("start", { groups: ["partner"] }));
    assert.match(reason, /default \(gateway-default\) gone, partner \(gateway-partner\) added\.$/);
  });

  it("never holds the way back, or giving up", () => {
    assert.ok(started().to("abandon", more).allowed);
    const walk = started().up("traffic-5");
    assert.ok(walk.to("rollback", more).allowed);
    assert.ok(walk.to("rollback", more).allowed);
    // And does not become the recorded one by it.
    refused(walk.to("start", more));
    assert.ok(walk.to("start").allowed);
  });

  it("may change before start, and after complete", () => {
    const walk = new Walk().up("prepare", "freeze", "restore");
    assert.ok(walk.to("restore", more).allowed);
    assert.ok(walk.to("start", more).allowed);
    const end = started().up("traffic-5", "traffic-25", "traffic-50", "traffic-75", "traffic-100");
    end.up("complete", "decommission");
    assert.ok(end.to("decommission", more).allowed);
  });

  it("is the same in another order", () => {
    const walk = new Walk().up("prepare", "freeze", "restore");
    assert.ok(walk.to("start", more).allowed);
    assert.ok(walk.to("traffic-5", { groups: ["partner", "default"] }).allowed);
  });
});

describe("the plan in the record", () => {
  it("is in entries from start on, and fits whatever is set", () => {
    for (const stage of allStages(STEPS)) {
      const binds =
        trafficShare(stage) !== undefined || ["start", "complete", "decommission", "rollback"].includes(stage);
      assert.deepEqual(planFor(stage, STEPS, SCOPE), binds ? { steps: STEPS, groups: GROUPS } : undefined, stage);
    }
    const steps = Array.from({ length: 100 }, (_, index) => index + 1);
    const groups = Array.from({ length: 100 }, (_, index) => `group-${index}`);
    const { scope } = requestOf({ groups });
    const plan = planFor("start", steps, scope ?? SCOPE);
    assert.match(plan?.groups[0] ?? "", /^100 groups, digest [0-9a-f]{12}$/);
    const long = "x".repeat(4_000);
    const draft: EntryDraft = {
      at: "2026-03-01T08:00:00.000Z",
      stage: "start",
      from: "restore",
      kind: "override",
      weightB: 0,
      by: long,
      commit: long,
      copy: 1,
      plan,
      override: { from: "start", to: "traffic-100", by: long, reason: long },
      digests: { copy: `100:1000000:${"a".repeat(64)}` },
      checks: Array.from({ length: 30 }, (_, index) => ({ name: `check number ${index}`, verdict: "holds" as const })),
      evidence: "a".repeat(64),
    };
    const { entry, record } = appendEntry(EMPTY_RECORD, draft);
    assert.ok(Buffer.byteLength(canonicalJson(entry)) <= MAX_ENTRY_BYTES);
    assert.deepEqual(entry.plan, plan);
    assert.deepEqual(stateOf(parseRecord(renderRecord(record)))?.plan, plan);
  });

  it("is carried over when its entries are folded, with the overrides", () => {
    const override: Override = { from: "traffic-5", to: "traffic-75", by: "ada", reason: "r" };
    const walk = started().up("traffic-5");
    walk.to("traffic-75", { override });
    walk.to("traffic-5");
    const before = stateOf(walk.record);
    for (let n = 0; n < 300; n += 1) walk.to("traffic-5", { steps: [5, 100] });
    assert.ok(walk.record.folded && walk.record.entries.every(({ stage }) => stage === "traffic-5"));
    assert.deepEqual(stateOf(walk.record), before);
    refused(walk.to("traffic-75", { override }));
    refused(walk.to("traffic-100", { steps: [5, 100] }));
  });
});
