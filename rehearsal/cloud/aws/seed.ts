import { randomUUID } from "node:crypto";
import { type Account } from "./account";
import { type Network } from "./ec2/network";
import { type Services } from "./resources/handler";
import { type DatabaseServer } from "./rds/records";

const ZONES = 3;
/** API7's data plane: plain HTTP for traffic, and its status endpoint for health (facts/api7.md). */
const GATEWAY_PORT = 9080;
const STATUS_PORT = 7085;
/** API7's dashboard and Admin API, plain HTTP (facts/api7.md 1). */
const DASHBOARD_PORT = 7080;

/** What to make the world before the migration of. */
export interface SeedOptions {
  /** Port of A's listener; 1024 or more where this process may not bind lower ones. */
  readonly listenerPort: number;
  /** Port of the listener through which people and tools reach A's dashboard. */
  readonly adminPort: number;
  readonly database: {
    readonly username: string;
    /** 8-128 printable ASCII characters besides `/`, `@`, `"` and space. */
    readonly password: string;
    readonly name: string;
  };
  /** Of A's target group. Default: 30 s, AWS's default is 300. */
  readonly deregistrationDelaySeconds?: number;
}

/** What exists before the migration, by ids. */
export interface World {
  readonly accountId: string;
  readonly region: string;
  readonly vpcId: string;
  readonly subnetIds: readonly string[];
  readonly zones: readonly string[];
  readonly certificateArn: string;
  readonly loadBalancerArn: string;
  /** IP address that serves. */
  readonly loadBalancerAddress: string;
  readonly loadBalancerSecurityGroupId: string;
  readonly listenerArn: string;
  readonly listenerPort: number;
  /** Security groups of the nodes of cluster A and B. */
  readonly clusterSecurityGroupIds: { readonly a: string; readonly b: string };
  readonly targetGroupAArn: string;
  /** A's admin entry: its own listener of the same load balancer, in front of A's dashboard. */
  readonly admin: { readonly listenerArn: string; readonly port: number; readonly targetGroupArn: string };
  readonly databaseA: {
    readonly instanceIdentifier: string;
    readonly server: DatabaseServer;
    readonly address: string;
    readonly port: number;
    readonly username: string;
    /** Secret. */
    readonly password: string;
    readonly databaseName: string;
  };
}

/**
 * Makes what is there before the migration: a VPC with subnets in three zones, a certificate, A's database as an RDS
 * instance, and A's load balancer with a listener that forwards everything to A's own target group. It calls the same
 * AWS actions as everybody else.
 */
export async function seedBefore(
  o: SeedOptions,
  { account, network, services }: { readonly account: Account; readonly network: Network; readonly services: Services },
): Promise<World> {
  const { vpc, subnets } = network.addVpc(ZONES);
  const subnetIds = subnets.map(({ id }) => id);
  const certificateArn = account.acmArn(randomUUID());
  network.certificates.add(certificateArn);
  const balancer = await seedLoadBalancer(o, services, vpc.id, subnetIds);
  const databaseA = await seedDatabase(o, services, subnetIds);
  const clusterSecurityGroupIds = {
    a: await seedClusterGroup("a", services, vpc.id),
    b: await seedClusterGroup("b", services, vpc.id),
  };
  return {
    accountId: account.accountId,
    region: account.region,
    vpcId: vpc.id,
    subnetIds,
    zones: subnets.map(({ zone }) => zone),
    certificateArn,
    listenerPort: o.listenerPort,
    ...balancer,
    clusterSecurityGroupIds,
    databaseA,
  };
}

async function seedClusterGroup(cluster: "a" | "b", { ec2 }: Services, vpcId: string): Promise<string> {
  const group = await ec2.CreateSecurityGroup({
    name: `cluster-${cluster}-nodes`,
    description: `Nodes and pods of cluster ${cluster}`,
    vpcId,
    tags: {},
  });
  return group.id;
}

type Balancer = Pick<
  World,
  | "loadBalancerArn"
  | "loadBalancerAddress"
  | "loadBalancerSecurityGroupId"
  | "listenerArn"
  | "targetGroupAArn"
  | "admin"
>;

