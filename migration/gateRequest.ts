import { type DeclaredDifference } from "./canonical/accepted";
import { type Inspection } from "./inspection";
import { type MetricsRequest } from "./metrics/metricsRequest";
import { type Override, type Stage } from "./stages";
import { type Calendar } from "./windows";

/**
 * What the program tells its commands (the stage gate, the proofs, the operations) about the systems at hand.
 * It travels as JSON on standard input, so it holds no secret and nothing that changes from run to run:
 * any change of it makes the command run again.
 */

/** How to reach one cluster's API server. */
export interface ClusterAccess {
  /** Path of a kubeconfig file, `~` allowed. */
  readonly kubeconfig: string;
  readonly context?: string | undefined;
  readonly namespace: string;
  /** Helm's full name of the control plane: services and Deployments are `<fullname>-dashboard`, `<fullname>-dp-manager`. */
  readonly controlPlane: string;
  readonly dataPlanes: readonly DataPlaneScope[];
}

/** One gateway group's data plane in one cluster. */
export interface DataPlaneScope {
  /** Short id of the gateway group; the default group's is `default` (facts/api7.md 1.5). */
  readonly group: string;
  /** Name of the Deployment. */
  readonly deployment: string;
  /** Replicas that must be there: A's recorded size, B's setting. */
  readonly replicas: number;
  /** Name of the HorizontalPodAutoscaler that owns the size, when there is one. */
  readonly autoscaler?: string | undefined;
  /** ARN or name of the target group that holds these gateways. */
  readonly targetGroup: string;
}

/** One weight-carrying rule or listener, found by what does not change over its life. */
export interface WeightedRule {
  readonly group: string;
  /** ARN of an existing listener; else the load balancer is found by name and the listener by port. */
  readonly listenerArn?: string | undefined;
  readonly loadBalancerName?: string | undefined;
  readonly port?: number | undefined;
  /** Priority of the rule; undefined when the listener's default action carries the weights. */
  readonly priority?: number | undefined;
}

/** Which freeze was chosen for A (DESIGN: `writes-only` is preferred). */
export type FreezeMode = "writes-only" | "scale-dashboard" | "announced";

/** Everything that stays the same from stage to stage. */
export interface MigrationScope {
  readonly stack: string;
  readonly region: string;
  /** API7 version of both clusters, without a leading `v`: `3.9.18`. */
  readonly version: string;
  readonly clusterA: ClusterAccess;
  readonly clusterB: ClusterAccess;
  /** Where B's DP Manager is reached by a name of its own; left out: by its Service. */
  readonly domainB?:
    | {
        readonly name: string;
        /** What a record of the program's own stands for. */
        readonly target?: string | undefined;
      }
    | undefined;
  readonly freezeMode: FreezeMode;
  /** Mode `writes-only`: the rule that refuses writing methods, in front of A's dashboard. */
  readonly writesRefused?:
    | {
        readonly listenerArn: string;
        /** Of the refusing rule; signing in goes through by the number before. */
        readonly priority: number;
        /** A's dashboard. */
        readonly targetGroupArn: string;
      }
    | undefined;
  readonly databaseB: {
    /** RDS identifier of database B; undefined when B was there already and is reached by its own connection string. */
    readonly instanceIdentifier?: string | undefined;
    readonly database: string;
    readonly username: string;
    /** Number of the copy; raised when B is restored anew. */
    readonly copy: number;
    /** `sslmode` of libpq for B: `disable`, `require`, `verify-full`. */
    readonly sslMode: string;
  };
  /** In the order of the settings; one per gateway group. */
  readonly rules: readonly WeightedRule[];
  /** Tables and columns that may differ, beyond those that the program knows, each with its reason. */
  readonly volatile: readonly {
    readonly table: string;
    readonly columns?: readonly string[] | undefined;
    readonly reason: string;
  }[];
  /** How the databases are compared: load on A, time limit, and how much is shown. */
  readonly proof?:
    | {
        readonly connections: number;
        readonly statementTimeoutMinutes: number;
        readonly keysShown: number;
      }
    | undefined;
  /** How long a data plane's heartbeat counts as fresh, in seconds (heartbeats come every 10 s, facts/api7.md 3.3). */
  readonly heartbeatSeconds: number;
}

/** Who permits a change of the configuration during the migration, and why. */
export interface EmergencyChange {
  readonly by: string;
  readonly reason: string;
}

/** Standard input of the stage gate. */
export interface GateRequest {
  readonly scope: MigrationScope;
  /** The stage to enter. */
  readonly stage: Stage;
  readonly trafficSteps: readonly number[];
  readonly soakHours: number;
  readonly standbyHours: number;
  /** When a move up may be made. The clock is the gate's own: the request stays the same from run to run. */
  readonly calendar: Calendar;
  /** Folder for evidence files and the JSON-lines copy of the record, relative to the project folder. */
  readonly recordFolder: string;
  readonly override?: Override | undefined;
  readonly acknowledgeRollback?: string | undefined;
  /** Permission to change the configuration of both sides: holds every move up while it is set. */
  readonly emergencyChange?: EmergencyChange | undefined;
  /** Differences of A's and B's configuration that are meant. Left out: none. */
  readonly differences?: readonly DeclaredDifference[] | undefined;
  /** What the operators decided about what the checks find. Left out: nothing. */
  readonly inspection?: Inspection | undefined;
  /** Where the counts of A and B come from, and how they are judged. Left out: nothing rises from a traffic step. */
  readonly metrics?: MetricsRequest | undefined;
}

/** Names of the environment variables that carry secrets to commands; each value is marked secret on its own. */
export const SECRET_VARIABLES = {
  /** libpq connection string of database A, read-only use. */
  databaseA: "MIGRATION_DATABASE_A_DSN",
  /** Password of database B's user after the rotation. */
  databaseBPassword: "MIGRATION_DATABASE_B_PASSWORD",
  /** Password of database B's application user after the rotation, where it is another than the master user. */
  databaseBApplicationPassword: "MIGRATION_DATABASE_B_APPLICATION_PASSWORD",
  /** libpq connection string of database B, where the program did not make it. */
  databaseBDsn: "MIGRATION_DATABASE_B_DSN",
  /** API7 token (`X-API-KEY`); A's tokens keep working on B after the restore (facts/api7.md 2.1). */
  controlPlaneToken: "MIGRATION_CONTROL_PLANE_TOKEN",
  /** Headers with which compared requests log in, as a JSON object. Not always given. */
  testCredentials: "MIGRATION_TEST_CREDENTIALS",
  /** Headers with which the metrics are asked for, by cluster, as a JSON object. Not always given. */
  metricsCredentials: "MIGRATION_METRICS_CREDENTIALS",
} as const;
