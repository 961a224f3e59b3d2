import assert from "node:assert/strict";
import { figuresOf, promises } from "../../bench/judge/figures";
import { Peers, mannWhitneyZ } from "../../bench/judge/peers";
import { binomial, geometric, Poisson, uniform } from "../../bench/judge/random";
import { scenarios, type Scenario } from "../../bench/judge/scenarios";
import { EQUAL, Traffic } from "../../bench/judge/traffic";
import { simulatePart } from "../../bench/judge/worker";
import { powerPlot } from "../../bench/judge/plot";

/** A part of the benchmark, with a fixed seed and few migrations, and counter-checks: what must fail does. */

const ALL = scenarios(0.02);

function scenario(name: string, change: Partial<Scenario> = {}): Scenario {
  const found = ALL.find((one) => one.name === name);
  assert.ok(found, `no scenario ${name}`);
  return { ...found, ...change };
}

function figures(one: Scenario, runs: number): ReturnType<typeof figuresOf> {
  return figuresOf(one, simulatePart({ scenario: { ...one, peerRuns: 0 }, from: 0, to: runs, seed: 3 }));
}

describe("benchmark judge: draws", () => {
  const moments = (draw: () => number, n = 40_000): readonly [number, number] => {
    const values = Array.from({ length: n }, draw);
    const mean = values.reduce((sum, value) => sum + value, 0) / n;
    return [mean, values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / n];
  };

  it("have the means and variances of their distributions", () => {
    const random = uniform(1);
    for (const mean of [0.01, 0.75, 15, 285, 6000]) {
      const poisson = new Poisson(mean);
      const [m, v] = moments(() => poisson.draw(random));
      assert.ok(Math.abs(m - mean) < 5 * Math.sqrt(mean / 40_000), `Poisson ${mean}: mean ${m}`);
      assert.ok(Math.abs(v / mean - 1) < 0.15, `Poisson ${mean}: variance ${v}`);
    }
    const [m, v] = moments(() => binomial(random, 300, 0.02));
    assert.ok(Math.abs(m - 6) < 0.07 && Math.abs(v - 5.88) < 0.3, `binomial: ${m}, ${v}`);
    const [g] = moments(() => geometric(random, 3));
    assert.ok(Math.abs(g - 3) < 0.07, `geometric: ${g}`);
    assert.equal(new Poisson(0).draw(random), 0);
    assert.deepEqual([binomial(random, 10, 0), binomial(random, 10, 1)], [0, 10]);
  });

  it("are the same for the same seed, and bursts keep the mean", () => {
    const draw = (seed: number): string =>
      JSON.stringify(
        new Traffic(5, { requestsPerSecond: 20, a: EQUAL, b: EQUAL, errors: { kind: "independent" } }).sample(
          uniform(seed),
          0,
        ),
      );
    assert.equal(draw(1), draw(1));
    assert.notEqual(draw(1), draw(2));
    for (const errors of [
      { kind: "bursts", meanSize: 3 },
      { kind: "phases", meanMinutes: 4, quietMinutes: 20, factor: 10, common: false },
    ] as const) {
      const random = uniform(5);
      const traffic = new Traffic(50, { requestsPerSecond: 200, a: EQUAL, b: EQUAL, errors });
      let requests = 0;
      let seen = 0;
      for (let i = 0; i < 20_000; i++) {
        const { a } = traffic.sample(random, i);
        requests += a?.requests ?? 0;
        seen += a?.errors ?? 0;
      }
      assert.ok(Math.abs(seen / requests / EQUAL.error - 1) < 0.1, `${errors.kind}: ${seen / requests}`);
    }
  });
});

describe("benchmark judge: peers", () => {
  it("know the Mann-Whitney statistic", () => {
    assert.equal(mannWhitneyZ([1, 1, 1], [1, 1, 1]), 0);
    assert.ok(mannWhitneyZ([11, 12, 13, 14, 15], [1, 2, 3, 4, 5]) > 2.3);
    assert.ok(mannWhitneyZ([1, 2, 3, 4, 5], [11, 12, 13, 14, 15]) < -2.3);
  });

  it("count failed minutes, and look every ten", () => {
    const bad = new Traffic(50, {
      requestsPerSecond: 200,
      a: EQUAL,
      b: { ...EQUAL, error: 0.05 },
      errors: { kind: "independent" },
    });
    const peers = new Peers();
    const random = uniform(2);
    for (let i = 0; i < 60; i++) peers.observe(bad.sample(random, i));
    assert.deepEqual(peers.stoppedAfterMinutes, { "limit, 3 points": 3, "limit, 10 points": 10, "Mann-Whitney": 10 });
    assert.ok(peers.over);
  });
});

