import { z } from "zod";
import { databaseSource } from "./databaseSourceSchema";
import { flag, form, group, oneOf, text, whole } from "./fields";

const TIME = "([01]\\d|2[0-3]):[0-5]\\d";
const DAY = "(mon|tue|wed|thu|fri|sat|sun)";

/** Database B: nothing comes from A's snapshot but data and master user, so everything else is said here. */
export const databaseB = group(
  {
    /** Number of the copy, 1-999. **Raising it takes a new snapshot and replaces database B**: at `restore` only. */
    copy: whole(1, 999, "copies").default(1),
    /** Where the data comes from. Default: a snapshot that the program takes of A at `restore`. */
    source: databaseSource,
    instanceClass: form(/^db\.[a-z0-9]+\.[a-z0-9]+$/, "an RDS instance class such as db.r6g.large"),
    /** PostgreSQL version, the major of A. API7 is built for 15 (facts/api7.md 4.1). */
    engineVersion: form(/^\d+(\.\d+)?$/, "a PostgreSQL version such as 15.8"),
    /** Family of B's parameter group, `postgres` and the major. **Changing it replaces the parameter group.** */
    parameterGroupFamily: form(/^postgres\d+$/, "a parameter group family such as postgres15"),
    /** Parameters of the server; those of A must be repeated here, a restore does not bring them. */
    parameters: z
      .record(text("a parameter"), z.string({ error: () => "text" }), { error: () => "an object of parameters" })
      .default({}),
    storageType: oneOf(["gp3", "io1", "io2"]).default("gp3"),
    /** Operations per second that are provisioned, 1,000-256,000. io1 and io2 need it; gp3 has 3,000 without it. */
    iops: whole(1000, 256_000, "operations per second").optional(),
    /** Size of the storage, 20-65,536 GiB. A snapshot brings its own; a new instance for a dump needs it. */
    allocatedStorageGiB: whole(20, 65_536, "GiB").optional(),
    multiAz: flag().default(true),
    /** Days of automated backups from `start` on, 1-35. The restore itself runs with 0 (facts/aws.md 4). */
    backupRetentionDays: whole(1, 35, "days").default(14),
    /** Hours that a restore may take, 1-24. */
    restoreHours: whole(1, 24, "hours").default(4),
    database: text("the name of the database").default("api7ee"),
    /**
     * Master user; comes with a snapshot, so it is A's then. Its password is rotated. **Changing it replaces a database B
     * that was made for a dump.**
     */
    username: text("the master user of database A").default("api7ee"),
    /** User that control plane B logs in as, where it is another than the master. Its password is rotated as well. */
    applicationUser: text("a user of the database").optional(),
    /** `sslmode` of the control plane's connections. */
    sslMode: oneOf(["disable", "require", "verify-full"]).default("require"),
    /** Weekly window, UTC. Outside of the traffic steps, please. */
    maintenanceWindow: form(
      new RegExp(`^${DAY}:${TIME}-${DAY}:${TIME}$`),
      "a weekly window such as sun:03:00-sun:04:00",
    ).default("sun:03:00-sun:04:00"),
    /** Daily window, UTC. */
    backupWindow: form(new RegExp(`^${TIME}-${TIME}$`), "a daily window such as 01:00-02:00").default("01:00-02:00"),
  },
  "instanceClass, engineVersion and parameterGroupFamily",
);
