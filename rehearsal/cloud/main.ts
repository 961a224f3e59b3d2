import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";
import { cacheFolder } from "../engine";
import { writeCharts } from "../kubernetes/charts";
import { AwsCloud } from "./aws";
import { startClusters, type Cluster } from "./clusters";
import { podCommand, prepareGateways } from "./gateways";
import { writeGatewayFault } from "./gateways/gateway/faults";
import { LoadBalancerProcess, type LoadBalancerState } from "./loadBalancer";
import { MetricsServers } from "./metrics";
import { scrapeClusters } from "./metrics/discovery";
import { OutsideServices } from "./outside";
import { PostgresServers, type PostgresServer } from "./postgres";
import { seedDatabase } from "./seed";
import { type CloudMethods, type CloudRequest, type RealTier, type World } from "./world";
import { installClusterA, waitForTargets } from "./worldBefore";

/** The process of the local clouds. Its parent talks to it over IPC; it ends when the parent does. */

interface Arguments {
  readonly home: string;
  readonly network: string;
  readonly pace: number;
  readonly routes: number;
  readonly scrapeSeconds: number;
  readonly kubernetes?: RealTier;
}

const REGION = "eu-central-1";
const VERSION = "3.9.18";
const LISTENER_PORT = 8080;
const ADMIN_PORT = 8081;
const RELEASES = {
  namespace: "api7",
  controlPlane: "api7ee3",
  gateway: "gateway",
  autoscaler: "gateway",
} as const;
/** Sizes of A's workloads. Three in the real tier: what letting go of a patch leaves is one, and must not look right there. */
const SIZES = { standIn: { gateways: 2, dashboards: 1 }, real: { gateways: 3, dashboards: 3 } } as const;
const DATABASE = { username: "api7ee", name: "api7ee" } as const;
const SCALE_SECONDS = 180;

