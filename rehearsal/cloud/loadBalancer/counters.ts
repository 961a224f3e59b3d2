import { type TargetGroupCounters } from "./types";

/** Upper bounds of the latency histogram in milliseconds; the last bucket has none. */
const BOUNDS_MS = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000] as const;

/** Width of the fine buckets. */
const RATIO = 1.02;
const SHORTEST_MS = 0.1;

/** Middle of a fine bucket, milliseconds. */
export function timeOfBucket(bucket: number): number {
  return SHORTEST_MS * RATIO ** (bucket + 0.5);
}

type ResponseClass = keyof TargetGroupCounters["responses"];

/** What one target group did, counted as CloudWatch's metrics of a target group count it. */
export class Counters {
  #requests = 0;
  #picked = 0;
  readonly #responses: Record<ResponseClass, number> = { "2xx": 0, "3xx": 0, "4xx": 0, "5xx": 0 };
  #elb5xx = 0;
  #connectionErrors = 0;
  #lastRequestAtMs: number | undefined;
  #active = 0;
  readonly #latency = new Array<number>(BOUNDS_MS.length + 1).fill(0);
  readonly #times = new Map<number, number>();

  /** A target was chosen and the request goes out. @param picked a rule with a header condition sent it here */
  begin(picked: boolean): void {
    this.#requests += 1;
    if (picked) this.#picked += 1;
    this.#active += 1;
    this.#lastRequestAtMs = Date.now();
  }

  /** The head of the target's answer is there. */
  answered(status: number, latencyMs: number): void {
    const hundreds = Math.floor(status / 100);
    if (hundreds >= 2 && hundreds <= 5) {
      this.#responses[`${hundreds}xx` as ResponseClass] += 1;
    }
    const bucket = BOUNDS_MS.findIndex((bound) => latencyMs <= bound);
    const index = bucket === -1 ? BOUNDS_MS.length : bucket;
    this.#latency[index] = (this.#latency[index] ?? 0) + 1;
    const fine = Math.floor(Math.log(Math.max(latencyMs, SHORTEST_MS) / SHORTEST_MS) / Math.log(RATIO));
    this.#times.set(fine, (this.#times.get(fine) ?? 0) + 1);
  }

  /** The load balancer answers 502, 503 or 504 itself. */
  refused(): void {
    this.#elb5xx += 1;
  }

  connectionError(): void {
    this.#connectionErrors += 1;
  }

  /** The request, begun before, is over, well or not. */
  end(): void {
    this.#active -= 1;
  }

  snapshot(): TargetGroupCounters {
    return {
      requests: this.#requests,
      picked: this.#picked,
      responses: { ...this.#responses },
      elb5xx: this.#elb5xx,
      connectionErrors: this.#connectionErrors,
      ...(this.#lastRequestAtMs === undefined ? {} : { lastRequestAt: new Date(this.#lastRequestAtMs).toISOString() }),
      active: this.#active,
      latencyMs: { le: [...BOUNDS_MS, null], count: [...this.#latency] },
      times: Object.fromEntries(this.#times),
    };
  }
}
