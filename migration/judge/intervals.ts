import { type Sample, type Side } from "./sample";

/**
 * What is wrong with a sample, or with its place among the others: missing, late, duplicated, reset or partial. Such a
 * sample is no evidence of anything; the step's evidence for *go* is collected anew after it, and *go* is withheld for
 * a time. Evidence for *back* stays as it is: bad data must not protect a bad cluster.
 */

export type FaultKind = "missing" | "late" | "duplicate" | "reset" | "partial";

export interface Fault {
  readonly kind: FaultKind;
  /** In words and numbers. */
  readonly text: string;
}

/** Distances between samples, in milliseconds: what is usual, and what was the largest. */
export interface Spacing {
  /** The last few, newest last. */
  readonly recent: readonly number[];
  /** The largest since the evidence for *go* began. */
  readonly largest: number;
}

export const NO_SPACING: Spacing = { recent: [], largest: 0 };

/** So many distances say what is usual. */
const RECENT = 15;
/** Deviation of a histogram's sum from the requests: rates are extrapolated by part of an interval. */
const SUM_TOLERANCE = 0.001;
const ROUNDING = 0.5;

/** What is wrong with the place of a sample after the one before it at the same weight. */
export function faultOfPlace(atMs: number, lastMs: number): Fault | undefined {
  if (atMs === lastMs) {
    return { kind: "duplicate", text: `a second sample for ${new Date(atMs).toISOString()}` };
  }
  if (atMs < lastMs) {
    const texts = [atMs, lastMs].map((ms) => new Date(ms).toISOString());
    return { kind: "late", text: `a sample for ${texts[0] ?? ""} came after that for ${texts[1] ?? ""}` };
  }
  return undefined;
}

/** The distances with one more. */
export function withDistance(spacing: Spacing, ms: number): Spacing {
  return {
    recent: [...spacing.recent.slice(-(RECENT - 1)), ms],
    largest: Math.max(spacing.largest, ms),
  };
}

/** The usual distance in milliseconds, the lower median of the last few; undefined before there are two samples. */
export function usualDistance({ recent }: Spacing): number | undefined {
  const sorted = [...recent].sort((one, other) => one - other);
  return sorted[(sorted.length - 1) >> 1];
}

/** Samples that are missing between two that came. */
export function faultOfGap(spacing: Spacing, gapRatio: number): Fault | undefined {
  const usual = usualDistance(spacing);
  if (usual === undefined || spacing.largest <= gapRatio * usual) return undefined;
  const [gap, rest] = [spacing.largest, usual].map((ms) => `${Math.round(ms / 100) / 10} s`);
  return { kind: "missing", text: `${gap ?? ""} without a sample, where one comes every ${rest ?? ""}` };
}

/** What is wrong with the counts of a sample. At weight 0 nothing is asked of B, at 100 nothing of A. */
export function faultOfCounts(sample: Sample): Fault | undefined {
  const a = sample.weightB < 100 ? sideFault("A", sample.a, true) : sideFault("A", sample.a, false);
  if (a !== undefined) return a;
  const b = sideFault("B", sample.b, sample.weightB > 0);
  if (b !== undefined) return b;
  for (const [name, service] of Object.entries(sample.services)) {
    for (const [cluster, side] of [
      ["A", service.a],
      ["B", service.b],
    ] as const) {
      const fault = side === undefined ? undefined : countsFault(`service ${name} on ${cluster}`, side);
      if (fault !== undefined) return fault;
    }
    const { probe } = service;
    if (probe !== undefined && !(probe.errors >= 0 && probe.requests >= probe.errors)) {
      return { kind: "partial", text: `service ${name}: ${probe.errors} errors of ${probe.requests} probes` };
    }
  }
  return undefined;
}

function sideFault(cluster: "A" | "B", side: Side | undefined, needed: boolean): Fault | undefined {
  if (side === undefined) {
    return needed ? { kind: "missing", text: `no count of requests and errors of ${cluster}` } : undefined;
  }
  if (needed && side.latencyMs === undefined) {
    return { kind: "partial", text: `no latency histogram of ${cluster}` };
  }
  return countsFault(cluster, side);
}

function countsFault(whose: string, side: Side): Fault | undefined {
  const { requests, errors, latencyMs, grpc } = side;
  const counts = [requests, errors, ...(latencyMs?.count ?? []), ...Object.values(grpc ?? {})];
  for (const count of counts) {
    if (count < 0) return { kind: "reset", text: `${whose}: a count of ${count}; a counter began anew` };
  }
  if (errors > requests + ROUNDING) {
    return { kind: "partial", text: `${whose}: ${errors} errors of ${requests} requests` };
  }
  if (latencyMs !== undefined) {
    let sum = 0;
    for (const count of latencyMs.count) sum += count;
    if (Math.abs(sum - requests) > Math.max(ROUNDING, SUM_TOLERANCE * requests)) {
      return { kind: "partial", text: `${whose}: the histogram holds ${sum} of ${requests} requests` };
    }
  }
  return undefined;
}
