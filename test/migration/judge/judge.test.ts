import assert from "node:assert/strict";
import fc from "fast-check";
import { answerOf, NOTHING_SEEN, observe, type JudgeState, type Sample } from "../../../migration/judge";
import { alphaOf, METRICS, serviceAlpha, stepPart } from "../../../migration/judge/budget";
import {
  backMinutes,
  changed,
  configWith,
  DEFAULTS,
  INTERVAL_MS,
  samplesOf,
  side,
  START_MS,
  stateAfter,
  verdictOf,
  withServices,
} from "./support";

describe("judge: verdicts", () => {
  it("go when B equals A, with every figure that was compared", () => {
    const answer = verdictOf(samplesOf([{ weightB: 50, minutes: 20 }]));
    assert.equal(answer.verdict, "go");
    assert.equal(answer.backAt, null);
    assert.deepEqual(
      answer.reasons.map((reason) => reason.split(":")[0]),
      ["share", "errors", "slower than 100 ms (A's p95)", "slower than 400 ms (A's p99)"],
    );
    // The floor of ten minutes after the warm-up of one.
    assert.equal(Date.parse(answer.at ?? "") - START_MS, 11 * 60_000);
  });

  for (const [what, b] of [
    ["errors", { error: 0.02 }],
    ["slower than 100 ms", { beyondP95: 0.1 }],
    ["slower than 400 ms", { beyondP95: 0.08, beyondP99: 0.04 }],
  ] as const) {
    it(`back when B is worse in ${what}, with the numbers`, () => {
      const answer = verdictOf(samplesOf([{ weightB: 25, minutes: 20, b }]));
      assert.equal(answer.verdict, "back");
      assert.equal(answer.at, answer.backAt);
      assert.match(answer.reasons.join("; "), new RegExp(`${what}.*: B [\\d,]+ of [\\d,]+ \\(.*%\\), A [\\d,]+ of`));
      assert.match(answer.reasons.join("; "), /chance of such evidence is 1 in [a-z ]*[\d,]+/);
    });
  }

  it("hold at the margin, neither go nor back for long", () => {
    const answer = verdictOf(samplesOf([{ weightB: 50, minutes: 15, b: { error: 0.0045 }, rate: 20 }]));
    assert.notEqual(answer.verdict, "go");
  });

  it("hold says how many requests and minutes are missing", () => {
    const answer = verdictOf(samplesOf([{ weightB: 5, minutes: 15, rate: 20 }]));
    assert.equal(answer.verdict, "hold");
    assert.match(answer.reasons.join("\n"), /about [\d,.]+ more requests on B, [\d.]+ min at the present rate/);
  });

  it("a B that is better is no reason to hold", () => {
    const answer = verdictOf(samplesOf([{ weightB: 50, minutes: 20, b: { error: 0, beyondP95: 0.02, beyondP99: 0 } }]));
    assert.equal(answer.verdict, "go");
  });

  it("what hurts both alike is no reason to go back", () => {
    const outage = samplesOf([{ weightB: 25, minutes: 20 }]).map((sample, index) =>
      index < 30 || index > 40
        ? sample
        : {
            ...sample,
            a: sample.a && { ...sample.a, errors: Math.round(sample.a.requests * 0.7) },
            b: sample.b && { ...sample.b, errors: Math.round(sample.b.requests * 0.7) },
          },
    );
    assert.equal(verdictOf(outage).backAt, null);
  });

  it("one burst on B is no trend", () => {
    const burst = changed(samplesOf([{ weightB: 5, minutes: 30, rate: 20 }], 4), 40, (sample) => ({
      ...sample,
      b: sample.b && { ...sample.b, errors: 5 },
    }));
    assert.equal(verdictOf(burst).backAt, null);
    // With a limit on intervals of 1 it would have been one.
    assert.notEqual(verdictOf(burst, configWith({ odds: { intervals: 1 } })).backAt, null);
  });

  it("gRPC statuses are errors, when they are the server's", () => {
    const grpc = (code: string): Sample[] =>
      samplesOf([{ weightB: 25, minutes: 10 }]).map((sample) => ({
        ...sample,
        b: sample.b && { ...sample.b, grpc: { "0": sample.b.requests - 40, [code]: 40 } },
      }));
    assert.equal(verdictOf(grpc("14")).verdict, "back");
    assert.equal(verdictOf(grpc("5")).backAt, null, "NOT_FOUND is the client's");
    assert.equal(verdictOf(grpc("5"), configWith({ grpcErrorCodes: [5] })).verdict, "back");
  });

  it("latency needs bounds: too few requests of A, or no common bucket, hold", () => {
    const few = verdictOf(
      samplesOf([{ weightB: 50, minutes: 20 }]),
      configWith({ latency: { requestsA: 10_000_000 } }),
    );
    assert.equal(few.verdict, "hold");
    assert.match(few.reasons.join(), /are needed to choose the bounds/);
    const other = samplesOf([{ weightB: 50, minutes: 20 }]).map((sample) => ({
      ...sample,
      b: sample.b && side(sample.b.requests, 0, { latencyMs: { le: [77, null], count: [sample.b.requests, 0] } }),
    }));
    const answer = verdictOf(other);
    assert.equal(answer.verdict, "hold");
    assert.match(answer.reasons.join(), /no bucket bound near its p95 that B's has too/);
  });
});

describe("judge: warm-up and hard stops", () => {
  it("discards the warm-up", () => {
    const cold = samplesOf([{ weightB: 25, minutes: 20 }]).map((sample, index) =>
      index < 4 ? { ...sample, b: sample.b && { ...sample.b, errors: Math.floor(sample.b.requests / 5) } } : sample,
    );
    assert.equal(verdictOf(cold).verdict, "go");
    assert.equal(verdictOf(cold, configWith({ warmUpSeconds: 0 })).verdict, "back");
  });

  const sample = (b: Partial<ReturnType<typeof side>>, a: Partial<ReturnType<typeof side>> = {}): Sample => ({
    atMs: START_MS,
    weightB: 5,
    a: { ...side(285, 0), ...a },
    b: { ...side(15, 0), ...b },
    services: {},
  });
  const slow = { latencyMs: { le: [100, 10_000, null], count: [0, 0, 15] } };
  for (const [name, one, stops] of [
    ["dead", sample({ errors: 15 }), true],
    ["half dead", sample({ ...side(60, 30) }), true],
    ["nearly half dead", sample({ ...side(60, 29) }), false],
    ["half of a few", sample({ errors: 8 }), false],
    ["dead with A", sample({ errors: 15 }, { errors: 200 }), false],
    ["too few requests", sample({ ...side(14, 14) }), false],
    ["stuck", sample(slow), true],
    ["stuck as A", sample(slow, { latencyMs: { le: [100, 10_000, null], count: [85, 0, 200] } }), false],
    ["no healthy target", sample({ healthyTargets: 0 }), true],
    ["a healthy target", sample({ healthyTargets: 1 }), false],
    ["connections fail", sample({ connectionErrors: 15 }), true],
    ["one connection failed", sample({ connectionErrors: 1 }), false],
    ["control plane lost", sample({ withoutControlPlane: 1 }), true],
    ["control plane there", sample({ withoutControlPlane: 0 }), false],
    ["at weight 0", { ...sample({ errors: 15 }), weightB: 0 }, false],
  ] as const) {
    it(`one sample, in the warm-up: ${name}: ${stops ? "back" : "no verdict"}`, () => {
      const answer = verdictOf([one]);
      assert.equal(answer.verdict, stops ? "back" : "hold");
      if (stops) assert.match(answer.reasons.join(), /^hard stop: /);
    });
  }
});

describe("judge: split", () => {
  const shifted = (factor: number): Sample[] =>
    samplesOf([{ weightB: 5, minutes: 60 }]).map((sample) => ({
      ...sample,
      b: sample.b && side(Math.round(sample.b.requests * factor), 0),
      a: sample.a && side(sample.a.requests, 0),
    }));

  it("a share that is not the weight's is never go, and says what it may be", () => {
    for (const factor of [0.2, 0.7, 1.4]) {
      const answer = verdictOf(shifted(factor));
      assert.equal(answer.verdict, "hold", `share times ${factor}`);
      assert.match(answer.reasons.join(), /stickiness, a way past the load balancer/);
    }
    assert.equal(verdictOf(shifted(1)).verdict, "go");
  });

  it("a share far above the weight is back: capacity is planned for the weight", () => {
    const answer = verdictOf(shifted(4));
    assert.equal(answer.verdict, "back");
    assert.match(answer.reasons.join(), /^share: B gets /);
  });

  it("nothing on B is never go", () => {
    const answer = verdictOf(shifted(0));
    assert.equal(answer.verdict, "hold");
  });
});

describe("judge: services", () => {
  const base = samplesOf([{ weightB: 25, minutes: 40 }]);
  const service = (a: number, b: number, eB: number, probe?: { requests: number; errors: number }) => ({
    a: side(a, 0),
    b: side(b, eB),
    probe,
  });
  const big = service(1000, 333, 0);

  it("a small one that is dead on B is back, although the average is well", () => {
    const samples = withServices(base, (_, index) => ({
      big,
      pay: service(6, index % 2 === 0 ? 2 : 1, index % 2 === 0 ? 2 : 1),
    }));
    const answer = verdictOf(samples);
    assert.equal(answer.verdict, "back");
    assert.match(answer.reasons.join(), /^service pay, errors: B /);
    assert.equal(verdictOf(base).verdict, "go", "the average says go");
  });

  it("a thin one holds until it is probed, or accepted by name", () => {
    const thin = (probe?: { requests: number; errors: number }): Sample[] =>
      withServices(base, (_, index) => ({
        big,
        pay: service(index % 10 === 0 ? 6 : 3, index % 40 === 0 ? 1 : 0, 0, probe),
      }));
    const held = verdictOf(thin());
    assert.equal(held.verdict, "hold");
    assert.match(held.reasons.join(), /service pay, errors: B \d of \d.*probe it by the header rule, or accept it/);
    assert.equal(verdictOf(thin({ requests: 5, errors: 0 })).verdict, "go");
    assert.equal(verdictOf(thin({ requests: 5, errors: 2 })).verdict, "hold");
    const accepted = verdictOf(thin(), configWith({ services: { acceptThin: ["pay"] } }));
    assert.equal(accepted.verdict, "go");
    assert.match(accepted.notes.join(), /accepted by name: service pay, errors: B \d/);
  });

  it("one that is slow on B is back, although its errors and the average are well", () => {
    const slow = (share: number) => (requests: number) => ({
      latencyMs: {
        le: [100, 400, null],
        count: [requests - Math.round(requests * share), Math.round(requests * share), 0],
      },
    });
    const samples = (share: number): Sample[] =>
      withServices(base, () => ({
        big,
        pay: { a: side(60, 0, slow(0.05)(60)), b: side(20, 0, slow(share)(20)), probe: undefined },
      }));
    const answer = verdictOf(samples(0.5));
    assert.equal(answer.verdict, "back");
    assert.match(answer.reasons.join(), /^service pay, slower than 100 ms \(A's p95\): B /);
    assert.equal(verdictOf(samples(0.05)).verdict, "go");
  });

  it("one that A had at the last step and B does not show holds", () => {
    const samples = samplesOf([
      { weightB: 25, minutes: 13 },
      { weightB: 50, minutes: 20 },
    ]).map((sample) => ({
      ...sample,
      services: sample.weightB === 25 ? { big, pay: service(60, 20, 0) } : { big },
    }));
    assert.match(verdictOf(samples).reasons.join(), /^service pay, errors: B 0 of 0/);
  });

  it("one that B does not have at all holds", () => {
    const samples = withServices(base, () => ({ big, pay: { a: side(5, 0), b: undefined, probe: undefined } }));
    assert.match(verdictOf(samples).reasons.join(), /^service pay, errors: B 0 of 0/);
  });

  it("one that appears later counts too", () => {
    const samples = withServices(base, (_, index) =>
      index < 60 ? { big } : { big, late: service(60, 20, index % 2 === 0 ? 5 : 4) },
    );
    assert.match(verdictOf(samples).reasons.join(), /^service late, errors/);
  });
});

describe("judge: at 100 %", () => {
  const before = samplesOf([{ weightB: 75, minutes: 20 }]);
  const next = (before.at(-1)?.atMs ?? 0) + INTERVAL_MS;
  const full = (b: Parameters<typeof samplesOf>[0][number]["b"], minutes = 20, fromMs = next): Sample[] =>
    samplesOf([{ weightB: 100, minutes, ...(b && { b }) }], 9, fromMs);

  it("B against A's last step: go, back, or hold", () => {
    const equal = verdictOf([...before, ...full({})]);
    assert.equal(equal.verdict, "go");
    assert.match(equal.reasons.join("; "), /A at the last step/);
    const worse = verdictOf([...before, ...full({ error: 0.015 })]);
    assert.equal(worse.verdict, "back");
    assert.match(worse.reasons.join("; "), /A at the last step.*at most/);
    assert.equal(verdictOf([...before, ...full({ beyondP95: 0.068 })]).verdict, "hold");
  });

  it("without a reference of A: never go", () => {
    const answer = verdictOf(full({}));
    assert.equal(answer.verdict, "hold");
    assert.match(answer.reasons.join(), /A has no reference/);
  });

  it("A's silence may be told by null or by zeros", () => {
    const silent = full({}).map((sample) => ({ ...sample, a: undefined }));
    assert.equal(verdictOf([...before, ...silent]).verdict, "go");
  });

  it("absolute limits hold even where A was as bad", () => {
    const bad = { error: 0.04 };
    const badBefore = before.map((sample) => ({
      ...sample,
      a: sample.a && { ...sample.a, errors: Math.round(sample.a.requests * 0.04) },
      b: sample.b && { ...sample.b, errors: Math.round(sample.b.requests * 0.04) },
    }));
    const answer = verdictOf([...badBefore, ...full(bad)]);
    assert.equal(answer.verdict, "back");
    assert.match(answer.reasons.join(), /absolute limit 2 %/);
    assert.equal(
      verdictOf([...badBefore, ...full(bad)], configWith({ absolute: { errorPercent: 10 }, margins: { errors: 1 } }))
        .verdict,
      "go",
    );
  });

  it("the same hours a day before count too, when they were seen", () => {
    const worseDay = samplesOf([{ weightB: 0, minutes: 60 }], 5, next - 24 * 3_600_000).map((sample) => ({
      ...sample,
      a: sample.a && { ...sample.a, errors: Math.round(sample.a.requests * 0.012) },
    }));
    // Noon is always worse: B goes back only when it is worse than that as well.
    const samples = full({ error: 0.012 });
    assert.equal(verdictOf([...before, ...samples]).verdict, "back");
    const seen = verdictOf([...worseDay, ...before, ...samples]);
    assert.equal(seen.backAt, null);
    assert.match(seen.reasons.join("; "), /A at the last step/);
  });

  it("requests that still reach A are told", () => {
    const leaking = full({}).map((sample) => ({ ...sample, a: side(60, 0) }));
    assert.match(verdictOf([...before, ...leaking]).reasons.join(), /share: B gets 9\d/);
  });

  it("what may still reach A without being a finding is a setting", () => {
    const drops = full({}).map((sample) => ({ ...sample, a: side(6, 0) }));
    const verdict = (smallestPercent: number): string => {
      const answer = verdictOf([...before, ...drops], configWith({ share: { smallestPercent } }));
      return `${answer.verdict} ${answer.reasons.join("; ")}`;
    };
    assert.match(verdict(0.01), /^hold .*share: B gets 99.*a rule that is not applied/);
    assert.match(verdict(1), /^go /);
  });

  it("services have their own reference", () => {
    const services = (sick: boolean) => (sample: Sample) => ({
      pay: {
        a: sample.weightB < 100 ? side(30, 0) : undefined,
        b: side(90, sick && sample.weightB === 100 ? 20 : 0),
        probe: undefined,
      },
    });
    const all = [...before, ...full({})];
    assert.equal(verdictOf(withServices(all, services(false))).verdict, "go");
    assert.match(verdictOf(withServices(all, services(true))).reasons.join(), /^service pay, errors/);
  });
});

describe("judge: over steps", () => {
  it("the verdict is the last step's, unless a back happened before", () => {
    const samples = samplesOf([
      { weightB: 25, minutes: 20 },
      { weightB: 50, minutes: 5 },
    ]);
    const answer = verdictOf(samples);
    assert.deepEqual(
      answer.steps.map(({ weightB, verdict }) => [weightB, verdict]),
      [
        [25, "go"],
        [50, "hold"],
      ],
    );
    assert.equal(answer.verdict, "hold");
    const badFirst = samplesOf([
      { weightB: 25, minutes: 20, b: { error: 0.05 } },
      { weightB: 0, minutes: 10 },
      { weightB: 25, minutes: 20 },
    ]);
    const bad = verdictOf(badFirst);
    assert.equal(bad.verdict, "back");
    // The first one stays, whatever comes later.
    const first = badFirst.findIndex((_, index) => verdictOf(badFirst.slice(0, index + 1)).verdict === "back");
    assert.equal(backMinutes(bad), ((badFirst[first]?.atMs ?? 0) - START_MS) / 60_000);
  });

  it("spends no more than the whole error budget, however many steps, services and late services", () => {
    const { settings } = DEFAULTS;
    let sum = 0;
    for (let step = 0; step < 60; step++) {
      const part = stepPart(step, 4);
      for (const what of [...METRICS, "share"] as const) sum += alphaOf(what, settings, part);
    }
    const whole = settings.falseStopPercent / 100;
    assert.ok(sum <= whole + 1e-12 && sum > 0.99 * whole, `${sum}`);
    const services = Array.from({ length: 40 }, () => serviceAlpha(settings, 1, 0, 40));
    for (let order = 1; order < 40; order++) services.push(serviceAlpha(settings, 1, order, 40));
    const total = services.reduce((one, other) => one + other, 0);
    assert.ok(total <= 0.002 + 1e-12, `${total}`);
  });

  it("gives the same answer one by one, through JSON, as all at once", () => {
    const samples = withServices(
      samplesOf([
        { weightB: 0, minutes: 3 },
        { weightB: 25, minutes: 13 },
        { weightB: 50, minutes: 13 },
        { weightB: 100, minutes: 13 },
      ]),
      () => ({ pay: { a: side(100, 0), b: side(50, 0), probe: undefined } }),
    );
    let state: JudgeState = NOTHING_SEEN;
    for (const [index, sample] of samples.entries()) {
      state = observe(DEFAULTS, JSON.parse(JSON.stringify(state)) as JudgeState, sample);
      if (index % 20 === 0) {
        assert.deepEqual(answerOf(DEFAULTS, state), verdictOf(samples.slice(0, index + 1)));
      }
    }
    assert.deepEqual(state, stateAfter(samples));
  });

  it("the summary of a step agrees with the answer at every look", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1000 }), fc.integer({ min: 1, max: 80 }), (seed, looks) => {
        const answer = verdictOf(samplesOf([{ weightB: 50, minutes: 20 }], seed).slice(0, looks));
        assert.equal(answer.steps.at(-1)?.verdict, answer.verdict);
      }),
      { seed: 13, numRuns: 40 },
    );
  });
});
