import assert from "node:assert/strict";
import { newestFigures } from "../../../migration/judge/figures";
import { sampleOf, type Sample } from "../../../migration/judge/sample";

function sample(second: number, weightB: number, b: object | null): Sample {
  return sampleOf({
    at: new Date(Date.parse("2026-03-02T22:00:00Z") + second * 1000).toISOString(),
    weightB,
    a: { requests: 90, errors: 1, latencyMs: { le: [10, 20, 100, null], count: [45, 45, 0, 0] } },
    ...(b === null ? {} : { b }),
  });
}

const GOOD = { requests: 10, errors: 0, latencyMs: { le: [10, 20, 100, null], count: [5, 4, 0, 1] } };

describe("the judge's figures for people", () => {
  it("sum the newest stretch of this step alone", () => {
    const samples = [sample(0, 10, GOOD), sample(15, 10, GOOD), sample(60, 25, GOOD), sample(75, 25, GOOD)];
    const figures = newestFigures(samples, 25, 60);
    assert.equal(figures?.from, "2026-03-02T22:01:00.000Z");
    assert.deepEqual(figures.a, { requests: 180, errors: 2, p50Ms: 10, p95Ms: 19, p99Ms: 19.8 });
    // What lies beyond the last bound is told as that bound.
    assert.deepEqual(figures.b, { requests: 20, errors: 0, p50Ms: 10, p95Ms: 100, p99Ms: 100 });
  });

  it("leave out what was not measured", () => {
    assert.equal(newestFigures([], 25, 60), undefined);
    assert.equal(newestFigures([sample(0, 10, GOOD)], 25, 60), undefined);
    const alone = newestFigures([sample(0, 25, null)], 25, 60);
    assert.equal(alone?.b, undefined);
    const mixed = { requests: 4, errors: 0, latencyMs: { le: [5, null], count: [4, 0] } };
    const other = newestFigures([sample(0, 25, GOOD), sample(15, 25, mixed)], 25, 60);
    assert.deepEqual(other?.b, { requests: 14, errors: 0 });
  });
});
