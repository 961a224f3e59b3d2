import { setMaxListeners } from "node:events";
import { createRequire } from "node:module";
import { type DeclaredDifference } from "../migration/canonical/accepted";
import { SECRET_VARIABLES, type ClusterAccess, type MigrationScope } from "../migration/gateRequest";
import { type Inspection } from "../migration/inspection";
import { type MetricsRequest } from "../migration/metrics/metricsRequest";
import { type MigrationRecord } from "../migration/record";
import { type MoveKind, type Stage } from "../migration/stages";
import { type Calendar } from "../migration/windows";
import type * as ControlPlaneModule from "./clients/controlPlane";
import type * as DatabaseTargetModule from "./clients/databaseTarget";
import type * as LoadBalancersModule from "./clients/elb";
import type * as KubernetesModule from "./clients/kubernetes";
import type * as ProbeModule from "./clients/probe";
import type * as RdsModule from "./clients/rds";
import { CouldNotLook, type CheckResult } from "./result";

/** Clients are loaded at their first use: the SDKs behind them take longer to load than a rollback takes. */
const load = createRequire(__filename);

/** What a check is given: the systems, the record, the move, and how long it may take. */
export interface CheckContext {
  readonly scope: MigrationScope;
  /** Ends the check: every request and query is bound to it. */
  readonly signal: AbortSignal;
  readonly systems: Systems;
}

/** A move as the gate sees it. */
export interface Move {
  readonly from: Stage | undefined;
  readonly to: Stage;
  readonly kind: MoveKind;
  /** Database B is copied anew while the stage stays `restore`: everything is proved as when it was entered. */
  readonly copiesAnew: boolean;
  /** The gate's own run records the move; `verify` looks at it again before a rule's weights rise. */
  readonly mode: "record" | "verify";
  /** Shares of B in percent that the rules may hold now; empty when nothing need exist yet. */
  readonly liveWeightsB: readonly number[];
  /** The record has an emergency change open and the settings no more: it ends with this move, or holds it. */
  readonly closesEmergency?: boolean | undefined;
}

export interface GateContext extends CheckContext {
  readonly move: Move;
  readonly record: MigrationRecord;
  readonly soakHours: number;
  readonly standbyHours: number;
  readonly calendar: Calendar;
  readonly now: Date;
  /** What the operators decided about what the checks find; left out: nothing. */
  readonly inspection?: Inspection | undefined;
  /** Where the counts of A and B come from, and how they are judged; left out: nowhere. */
  readonly metrics?: MetricsRequest | undefined;
  /** B's traffic steps in percent, in order. */
  readonly trafficSteps?: readonly number[] | undefined;
  /** When a rise to the last recorded stage was verified last, from the file of events; undefined when it was not. */
  readonly verifiedAt: Date | undefined;
  /** Differences of both sides' configuration that are meant; left out: none. */
  readonly differences?: readonly DeclaredDifference[] | undefined;
  /** Content of an evidence file of the record, by its SHA-256; undefined when it is lost or is not what it was. */
  readonly readEvidence?: ((sha256: string) => Promise<string | undefined>) | undefined;
}

/** A check of the gate: one file, and one line in the table. */
export interface GateCheck {
  readonly name: string;
  /** Seconds that it may take. */
  readonly limitSeconds: number;
  /** Asked when an emergency change ends while the stage stays; the others have nothing to say then. */
  readonly closesEmergency?: boolean | undefined;
  appliesTo(move: Move): boolean;
  run(context: GateContext): Promise<CheckResult>;
}

