import { parentPort } from "node:worker_threads";
import { judgeConfig } from "../../migration/judge";
import { judge } from "../../migration/settings/judgeSchema";
import { type Scenario } from "./scenarios";
import { simulate, type Outcome } from "./simulate";

/** One thread of the simulation: gets parts of a scenario, answers with their outcomes in order. */

export interface Part {
  readonly scenario: Scenario;
  readonly from: number;
  readonly to: number;
  readonly seed: number;
}

/** The outcomes of one part. */
export function simulatePart({ scenario, from, to, seed }: Part): Outcome[] {
  const config = judgeConfig(judge.parse(scenario.settings ?? {}), scenario.run.weights.length);
  const outcomes: Outcome[] = [];
  for (let index = from; index < to; index++) {
    const withPeers = index < (scenario.peerRuns ?? 0);
    outcomes.push(simulate(config, scenario.run, seedOf(scenario, seed, index), withPeers));
  }
  return outcomes;
}

/** Each migration has its own seed, told apart by scenario, benchmark seed and number. */
function seedOf(scenario: Scenario, seed: number, index: number): number {
  let hash = 2_166_136_261;
  for (const char of `${scenario.name} ${seed} ${index}`) hash = Math.imul(hash ^ char.charCodeAt(0), 16_777_619);
  return hash >>> 0;
}

parentPort?.on("message", (part: Part) => parentPort?.postMessage(simulatePart(part)));
