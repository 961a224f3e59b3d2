import { type MigrationRecord } from "./record";
import { shapeOf, type Stage } from "./stages";

/** What of B was made since this migration began: what `abandon` has to give up. */
export interface MadeOnB {
  readonly database: boolean;
  readonly planes: boolean;
}

/**
 * Reads it from the record: a stage is entered there before the first of its resources is made, so that a stage which
 * failed half way counts as well.
 */
export function madeOnB(record: MigrationRecord | undefined): MadeOnB {
  const entered = (record?.entries ?? []).map(({ stage }) => stage);
  const carried = record?.folded?.carried?.stage;
  const all: readonly Stage[] = carried === undefined ? entered : [carried, ...entered];
  // `prepare` is where a migration begins, and begins anew after `abandon`.
  const since = all.slice(all.lastIndexOf("prepare") + 1).filter((stage) => stage !== "abandon");
  const shapes = since.map(shapeOf);
  return {
    database: shapes.some(({ databaseB }) => databaseB !== "none"),
    planes: shapes.some(({ controlPlaneB }) => controlPlaneB),
  };
}
