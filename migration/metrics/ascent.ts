import { type MigrationRecord } from "../record";

/** What B's weight was when, by the record: the time that the judge looks at. */

/** From a moment on B has this weight, until the next one. */
export interface WeightChange {
  readonly atMs: number;
  /** Percent. */
  readonly weightB: number;
}

/**
 * The weights of the way up at hand: from the last time that B had none, or since traffic was taken from it. What was seen
 * before a way back says nothing of the B that came after it.
 *
 * @param raisedAt when the rules really got the present weight, where that was later than the record's entry
 */
export function ascentOf(record: MigrationRecord, raisedAt?: Date): readonly WeightChange[] {
  const changes: WeightChange[] = [];
  const add = (at: string, weightB: number): void => {
    if (changes.at(-1)?.weightB === weightB) return;
    changes.push({ atMs: Date.parse(at), weightB });
  };
  const carried = record.folded?.carried;
  if (carried !== undefined) add(carried.weightSince, carried.weightB);
  for (const entry of record.entries) add(entry.at, entry.weightB);
  const last = changes.at(-1);
  if (last === undefined) return [];
  if (raisedAt !== undefined && raisedAt.getTime() > last.atMs && last.weightB > 0) {
    changes[changes.length - 1] = { ...last, atMs: raisedAt.getTime() };
  }
  let begin = changes.length - 1;
  while (begin > 0 && (changes[begin - 1]?.weightB ?? 0) < (changes[begin]?.weightB ?? 0)) begin -= 1;
  return changes.slice(begin);
}

/** B's weight at a time: that of the newest change before it, of the first one before all. */
export function weightAt(changes: readonly WeightChange[], atMs: number): number {
  let weight = changes[0]?.weightB ?? 0;
  for (const change of changes) if (change.atMs < atMs) weight = change.weightB;
  return weight;
}

/** Begin of the first time in which B had requests; undefined when it has none. */
export function firstTraffic(changes: readonly WeightChange[]): WeightChange | undefined {
  return changes.find(({ weightB }) => weightB > 0);
}
