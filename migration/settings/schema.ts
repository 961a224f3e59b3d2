import { z } from "zod";
import { arn, cidr, flag, form, group, label, list, oneOf, quantity, text, whole } from "./fields";
import { loadBalancer, network } from "./listenerSchema";
import { gatewayGroups } from "./gatewaySchema";
import { resources } from "./workloadSchema";

/**
 * The settings: one entry per top-level key of the stack's config (`api7-migration:KEY`).
 *
 * Each field says what it means, its unit, range and default, and what changing it destroys. Each top-level key is
 * parsed on its own, so that one mistake does not hide another.
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

const clusterAccess = {
  /** Path of a kubeconfig file, handed on as it is: the same on every machine that runs this stack. */
  kubeconfig: text("the path of a kubeconfig file"),
  /** Context of the kubeconfig. Default: its current one. */
  context: text("the name of a kubeconfig context").optional(),
  /**
   * A name of the cluster that outlives its addresses, the EKS ARN for instance.
   * **Changing it replaces everything that the stack has in the cluster.**
   */
  identifier: text("a lasting name of the cluster, for instance its EKS ARN"),
  /** Namespace of API7. **Changing B's after `start` replaces control and data plane.** */
  namespace: label(63, "a namespace"),
};

const freeze = z.discriminatedUnion(
  "mode",
  [
    /** A's dashboard, Admin API included, and developer portal are scaled to zero; A's API is down meanwhile. */
    group({ mode: z.literal("scale-dashboard") }, "mode"),
    /** Methods that write get 503 from A's own load balancer; reading goes on. */
    group(
      {
        mode: z.literal("writes-only"),
        /** Listener through which people and tools reach A's dashboard and Admin API. */
        listenerArn: arn("elasticloadbalancing", "listener/app/"),
        /** Target group of that dashboard: signing in is forwarded to it. */
        targetGroupArn: arn("elasticloadbalancing", "targetgroup/"),
        /** Host names of that entry; empty when the listener serves nothing else. At most 1, as ALB counts values. */
        hosts: list(text("a host name"), "a list of at most one host name").max(1, "at most one host name").default([]),
        /** Paths that may be written all the same, because signing in is a POST. At most 4. */
        loginPaths: list(text("a path"), "a list of 1 to 4 paths", 1).max(4, "at most 4 paths").default(["/api/login"]),
        /** Priority of the rule that lets signing in through; the refusing rule gets the next number. 1-49,999. */
        priority: whole(1, 49_999, "a rule's priority"),
      },
      "mode, listenerArn, targetGroupArn and priority",
    ),
    /** Nobody is held back; a late change is only noticed. */
    group({ mode: z.literal("announced") }, "mode"),
  ],
  { error: () => "an object whose mode is writes-only, scale-dashboard or announced" },
);

const replicas = (what: string): z.ZodNumber => whole(1, 50, what);

const stage = form(/^[a-z]+(-\d+)?$/, "a stage");