async function start({ home, network, pace, routes, scrapeSeconds, kubernetes }: Arguments): Promise<{
  methods: CloudMethods;
  stop: () => Promise<void>;
}> {
  mkdirSync(home, { recursive: true, mode: 0o711 });
  const balancers: LoadBalancerProcess[] = [];
  const postgres = new PostgresServers({ home: join(home, "postgres") });
  const sizes = kubernetes === undefined ? SIZES.standIn : SIZES.real;
  const releases = { ...RELEASES, gatewayReplicas: sizes.gateways, dashboardReplicas: sizes.dashboards };
  const podNetworks = kubernetes?.podNetworks ?? { a: `${network}.10`, b: `${network}.20` };
  const [aws] = await Promise.all([
    AwsCloud.start({
      network,
      ...(kubernetes === undefined ? {} : { podNetworks: [podNetworks.a, podNetworks.b] }),
      region: REGION,
      home,
      pace,
      postgres,
      startLoadBalancer: async () => {
        const balancer = await LoadBalancerProcess.start({ pace });
        balancers.push(balancer);
        return balancer;
      },
    }),
    prepareGateways(join(cacheFolder(), "gateways")),
  ]);
  const password = randomBytes(18).toString("base64url");
  const before = await aws.seedBefore({
    listenerPort: LISTENER_PORT,
    adminPort: ADMIN_PORT,
    database: { ...DATABASE, password },
  });
  const { databaseA } = before;
  const dsn = `postgres://${databaseA.username}:${encodeURIComponent(password)}@${databaseA.address}:${databaseA.port}/${databaseA.databaseName}?sslmode=disable`;
  const outsideAddress = `${network}.30.2`;
  const outside = await OutsideServices.start(outsideAddress);
  report(`database A: seeding ${routes} routes`);
  const seeded = await seedDatabase({
    connectionString: dsn,
    upstream: { host: `${network}.30.1`, port: 8080 },
    outside: outsideAddress,
    routes,
    version: VERSION,
  });
  const charts = await writeCharts(join(home, "charts"));
  const clusters = await startClusters({
    network,
    podNetworks,
    home,
    pace,
    targets: aws,
    podCommand,
    programs: kubernetes?.programs,
  });
  await installClusterA({
    cluster: clusters.a,
    charts,
    ...releases,
    dsn,
    token: seeded.token,
    gatewayGroupId: seeded.gatewayGroupId,
    targetGroupArn: before.targetGroupAArn,
    adminTargetGroupArn: before.admin.targetGroupArn,
    report,
  });
  await waitForTargets(async () => aws.describeTargets(before.targetGroupAArn), releases.gatewayReplicas);

  const metrics = await MetricsServers.start({
    addresses: { a: `${network}.30.3`, b: `${network}.30.4` },
    periodMs: scrapeSeconds * 1000,
  });
  const discovery = scrapeClusters(metrics, clusters);

  const world: World = {
    network,
    region: REGION,
    accountId: before.accountId,
    awsEndpoint: aws.endpoint,
    vpcId: before.vpcId,
    subnetIds: before.subnetIds,
    zones: before.zones,
    certificateArn: before.certificateArn,
    securityGroups: { clusterA: before.clusterSecurityGroupIds.a, clusterB: before.clusterSecurityGroupIds.b },
    loadBalancer: {
      arn: before.loadBalancerArn,
      listenerArn: before.listenerArn,
      securityGroupId: before.loadBalancerSecurityGroupId,
      address: before.loadBalancerAddress,
      port: before.listenerPort,
      targetGroupAArn: before.targetGroupAArn,
      admin: before.admin,
    },
    databaseA: {
      instanceIdentifier: databaseA.instanceIdentifier,
      username: databaseA.username,
      databaseName: databaseA.databaseName,
      dsn,
      tables: seeded.tables,
      rows: seeded.rows,
    },
    clusters: {
      a: { kubeconfig: clusters.a.kubeconfigPath, server: clusters.a.server },
      b: { kubeconfig: clusters.b.kubeconfigPath, server: clusters.b.server },
    },
    podNetworks,
    charts: {
      api7ee3: pinned(charts.api7ee3),
      gateway: pinned(charts.gateway),
    },
    releases,
    version: VERSION,
    token: seeded.token,
    gatewayGroupId: seeded.gatewayGroupId,
    catalogue: seeded.catalogue,
    services: seeded.services,
    metrics: { ...metrics.urls, periodSeconds: scrapeSeconds },
  };
  const methods: CloudMethods = {
    world: async () => Promise.resolve(world),
    loadBalancerState: async () => mergeStates(await Promise.all(balancers.map(async (balancer) => balancer.state()))),
    setClusterApi: async (cluster, up) => clusters[cluster].setApi(up),
    setDatabase: async (identifier, up) => {
      const server = databaseOf(identifier);
      await (up ? server.start() : server.stop("immediate"));
    },
    sql: async (identifier, statement) => {
      const client = new Client({ connectionString: databaseOf(identifier).adminConnectionString() });
      await client.connect();
      try {
        const { rows } = await client.query<Record<string, unknown>>(statement);
        return rows;
      } finally {
        await client.end();
      }
    },
    signalPods: async (cluster, deployment, signal) => {
      for (const { pid } of podsOf(cluster, deployment)) if (pid !== undefined) process.kill(pid, signal);
      return Promise.resolve();
    },
    setGatewayFault: async (cluster, fault) => {
      writeGatewayFault(join(home, `cluster-${cluster}`, "hosts"), fault);
      return Promise.resolve();
    },
    setMetricsFault: async (cluster, fault) => metrics.useFault(cluster, fault ?? undefined),
    setRequestCost: async (cluster, factor) => metrics.useCost(cluster, factor),
    scale: async (cluster, deployment, replicas) => scale(clusters[cluster], deployment, replicas),
    setAwsFault: async (action, fault) => {
      if (fault === null) aws.faults.clear();
      else aws.faults.fail(action, fault);
      return Promise.resolve();
    },
    pods: async (cluster) =>
      Promise.resolve(
        clusters[cluster]
          .pods()
          .map(({ name, ip, ready, terminating }) => ({ name, ip: ip ?? "", ready, terminating })),
      ),
  };
  return {
    methods,
    stop: async () => {
      await discovery.stop();
      await metrics.stop();
      await clusters.stop();
      await aws.stop();
      await postgres.stopAll();
      await outside.stop();
    },
  };

  function databaseOf(identifier: string): PostgresServer {
    const server = aws.databaseServer(identifier);
    if (server === undefined) throw new Error(`there is no database instance ${identifier}`);
    return server;
  }

  function podsOf(cluster: "a" | "b", deployment: string): ReturnType<Cluster["pods"]> {
    return clusters[cluster].pods().filter(({ name }) => new RegExp(`^${deployment}-[a-z0-9]+-[a-z0-9]+$`).test(name));
  }

  async function scale(cluster: Cluster, deployment: string, replicas: number): Promise<void> {
    await cluster.setReplicas(RELEASES.namespace, deployment, replicas);
    const until = Date.now() + SCALE_SECONDS * 1000;
    while (Date.now() < until) {
      const pods = podsOf(cluster.name, deployment);
      if (pods.length === replicas && pods.every(({ ready, terminating }) => ready && !terminating)) return;
      await sleep(100);
    }
    throw new Error(`${deployment} did not reach ${replicas} pods within ${SCALE_SECONDS} s`);
  }
}

function pinned({
  file,
  version,
  sha256,
}: {
  file: string;
  version: string;
  sha256: string;
}): World["charts"]["gateway"] {
  return { file, version, sha256 };
}

function mergeStates(states: readonly LoadBalancerState[]): LoadBalancerState {
  return {
    targets: Object.assign({}, ...states.map(({ targets }) => targets)) as LoadBalancerState["targets"],
    counters: Object.assign({}, ...states.map(({ counters }) => counters)) as LoadBalancerState["counters"],
  };
}

function report(line: string): void {
  process.send?.({ progress: line });
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Ends at once: whatever was started (pods, databases, load balancers) ends with the process that started it. */
function endNow(code: number): void {
  process.exit(code);
}

async function main(): Promise<void> {
  const options = JSON.parse(process.argv[2] ?? "{}") as Arguments;
  let stop: (() => Promise<void>) | undefined;
  let stopping = false;
  const end = (): void => {
    if (stopping) return;
    stopping = true;
    if (stop === undefined) endNow(1);
    else
      void stop().then(
        () => endNow(0),
        () => endNow(1),
      );
  };
  process.on("disconnect", end);
  process.on("SIGTERM", end);
  process.on("SIGINT", end);
  try {
    const running = await start(options);
    stop = running.stop;
    process.on("message", ({ id, method, args }: CloudRequest) => {
      (running.methods[method] as (...values: readonly unknown[]) => Promise<unknown>)(...args).then(
        (value) => process.send?.({ id, value }),
        (error: unknown) => process.send?.({ id, error: text(error) }),
      );
    });
    process.send?.({ ready: true });
  } catch (error) {
    const failed = error instanceof Error ? (error.stack ?? error.message) : String(error);
    process.send?.({ failed }, () => endNow(1));
  }
}

void main();
