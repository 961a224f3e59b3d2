/**
 * Raw counters on a grid of times, as a metrics server keeps them. Everything that has to be concluded from them (counts
 * per interval, counters that began anew, gateways that came and went) is concluded here and in the files beside it,
 * not by the server: its `rate()` extrapolates, and hides what is missing.
 */

/** One series. `values[i]` is its value at `timesMs[i]` of the grid, NaN where the server has none. */
export interface GridSeries {
  readonly labels: Readonly<Record<string, string>>;
  readonly values: Float64Array;
}

/** Times of a grid: `count` intervals of `periodMs` that end at `fromMs + periodMs`, ... */
export interface Grid {
  /** Begin of the first interval, milliseconds since 1970. */
  readonly fromMs: number;
  readonly periodMs: number;
  /** Number of intervals; a grid has one time more. */
  readonly count: number;
}

/** Intervals of a grid that end no later than `untilMs`; both ends are multiples of the period. */
export function gridOf(fromMs: number, untilMs: number, periodMs: number): Grid {
  const from = Math.floor(fromMs / periodMs) * periodMs;
  const until = Math.floor(untilMs / periodMs) * periodMs;
  return { fromMs: from, periodMs, count: Math.max(0, Math.round((until - from) / periodMs)) };
}

/** End of the interval with this index, 0 for the first. */
export function endOf(grid: Grid, index: number): number {
  return grid.fromMs + (index + 1) * grid.periodMs;
}

/** At most so many samples are looked at; a longer time is looked at in 2, 4, 8, ... times as long intervals. */
export const MAX_INTERVALS = 3000;

/** The period, doubled until the time has at most {@link MAX_INTERVALS} of it. */
export function periodFor(fromMs: number, untilMs: number, periodMs: number): number {
  let period = periodMs;
  while ((untilMs - fromMs) / period > MAX_INTERVALS) period *= 2;
  return period;
}
