/** What the load generator is told and what it tells: plain data, so that it can cross a process boundary as JSON. */

/** One kind of request that the load is made of. */
export interface TrafficSample {
  /** Name of the API that the request belongs to. */
  readonly service: string;
  /** Host header that selects the route. */
  readonly host: string;
  /** Path, with or without a query. */
  readonly path: string;
  /** Further request headers, credentials included. */
  readonly headers: Readonly<Record<string, string>>;
  /** Share among the samples of the same kind = its weight / sum of their weights. */
  readonly weight: number;
  readonly kind: "plain" | "slow" | "stream" | "websocket" | "upload";
}

export interface LoadOptions {
  /** The load balancer: `http://host:port`. */
  readonly url: string;
  /** Plain requests a second; the average is exact over the whole run. */
  readonly ratePerSecond: number;
  readonly catalogue: readonly TrafficSample[];
  /** Starts the pseudo-random choice of samples, delays and durations; the same seed sends the same requests. Default 1. */
  readonly seed?: number;
  /** The load stops by itself after this long. */
  readonly maxSeconds: number;
  /** Requests that the upstream answers late, each after a time between the two bounds (at most 60 s). */
  readonly slow: { readonly perSecond: number; readonly minSeconds: number; readonly maxSeconds: number };
  /** Streamed answers open at any time. */
  readonly streams: number;
  /** How long each streamed answer lasts. Default 8-20 s. `stop` waits for the last of them. */
  readonly streamSeconds?: { readonly min: number; readonly max: number };
  /** WebSockets open at any time; each lasts 10-25 s. */
  readonly websockets: number;
}

/** A request that did not get the answer it should have got. */
export interface Failure {
  readonly at: string;
  readonly kind: TrafficSample["kind"];
  readonly service: string;
  readonly method: string;
  readonly host: string;
  readonly path: string;
  /** What was wrong, in words: what was seen and what was expected. */
  readonly reason: string;
  readonly cluster: "a" | "b" | "none";
  /** Absent when no answer came. */
  readonly status?: number;
  /** The first 500 characters of what came. */
  readonly body?: string;
  readonly afterMs: number;
}

/** A request that stays in flight for seconds. */
export interface LongRequest {
  readonly kind: "slow" | "stream" | "websocket" | "upload";
  /** When it was sent: ISO 8601 with milliseconds. */
  readonly startedAt: string;
  /** Absent while it is in flight. */
  readonly endedAt?: string;
  /** Which cluster answered: known from the answer's head on. */
  readonly cluster: "a" | "b" | "none";
  /** Absent while it is in flight. */
  readonly ok?: boolean;
  /** Events received (stream) or messages echoed (WebSocket) so far. */
  readonly messages?: number;
}

/** What happened in one second. */
export interface LoadSecond {
  /** Begin of the second: ISO 8601. */
  readonly at: string;
  /** Requests sent in it. */
  readonly sent: number;
  /** Requests that turned out failed in it. */
  readonly failed: number;
  /** Good answers of cluster A and B that were completed in it. */
  readonly a: number;
  readonly b: number;
}

/** Latencies in milliseconds of good plain answers, from the moment of sending to the last byte; 0 without any. */
export interface LatencySummary {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

export interface LoadSnapshot {
  /** Requests whose time had come, of every kind. */
  readonly scheduled: number;
  /** Requests sent. */
  readonly sent: number;
  /** Requests with a complete answer, good or not; a request without one is in `failed` only. */
  readonly answered: number;
  readonly failed: number;
  /** Answers by the header `x-rehearsal-cluster`; `none` are those without it. */
  readonly byCluster: Readonly<Record<"a" | "b" | "none", number>>;
  /** When the last request that cluster B answered was **sent**: ISO 8601 with milliseconds. */
  readonly lastOnB?: string;
  /** The first 50, whole. */
  readonly failures: readonly Failure[];
  readonly latencyMs: Readonly<Record<"a" | "b", LatencySummary>>;
  /** Connections to the load balancer: opened, and requests that used one opened before. */
  readonly connections: { readonly opened: number; readonly reused: number };
  readonly long: readonly LongRequest[];
  /** How late plain and slow requests were sent against their scheduled time. */
  readonly latenessMs: { readonly p99: number; readonly max: number };
  readonly perSecond: readonly LoadSecond[];
}
