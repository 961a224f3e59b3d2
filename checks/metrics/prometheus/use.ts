import { type Grid, type GridSeries } from "../../../migration/metrics/grid";

/** From raw series to what was used in each interval; undefined where a part of it is not known. */

/** Increase per second of counters, summed. An interval in which a series came, went or began anew is not known. */
export function increasePerSecond(grid: Grid, all: readonly GridSeries[]): readonly (number | undefined)[] {
  return Array.from({ length: grid.count }, (_, index) => {
    let sum: number | undefined;
    for (const { values } of all) {
      const before = values[index] ?? Number.NaN;
      const after = values[index + 1] ?? Number.NaN;
      if (Number.isNaN(before) && Number.isNaN(after)) continue;
      if (Number.isNaN(before) || Number.isNaN(after) || after < before) return undefined;
      sum = (sum ?? 0) + after - before;
    }
    return sum === undefined ? undefined : (sum * 1000) / grid.periodMs;
  });
}

/** Values at the end of each interval, summed. */
export function levels(grid: Grid, all: readonly GridSeries[]): readonly (number | undefined)[] {
  return Array.from({ length: grid.count }, (_, index) => {
    const known = all.map(({ values }) => values[index + 1] ?? Number.NaN).filter((value) => !Number.isNaN(value));
    return known.length === 0 ? undefined : known.reduce((sum, value) => sum + value, 0);
  });
}
