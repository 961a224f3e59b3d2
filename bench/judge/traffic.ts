import { type Sample, type Side } from "../../migration/judge";
import { binomial, geometric, Poisson, type Uniform } from "./random";

/**
 * The model. Requests of each cluster are Poisson with the rate times its weight, counted in intervals of 15 s. A
 * request is an error with a chance, and falls into one of three latency classes: up to 100 ms (95 %), up to 400 ms
 * (4 %), beyond (1 %), so that A's p95 is 100 ms and its p99 400 ms. Requests are independent, unless `errors` says
 * otherwise.
 */

export const INTERVAL_SECONDS = 15;
export const P95_MS = 100;
export const P99_MS = 400;
const LE = [P95_MS, P99_MS, null] as const;

export interface Chances {
  /** Chance of an error. */
  readonly error: number;
  /** Chances of being slower than the two bounds. */
  readonly beyondP95: number;
  readonly beyondP99: number;
}

export const EQUAL: Chances = { error: 0.001, beyondP95: 0.05, beyondP99: 0.01 };

/** How errors come. */
export type ErrorPattern =
  | { readonly kind: "independent" }
  /** In bursts of geometric size that hit one cluster within one interval. */
  | { readonly kind: "bursts"; readonly meanSize: number }
  /** In noisy phases of each cluster on its own, or of both at once (an upstream that both use). */
  | {
      readonly kind: "phases";
      readonly meanMinutes: number;
      readonly quietMinutes: number;
      readonly factor: number;
      readonly common: boolean;
    };

export interface TrafficModel {
  readonly requestsPerSecond: number;
  readonly a: Chances;
  readonly b: Chances;
  readonly errors: ErrorPattern;
}

/** One cluster's draws at one weight. */
class Cluster {
  readonly #fast: Poisson;
  readonly #middle: Poisson;
  readonly #slow: Poisson;
  readonly #bursts: Poisson;
  #noisy = false;

  constructor(
    perInterval: number,
    readonly chances: Chances,
    readonly errors: ErrorPattern,
  ) {
    const { beyondP95, beyondP99, error } = chances;
    this.#fast = new Poisson(perInterval * (1 - beyondP95));
    this.#middle = new Poisson(perInterval * (beyondP95 - beyondP99));
    this.#slow = new Poisson(perInterval * beyondP99);
    this.#bursts = new Poisson(errors.kind === "bursts" ? (perInterval * error) / errors.meanSize : 0);
  }

  side(random: Uniform, phase: Uniform | undefined): Side {
    const count = [this.#fast.draw(random), this.#middle.draw(random), this.#slow.draw(random)];
    const requests = (count[0] ?? 0) + (count[1] ?? 0) + (count[2] ?? 0);
    return {
      requests,
      errors: this.#errorsOf(requests, random, phase),
      latencyMs: { le: LE, count },
      grpc: undefined,
      connectionErrors: undefined,
      healthyTargets: undefined,
      withoutControlPlane: undefined,
    };
  }

  #errorsOf(requests: number, random: Uniform, phase: Uniform | undefined): number {
    const { errors, chances } = this;
    if (errors.kind === "independent") return binomial(random, requests, chances.error);
    if (errors.kind === "bursts") {
      let sum = 0;
      for (let bursts = this.#bursts.draw(random); bursts > 0; bursts--) sum += geometric(random, errors.meanSize);
      return Math.min(requests, sum);
    }
    const minutes = INTERVAL_SECONDS / 60;
    const leave = 1 - Math.exp(-minutes / (this.#noisy ? errors.meanMinutes : errors.quietMinutes));
    if ((phase ?? random)() < leave) this.#noisy = !this.#noisy;
    // The mean over both phases is the chance as given.
    const noisyPart = errors.meanMinutes / (errors.meanMinutes + errors.quietMinutes);
    const quiet = chances.error / (1 - noisyPart + noisyPart * errors.factor);
    return binomial(random, requests, Math.min(1, this.#noisy ? quiet * errors.factor : quiet));
  }
}

/** Samples of one step, one after the other. */
export class Traffic {
  readonly #a: Cluster;
  readonly #b: Cluster;

  constructor(
    readonly weightB: number,
    readonly model: TrafficModel,
  ) {
    const perInterval = model.requestsPerSecond * INTERVAL_SECONDS;
    this.#a = new Cluster((perInterval * (100 - weightB)) / 100, model.a, model.errors);
    this.#b = new Cluster((perInterval * weightB) / 100, model.b, model.errors);
  }

  sample(random: Uniform, atMs: number): Sample {
    // A common phase: both clusters see the same draw.
    const { errors } = this.model;
    const draw = errors.kind === "phases" && errors.common ? random() : undefined;
    const phase = draw === undefined ? undefined : (): number => draw;
    const a = this.#a.side(random, phase);
    const b = this.#b.side(random, phase);
    return { atMs, weightB: this.weightB, a, b, services: {} };
  }
}
