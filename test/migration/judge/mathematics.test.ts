import assert from "node:assert/strict";
import fc from "fast-check";
import { binomial, uniform } from "../../../bench/judge/random";
import {
  logBeta,
  logEvidenceAgainst,
  logGamma,
  lowerBound,
  priorAround,
  upperBound,
} from "../../../migration/judge/betaMixture";
import {
  dispersionOf,
  nextDispersion,
  observeDispersion,
  startDispersion,
  type DispersionState,
} from "../../../migration/judge/dispersion";
import { NOTHING_SUCCESSIVE, observeSuccessive, successiveDispersion } from "../../../migration/judge/successive";
import { logOddsEvidence, observeOdds, startOdds, type OddsPrior } from "../../../migration/judge/oddsTest";

const close = (actual: number, expected: number, tolerance: number): void => {
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not within ${tolerance} of ${expected}`);
};

describe("judge: beta mixture", () => {
  it("knows the gamma function", () => {
    close(logGamma(1), 0, 1e-12);
    close(logGamma(11), Math.log(3_628_800), 1e-10);
    close(logGamma(0.5), Math.log(Math.sqrt(Math.PI)), 1e-12);
    close(logGamma(0.1), 2.252712651734206, 1e-11);
    close(logBeta(2, 3), Math.log(1 / 12), 1e-12);
  });

  it("has bounds at which the evidence is exactly the limit, on the right sides", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1_000_000 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0.0001, max: 0.5, noNaN: true }),
        fc.double({ min: 1, max: 40, noNaN: true }),
        (n, part, chance, limit) => {
          const trials = { n, e: Math.round(n * part) };
          const prior = priorAround(chance, 200);
          const low = lowerBound(trials, prior, limit);
          const high = upperBound(trials, prior, limit);
          const rate = trials.e / n;
          assert.ok(low >= 0 && low <= rate && rate <= high && high <= 1, `${low} ${rate} ${high}`);
          if (trials.e > 0 && low > 1e-300) close(logEvidenceAgainst(low, trials, prior), limit, 1e-3 * limit);
          if (trials.e < n && high < 1 - 1e-9) close(logEvidenceAgainst(high, trials, prior), limit, 1e-3 * limit);
        },
      ),
      { seed: 1, numRuns: 300 },
    );
  });

  it("knows nothing without trials", () => {
    const prior = priorAround(0.01, 200);
    assert.deepEqual([lowerBound({ n: 0, e: 0 }, prior, 5), upperBound({ n: 0, e: 0 }, prior, 5)], [0, 1]);
  });

  it("misses the true chance at any of 200 looks no more often than alpha says, and more often with a fixed sample's bound", () => {
    const [alpha, chance, runs] = [0.05, 0.01, 400];
    const prior = priorAround(0.02, 200);
    let missed = 0;
    let missedByFixed = 0;
    for (let run = 0; run < runs; run++) {
      const random = uniform(run);
      let n = 0;
      let e = 0;
      let out = false;
      let fixedOut = false;
      for (let look = 0; look < 200; look++) {
        n += 100;
        e += binomial(random, 100, chance);
        if (logEvidenceAgainst(chance, { n, e }, prior) >= -Math.log(alpha)) out = true;
        // The usual 95 % interval, right once and wrong when looked at again and again.
        if (Math.abs(e / n - chance) > 1.96 * Math.sqrt((chance * (1 - chance)) / n)) fixedOut = true;
      }
      if (out) missed += 1;
      if (fixedOut) missedByFixed += 1;
    }
    assert.ok(missed <= alpha * runs, `${missed} of ${runs}`);
    assert.ok(missedByFixed > 3 * alpha * runs, `only ${missedByFixed}: the test does not see what it should`);
  });
});

describe("judge: odds test", () => {
  const prior: OddsPrior = { ratios: [1.5, 3, 10, 100], fromStart: 0.8, meanMinutes: 120 };

  it("is a supermartingale when both clusters are equal: its mean over all outcomes is at most 1", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 0, max: 24 }),
        (nA, nB, wanted) => {
          const events = Math.min(wanted, nA + nB);
          let mean = 0;
          for (let eB = Math.max(0, events - nA); eB <= Math.min(nB, events); eB++) {
            // Hypergeometric: given all events, any request is as likely to be one of them.
            const chance = Math.exp(choose(nB, eB) + choose(nA, events - eB) - choose(nA + nB, events));
            const state = observeOdds(startOdds(prior), prior, { nA, eA: events - eB, nB, eB }, 0.25);
            mean += chance * Math.exp(logOddsEvidence(state));
          }
          assert.ok(mean <= 1 + 1e-9, `mean ${mean}`);
        },
      ),
      { seed: 2, numRuns: 500 },
    );
  });

  it("is exactly fair where events are rare", () => {
    // One event: on B with its share, so that the likelihood ratio's mean is exactly 1.
    const of = (eB: number): number =>
      Math.exp(logOddsEvidence(observeOdds(startOdds(prior), prior, { nA: 95, eA: 1 - eB, nB: 5, eB }, 1)));
    close(0.05 * of(1) + 0.95 * of(0), 1, 1e-12);
  });

  it("keeps its mass when nothing happens, and says nothing without one of the clusters", () => {
    let state = startOdds(prior);
    for (let i = 0; i < 1000; i++) state = observeOdds(state, prior, { nA: 95, eA: 0, nB: 5, eB: 0 }, 15);
    close(logOddsEvidence(state), 0, 1e-9);
    for (const counts of [
      { nA: 0, eA: 0, nB: 50, eB: 50 },
      { nA: 50, eA: 50, nB: 0, eB: 0 },
    ]) {
      close(logOddsEvidence(observeOdds(startOdds(prior), prior, counts, 1)), 0, 1e-9);
    }
  });

  it("never overflows or dies out", () => {
    let state = startOdds(prior);
    for (let i = 0; i < 2000; i++) state = observeOdds(state, prior, { nA: 9500, eA: 9000, nB: 500, eB: 0 }, 15);
    assert.ok(Number.isFinite(logOddsEvidence(state)));
    for (let i = 0; i < 2000; i++) state = observeOdds(state, prior, { nA: 9500, eA: 0, nB: 500, eB: 500 }, 15);
    assert.ok(Number.isFinite(logOddsEvidence(state)));
    assert.ok(logOddsEvidence(state) > 100);
  });

  it("sees a difference that begins late nearly as soon as one from the start", () => {
    const minutesToSee = (quietMinutes: number, model: OddsPrior): number => {
      let state = startOdds(model);
      for (let i = 0; i < quietMinutes * 4; i++) {
        state = observeOdds(state, model, { nA: 285, eA: i % 4 === 0 ? 1 : 0, nB: 15, eB: 0 }, 0.25);
      }
      for (let look = 1; look < 1000; look++) {
        state = observeOdds(
          state,
          model,
          { nA: 285, eA: look % 4 === 0 ? 1 : 0, nB: 15, eB: look % 4 === 0 ? 0 : 1 },
          0.25,
        );
        if (logOddsEvidence(state) >= Math.log(1250)) return look / 4;
      }
      return Infinity;
    };
    const late = minutesToSee(600, prior);
    assert.ok(late <= minutesToSee(0, prior) + 2, `${late} minutes`);
    assert.ok(minutesToSee(600, { ...prior, fromStart: 1 }) > 2 * late, "a prior without later beginnings is as quick");
  });
});

describe("judge: dispersion", () => {
  const settings = { priorIntervals: 8, standardErrors: 2 };
  const after = (counts: readonly number[], n = 285, start = startDispersion(settings)): DispersionState =>
    counts.reduce((state, e) => observeDispersion(state, n, e), start);

  it("is 1 without data, without events and for independent requests", () => {
    assert.equal(dispersionOf(startDispersion(settings), settings), 1);
    assert.equal(dispersionOf(after(new Array<number>(100).fill(0)), settings), 1);
    const random = uniform(3);
    const counts = Array.from({ length: 240 }, () => binomial(random, 285, 0.01));
    assert.ok(dispersionOf(after(counts), settings) < 1.3);
  });

  it("is large for bursts, also for those that last longer than an interval", () => {
    const bursts = Array.from({ length: 240 }, (_, index) => (index % 20 === 0 ? 6 : 0));
    assert.ok(dispersionOf(after(bursts), settings) > 4);
    const long = Array.from({ length: 480 }, (_, index) => (Math.floor(index / 16) % 6 === 0 ? 3 : 0));
    assert.ok(dispersionOf(after(long), settings) > 20, "blocks of four minutes see sixteen intervals of three");
  });

  it("is never below 1, and the next step begins with it", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 200 }), (counts) => {
        assert.ok(dispersionOf(after(counts), settings) >= 1);
      }),
      { seed: 4, numRuns: 100 },
    );
    const bursts = after(Array.from({ length: 240 }, (_, index) => (index % 20 === 0 ? 6 : 0)));
    const [here, next] = [bursts, nextDispersion(bursts)].map((state) => dispersionOf(state, settings));
    close(next ?? 0, here ?? 0, 0.5);
  });
});

describe("judge: bursts on B", () => {
  const of = (counts: readonly number[], n = 15): number =>
    successiveDispersion(
      counts.reduce((state, e) => observeSuccessive(state, n, e), NOTHING_SUCCESSIVE),
      2,
    );
  const random = uniform(8);
  const independent = (count: number, chance: number): number[] =>
    Array.from({ length: count }, () => binomial(random, 15, chance));

  it("are seen where errors come together", () => {
    const bursts = Array.from({ length: 40 }, (_, index) => (index % 13 === 5 ? 5 : 0));
    assert.ok(of(bursts) > 3, `${of(bursts)}`);
  });

  it("are not seen in independent errors, many or few, nor in a rate that changes", () => {
    for (const chance of [0.001, 0.05, 0.5]) assert.ok(of(independent(400, chance)) < 1.6, `at ${chance}`);
    assert.ok(of([...new Array<number>(240).fill(0), ...independent(40, 0.2)]) < 2, "a change is no burst");
    assert.deepEqual([of([]), of([0, 0, 0]), of([5])], [1, 1, 1]);
  });

  it("count no interval without requests", () => {
    const state = observeSuccessive(NOTHING_SUCCESSIVE, 15, 3);
    assert.deepEqual(observeSuccessive(state, 0, 0), state);
  });
});

/** Logarithm of n over k. */
function choose(n: number, k: number): number {
  return logGamma(n + 1) - logGamma(k + 1) - logGamma(n - k + 1);
}