/** The systems of one migration. Each is opened at its first use, once; libraries are loaded then as well. */
export class Systems {
  private readonly opened = new Map<string, Promise<unknown>>();
  private databaseATurn: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly scope: MigrationScope,
    private readonly signal: AbortSignal,
    private readonly environment: NodeJS.ProcessEnv = process.env,
  ) {
    // Every request listens to it while it is under way.
    setMaxListeners(0, signal);
  }

  loadBalancers(): Promise<LoadBalancersModule.LoadBalancers> {
    return this.once("load balancers", () => {
      const { LoadBalancers } = load("./clients/elb") as typeof LoadBalancersModule;
      return Promise.resolve(new LoadBalancers(this.scope.region, this.signal));
    });
  }

  cluster(which: "A" | "B"): Promise<KubernetesModule.KubernetesApi> {
    return this.once(`cluster ${which}`, () => {
      const { KubernetesApi } = load("./clients/kubernetes") as typeof KubernetesModule;
      return KubernetesApi.open(`cluster ${which}`, this.access(which), this.signal);
    });
  }

  /** The way to everything inside a cluster. */
  async probe(which: "A" | "B"): Promise<ProbeModule.Probe> {
    const { probeFrom } = load("./clients/probe") as typeof ProbeModule;
    return probeFrom(await this.cluster(which));
  }

  async controlPlaneB(): Promise<ControlPlaneModule.ControlPlane> {
    return this.controlPlane("B");
  }

  /** A control plane's own API. A's is there until its dashboard is scaled down by the freeze. */
  async controlPlane(which: "A" | "B"): Promise<ControlPlaneModule.ControlPlane> {
    const { ControlPlane } = load("./clients/controlPlane") as typeof ControlPlaneModule;
    const token = this.secret("controlPlaneToken", "the API7 token");
    const probe = await this.probe(which);
    return new ControlPlane(probe, `control plane ${which}`, this.access(which).controlPlane, token, this.signal);
  }

  /** Headers with which compared requests log in; undefined when none were given. */
  testCredentials(): string | undefined {
    const value = this.environment[SECRET_VARIABLES.testCredentials];
    return value === undefined || value === "" ? undefined : value;
  }

  /** Headers with which the metrics are asked for, by cluster, as JSON; undefined when none were given. */
  metricsCredentials(): string | undefined {
    const value = this.environment[SECRET_VARIABLES.metricsCredentials];
    return value === undefined || value === "" ? undefined : value;
  }

  /** One user of database A at a time, so that its connections stay few. */
  async withDatabaseA<T>(use: (target: DatabaseTargetModule.DatabaseTarget) => Promise<T>): Promise<T> {
    const { targetFromDsn } = load("./clients/databaseTarget") as typeof DatabaseTargetModule;
    const target = targetFromDsn(
      "database A",
      this.secret("databaseA", "the connection string of database A"),
      this.environment,
    );
    const turn = this.databaseATurn.then(() => use(target));
    this.databaseATurn = turn.catch(() => undefined);
    return turn;
  }

  databaseB(): Promise<DatabaseTargetModule.DatabaseTarget> {
    return this.once("database B", () => {
      const { instanceIdentifier } = this.scope.databaseB;
      if (instanceIdentifier === undefined) {
        const { targetFromDsn } = load("./clients/databaseTarget") as typeof DatabaseTargetModule;
        const dsn = this.secret("databaseBDsn", "the connection string of database B");
        return Promise.resolve(targetFromDsn("database B", dsn, this.environment));
      }
      const { databaseB } = load("./clients/rds") as typeof RdsModule;
      const password = this.secret("databaseBPassword", "the password of database B's user");
      return databaseB(this.scope, instanceIdentifier, password, this.signal);
    });
  }

  private access(which: "A" | "B"): ClusterAccess {
    return which === "A" ? this.scope.clusterA : this.scope.clusterB;
  }

  private secret(name: keyof typeof SECRET_VARIABLES, what: string): string {
    const variable = SECRET_VARIABLES[name];
    const value = this.environment[variable];
    if (value !== undefined && value !== "") return value;
    throw new CouldNotLook(
      `environment variable ${variable}`,
      "it is not set",
      `hand ${what} to the command in ${variable}`,
      { lasting: true },
    );
  }

  private once<T>(name: string, open: () => Promise<T>): Promise<T> {
    const before = this.opened.get(name);
    if (before) return before as Promise<T>;
    const opening = open();
    this.opened.set(name, opening);
    // What failed once may work at the next look.
    opening.catch(() => this.opened.delete(name));
    return opening;
  }
}
