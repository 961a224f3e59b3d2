import { stateOf, type MigrationRecord } from "./record";

const HOUR_MS = 3_600_000;

/**
 * Why the recorded proof of the copy says nothing any more; undefined while it does. Until control plane B has started,
 * whoever writes to either database makes it a proof of something else.
 *
 * @param maximumAgeHours setting `proof.maximumAgeHours`
 */
export function staleCopyProof(
  record: MigrationRecord | undefined,
  now: Date,
  maximumAgeHours: number,
): string | undefined {
  const provedAt = record && stateOf(record)?.copyProvedAt;
  if (provedAt === undefined) return "the record holds no proof of the copy";
  const hours = (now.getTime() - Date.parse(provedAt)) / HOUR_MS;
  if (hours <= maximumAgeHours) return undefined;
  return `the copy was proved at ${provedAt}, ${hours.toFixed(1)} hours ago; at most ${maximumAgeHours} are allowed`;
}
