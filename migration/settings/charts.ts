/**
 * Which charts carry which API7 version (facts/api7.md 1.1). Chart numbers are not app numbers, and the control plane's
 * chart 0.18.3 carries 3.10: a range would be wrong, so the versions are listed.
 */
const CHARTS: Readonly<
  Record<string, { readonly controlPlane: readonly string[]; readonly dataPlane: readonly string[] }>
> = {
  "3.9.0": { controlPlane: ["0.17.38"], dataPlane: ["0.2.42", "0.2.43"] },
  "3.9.1": { controlPlane: ["0.17.39"], dataPlane: ["0.2.44", "0.2.45"] },
  "3.9.2": { controlPlane: ["0.17.40"], dataPlane: ["0.2.46"] },
  "3.9.3": { controlPlane: ["0.17.41"], dataPlane: ["0.2.47", "0.2.48"] },
  "3.9.4": {
    controlPlane: ["0.17.42", "0.17.43", "0.17.44"],
    dataPlane: ["0.2.49", "0.2.50", "0.2.51", "0.2.52", "0.2.53", "0.2.54"],
  },
  "3.9.5": { controlPlane: ["0.17.45"], dataPlane: ["0.2.55"] },
  "3.9.6": { controlPlane: ["0.17.46"], dataPlane: ["0.2.56"] },
  "3.9.7": { controlPlane: ["0.17.47", "0.17.48"], dataPlane: ["0.2.57", "0.2.58"] },
  "3.9.8": { controlPlane: ["0.17.49", "0.17.50"], dataPlane: ["0.2.59"] },
  "3.9.9": { controlPlane: ["0.17.51"], dataPlane: ["0.2.60"] },
  "3.9.10": { controlPlane: ["0.17.52", "0.17.53"], dataPlane: ["0.2.61", "0.2.62"] },
  "3.9.11": { controlPlane: ["0.17.54"], dataPlane: ["0.2.64"] },
  "3.9.12": { controlPlane: ["0.17.55", "0.18.0", "0.18.1"], dataPlane: ["0.2.65", "0.2.66", "0.2.67"] },
  "3.9.13": { controlPlane: ["0.18.2"], dataPlane: ["0.2.68"] },
  "3.9.14": { controlPlane: ["3.9.0"], dataPlane: ["3.9.0", "3.9.1"] },
  "3.9.15": { controlPlane: ["3.9.1"], dataPlane: ["3.9.2", "3.9.3", "3.9.4"] },
  "3.9.16": { controlPlane: ["3.9.2"], dataPlane: ["3.9.5", "3.9.6", "3.9.7"] },
  "3.9.17": { controlPlane: ["3.9.3", "3.9.4"], dataPlane: ["3.9.8"] },
  "3.9.18": { controlPlane: ["3.9.5"], dataPlane: ["3.9.9", "3.9.10"] },
};

/** Older gateway charts sleep 30 s inside a grace period of 30 s: requests in flight are cut (facts/api7.md 1.4). */
export const FIRST_GRACEFUL_GATEWAY = [3, 9, 10] as const;

/** Charts that carry an API7 version; undefined when the table does not know the version. */
export function chartsOf(
  version: string,
): { readonly controlPlane: readonly string[]; readonly dataPlane: readonly string[] } | undefined {
  return CHARTS[version];
}

/** Whether this gateway chart lets requests in flight finish when a pod leaves. */
export function isGraceful(gatewayChart: string): boolean {
  const parts = gatewayChart.split(".").map(Number);
  for (const [index, wanted] of FIRST_GRACEFUL_GATEWAY.entries()) {
    const part = parts[index] ?? 0;
    if (part !== wanted) return part > wanted;
  }
  return true;
}
