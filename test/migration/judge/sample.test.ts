import assert from "node:assert/strict";
import { readSample, SampleError } from "../../../migration/judge";
import { chooseBounds, slowerThan, surelySlowerThan } from "../../../migration/judge/latency";
import { lineOf, samplesOf } from "./support";

const GOOD = {
  at: "2026-03-01T10:00:15Z",
  weightB: 5,
  a: { requests: 100, errors: 1, latencyMs: { le: [50, 100, null], count: [90, 8, 2] } },
  b: { requests: 5, errors: 0, latencyMs: { le: [50, 100, null], count: [5, 0, 0] } },
};

describe("judge: a line of samples", () => {
  it("is read", () => {
    const sample = readSample(JSON.stringify(GOOD));
    assert.equal(sample.atMs, Date.UTC(2026, 2, 1, 10, 0, 15));
    assert.deepEqual([sample.weightB, sample.a?.requests, sample.b?.errors], [5, 100, 0]);
    assert.deepEqual(sample.b?.latencyMs, GOOD.b.latencyMs);
    assert.deepEqual(sample.services, {});
  });

  it("comes back as it was written", () => {
    for (const sample of samplesOf([{ weightB: 25, minutes: 1 }])) assert.deepEqual(readSample(lineOf(sample)), sample);
  });

  it("may lack what is missing data, and have what is optional", () => {
    const read = (value: object): ReturnType<typeof readSample> => readSample(JSON.stringify({ ...GOOD, ...value }));
    assert.equal(read({ b: null }).b, undefined);
    assert.equal(read({ b: { requests: 5 } }).b, undefined);
    assert.equal(read({ b: { requests: null, errors: 0 } }).b, undefined);
    assert.equal(read({ b: { requests: 5, errors: 0, latencyMs: null } }).b?.latencyMs, undefined);
    const services = { pay: { a: GOOD.a, b: null, probe: { requests: 3, errors: 0 } } };
    assert.deepEqual(read({ services }).services["pay"]?.probe, { requests: 3, errors: 0 });
    assert.deepEqual(read({ b: { ...GOOD.b, grpc: { "14": 2 }, healthyTargets: 3 } }).b?.grpc, { "14": 2 });
  });

  for (const [what, line, message] of [
    ["no JSON", "{", /^not JSON \(/],
    ["a list", "[]", /^the line: read \[\], expected an object/],
    ["no time", JSON.stringify({ ...GOOD, at: undefined }), /^at: read nothing, expected an ISO time with zone/],
    ["a time without zone", JSON.stringify({ ...GOOD, at: "2026-03-01T10:00:15" }), /^at: read "2026/],
    ["no day", JSON.stringify({ ...GOOD, at: "2026-13-01T10:00:15Z" }), /^at: /],
    ["no weight", JSON.stringify({ ...GOOD, weightB: undefined }), /^weightB: read nothing, expected a number/],
    ["a weight of 101", JSON.stringify({ ...GOOD, weightB: 101 }), /^weightB: read 101, expected percent/],
    ["text for a count", JSON.stringify({ ...GOOD, b: { requests: "5", errors: 0 } }), /^b.requests: read "5"/],
    [
      "a count too few",
      JSON.stringify({ ...GOOD, b: { ...GOOD.b, latencyMs: { le: [50, null], count: [5] } } }),
      /^b.latencyMs.count: read \[5\], expected 2 counts/,
    ],
    [
      "bounds that fall",
      JSON.stringify({ ...GOOD, b: { ...GOOD.b, latencyMs: { le: [50, 20, null], count: [5, 0, 0] } } }),
      /^b.latencyMs.le\[1\]: read 20, expected a bound above/,
    ],
    [
      "no infinity",
      JSON.stringify({ ...GOOD, b: { ...GOOD.b, latencyMs: { le: [50, 100], count: [5, 0] } } }),
      /^b.latencyMs.le\[1\]: read 100, expected null/,
    ],
    ["services as a list", JSON.stringify({ ...GOOD, services: [] }), /^services: /],
  ] as const) {
    it(`is refused: ${what}`, () => {
      assert.throws(
        () => readSample(line),
        (error) => error instanceof SampleError && message.test(error.message),
      );
    });
  }
});

describe("judge: latency bounds", () => {
  const histogram = { le: [50, 100, 200, 400, null], count: [900, 40, 45, 10, 5] };
  const all = (): boolean => true;

  it("are the buckets nearest to A's p95 and p99, and never the same where there are two", () => {
    assert.deepEqual(chooseBounds(histogram, all), { p95: 100, p99: 200 });
    assert.deepEqual(
      chooseBounds(histogram, (bound) => bound !== 100),
      { p95: 50, p99: 200 },
    );
    assert.deepEqual(
      chooseBounds(histogram, (bound) => bound === 200),
      { p95: 200, p99: 200 },
    );
  });

  it("serve a very fast A too: whoever is slower than everything stands out", () => {
    assert.deepEqual(chooseBounds({ le: [50, 100, null], count: [10_000, 0, 0] }, all), { p95: 50, p99: 100 });
  });

  it("are missing where everything is slow, or nothing is common", () => {
    assert.deepEqual(chooseBounds({ le: [1, null], count: [0, 1000] }, all), { p95: undefined, p99: undefined });
    assert.deepEqual(
      chooseBounds(histogram, () => false),
      { p95: undefined, p99: undefined },
    );
  });

  it("count what is slower", () => {
    assert.equal(slowerThan(histogram, 100), 60);
    assert.equal(slowerThan(histogram, 101), undefined);
    assert.equal(slowerThan(undefined, 100), undefined);
    assert.equal(surelySlowerThan(histogram, 100), 60);
    assert.equal(surelySlowerThan(histogram, 150), 15, "the bucket from 100 to 200 may hold quicker ones");
  });
});
