import { type Sample, type Side } from "../../migration/judge";
import { P95_MS, P99_MS } from "./traffic";

/**
 * Two other ways to judge, on the same samples, as their tools have them:
 *
 * - a fixed limit on one-minute points: Flagger (`interval: 1m`, `threshold: 10`, success rate at least 99 %) and Argo
 *   Rollouts (`failureLimit: 3`); a point fails when more than 1 % of B's answers are errors, or more than twice A's
 *   usual share is slower than A's p95 or p99 (10 % and 2 %). The failed points of a step are counted;
 * - Mann-Whitney on one-minute points as Kayenta's judge has it (confidence 98 %, tolerance 25 % of the control's mean),
 *   on all points of the step so far, looked at every ten minutes.
 */

export type PeerName = "limit, 3 points" | "limit, 10 points" | "Mann-Whitney";
export const PEERS: readonly PeerName[] = ["limit, 3 points", "limit, 10 points", "Mann-Whitney"];

interface Point {
  readonly errors: number;
  readonly beyondP95: number;
  readonly beyondP99: number;
}

const LIMITS: Point = { errors: 0.01, beyondP95: 0.1, beyondP99: 0.02 };
const KEYS = ["errors", "beyondP95", "beyondP99"] as const;
const MINUTES_A_LOOK = 10;
const CONFIDENCE_Z = 2.326; // two-sided 98 %
const TOLERANCE = 0.25;
const SAMPLES_A_MINUTE = 4;

/** The peers at one step. Each stops at most once. */
export class Peers {
  readonly stoppedAfterMinutes: Partial<Record<PeerName, number>> = {};
  readonly #a: Point[] = [];
  readonly #b: Point[] = [];
  #minute: Sample[] = [];
  #failed = 0;

  /** Every peer has stopped. */
  get over(): boolean {
    return PEERS.every((name) => this.stoppedAfterMinutes[name] !== undefined);
  }

  /** A sample after the warm-up. */
  observe(sample: Sample): void {
    this.#minute.push(sample);
    if (this.#minute.length < SAMPLES_A_MINUTE) return;
    this.#a.push(pointOf(this.#minute.map(({ a }) => a)));
    const b = pointOf(this.#minute.map((one) => one.b));
    this.#b.push(b);
    this.#minute = [];
    if (KEYS.some((key) => b[key] > LIMITS[key])) this.#failed += 1;
    if (this.#failed >= 3) this.#stop("limit, 3 points");
    if (this.#failed >= 10) this.#stop("limit, 10 points");
    if (this.#b.length % MINUTES_A_LOOK === 0 && KEYS.some((key) => this.#higher(key))) this.#stop("Mann-Whitney");
  }

  #higher(key: (typeof KEYS)[number]): boolean {
    const control = this.#a.map((point) => point[key]);
    const mean = control.reduce((sum, value) => sum + value, 0) / control.length;
    // B's points less the tolerance: the confidence interval of the shift lies beyond it exactly when this is higher.
    const experiment = this.#b.map((point) => point[key] - TOLERANCE * mean);
    return mannWhitneyZ(experiment, control) > CONFIDENCE_Z;
  }

  #stop(name: PeerName): void {
    this.stoppedAfterMinutes[name] ??= this.#b.length;
  }
}

/** Standard score of the Mann-Whitney statistic of `x` over `y`, ties averaged, with continuity correction. */
export function mannWhitneyZ(x: readonly number[], y: readonly number[]): number {
  const all = [...x.map((value) => ({ value, isX: true })), ...y.map((value) => ({ value, isX: false }))];
  all.sort((one, other) => one.value - other.value);
  let rankSum = 0;
  let ties = 0;
  for (let from = 0; from < all.length;) {
    let to = from;
    while (to < all.length && all[to]?.value === all[from]?.value) to += 1;
    const size = to - from;
    const rank = (from + 1 + to) / 2;
    for (let i = from; i < to; i++) if (all[i]?.isX === true) rankSum += rank;
    ties += size ** 3 - size;
    from = to;
  }
  const [m, n] = [x.length, y.length];
  const total = m + n;
  const u = rankSum - (m * (m + 1)) / 2 - (m * n) / 2;
  const variance = ((m * n) / 12) * (total + 1 - ties / (total * (total - 1)));
  if (variance <= 0) return 0;
  return (u - Math.sign(u) * 0.5) / Math.sqrt(variance);
}

function pointOf(sides: readonly (Side | undefined)[]): Point {
  let requests = 0;
  let errors = 0;
  let beyondP95 = 0;
  let beyondP99 = 0;
  for (const side of sides) {
    requests += side?.requests ?? 0;
    errors += side?.errors ?? 0;
    for (const [index, count] of (side?.latencyMs?.count ?? []).entries()) {
      const above = side?.latencyMs?.le[index - 1] ?? 0;
      if (above >= P95_MS) beyondP95 += count;
      if (above >= P99_MS) beyondP99 += count;
    }
  }
  const share = (count: number): number => (requests > 0 ? count / requests : 0);
  return { errors: share(errors), beyondP95: share(beyondP95), beyondP99: share(beyondP99) };
}
