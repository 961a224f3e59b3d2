import { NOTHING_SEEN, observe, type JudgeConfig, type JudgeState } from "../../migration/judge";
import { Peers, PEERS, type PeerName } from "./peers";
import { uniform, type Uniform } from "./random";
import { INTERVAL_SECONDS, Traffic, type TrafficModel } from "./traffic";

/** Simulated migrations: the judge as it is, sample by sample, and the peers on the same samples. */

export interface Run {
  /** Steps of B's weight that are walked through; each ends with *go*, or at its limit. */
  readonly weights: readonly number[];
  readonly model: TrafficModel;
  /** Minutes after the warm-up at which a step ends without *go*. */
  readonly limitMinutes: number;
  /** A step goes on after *go*, to its limit: for detection, where nobody waits for *go*. */
  readonly beyondGo: boolean;
  readonly peers: boolean;
}

export interface Outcome {
  /** Minutes from the end of the warm-up to *back*, in the step where it happened; null when it never did. */
  readonly backMinutes: number | null;
  /** The same to *go*, for each step that ended; null where it did not come within the limit. */
  readonly goMinutes: readonly (number | null)[];
  /** Minutes of the whole, warm-ups included, when every step ended with *go*; else null. */
  readonly totalMinutes: number | null;
  /** Minutes from the end of the warm-up to a peer's stop, in the first step where it stopped. */
  readonly peerMinutes: Readonly<Partial<Record<PeerName, number>>>;
  readonly looks: number;
}

/** One migration. The same seed gives the same samples. */
export function simulate(config: JudgeConfig, run: Run, seed: number): Outcome {
  const random = uniform(seed);
  let state = NOTHING_SEEN;
  let atMs = 0;
  let looks = 0;
  const goMinutes: (number | null)[] = [];
  const peerMinutes: Partial<Record<PeerName, number>> = {};
  const outcome = (backMinutes: number | null): Outcome => ({
    backMinutes,
    goMinutes,
    totalMinutes: goMinutes.length === run.weights.length && !goMinutes.includes(null) ? atMs / 60_000 : null,
    peerMinutes,
    looks,
  });
  for (const weight of run.weights) {
    const step = simulateStep(config, run, state, new Traffic(weight, run.model), random, atMs);
    state = step.state;
    atMs = step.atMs;
    looks += step.looks;
    for (const name of PEERS) {
      const minutes = step.peers?.stoppedAfterMinutes[name];
      if (minutes !== undefined) peerMinutes[name] ??= minutes;
    }
    if (state.back !== null) return outcome(step.minutes);
    goMinutes.push(step.go ? step.minutes : null);
    if (!step.go) return outcome(null);
  }
  return outcome(null);
}

interface StepOutcome {
  readonly state: JudgeState;
  readonly atMs: number;
  readonly looks: number;
  readonly minutes: number;
  readonly go: boolean;
  readonly peers: Peers | undefined;
}

function simulateStep(
  config: JudgeConfig,
  run: Run,
  before: JudgeState,
  traffic: Traffic,
  random: Uniform,
  fromMs: number,
): StepOutcome {
  const peers = run.peers ? new Peers() : undefined;
  const intervalMs = INTERVAL_SECONDS * 1000;
  let state = before;
  let atMs = fromMs;
  for (let looks = 1; ; looks++) {
    // A sample is told at the end of its interval.
    atMs += intervalMs;
    const sample = traffic.sample(random, atMs);
    state = observe(config, state, sample);
    const step = state.step;
    const judgedFromMs = step?.judgedFromMs ?? null;
    // The warm-up ends where the first interval that counts begins.
    const minutes = judgedFromMs === null ? 0 : (atMs - (judgedFromMs - intervalMs)) / 60_000;
    if (judgedFromMs !== null) peers?.observe(sample);
    const go = step !== null && step.goSinceMs !== null;
    const over = run.beyondGo ? minutes >= run.limitMinutes : go || minutes >= run.limitMinutes;
    if (state.back !== null || over) return { state, atMs, looks, minutes, go, peers };
  }
}