async function seedLoadBalancer(
  o: SeedOptions,
  { ec2, elb }: Services,
  vpcId: string,
  subnetIds: readonly string[],
): Promise<Balancer> {
  const group = await ec2.CreateSecurityGroup({
    name: "api7-edge",
    description: "Traffic to the edge load balancer",
    vpcId,
    tags: {},
  });
  const everywhere = { groupId: group.id, cidrIpv4: "0.0.0.0/0", tags: {} };
  for (const port of [o.listenerPort, o.adminPort]) {
    await ec2.AuthorizeSecurityGroupIngress({ ...everywhere, protocol: "tcp", fromPort: port, toPort: port });
  }
  await ec2.AuthorizeSecurityGroupEgress({ ...everywhere, protocol: "-1", fromPort: -1, toPort: -1 });
  const { LoadBalancers } = await elb.CreateLoadBalancer({
    Name: "api7-edge",
    Subnets: [...subnetIds],
    SecurityGroups: [group.id],
  });
  const { LoadBalancerArn: loadBalancerArn = "", DNSName: loadBalancerAddress = "" } = LoadBalancers?.[0] ?? {};
  const targetGroupAArn = await seedTargetGroup(elb, vpcId, o.deregistrationDelaySeconds ?? 30, {
    Name: "api7-a",
    Port: GATEWAY_PORT,
    HealthCheckPath: "/status",
    HealthCheckPort: String(STATUS_PORT),
  });
  const listenerArn = await seedListener(elb, loadBalancerArn, o.listenerPort, targetGroupAArn);
  const adminGroupArn = await seedTargetGroup(elb, vpcId, 0, {
    Name: "api7-a-admin",
    Port: DASHBOARD_PORT,
    HealthCheckPath: "/healthz",
    HealthCheckPort: "traffic-port",
  });
  return {
    loadBalancerArn,
    loadBalancerAddress,
    loadBalancerSecurityGroupId: group.id,
    listenerArn,
    targetGroupAArn,
    admin: {
      listenerArn: await seedListener(elb, loadBalancerArn, o.adminPort, adminGroupArn),
      port: o.adminPort,
      targetGroupArn: adminGroupArn,
    },
  };
}

interface SeededGroup {
  readonly Name: string;
  readonly Port: number;
  readonly HealthCheckPath: string;
  readonly HealthCheckPort: string;
}

async function seedTargetGroup(
  elb: Services["elb"],
  vpcId: string,
  deregistrationDelaySeconds: number,
  group: SeededGroup,
): Promise<string> {
  const { TargetGroups } = await elb.CreateTargetGroup({
    ...group,
    Protocol: "HTTP",
    VpcId: vpcId,
    TargetType: "ip",
    HealthCheckIntervalSeconds: 10,
    HealthCheckTimeoutSeconds: 5,
    HealthyThresholdCount: 2,
    UnhealthyThresholdCount: 2,
  });
  const arn = TargetGroups?.[0]?.TargetGroupArn ?? "";
  await elb.ModifyTargetGroupAttributes({
    TargetGroupArn: arn,
    Attributes: [{ Key: "deregistration_delay.timeout_seconds", Value: String(deregistrationDelaySeconds) }],
  });
  return arn;
}

async function seedListener(
  elb: Services["elb"],
  loadBalancerArn: string,
  port: number,
  targetGroupArn: string,
): Promise<string> {
  const { Listeners } = await elb.CreateListener({
    LoadBalancerArn: loadBalancerArn,
    Port: port,
    Protocol: "HTTP",
    DefaultActions: [{ Type: "forward", TargetGroupArn: targetGroupArn }],
  });
  return Listeners?.[0]?.ListenerArn ?? "";
}

async function seedDatabase(
  o: SeedOptions,
  { account, rds, rdsState }: Services,
  subnetIds: readonly string[],
): Promise<World["databaseA"]> {
  const identifier = "api7-a";
  const { username, password, name } = o.database;
  await rds.CreateDBSubnetGroup({ name: identifier, description: "Database of cluster A", subnetIds, tags: {} });
  const { DBInstance: made } = await rds.CreateDBInstance({
    DBInstanceIdentifier: identifier,
    Engine: "postgres",
    DBInstanceClass: "db.m6g.large",
    AllocatedStorage: 100,
    StorageType: "gp3",
    DBName: name,
    MasterUsername: username,
    MasterUserPassword: password,
    DBSubnetGroupName: identifier,
    StorageEncrypted: true,
    KmsKeyId: account.kmsArn(randomUUID()),
    MultiAZ: true,
    // Its first backup lies far back, unlike that of an instance just made.
    BackupRetentionPeriod: 0,
  });
  await rdsState.settled(made?.DbiResourceId ?? "");
  const { server, status } = rdsState.instance(identifier);
  if (server === undefined || status !== "available") {
    throw new Error(`A's database did not become available; its state is ${status}. The log says why.`);
  }
  rdsState.edit(made?.DbiResourceId ?? "", {
    settings: { ...rdsState.instance(identifier).settings, BackupRetentionPeriod: 7 },
  });
  const { address, port } = server;
  return {
    instanceIdentifier: identifier,
    server,
    address,
    port,
    username,
    password,
    databaseName: name,
  };
}
