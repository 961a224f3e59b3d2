import { type Sample, type Side } from "./sample";

/** What one cluster did in a stretch of time, for people to read; the judge itself works on the single samples. */
export interface SideFigure {
  readonly requests: number;
  readonly errors: number;
  readonly p50Ms?: number;
  readonly p95Ms?: number;
  readonly p99Ms?: number;
}

export interface StretchFigures {
  /** ISO times of the first and last sample. */
  readonly from: string;
  readonly at: string;
  readonly a?: SideFigure;
  readonly b?: SideFigure;
}

/**
 * The samples of the newest stretch, summed.
 *
 * @param seconds length of the stretch
 * @param weightB only samples of this weight: another step's figures would be mixed in
 */
export function newestFigures(
  samples: readonly Sample[],
  weightB: number,
  seconds: number,
): StretchFigures | undefined {
  const last = samples.at(-1);
  if (last === undefined) return undefined;
  const newest = samples.filter((sample) => sample.weightB === weightB && sample.atMs > last.atMs - seconds * 1000);
  const [first] = newest;
  if (first === undefined) return undefined;
  const a = sumOf(newest.map((sample) => sample.a));
  const b = sumOf(newest.map((sample) => sample.b));
  return {
    from: new Date(first.atMs).toISOString(),
    at: new Date(last.atMs).toISOString(),
    ...(a === undefined ? {} : { a }),
    ...(b === undefined ? {} : { b }),
  };
}

function sumOf(sides: readonly (Side | undefined)[]): SideFigure | undefined {
  const seen = sides.filter((side) => side !== undefined);
  if (seen.length === 0) return undefined;
  const percentiles = percentilesOf(seen);
  return {
    requests: seen.reduce((sum, { requests }) => sum + requests, 0),
    errors: seen.reduce((sum, { errors }) => sum + errors, 0),
    ...percentiles,
  };
}

/** Histograms are added where they have the same bounds; others say nothing together. */
function percentilesOf(sides: readonly Side[]): Partial<SideFigure> {
  const histograms = sides.flatMap(({ latencyMs }) => latencyMs ?? []);
  const bounds = histograms[0]?.le;
  if (bounds === undefined || histograms.some(({ le }) => JSON.stringify(le) !== JSON.stringify(bounds))) return {};
  const counts = bounds.map((_, index) => histograms.reduce((sum, { count }) => sum + (count[index] ?? 0), 0));
  if (counts.every((count) => count === 0)) return {};
  const of = (percent: number): number => Math.round(percentile(bounds, counts, percent) * 10) / 10;
  return { p50Ms: of(50), p95Ms: of(95), p99Ms: of(99) };
}

/** Linear inside the bucket, as Prometheus' histogram_quantile; beyond the last bound it is that bound. */
function percentile(bounds: readonly (number | null)[], counts: readonly number[], percent: number): number {
  const rank = (counts.reduce((sum, count) => sum + count, 0) * percent) / 100;
  let below = 0;
  let lower = 0;
  for (const [index, count] of counts.entries()) {
    const upper = bounds[index] ?? null;
    if (below + count >= rank && count > 0) {
      return upper === null ? lower : lower + (upper - lower) * ((rank - below) / count);
    }
    below += count;
    lower = upper ?? lower;
  }
  return lower;
}
