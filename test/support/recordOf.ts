import { appendEntry, EMPTY_RECORD, type MigrationRecord } from "../../migration/record";
import { shapeOf, type Stage } from "../../migration/stages";

/** A record of steps up, each at a time in milliseconds since 1970. */
export function recordOf(...entries: readonly (readonly [Stage, number])[]): MigrationRecord {
  return entries.reduce<MigrationRecord>(
    (grown, [stage, atMs]) =>
      appendEntry(grown, {
        at: new Date(atMs).toISOString(),
        stage,
        from: null,
        kind: "up",
        weightB: shapeOf(stage).weightB,
        by: "x",
        commit: "-",
        copy: 1,
        checks: [],
      }).record,
    EMPTY_RECORD,
  );
}
