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
  /**
   * A step goes on after *go*, for detection, where nobody waits for it; and after *back* as long as a peer may still
   * stop.
   */
  readonly beyondGo: boolean;
  /** So long after the warm-up B equals A in spite of the model; stops are counted from then, earlier ones are negative. */
  readonly equalMinutes?: number;
}

export interface Outcome {
  /** Minutes to *back*, warm-ups left out; null when it never came. */
  readonly backMinutes: number | null;
  /** The same to *go*, for each step that ended; null where it did not come within the limit. */
  readonly goMinutes: readonly (number | null)[];
  /** Minutes of the whole, warm-ups included, when every step ended with *go*; else null. */
  readonly totalMinutes: number | null;
  /** The same to a peer's first stop. */
  readonly peerMinutes: Readonly<Partial<Record<PeerName, number>>>;
  readonly looks: number;
}

/** One migration. The same seed gives the same samples. */
export function simulate(config: JudgeConfig, run: Run, seed: number, withPeers: boolean): Outcome {
  const random = uniform(seed);
  let state = NOTHING_SEEN;
  let atMs = 0;
  let looks = 0;
  const goMinutes: (number | null)[] = [];
  const peerMinutes: Partial<Record<PeerName, number>> = {};
  let judgedMinutes = 0;
  const equalMinutes = run.equalMinutes ?? 0;
  const outcome = (backMinutes: number | null): Outcome => ({
    backMinutes: backMinutes === null ? null : backMinutes - equalMinutes,
    goMinutes,
    totalMinutes: goMinutes.length === run.weights.length && !goMinutes.includes(null) ? atMs / 60_000 : null,
    peerMinutes,
    looks,
  });
  for (const weight of run.weights) {
    const step = simulateStep(config, run, state, weight, random, atMs, withPeers);
    state = step.state;
    atMs = step.atMs;
    looks += step.looks;
    for (const name of PEERS) {
      const minutes = step.peers?.stoppedAfterMinutes[name];
      if (minutes !== undefined) peerMinutes[name] ??= judgedMinutes + minutes - equalMinutes;
    }
    if (step.backMinutes !== null) return outcome(judgedMinutes + step.backMinutes);
    judgedMinutes += step.minutes;
    goMinutes.push(step.go ? step.minutes : null);
    if (!step.go) return outcome(null);
  }
  return outcome(null);
}

interface StepOutcome {
  readonly state: JudgeState;
  readonly atMs: number;
  readonly looks: number;
  /** Minutes of the step after the warm-up. */
  readonly minutes: number;
  readonly backMinutes: number | null;
  readonly go: boolean;
  readonly peers: Peers | undefined;
}

function simulateStep(
  config: JudgeConfig,
  run: Run,
  before: JudgeState,
  weight: number,
  random: Uniform,
  fromMs: number,
  withPeers: boolean,
): StepOutcome {
  const peers = withPeers ? new Peers() : undefined;
  const traffic = new Traffic(weight, run.model);
  const equal = new Traffic(weight, { ...run.model, b: run.model.a });
  const equalMinutes = run.equalMinutes ?? 0;
  const intervalMs = INTERVAL_SECONDS * 1000;
  let state = before;
  let atMs = fromMs;
  let minutes = 0;
  let backMinutes: number | null = null;
  for (let looks = 1; ; looks++) {
    // A sample is told at the end of its interval.
    atMs += intervalMs;
    const sample = (minutes < equalMinutes ? equal : traffic).sample(random, atMs);
    state = observe(config, state, sample);
    const judged = typeof state.step?.judgedFromMs === "number";
    // The warm-up ends where the first interval that counts begins.
    if (judged) {
      minutes += INTERVAL_SECONDS / 60;
      peers?.observe(sample);
    }
    if (state.back !== null) backMinutes ??= minutes;
    const go = state.back === null && typeof state.step?.goSinceMs === "number";
    const waits = run.beyondGo && minutes < run.limitMinutes;
    const decided = backMinutes !== null ? !(waits && peers?.over === false) : go && !run.beyondGo;
    if (decided || minutes >= run.limitMinutes) {
      return { state, atMs, looks, minutes, backMinutes, go, peers };
    }
  }
}