export const SCHEMA = {
  /** Where the migration shall stand: the one value that decides (migration/stages.ts). */
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
  /** Tables or columns that may differ between the databases, beyond those the program knows, each with its reason. */
  volatile: list(
    group(
      {
        table: text("a table's name"),
        columns: list(text("a column's name"), "a list of columns", 1).optional(),
        reason: text("why it may differ"),
      },
      "table, columns and reason",
    ),
    "a list of tables",
  ).default([]),
  /** Tags of every AWS resource that takes tags. */
  tags: z.record(text("a tag"), z.string({ error: () => "text" }), { error: () => "an object of tags" }).default({}),

  /** Secret. API7 token of a user who may issue data plane certificates; made on A, it works on B after the restore. */
  controlPlaneToken: text("an API7 token"),
  /** Secret. Connection string of database A for a user who can read every table. */
  databaseADsn: form(
    /^postgres(ql)?:\/\/[^@\s]+@[^@\s]+\/\S+$/,
    "a connection string postgres://USER:PASSWORD@HOST/DATABASE",
  ),

  network,
  loadBalancer,
  /** The official charts, as local archives. **Other versions after `start` change what B runs.** */
  charts: group({ controlPlane: chart, dataPlane: chart }, "controlPlane and dataPlane"),

  clusterA: group(
    {
      ...clusterAccess,
      /** Helm's full name of A's control plane: its Deployments are `NAME-dashboard`, `NAME-dp-manager`, ... */
      controlPlane: label(50, "Helm's full name of the control plane"),
      /** Sizes of A's control plane as recorded before the freeze: opening A again brings them back. */
      replicas: group(
        {
          dashboard: replicas("replicas"),
          dpManager: replicas("replicas"),
          /** 0: A has no developer portal. */
          developerPortal: whole(0, 50, "replicas"),
        },
        "dashboard, dpManager and developerPortal",
      ),
      /** Addresses under which A's DP Manager can be reached: B's gateways are kept from them. */
      dpManagerCidrs: list(cidr(), "a list of IPv4 blocks", 1),
      /** RDS identifier of database A. */
      databaseIdentifier: label(63, "an RDS instance identifier"),
      freeze,
    },
    "kubeconfig, identifier, namespace, controlPlane, replicas, dpManagerCidrs, databaseIdentifier and freeze",
  ),

  clusterB: group(
    {
      ...clusterAccess,
      /** Who may reach B's dashboard until `complete`. */
      operatorCidrs: list(cidr(), "a list of IPv4 blocks", 1),
      /** Where connections of B's API server to pods come from (EKS: the cluster's subnets); the checks use them. */
      apiServerCidrs: list(cidr(), "a list of IPv4 blocks", 1),
    },
    "kubeconfig, identifier, namespace, operatorCidrs and apiServerCidrs",
  ),

  databaseB: group(
    {
      /** Number of the copy, 1-999. **Raising it takes a new snapshot and replaces database B**: at `restore` only. */
      copy: whole(1, 999, "copies").default(1),
      instanceClass: form(/^db\.[a-z0-9]+\.[a-z0-9]+$/, "an RDS instance class such as db.r6g.large"),
      /** PostgreSQL version, the major of A. API7 is built for 15 (facts/api7.md 4.1). */
      engineVersion: form(/^\d+(\.\d+)?$/, "a PostgreSQL version such as 15.8"),
      parameterGroupFamily: form(/^postgres\d+$/, "a parameter group family such as postgres15"),
      /** Parameters of the server; those of A must be repeated here, a restore does not bring them. */
      parameters: z
        .record(text("a parameter"), z.string({ error: () => "text" }), { error: () => "an object of parameters" })
        .default({}),
      storageType: oneOf(["gp3", "io1", "io2"]).default("gp3"),
      multiAz: flag().default(true),
      /** Days of automated backups from `start` on, 1-35. The restore itself runs with 0 (facts/aws.md 4). */
      backupRetentionDays: whole(1, 35, "days").default(14),
      /** Hours that a restore may take, 1-24. */
      restoreHours: whole(1, 24, "hours").default(4),
      database: text("the name of the database").default("api7ee"),
      /** Master user; comes with the snapshot, so it is A's. Its password is rotated. */
      username: text("the master user of database A").default("api7ee"),
      /** `sslmode` of the control plane's connections. */
      sslMode: oneOf(["disable", "require", "verify-full"]).default("require"),
      /** Weekly window, UTC. Outside of the traffic steps, please. */
      maintenanceWindow: form(
        /^[a-z]{3}:\d\d:\d\d-[a-z]{3}:\d\d:\d\d$/,
        "a weekly window such as sun:03:00-sun:04:00",
      ).default("sun:03:00-sun:04:00"),
      /** Daily window, UTC. */
      backupWindow: form(/^\d\d:\d\d-\d\d:\d\d$/, "a daily window such as 01:00-02:00").default("01:00-02:00"),
    },
    "instanceClass, engineVersion and parameterGroupFamily",
  ),

  controlPlane: group(
    {
      replicas: group(
        {
          dashboard: replicas("replicas"),
          dpManager: replicas("replicas"),
          /** 0: no developer portal. */
          developerPortal: whole(0, 50, "replicas"),
        },
        "dashboard, dpManager and developerPortal",
      ),
      resources,
      /** Connections that each pod keeps at most. 5-200, default 30; times the pods below the server's limit. */
      maxDatabaseConnections: whole(5, 200, "connections").default(30),
      /** Prometheus of B for the dashboard's graphs. Default: none, the graphs stay empty. */
      prometheusUrl: form(/^https?:\/\/\S+$/, "an http or https address").optional(),
      /** Name of an image pull Secret in B's namespace. */
      imagePullSecret: label(63, "a Secret's name").optional(),
      /** Seconds until a release counts as failed. 60-3,600, default 900. */
      timeoutSeconds: whole(60, 3600, "seconds").default(900),
    },
    "replicas and resources",
  ),
  gatewayGroups,

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
