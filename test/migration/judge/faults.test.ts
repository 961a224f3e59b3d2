import assert from "node:assert/strict";
import fc from "fast-check";
import { type Sample } from "../../../migration/judge";
import { changed, configWith, INTERVAL_MS, samplesOf, side, verdictOf, withServices } from "./support";

/** Missing, late, duplicated, reset and partial samples: never *go*, and never a *back* that the rest does not call for. */

const SOUND = samplesOf([{ weightB: 50, minutes: 20 }]);
const FULL = samplesOf([
  { weightB: 50, minutes: 15 },
  { weightB: 100, minutes: 20 },
]);

type Damage = readonly [
  string,
  (samples: readonly Sample[], index: number) => readonly Sample[],
  /** First sample that it damages: a layout matters once it is in use. */
  number?,
];

const onB =
  (change: (b: NonNullable<Sample["b"]>) => Sample["b"]): Damage[1] =>
  (samples, index) =>
    changed(samples, index, (sample) => ({ ...sample, b: sample.b && change(sample.b) }));

const DAMAGES: readonly Damage[] = [
  ["a missing sample", (samples, index) => samples.filter((_, at) => at !== index)],
  ["a missing minute", (samples, index) => samples.filter((_, at) => at < index || at >= index + 4)],
  [
    "a duplicated sample",
    (samples, index) => samples.flatMap((sample, at) => (at === index ? [sample, sample] : [sample])),
  ],
  [
    "a duplicated time with other counts",
    (samples, index) =>
      samples.flatMap((sample, at) => (at === index ? [sample, { ...sample, b: side(3000, 0) }] : [sample])),
  ],
  [
    "a late sample",
    (samples, index) => {
      const [here, next] = [samples[index], samples[index + 1]];
      assert.ok(here && next);
      return [...samples.slice(0, index), next, here, ...samples.slice(index + 2)];
    },
  ],
  ["a counter that began anew", onB((b) => ({ ...b, requests: -b.requests }))],
  ["negative errors", onB((b) => ({ ...b, errors: -1 }))],
  [
    "a negative bucket",
    onB((b) => ({ ...b, latencyMs: b.latencyMs && { ...b.latencyMs, count: [b.requests + 7, -7, 0] } })),
  ],
  ["half a histogram", onB((b) => ({ ...b, latencyMs: { le: [100, 400, null], count: [b.requests / 2, 0, 0] } }))],
  ["no histogram", onB((b) => ({ ...b, latencyMs: undefined }))],
  ["more errors than requests", onB((b) => ({ ...b, errors: b.requests + 1 }))],
  ["no counts of B", onB(() => undefined)],
  [
    "buckets without the bounds in use",
    onB((b) => ({ ...b, latencyMs: { le: [70, null], count: [b.requests, 0] } })),
    8,
  ],
  [
    "a service with more errors than requests",
    (samples, index) =>
      changed(samples, index, (sample) => ({
        ...sample,
        services: { pay: { a: side(5), b: side(5, 6), probe: undefined } },
      })),
  ],
];

describe("judge: faults of the data", () => {
  it("(the samples are good without them)", () => {
    assert.equal(verdictOf(SOUND).verdict, "go");
    assert.equal(verdictOf(FULL).verdict, "go");
  });

  for (const [name, damage, from = 1] of DAMAGES) {
    it(`${name}, anywhere: never go, never back`, () => {
      fc.assert(
        fc.property(fc.integer({ min: from, max: SOUND.length - 6 }), (index) => {
          const answer = verdictOf(damage(SOUND, index));
          assert.equal(answer.verdict, "hold", `at ${index}: ${answer.reasons.join("; ")}`);
          assert.ok(answer.reasons.some((reason) => reason.startsWith("data: ")));
        }),
        { seed: 11, numRuns: 25 },
      );
    });

    it(`${name}, at 100 %: never go, never back`, () => {
      const begin = FULL.findIndex(({ weightB }) => weightB === 100);
      for (const index of [begin + from, begin + 30, FULL.length - 6]) {
        assert.equal(verdictOf(damage(FULL, index)).verdict, "hold", `at ${index}`);
      }
    });
  }

  it("several at once: never go, never back", () => {
    const damages = fc.array(fc.tuple(fc.constantFrom(...DAMAGES), fc.integer({ min: 8, max: SOUND.length - 20 })), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(damages, (several) => {
        const samples = several.reduce<readonly Sample[]>((sum, [[, damage], index]) => damage(sum, index), SOUND);
        assert.equal(verdictOf(samples).verdict, "hold");
      }),
      { seed: 12, numRuns: 60 },
    );
  });

  it("A's counts are as needed as B's", () => {
    for (const a of [undefined, side(3000, 5, { latencyMs: undefined }), side(-1)]) {
      assert.equal(verdictOf(changed(SOUND, 40, (sample) => ({ ...sample, a }))).verdict, "hold");
    }
  });

  it("faults do not protect a bad cluster", () => {
    const bad = samplesOf([{ weightB: 5, minutes: 20, rate: 20, b: { error: 0.05 } }], 3);
    const damaged = bad.filter((_, index) => index % 7 !== 6);
    assert.equal(verdictOf(damaged).verdict, "back");
  });

  it("after so many clean minutes the evidence, collected anew, may do", () => {
    const long = samplesOf([{ weightB: 50, minutes: 80 }]);
    const damaged = long.filter((_, index) => index !== 40);
    assert.equal(verdictOf(damaged.slice(0, 4 * 60)).verdict, "hold");
    const answer = verdictOf(damaged);
    assert.equal(answer.verdict, "go");
    assert.ok(Date.parse(answer.at ?? "") >= (long[41]?.atMs ?? Infinity) + 60 * 60_000);
    assert.equal(verdictOf(damaged, configWith({ data: { cleanMinutes: 1440 } })).verdict, "hold");
  });

  it("jitter is no gap", () => {
    const jitter = SOUND.map((sample, index) => ({ ...sample, atMs: sample.atMs + ((index * 7919) % 5000) - 2500 }));
    assert.equal(verdictOf(jitter).verdict, "go");
  });

  it("a fault ends a go that stood", () => {
    assert.equal(verdictOf([...SOUND, ...SOUND.slice(-1)]).verdict, "hold");
  });

  it("metrics that are old, or from the future, are no go", () => {
    const last = SOUND.at(-1)?.atMs ?? 0;
    assert.equal(verdictOf(SOUND, undefined, last + INTERVAL_MS).verdict, "go");
    for (const now of [last + 181_000, last - 31_000]) {
      const answer = verdictOf(SOUND, undefined, now);
      assert.equal(answer.verdict, "hold");
      assert.match(answer.reasons.join(), /^data: the last sample is/);
    }
  });

  it("traffic that has dried up is no go", () => {
    const last = SOUND.at(-1)?.atMs ?? 0;
    const dry = (a: number, b: number): Sample[] =>
      Array.from({ length: 24 }, (_, index) => ({
        atMs: last + (index + 1) * INTERVAL_MS,
        weightB: 50,
        a: side(a),
        b: side(b),
        services: {},
      }));
    for (const [a, b, who] of [
      [0, 0, /B has had no request for/],
      [0, 1500, /A has had no request for/],
    ] as const) {
      const answer = verdictOf([...SOUND, ...dry(a, b)]);
      assert.equal(answer.verdict, "hold");
      assert.match(answer.reasons.join("; "), who);
    }
  });

  it("nothing at all is no go", () => {
    assert.deepEqual(verdictOf([]).verdict, "hold");
    assert.equal(verdictOf(withServices(SOUND.slice(0, 3), () => ({}))).verdict, "hold");
  });
});
