import assert from "node:assert/strict";
import fc from "fast-check";
import { ascentOf, firstTraffic, weightAt } from "../../../migration/metrics/ascent";
import { type MigrationRecord } from "../../../migration/record";
import { shapeOf, type Stage } from "../../../migration/stages";
import { recordOf } from "../../support/recordOf";

const BEGIN = Date.parse("2026-03-01T10:00:00Z");
const at = (minute: number): number => BEGIN + minute * 60_000;

function record(...stages: readonly Stage[]): MigrationRecord {
  return recordOf(...stages.map((stage, minute) => [stage, at(minute)] as const));
}

const weights = (...stages: readonly Stage[]): readonly (readonly [number, number])[] =>
  ascentOf(record(...stages)).map(({ atMs, weightB }) => [(atMs - BEGIN) / 60_000, weightB]);

describe("the way up at hand", () => {
  it("is nothing in an empty record, and one weight before traffic", () => {
    assert.deepEqual(weights(), []);
    assert.deepEqual(weights("prepare", "freeze", "start"), [[0, 0]]);
    assert.equal(firstTraffic(ascentOf(record("prepare", "start"))), undefined);
  });

  it("goes from the last time without traffic to now; a stage that stays changes nothing", () => {
    assert.deepEqual(weights("start", "traffic-5", "traffic-5", "traffic-25"), [
      [0, 0],
      [1, 5],
      [3, 25],
    ]);
    assert.deepEqual(weights("start", "traffic-50", "traffic-100", "complete"), [
      [0, 0],
      [1, 50],
      [2, 100],
    ]);
  });

  it("begins anew after a rollback, and after a step down", () => {
    assert.deepEqual(weights("start", "traffic-5", "traffic-25", "rollback", "traffic-5"), [
      [3, 0],
      [4, 5],
    ]);
    assert.deepEqual(weights("start", "traffic-5", "traffic-25", "traffic-5"), [[3, 5]]);
    assert.deepEqual(weights("start", "traffic-5", "traffic-25", "traffic-5", "traffic-25"), [
      [3, 5],
      [4, 25],
    ]);
  });

  it("takes the time when the weights really rose, where that was later", () => {
    const of = (minute: number): readonly number[] =>
      ascentOf(record("start", "traffic-5"), new Date(at(minute))).map(({ atMs }) => (atMs - BEGIN) / 60_000);
    assert.deepEqual(of(7), [0, 7]);
    assert.deepEqual(of(0.5), [0, 1]);
  });

  it("counts an interval in which the weight changed for the new weight", () => {
    const changes = ascentOf(record("start", "traffic-5", "traffic-25"));
    assert.deepEqual(
      [at(0), at(1), at(1) + 1, at(2), at(2) + 15_000, at(99)].map((ms) => weightAt(changes, ms)),
      [0, 0, 5, 5, 25, 25],
    );
  });

  it("only ever rises, and is the end of the record", () => {
    const stage = fc.constantFrom<Stage>("start", "traffic-5", "traffic-25", "traffic-50", "rollback", "traffic-100");
    fc.assert(
      fc.property(fc.array(stage, { minLength: 1, maxLength: 12 }), (stages) => {
        const changes = ascentOf(record(...stages));
        for (const [index, { weightB }] of changes.entries())
          assert.ok(index === 0 || weightB > (changes[index - 1]?.weightB ?? 0));
        assert.equal(changes.at(-1)?.weightB, shapeOf(stages.at(-1) ?? "start").weightB);
      }),
    );
  });
});
