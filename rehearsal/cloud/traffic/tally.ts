import { build, type Histogram } from "hdr-histogram-js";
import {
  type Failure,
  type LatencySummary,
  type LoadSecond,
  type LoadSnapshot,
  type LongRequest,
  type TrafficSample,
} from "./types";

type Cluster = "a" | "b" | "none";

const MAX_FAILURES_KEPT = 50;
const MAX_BODY_KEPT = 500;
/** Histograms hold microseconds, up to two minutes, to three digits. */
const HIGHEST_US = 120_000_000;

function histogram(): Histogram {
  return build({
    bitBucketSize: 32,
    highestTrackableValue: HIGHEST_US,
    numberOfSignificantValueDigits: 3,
    useWebAssembly: false,
  });
}

function record(into: Histogram, milliseconds: number): void {
  into.recordValue(Math.min(HIGHEST_US, Math.max(0, Math.round(milliseconds * 1000))));
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** What was asked, for the list of failures. */
export interface Asked {
  readonly kind: TrafficSample["kind"];
  readonly service: string;
  readonly method: string;
  readonly host: string;
  readonly path: string;
}

/** One request of the load from its scheduled moment on. It ends once: well or failed; what comes later is ignored. */
export class Entry {
  readonly startedAtMs = Date.now();
  readonly #startedAt = performance.now();
  readonly #tally: Tally;
  readonly #asked: Asked;
  readonly #long: Mutable<LongRequest> | undefined;
  #cluster: Cluster = "none";
  #headSeen = false;
  #ended = false;

  constructor(tally: Tally, asked: Asked) {
    this.#tally = tally;
    this.#asked = asked;
    if (asked.kind !== "plain") {
      this.#long = { kind: asked.kind, startedAt: new Date(this.startedAtMs).toISOString(), cluster: "none" };
      tally.long.push(this.#long);
    }
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** The whole request is written to a connection. */
  sent(reusedConnection: boolean): void {
    this.#tally.requestSent(this.startedAtMs, reusedConnection);
  }

  /** The head of the answer is there; `cluster` is its header `x-rehearsal-cluster`. */
  head(cluster: unknown): void {
    if (this.#headSeen) {
      return;
    }
    this.#headSeen = true;
    this.#cluster = cluster === "a" || cluster === "b" ? cluster : "none";
    this.#tally.headSeen(this.#cluster, this.startedAtMs);
    if (this.#long !== undefined) {
      this.#long.cluster = this.#cluster;
    }
  }

  /** One more event or echoed message of a long answer. */
  message(): void {
    if (this.#long !== undefined) {
      this.#long.messages = (this.#long.messages ?? 0) + 1;
    }
  }

  succeed(): void {
    if (!this.#ended) {
      this.#end(true);
      this.#tally.succeeded(
        this.#cluster,
        this.#asked.kind === "plain" ? performance.now() - this.#startedAt : undefined,
      );
    }
  }

  /** @param answer what came, if a complete answer came */
  fail(reason: string, answer?: { readonly status: number; readonly body: string }): void {
    if (!this.#ended) {
      this.#end(false);
      this.#tally.failedWith(answer !== undefined, {
        at: new Date().toISOString(),
        ...this.#asked,
        reason,
        cluster: this.#cluster,
        ...(answer === undefined ? {} : { status: answer.status, body: answer.body.slice(0, MAX_BODY_KEPT) }),
        afterMs: Math.round(performance.now() - this.#startedAt),
      });
    }
  }

  #end(ok: boolean): void {
    this.#ended = true;
    this.#tally.open.delete(this);
    if (this.#long !== undefined) {
      this.#long.endedAt = new Date().toISOString();
      this.#long.ok = ok;
    }
  }
}

/** Everything that is counted during a load. */
export class Tally {
  /** Requests without an end yet. */
  readonly open = new Set<Entry>();
  readonly long: Mutable<LongRequest>[] = [];
  #scheduled = 0;
  #sent = 0;
  #answered = 0;
  #failed = 0;
  #opened = 0;
  #reused = 0;
  #lastOnBMs: number | undefined;
  readonly #byCluster: Record<Cluster, number> = { a: 0, b: 0, none: 0 };
  readonly #failures: Failure[] = [];
  readonly #latency = { a: histogram(), b: histogram() };
  readonly #lateness = histogram();
  readonly #firstSecond = Math.floor(Date.now() / 1000);
  readonly #seconds: Mutable<LoadSecond>[] = [];

  /** A request's time has come. */
  begin(asked: Asked): Entry {
    this.#scheduled += 1;
    const entry = new Entry(this, asked);
    this.open.add(entry);
    return entry;
  }

  late(milliseconds: number): void {
    record(this.#lateness, milliseconds);
  }

  requestSent(startedAtMs: number, reusedConnection: boolean): void {
    this.#sent += 1;
    this.#second(startedAtMs).sent += 1;
    if (reusedConnection) {
      this.#reused += 1;
    } else {
      this.#opened += 1;
    }
  }

  headSeen(cluster: Cluster, startedAtMs: number): void {
    this.#byCluster[cluster] += 1;
    if (cluster === "b") {
      this.#lastOnBMs = Math.max(this.#lastOnBMs ?? 0, startedAtMs);
    }
  }

  succeeded(cluster: Cluster, latencyMs: number | undefined): void {
    this.#answered += 1;
    if (cluster !== "none") {
      this.#second(Date.now())[cluster] += 1;
      if (latencyMs !== undefined) {
        record(this.#latency[cluster], latencyMs);
      }
    }
  }

  failedWith(answered: boolean, failure: Failure): void {
    this.#failed += 1;
    this.#answered += answered ? 1 : 0;
    this.#second(Date.now()).failed += 1;
    if (this.#failures.length < MAX_FAILURES_KEPT) {
      this.#failures.push(failure);
    }
  }

  snapshot(): LoadSnapshot {
    return {
      scheduled: this.#scheduled,
      sent: this.#sent,
      answered: this.#answered,
      failed: this.#failed,
      byCluster: { ...this.#byCluster },
      ...(this.#lastOnBMs === undefined ? {} : { lastOnB: new Date(this.#lastOnBMs).toISOString() }),
      failures: [...this.#failures],
      latencyMs: { a: summary(this.#latency.a), b: summary(this.#latency.b) },
      connections: { opened: this.#opened, reused: this.#reused },
      long: this.long.map((request) => ({ ...request })),
      latenessMs: {
        p99: this.#lateness.getValueAtPercentile(99) / 1000,
        max: this.#lateness.maxValue / 1000,
      },
      perSecond: this.#seconds.map((second) => ({ ...second })),
    };
  }

  /** The entry of a moment; the seconds before it are filled up, so that the series has no gaps. */
  #second(atMs: number): Mutable<LoadSecond> {
    const index = Math.max(0, Math.floor(atMs / 1000) - this.#firstSecond);
    for (let i = this.#seconds.length; i <= index; i += 1) {
      const at = new Date((this.#firstSecond + i) * 1000).toISOString();
      this.#seconds.push({ at, sent: 0, failed: 0, a: 0, b: 0 });
    }
    const second = this.#seconds[index];
    if (second === undefined) {
      throw new Error(`second ${index} of the load's series is missing`);
    }
    return second;
  }
}

function summary(of: Histogram): LatencySummary {
  const at = (percentile: number): number => of.getValueAtPercentile(percentile) / 1000;
  return { p50: at(50), p95: at(95), p99: at(99), max: of.maxValue / 1000 };
}
