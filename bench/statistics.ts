/** Middle and other places of measured values. */

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** @param q 0 to 1. NaN without a value. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((x, y) => x - y);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}
