import { type z } from "zod";
import { type judge } from "../../migration/settings/judgeSchema";
import { type Run } from "./simulate";
import { EQUAL, type ErrorPattern, type TrafficModel } from "./traffic";

/** What is simulated, by name. */

export interface Scenario {
  readonly name: string;
  readonly what: string;
  readonly run: Run;
  /** Number of migrations. */
  readonly runs: number;
  /** The first so many are judged by the peers too: theirs take longer. */
  readonly peerRuns?: number;
  /** Other settings of the judge than the defaults. */
  readonly settings?: z.input<typeof judge>;
}

const STEPS = [5, 25, 50, 75] as const;
const INDEPENDENT: ErrorPattern = { kind: "independent" };
const BURSTS: ErrorPattern = { kind: "bursts", meanSize: 3 };
const phases = (common: boolean): ErrorPattern => ({
  kind: "phases",
  meanMinutes: 4,
  quietMinutes: 20,
  factor: 10,
  common,
});

function model(requestsPerSecond: number, b: Partial<typeof EQUAL> = {}, errors = INDEPENDENT): TrafficModel {
  return { requestsPerSecond, a: EQUAL, b: { ...EQUAL, ...b }, errors };
}

const whole = (traffic: TrafficModel): Run => ({
  weights: STEPS,
  model: traffic,
  limitMinutes: 24 * 60,
  beyondGo: false,
});
const watch = (traffic: TrafficModel, limitMinutes: number): Run => ({
  weights: [5],
  model: traffic,
  limitMinutes,
  beyondGo: true,
});
const toGo = (traffic: TrafficModel, weight: number, limitMinutes: number): Run => ({
  weights: [weight],
  model: traffic,
  limitMinutes,
  beyondGo: false,
});

/** The margins of the default settings, on top of A's rates. */
const AT_MARGIN = {
  errors: { error: EQUAL.error + 0.005 },
  p95: { beyondP95: EQUAL.beyondP95 + 0.02 },
  p99: { beyondP95: EQUAL.beyondP95 + 0.01, beyondP99: EQUAL.beyondP99 + 0.01 },
};

/** @param scale 1 for the full numbers; tests take less */
export function scenarios(scale = 1): readonly Scenario[] {
  const runs = (count: number): number => Math.max(20, Math.round(count * scale));
  return [
    {
      name: "equal",
      what: "whole migration, B equals A, 20/s",
      run: whole(model(20)),
      runs: runs(10_000),
      peerRuns: runs(1000),
    },
    {
      name: "equal 100/s",
      what: "whole migration, B equals A, 100/s",
      run: whole(model(100)),
      runs: runs(2000),
      peerRuns: runs(1000),
    },
    {
      name: "errors 5 %",
      what: "errors 0.1 to 5 %, 20/s, weight 5",
      run: watch(model(20, { error: 0.05 }), 60),
      runs: runs(10_000),
      peerRuns: runs(1000),
    },
    {
      name: "errors 1 %",
      what: "errors 0.1 to 1 %, 20/s, weight 5",
      run: watch(model(20, { error: 0.01 }), 120),
      runs: runs(10_000),
      peerRuns: runs(1000),
    },
    {
      name: "late errors 5 %",
      what: "the same errors of 5 %, after an hour of equality",
      run: { ...watch(model(20, { error: 0.05 }), 90), equalMinutes: 60 },
      runs: runs(2000),
      peerRuns: runs(1000),
    },
    {
      name: "slow 6 %",
      what: "slower than A's p95 5 to 6 %, 100/s, weight 5",
      run: watch(model(100, { beyondP95: 0.06 }), 180),
      runs: runs(10_000),
      peerRuns: runs(1000),
    },
    ...([5, 50] as const).flatMap((weight): Scenario[] =>
      (["errors", "p95", "p99"] as const).map((metric) => ({
        name: `margin ${metric} ${weight}`,
        what: `B worse than A by the whole margin of ${metric}, weight ${weight}, 20/s`,
        run: toGo(model(20, AT_MARGIN[metric]), weight, 180),
        runs: runs(2000),
      })),
    ),
    {
      name: "bursts",
      what: "B equals A, errors in bursts of mean 3 on each cluster on its own, 20/s",
      run: whole(model(20, {}, BURSTS)),
      runs: runs(1000),
      peerRuns: runs(500),
    },
    {
      name: "bursts, not allowed for",
      what: "the same, with A's dispersion and the number of intervals ignored",
      run: whole(model(20, {}, BURSTS)),
      runs: runs(1000),
      settings: { dispersion: { priorIntervals: 1000, standardErrors: 10 }, odds: { intervals: 1 } },
    },
    {
      name: "bursts 5 %",
      what: "the same bursts, errors 0.1 to 5 %, 20/s, weight 5",
      run: watch(model(20, { error: 0.05 }, BURSTS), 60),
      runs: runs(2000),
      peerRuns: runs(1000),
    },
    {
      name: "own phases",
      what: "B equals A, each cluster has noisy phases of 4 min on its own, ten times the errors, 20/s",
      run: whole(model(20, {}, phases(false))),
      runs: runs(500),
      peerRuns: runs(500),
    },
    {
      name: "common phases",
      what: "B equals A, both have the same noisy phases of 4 min, ten times the errors, 20/s",
      run: whole(model(20, {}, phases(true))),
      runs: runs(500),
      peerRuns: runs(500),
    },
  ];
}
