import assert from "node:assert/strict";
import { uniform } from "../../../bench/judge/random";
import { expectedBake, projectUse, type UseObservation } from "../../../migration/judge";
import { studentQuantile } from "../../../migration/judge/capacity";
import { configWith, DEFAULTS, samplesOf, verdictOf } from "./support";

describe("judge: expected bake", () => {
  it("says what simulations need, within a fifth", () => {
    const expected = expectedBake(DEFAULTS, 40, [25]).steps[0];
    assert.ok(expected);
    const minutes = Array.from({ length: 21 }, (_, seed) => {
      const answer = verdictOf(samplesOf([{ weightB: 25, minutes: 45, rate: 40 }], 500 + seed));
      assert.equal(answer.verdict, "go", answer.reasons.join("; "));
      return answer;
    }).map((answer) => (Date.parse(answer.at ?? "") - Date.parse(answer.steps[0]?.from ?? "")) / 60_000);
    const median = [...minutes].sort((one, other) => one - other)[10] ?? 0;
    assert.ok(Math.abs(median / expected.minutes - 1) < 0.2, `${median} of ${expected.minutes} minutes`);
    assert.ok(expected.minutesP90 >= expected.minutes);
  });

  it("grows with smaller margins and smaller rates, never below the floors", () => {
    const total = (rate: number, config = DEFAULTS): number => expectedBake(config, rate, [5, 25, 50, 75]).totalMinutes;
    assert.ok(total(20) > 85 && total(20) < 150, `${total(20)}`);
    assert.ok(total(5) > 2 * total(20));
    assert.ok(total(20, configWith({ margins: { errors: 0.1 } })) > 3 * total(20));
    const busy = expectedBake(DEFAULTS, 100_000, [5, 100]);
    assert.deepEqual(
      busy.steps.map(({ minutes, decidedBy }) => [minutes, decidedBy]),
      [
        [11, "minimumMinutes"],
        [11, "minimumMinutes"],
      ],
    );
    const quiet = expectedBake(configWith({ minimumRequestsB: 100_000 }), 20, [5]).steps[0];
    assert.equal(quiet?.decidedBy, "minimumRequestsB");
  });
});

describe("judge: capacity", () => {
  const seen = (idle: number, perRequest: number, noise = 0.2): UseObservation[] => {
    const random = uniform(7);
    return [0, 5, 25].flatMap((weight) =>
      Array.from({ length: 10 }, () => {
        const requestsPerSecond = weight * 10 * (0.9 + 0.2 * random());
        return { requestsPerSecond, used: idle + perRequest * requestsPerSecond + noise * (random() - 0.5) };
      }),
    );
  };

  it("fits, or is too small, with the projected use", () => {
    const fits = projectUse("CPU", seen(2, 0.01), 16, 500, DEFAULTS.settings);
    assert.equal(fits.verdict, "fits");
    assert.ok(Math.abs((fits.expected ?? 0) - 7) < 0.2);
    assert.ok((fits.atMost ?? 0) > (fits.expected ?? 0));
    assert.match(fits.reason, /^CPU: 4\d(\.\d)? % of its limit expected at 500 requests\/s, at most .*; allowed 75 %$/);
    assert.equal(projectUse("CPU", seen(2, 0.025), 16, 500, DEFAULTS.settings).verdict, "too small");
    // Within the limit by expectation alone, but not for sure.
    assert.equal(projectUse("CPU", seen(2, 0.019, 8), 16, 500, DEFAULTS.settings).verdict, "too small");
  });

  it("is unknown with few looks, one rate, or no limit", () => {
    const few = seen(2, 0.01).slice(0, 5);
    assert.equal(projectUse("CPU", few, 16, 500, DEFAULTS.settings).verdict, "unknown");
    const one = Array.from({ length: 20 }, (_, index) => ({ requestsPerSecond: 100 + (index % 2), used: 3 }));
    assert.match(projectUse("CPU", one, 16, 500, DEFAULTS.settings).reason, /at one rate only/);
    assert.equal(projectUse("CPU", seen(2, 0.01), 0, 500, DEFAULTS.settings).verdict, "unknown");
    assert.equal(projectUse("CPU", [], 16, 500, DEFAULTS.settings).verdict, "unknown");
  });

  it("never projects less for more requests", () => {
    const falling = seen(8, -0.01);
    const { expected } = projectUse("memory", falling, 16, 1000, DEFAULTS.settings);
    const mean = falling.reduce((sum, { used }) => sum + used, 0) / falling.length;
    assert.ok((expected ?? 0) >= mean - 1e-9);
  });

  it("knows Student's quantiles", () => {
    for (const [probability, degrees, value] of [
      [0.95, 6, 1.943],
      [0.95, 30, 1.697],
      [0.99, 10, 2.764],
      [0.975, 100, 1.984],
    ] as const) {
      assert.ok(Math.abs(studentQuantile(probability, degrees) / value - 1) < 0.005);
    }
  });
});
