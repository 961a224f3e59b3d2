import { Traffic, EQUAL, type Chances, type ErrorPattern } from "../../../bench/judge/traffic";
import { uniform } from "../../../bench/judge/random";
import {
  judgeConfig,
  judgeSamples,
  NOTHING_SEEN,
  observe,
  type JudgeAnswer,
  type JudgeConfig,
  type JudgeState,
  type Sample,
  type Side,
} from "../../../migration/judge";
import { judge } from "../../../migration/settings/judgeSchema";
import { type z } from "zod";

/** Samples for tests of the judge: simulated, with fixed seeds, so that each is always the same. */

export const START_MS = Date.parse("2026-03-01T10:00:00Z");
export const INTERVAL_MS = 15_000;

export function configWith(settings: z.input<typeof judge> = {}, plannedSteps = 4): JudgeConfig {
  return judgeConfig(judge.parse(settings), plannedSteps);
}

export const DEFAULTS = configWith();

const INDEPENDENT: ErrorPattern = { kind: "independent" };

export interface Stretch {
  readonly weightB: number;
  readonly minutes: number;
  readonly rate?: number;
  readonly b?: Partial<Chances>;
  readonly errors?: ErrorPattern;
}

/** Stretches of traffic, one after the other, 15 s apart. */
export function samplesOf(stretches: readonly Stretch[], seed = 1, fromMs = START_MS): Sample[] {
  const random = uniform(seed);
  const samples: Sample[] = [];
  let atMs = fromMs;
  for (const { weightB, minutes, rate = 200, b = {}, errors = INDEPENDENT } of stretches) {
    const traffic = new Traffic(weightB, { requestsPerSecond: rate, a: EQUAL, b: { ...EQUAL, ...b }, errors });
    for (let i = 0; i < minutes * 4; i++) {
      samples.push(traffic.sample(random, atMs));
      atMs += INTERVAL_MS;
    }
  }
  return samples;
}

export function verdictOf(samples: readonly Sample[], config = DEFAULTS, nowMs?: number): JudgeAnswer {
  return judgeSamples(config, samples, nowMs);
}

export function stateAfter(samples: readonly Sample[], config = DEFAULTS): JudgeState {
  let state = NOTHING_SEEN;
  for (const sample of samples) state = observe(config, state, sample);
  return state;
}

/** Minutes from the beginning of the samples to the first *back*; undefined when there is none. */
export function backMinutes(answer: JudgeAnswer): number | undefined {
  return answer.backAt === null ? undefined : (Date.parse(answer.backAt) - START_MS) / 60_000;
}

export function side(requests: number, errors = 0, more: Partial<Side> = {}): Side {
  return {
    requests,
    errors,
    latencyMs: { le: [100, 400, null], count: [requests, 0, 0] },
    grpc: undefined,
    connectionErrors: undefined,
    healthyTargets: undefined,
    withoutControlPlane: undefined,
    ...more,
  };
}

/** The samples with one of them changed. */
export function changed(samples: readonly Sample[], index: number, change: (sample: Sample) => Sample): Sample[] {
  return samples.map((sample, at) => (at === index ? change(sample) : sample));
}

/** Every sample with the same services. */
export function withServices(
  samples: readonly Sample[],
  services: (sample: Sample, index: number) => Sample["services"],
): Sample[] {
  return samples.map((sample, index) => ({ ...sample, services: services(sample, index) }));
}

/** A line of a samples file. */
export function lineOf({ atMs, weightB, a, b, services }: Sample): string {
  return JSON.stringify({ at: new Date(atMs).toISOString(), weightB, a, b, services });
}
