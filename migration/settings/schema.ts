import { z } from "zod";
import { arn, form, group, list, quantity, text, whole } from "./fields";
import { blackouts, windows } from "./calendarSchema";
import { clusterA, clusterB } from "./clusterSchema";
import { controlPlane } from "./controlPlaneSchema";
import { databaseB } from "./databaseSchema";
import { bastionPrivateKey, databaseBDsn } from "./databaseSourceSchema";
import { gatewayGroups } from "./gatewaySchema";
import { judge } from "./judgeSchema";
import { metrics, metricsCredentials } from "./metricsSchema";
import { notifications, notificationWebhook, pilot } from "./pilotSchema";
import { compareAnswers, inspection, statefulPlugins, testCredentials } from "./inspectionSchema";
import { rehearsal } from "./rehearsalSchema";
import { loadBalancer, network } from "./listenerSchema";
import { differences, emergencyChange, proof, volatile } from "./proofSchema";

/**
 * The settings: one entry per top-level key of the stack's config (`api7-migration:KEY`).
 *
 * Each field says what it means, its unit, range and default, and what changing it destroys. Each top-level key is
 * parsed on its own, so that one mistake does not hide another.
 *
 * Numbers may be given as text, as `pulumi config set` does: decimal digits with an optional sign and fraction (`24`,
 * `0.5`), and nothing else. True and false likewise, as `true` and `false`. Text is never taken from a number: versions go
 * in quotes, or are set with `--type string`.
 */

const chart = group(
  {
    /** Chart version, not API7's: `3.9.5` of `api7ee3` carries API7 3.9.18 (facts/api7.md 1.1). */
    version: form(/^\d+\.\d+\.\d+$/, "a chart version such as 3.9.5"),
    /** Path of the archive, relative to the project folder. Never a repository: a preview must not depend on one. */
    file: form(/\.tgz$/, "the path of a chart archive, ending in .tgz"),
    /** SHA-256 of the archive, checked whenever a release is made from it. */
    sha256: form(/^[0-9a-f]{64}$/, "a SHA-256 digest, 64 hex digits"),
  },
  "version, file and sha256",
);

const stage = form(/^[a-z]+(-\d+)?$/, "a stage");

export const SCHEMA = {
  /**
   * Where the migration shall stand: prepare, freeze, restore, start, traffic-N (N from trafficSteps), complete,
   * decommission, rollback or abandon. The one value that decides; a move that is not legal is refused in preview.
   */
  stage,
  /** API7 version of A and of B: the same, without a leading `v`. */
  version: form(/^\d+\.\d+\.\d+$/, "an API7 version such as 3.9.18"),
  /** Shares of B in percent, strictly increasing, first 1-10, last 100. Default 5, 25, 50, 75, 100. */
  trafficSteps: list(whole(1, 100, "percent"), "a list of percentages", 1).default([5, 25, 50, 75, 100]),
  /** Hours at `traffic-100` before `complete`. 0-168, default 24; API7 asks for 24-48 (facts/api7.md 5.1). */
  soakHours: quantity(0, 168, "hours").default(24),
  /** Hours at `complete` before `decommission`. 0-720, default 72: "some days on standby". */
  standbyHours: quantity(0, 720, "hours").default(72),
  /** Permission to skip traffic steps: exactly the one move, by a named person. Inert once it was made. */
  override: group(
    { from: stage, to: stage, by: text("the name of who permits it"), reason: text("the reason") },
    "from, to, by and reason",
  ).optional(),
  /** Id of the rollback that may be left: 12 hex digits, printed when it is refused. */
  acknowledgeRollback: form(/^[0-9a-f]{12}$/, "the id of a rollback, 12 hex digits").optional(),
  /** Folder for evidence and the record's copy, relative to the project folder. Default `record`. */
  recordFolder: text("a folder").default("record"),
  /** How old a data plane's heartbeat may be, in seconds. 10-300, default 30: three beats (facts/api7.md 3.3). */
  heartbeatSeconds: whole(10, 300, "seconds").default(30),
  /** Tables or columns that may differ between the databases, beyond those the program knows. */
  volatile,
  /** How the databases are compared. */
  proof,
  /** Differences between A's and B's configuration that are meant. */
  differences,
  /** Times of the week at which a move up is allowed. Default: always. */
  windows,
  /** Spans in which no move up is allowed. */
  blackouts,
  /** Permission to change the configuration during the migration; holds every move up while it is set. */
  emergencyChange,
  /** What becomes of counters, sessions and caches that plugins keep in Redis or on the node. */
  statefulPlugins,
  /** What the checks of cluster B may find, and by when the migration shall be over. */
  inspection,
  /** The rehearsal that is demanded before `freeze`. Default: none. */
  rehearsal,
  /** The same requests to A and B before the first percent. Default: not compared. */
  compareAnswers,
  /** Secret. Headers with which the compared requests log in. */
  testCredentials,
  /** Tags of every AWS resource that takes tags. */
  tags: z.record(text("a tag"), z.string({ error: () => "text" }), { error: () => "an object of tags" }).default({}),

  /** Secret. API7 token of a user who may issue data plane certificates; made on A, it works on B after the restore. */
  controlPlaneToken: text("an API7 token"),
  /** Secret. Connection string of database A for a user who can read every table. */
  databaseADsn: form(
    /^postgres(ql)?:\/\/[^@\s]+@[^@\s]+\/\S+$/,
    "a connection string postgres://USER:PASSWORD@HOST/DATABASE",
  ),

  databaseBDsn,
  bastionPrivateKey,

  /** VPC, security groups and subnets. */
  network,
  /** What splits the traffic: a load balancer of the program's own, or A's existing listener. */
  loadBalancer,
  /** The official charts, as local archives. **Other versions after `start` change what B runs.** */
  charts: group({ controlPlane: chart, dataPlane: chart }, "controlPlane and dataPlane"),

  /** Cluster A, its sizes as recorded before the freeze, and how its configuration is frozen. */
  clusterA,
  /** Cluster B, and who may reach its dashboard until `complete`. */
  clusterB,
  databaseB,
  /** Size and database connections of control plane B. */
  controlPlane,
  gatewayGroups,

  /** How B is compared with A at each traffic step. */
  judge,
  /** Where the counts of A and B come from. */
  metrics,
  /** Secret. Headers with which the metrics are asked for, a JSON object by cluster. Default: none. */
  metricsCredentials,
  /** How the pilot walks the stages by itself. */
  pilot,
  /** Who is told of the migration's events. */
  notifications,
  /** Secret. Webhook that takes `{"text": ...}`, as Slack's do. Default: none. */
  notificationWebhook,

  /** Alarms of both clusters. */
  monitoring: group(
    {
      /** SNS topic that alarms go to. Default: none, they are only shown. */
      topicArn: arn("sns", "").optional(),
      /** Answers 5xx of one target group in a minute that raise an alarm. Default 20. */
      errorsPerMinute: whole(1, 1_000_000, "answers").default(20),
      /** 99th percentile of the response time that raises an alarm, in seconds. Default 3. */
      latencySeconds: quantity(0.01, 300, "seconds").default(3),
      databaseCpuPercent: whole(1, 100, "percent").default(80),
      databaseConnections: whole(1, 10_000, "connections").default(300),
      databaseFreeStorageGiB: whole(1, 65_536, "GiB").default(5),
    },
    "topicArn and limits",
  ).prefault({}),
} as const;
