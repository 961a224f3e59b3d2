import { type Rehearsed } from "./ticket";

/**
 * What the operators decided about things that the checks find, each with its reason, and what has to be there before
 * the freeze. Travels in the gate request, beside the scope: a decision that is added later must not run the proof of
 * the copy again.
 */

/** What becomes of state that A and B could share. */
export type StatePolicy =
  /** A and B use the same Redis: one count for both. */
  | "shared"
  /** B has its own: two counts, limits are effectively higher while both serve. */
  | "separate"
  /** Counted apart, cold or lost on B, and that is fine. A Redis that B cannot reach is accepted too. */
  | "accept";

/** The choice for one Redis, or for one kind of plugin that keeps its state on the node. */
export interface StatefulChoice {
  /** `host:port`, as the check prints it. */
  readonly redis?: string | undefined;
  /** Name of the plugin. */
  readonly plugin?: string | undefined;
  readonly policy: StatePolicy;
  readonly reason: string;
}

/** One request that is sent to both clusters. */
export interface SampleRequest {
  readonly host: string;
  /** Path and query. */
  readonly path: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  /** Whether it may be sent twice although its method writes. */
  readonly replayable: boolean;
}

/** A difference between the two answers that is meant. */
export interface AnswerDifference {
  /** `METHOD host/path`, `*` allowed; left out: of every request. */
  readonly request?: string | undefined;
  /** `status`, `body`, `header NAME`, or `body PATH` with a path such as `data.servedBy`. */
  readonly part: string;
  readonly reason: string;
}

/** How A's and B's answers are compared before the first percent. */
export interface AnswerComparison {
  /** Request header by which the test rules pick a cluster. */
  readonly headerName: string;
  /** Its value is this and `-a` or `-b`: nobody else should guess it. */
  readonly headerValue: string;
  /** `host:port` of the load balancer as this machine reaches it; left out: its own DNS name and port. */
  readonly address?: string | undefined;
  /** How many routes of the configuration are tried. */
  readonly routes: number;
  readonly requests: readonly SampleRequest[];
  readonly differences: readonly AnswerDifference[];
}

/** What must be there before A is frozen, in the words of the settings. */
export interface Prerequisites {
  /** RDS identifier of database A. */
  readonly databaseA?: string | undefined;
  /** Whether B is restored from A's snapshot as it is, which has to be encrypted then. */
  readonly needsEncryptedA?: boolean | undefined;
  /** Major version of `pg_dump` and `pg_restore` that this machine needs; undefined when it copies by no dump. */
  readonly dumpMajor?: number | undefined;
  /** PostgreSQL version of database B; its major is A's. */
  readonly engineVersion: string;
  /** Subnets of database B. */
  readonly databaseSubnetIds: readonly string[];
  readonly loadBalancerSubnetIds: readonly string[];
  readonly certificateArn?: string | undefined;
  /** How long an existing load balancer keeps idle connections, in seconds; undefined for one of the program's own. */
  readonly idleTimeoutSeconds?: number | undefined;
  readonly charts: readonly { readonly name: string; readonly file: string; readonly sha256: string }[];
  /** Sizes of A's control plane as the settings have them, by Deployment. */
  readonly deploymentsA: readonly { readonly name: string; readonly replicas: number }[];
  /** A's autoscalers as the settings have them. */
  readonly autoscalersA: readonly { readonly name: string; readonly minimum: number }[];
}

export interface Inspection {
  readonly statefulPlugins: readonly StatefulChoice[];
  /** What B need not reach, `host:port`. */
  readonly unreachable: readonly { readonly address: string; readonly reason: string }[];
  /** Items of the check of parity that may differ. */
  readonly parity: readonly { readonly item: string; readonly reason: string }[];
  /** Certificates that may expire meanwhile, by the id that the check prints. */
  readonly expiring?: readonly { readonly certificate: string; readonly reason: string }[] | undefined;
  /** Tools that manage A's objects and are paused, as the check names them. */
  readonly paused?: readonly { readonly manager: string; readonly reason: string }[] | undefined;
  /** Day on which the migration shall be over, `YYYY-MM-DD`. */
  readonly plannedEnd?: string | undefined;
  /** Blocks of cluster A's own addresses: what B's configuration points to there is A's. */
  readonly addressesA?: readonly string[] | undefined;
  /** Image for the pods that look from inside B: bash, timeout and getent. Left out: the gateway's own. */
  readonly probeImage?: string | undefined;
  readonly answers?: AnswerComparison | undefined;
  readonly prerequisites?: Prerequisites | undefined;
  /** The rehearsal that must have been; undefined: none is demanded. */
  readonly rehearsal?:
    | {
        /** Path of the ticket, relative to the project's folder. */
        readonly file: string;
        readonly maximumAgeDays: number;
        readonly rehearsed: Rehearsed;
        readonly without?: { readonly by: string; readonly reason: string } | undefined;
      }
    | undefined;
  /** What control plane B needs of database B. */
  readonly connectionsB?:
    | {
        /** Connections of all pods, with full pools. */
        readonly needed: number;
        /** User that control plane B logs in as; undefined: the one of the checks' own connection. */
        readonly user?: string | undefined;
      }
    | undefined;
}

/** Nothing was decided: everything that is found holds the way up. */
export const NO_INSPECTION: Inspection = { statefulPlugins: [], unreachable: [], parity: [] };

/** Days that licence and certificates must outlive the planned end (DESIGN: preflight). */
export const EXPIRY_MARGIN_DAYS = 14;

const DAY_MS = 86_400_000;

/**
 * Until when licence and certificates must be valid: 14 days beyond the planned end, or, without one, beyond the soak and
 * standby that still lie ahead.
 */
export function neededUntil(
  inspection: Inspection,
  now: Date,
  hours: { readonly soakHours: number; readonly standbyHours: number },
): Date {
  const ahead = now.getTime() + (hours.soakHours + hours.standbyHours) * 3_600_000;
  const planned = inspection.plannedEnd === undefined ? ahead : Date.parse(`${inspection.plannedEnd}T23:59:59Z`);
  // A planned end that has passed says nothing about how long it still takes.
  return new Date(Math.max(planned, ahead) + EXPIRY_MARGIN_DAYS * DAY_MS);
}