describe("benchmark judge: at small scale", () => {
  it("B equals A: few false stops, the bake as promised", () => {
    const { stopped, runs, totalMinutes } = figures(scenario("equal"), 60);
    assert.ok((stopped.judge ?? 0) <= 2, `${stopped.judge ?? 0} of ${runs}`);
    assert.ok((totalMinutes.median ?? Infinity) <= 150, `${totalMinutes.median ?? 0} minutes`);
  });

  it("errors of 5 and 1 % are found in time", () => {
    for (const [name, runs, median, p90] of [
      ["errors 5 %", 150, 1.5, 3.25],
      ["errors 1 %", 100, 14, 28],
    ] as const) {
      const minutes = figures(scenario(name), runs).stopMinutes.judge;
      assert.ok((minutes?.median ?? Infinity) <= median && (minutes?.p90 ?? Infinity) <= p90, JSON.stringify(minutes));
    }
  });

  it("the peers see the same samples, also after the judge has stopped", () => {
    const one = scenario("errors 1 %", { peerRuns: 20 });
    const outcomes = simulatePart({ scenario: one, from: 0, to: 30, seed: 3 });
    const { stopped, peerRuns, stopMinutes } = figuresOf(one, outcomes);
    assert.equal(peerRuns, 20);
    assert.equal(stopped["limit, 3 points"], 20);
    assert.ok((stopped["limit, 10 points"] ?? 0) >= 18, `${stopped["limit, 10 points"] ?? 0}`);
    assert.ok((stopMinutes["limit, 10 points"]?.median ?? 0) > (stopMinutes["limit, 3 points"]?.median ?? Infinity));
  });

  it("no go at the margin", () => {
    assert.ok(figures(scenario("margin errors 50"), 100).went <= 2);
  });

  it("bursts: without allowing for them many false stops, with it few", () => {
    const hour = { ...scenario("bursts").run, weights: [5], limitMinutes: 60, beyondGo: true };
    const allowed = figures(scenario("bursts", { run: hour }), 100).stopped.judge ?? 0;
    const ignored = figures(scenario("bursts, not allowed for", { run: hour }), 100).stopped.judge ?? 0;
    assert.ok(allowed <= 2, `${allowed} with`);
    assert.ok(ignored >= 5, `${ignored} without`);
  });

  it("counter-check: an error budget without bound stops many that are equal", () => {
    const broken = scenario("equal", {
      run: { ...scenario("equal").run, weights: [5], limitMinutes: 60, beyondGo: true },
      settings: {
        falseStopPercent: 20,
        budget: { errors: 100, p95: 100, p99: 100, share: 0.1 },
        odds: { intervals: 1 },
      },
    });
    // One step, and all of a budget of 20 %: thirty times the default's.
    const { stopped, runs } = figures(broken, 150);
    assert.ok((stopped.judge ?? 0) > 0.01 * runs, `${stopped.judge ?? 0} of ${runs}`);
  });

  it("counter-check: margins that are too wide let B go at the margin", () => {
    const wide = scenario("margin errors 50", {
      settings: { margins: { errors: 2, p95: 5, p99: 5 }, minimumMinutes: 1, minimumRequestsB: 1 },
    });
    assert.ok(figures(wide, 40).went > 4);
  });

  it("promises are compared with what was measured, and fail where they must", () => {
    const measured = ALL.map((one) => figuresOf(one, simulatePart({ scenario: one, from: 0, to: 1, seed: 1 })));
    const broken = measured.map((one) => ({ ...one, stopped: { judge: one.runs }, stopMinutes: {} }));
    assert.ok(promises(broken).some(({ ok }) => !ok));
    assert.equal(promises(broken).find(({ what }) => what.startsWith("false stops"))?.measured, 10_000);
    assert.throws(() => promises([]), /no scenario/);
  });

  it("the plot shows a line for each way to judge", async () => {
    const one = scenario("errors 5 %", { peerRuns: 5 });
    const outcomes = simulatePart({ scenario: one, from: 0, to: 5, seed: 1 });
    const svg = await powerPlot([{ title: one.what, outcomes, peerRuns: 5, minutes: 10 }]);
    assert.match(svg, /^<svg/);
    for (const name of ["judge", "limit, 3 points", "Mann-Whitney"]) assert.ok(svg.includes(name), name);
  });
});
