import { assertThat, databaseB, describe, enter, goBack } from "./common";
import { everyRequestAnswered, migration, migrationSteps } from "./migration";
import { type Scenario, type Step } from "./scenario";

/**
 * The whole migration with `pg_dump` and `pg_restore` in the place of the snapshot: a new, empty RDS instance, and A's data
 * through a folder, two tables at a time.
 */
export const migrationDump: Scenario = {
  ...migration,
  name: "migration-dump",
  description: "the whole migration, database B filled by pg_dump and pg_restore instead of a snapshot",
  settings: {
    databaseB: ({ dumps }) => ({
      allocatedStorageGiB: 20,
      source: { kind: "dump", target: "rds", jobs: 2, folder: dumps },
    }),
  },
  steps: migrationSteps(restoreByDump()),
};

/** As far as the source of the data makes a difference, for the tests: B serves from it, and A is gone back to. */
export const migrationDumpShort: Scenario = {
  ...migrationDump,
  description: "database B filled by pg_dump and pg_restore serves its first traffic, and a rollback",
  steps: [
    enter("prepare"),
    enter("freeze"),
    restoreByDump(),
    enter("start"),
    enter("traffic-5"),
    goBack("traffic-5"),
    everyRequestAnswered(),
  ],
};

/** What the copy prints. */
interface CopyOutput {
  readonly source: string;
  readonly tables: number;
  readonly digest: string;
}

/** Stage `restore` by a dump: no snapshot, every table copied and proved, and A's password refused by B. */
function restoreByDump(): Step {
  return {
    title: "restore by a dump",
    async run(rehearsal, say) {
      const { changes, outputs } = await rehearsal.enter("restore");
      assertThat(
        !changes.some(({ type }) => type === "aws:rds/snapshot:Snapshot"),
        "a snapshot was taken although the source is a dump",
      );
      const text: unknown = outputs["databaseCopy"]?.value;
      assertThat(typeof text === "string", "the program's output databaseCopy is no text");
      const copy = JSON.parse(text) as CopyOutput;
      const { database } = rehearsal;
      assertThat(database?.equal === true, "database B was not proved equal");
      const { tables } = rehearsal.world.databaseA;
      assertThat(copy.tables === tables, `${copy.tables} tables were copied, A has ${tables}`);
      const instance = await databaseB(rehearsal);
      const [comment] = await rehearsal.clouds.call(
        "sql",
        instance,
        "select shobj_description(oid, 'pg_database') as mark from pg_database where datname = 'api7ee'",
      );
      assertThat(/: complete /.test(String(comment?.["mark"])), "database B does not say that its copy is complete");
      say(
        `${describe(rehearsal.stages.at(-1))}; ${copy.tables} tables copied, ${database.rows} rows equal, ` +
          `dump ${copy.digest.slice(0, 12)}`,
      );
    },
  };
}
