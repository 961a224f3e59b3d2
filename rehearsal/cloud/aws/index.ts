import { join } from "node:path";
import { mkdir } from "node:fs/promises";
import { Client } from "pg";
import { Account } from "./account";
import { cloudWatchActions } from "./cloudwatch";
import { getMetricData } from "./cloudwatch/metricData";
import { MetricRecorder } from "./cloudwatch/recorder";
import { ec2Actions } from "./ec2/actions";
import { Network } from "./ec2/network";
import { elbActions } from "./elb";
import { type LoadBalancerPort, type Target, type TargetState } from "./elb/records";
import { ElbState } from "./elb/state";
import { Faults } from "./faults";
import { QueryApi } from "./query";
import { rdsActions } from "./rds";
import { applyPending } from "./rds/modify";
import { type DatabaseServer, type DatabaseServers } from "./rds/records";
import { RdsState } from "./rds/state";
import { ResourceApi } from "./resources";
import { type Services } from "./resources/handler";
import { seedBefore, type SeedOptions, type World } from "./seed";
import { AwsServer } from "./server";
import { stsActions } from "./sts";

export { type LoadBalancerPort, type TargetState } from "./elb/records";
export { type Fault, type Slowness } from "./faults";
export { type DatabaseServer, type DatabaseServers } from "./rds/records";
export { type SeedOptions, type World } from "./seed";

/** The account that the rehearsal plays in. */
const ACCOUNT_ID = "123456789012";

export interface AwsCloudOptions {
  /** The /16 of loopback that the run owns: `127.R`. The API is at `127.R.0.1:4566`. */
  readonly network: string;
  /** First three numbers of further networks of the VPC. Default: none. */
  readonly podNetworks?: readonly string[];
  readonly region: string;
  /** Folder for snapshots. */
  readonly home: string;
  /** Divides waits (first backups, ...), nothing else. */
  readonly pace: number;
  /** Starts the process of one load balancer; called for each of them. They are stopped with the cloud. */
  readonly startLoadBalancer: () => Promise<LoadBalancerPort>;
  readonly postgres: DatabaseServers;
  readonly log?: (line: string) => void;
  /** Whether the load balancers' counters are looked at all the time; else only by `metrics.look`. Default: true. */
  readonly watchMetrics?: boolean;
  /** Asks a database server for its version. Default: by its local superuser's connection. */
  readonly versionOf?: (server: DatabaseServer) => Promise<string>;
}

/**
 * The local AWS: one account and Region with load balancers, databases, security groups and alarms. The real AWS SDK
 * and command line reach it with `AWS_ENDPOINT_URL`; the resource plugin `aws` reaches it at the same address.
 *
 * All state lives here, in the memory of this process, so plugins can come and go.
 */
export class AwsCloud {
  private constructor(
    readonly account: Account,
    /** Faults by the name of an AWS action, for every caller. */
    readonly faults: Faults,
    private readonly network: Network,
    private readonly elb: ElbState,
    private readonly rds: RdsState,
    private readonly services: Services,
    private readonly server: AwsServer,
    /** What CloudWatch knows of the load balancers. */
    readonly metrics: MetricRecorder,
  ) {}

  static async start(o: AwsCloudOptions): Promise<AwsCloud> {
    const log = o.log ?? ((): void => undefined);
    const account = new Account(o.region, ACCOUNT_ID, o.network, o.podNetworks);
    const network = new Network(account);
    const elb = new ElbState(network, o.startLoadBalancer);
    const home = join(o.home, "snapshots");
    await mkdir(home, { recursive: true });
    const rds = new RdsState({
      network,
      servers: o.postgres,
      home,
      pace: o.pace,
      nextAddress: counter((n) => `${o.network}.1.${n}`),
      versionOf: o.versionOf ?? serverVersion,
      log,
    });
    const faults = new Faults();
    // The first load balancer is A's; the others are made by programs.
    const nextAddress = counter((n) => (n === 1 ? `${o.network}.0.2` : `${o.network}.2.${n - 1}`));
    const metrics = new MetricRecorder(() => elb.loadBalancers.values());
    const services: Services = {
      account,
      ec2: ec2Actions(network, faults),
      elb: elbActions(elb, faults, nextAddress),
      rds: rdsActions(rds, faults),
      rdsState: rds,
      cloudWatch: cloudWatchActions(faults, (input) => getMetricData(input, elb, metrics)),
      sts: stsActions(account, faults),
    };
    const server = await AwsServer.start({
      address: `${o.network}.0.1`,
      query: new QueryApi(account, services),
      resources: new ResourceApi(services),
      monitoring: services,
      log,
    });
    if (o.watchMetrics ?? true) metrics.start();
    return new AwsCloud(account, faults, network, elb, rds, services, server, metrics);
  }

  /** `http://127.R.0.1:4566`, for `AWS_ENDPOINT_URL`. */
  get endpoint(): string {
    return this.server.endpoint;
  }

  /** Makes what exists before the migration. */
  async seedBefore(o: SeedOptions): Promise<World> {
    return seedBefore(o, { account: this.account, network: this.network, services: this.services });
  }

  /** For the controller of TargetGroupBindings. @throws Error worded as AWS's when there is no such group */
  async registerTargets(targetGroupArn: string, targets: readonly Target[]): Promise<void> {
    await this.services.elb.RegisterTargets({ TargetGroupArn: targetGroupArn, Targets: apiTargets(targets) });
  }

  /** Targets that are not registered are passed over. */
  async deregisterTargets(targetGroupArn: string, targets: readonly Target[]): Promise<void> {
    await this.services.elb.DeregisterTargets({ TargetGroupArn: targetGroupArn, Targets: apiTargets(targets) });
  }

  /** Health as the load balancer sees it. */
  async describeTargets(targetGroupArn: string): Promise<readonly TargetState[]> {
    return this.elb.targetStates(targetGroupArn);
  }

  /** The server behind an instance. */
  databaseServer(instanceIdentifier: string): DatabaseServer | undefined {
    return this.rds.instances.get(instanceIdentifier)?.server;
  }

  /** What the maintenance window of an instance does: changes that waited for it happen. */
  passMaintenanceWindow(instanceIdentifier: string): void {
    applyPending(this.rds, instanceIdentifier);
  }

  /** Stops the API and the load balancers. The database servers belong to whoever gave them. */
  async stop(): Promise<void> {
    await this.server.stop();
    await this.metrics.stop();
    await this.rds.stop();
    await this.elb.stop();
  }
}

function apiTargets(targets: readonly Target[]): { Id: string; Port: number }[] {
  return targets.map(({ id, port }) => ({ Id: id, Port: port }));
}

function counter(text: (n: number) => string): () => string {
  let n = 0;
  return () => text(++n);
}

async function serverVersion(server: DatabaseServer): Promise<string> {
  const client = new Client({ connectionString: server.adminConnectionString() });
  await client.connect();
  try {
    const { rows } = await client.query<{ readonly server_version: string }>("show server_version");
    return rows[0]?.server_version.split(" ")[0] ?? "";
  } finally {
    await client.end();
  }
}
