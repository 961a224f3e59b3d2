import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { prepareGateways } from "../../rehearsal/cloud/gateways";
import { PostgresServers, type PostgresServer } from "../../rehearsal/cloud/postgres";
import { seedDatabase, type Seeded } from "../../rehearsal/cloud/seed";
import { Upstream } from "../../rehearsal/cloud/traffic";
import {
  ask,
  answers,
  DP_MANAGER_NAME,
  dashboardFiles,
  dpManagerFiles,
  gatewayFiles,
  portalFiles,
  TestPod,
  VERSION,
  type Answer,
  type Issued,
} from "./gatewayPods";

export const MASTER = { masterUsername: "api7ee", masterPassword: "rehearsal", databaseName: "api7ee" } as const;

/** One cluster's control plane: its addresses and its processes. */
export interface ControlPlane {
  readonly dashboard: TestPod;
  readonly dpManager: TestPod;
  readonly dashboardIp: string;
  readonly dpManagerIp: string;
  /** Path below the dashboard; with the token unless headers are given. */
  api(path: string, o?: { method?: string; body?: unknown; headers?: Record<string, string> }): Promise<Answer>;
  issue(): Promise<Issued>;
}

/** A database with the seed, an upstream, and what starts control and data planes on loopback addresses. */
export class GatewayWorld {
  readonly pods: TestPod[] = [];

  private constructor(
    readonly network: string,
    readonly home: string,
    readonly servers: PostgresServers,
    readonly database: PostgresServer,
    readonly seeded: Seeded,
    private readonly upstream: Upstream,
  ) {}

  static async start(network: string, routes: number): Promise<GatewayWorld> {
    const home = mkdtempSync(join(tmpdir(), "gateways-test-"));
    const servers = new PostgresServers({ home: join(home, "postgres") });
    const [database, upstream] = await Promise.all([
      servers.create({ name: "a", address: `${network}.1.1`, ...MASTER }),
      Upstream.start({ address: `${network}.30.1`, port: 8080 }),
      prepareGateways(join(home, "bundles")),
    ]);
    const to = { host: `${network}.30.1`, port: 8080 };
    const seeded = await seedDatabase({ connectionString: dsnOf(database), upstream: to, version: VERSION, routes });
    return new GatewayWorld(network, home, servers, database, seeded, upstream);
  }

  async stop(): Promise<void> {
    await Promise.all(this.pods.map((pod) => pod.stop()));
    await this.upstream.stop();
    await this.servers.stopAll();
    rmSync(this.home, { recursive: true, force: true });
  }

  pod(o: {
    readonly cluster: "a" | "b";
    readonly name: string;
    readonly ip: string;
    readonly image: string;
    readonly files: Readonly<Record<string, string>>;
    readonly dpManagers?: readonly string[];
    readonly env?: Readonly<Record<string, string>>;
  }): TestPod {
    const { dpManagers = [], env = {}, ...rest } = o;
    const pod = new TestPod({ ...rest, env, home: this.home, hosts: { [DP_MANAGER_NAME]: dpManagers } });
    this.pods.push(pod);
    return pod;
  }

  /** Dashboard at `.{subnet}.1`, DP Manager at `.{subnet}.2`. */
  async controlPlane(
    cluster: "a" | "b",
    subnet: number,
    database: PostgresServer,
    token = this.seeded.token,
  ): Promise<ControlPlane> {
    const dsn = dsnOf(database);
    const [dashboardIp, dpManagerIp] = [`${this.network}.${subnet}.1`, `${this.network}.${subnet}.2`];
    const name = `${cluster}${subnet}`;
    const dashboard = this.pod({
      cluster,
      name: `${name}-dashboard`,
      ip: dashboardIp,
      image: `api7/api7-ee-3-integrated:v${VERSION}`,
      files: dashboardFiles(dsn),
    });
    const dpManager = this.dpManager(cluster, subnet, database);
    await Promise.all([answers(`https://${dashboardIp}:7443/healthz`), answers(`http://${dpManagerIp}:7900/healthz`)]);
    const api: ControlPlane["api"] = (path, o = {}) =>
      ask(`https://${dashboardIp}:7443${path}`, {
        method: o.method ?? "GET",
        headers: o.headers ?? { "x-api-key": token },
        ...(o.body === undefined ? {} : { body: JSON.stringify(o.body) }),
      });
    const issue = async (): Promise<Issued> => {
      const answer = await api("/api/gateway_groups/default/dp_client_certificates", { method: "POST", body: {} });
      return (JSON.parse(answer.body) as { readonly value: Issued }).value;
    };
    return { dashboard, dpManager, dashboardIp, dpManagerIp, api, issue };
  }

  /** At `.{subnet}.2`. */
  dpManager(cluster: "a" | "b", subnet: number, database: PostgresServer): TestPod {
    return this.pod({
      cluster,
      name: `${cluster}${subnet}-dp-manager`,
      ip: `${this.network}.${subnet}.2`,
      image: `api7/api7-ee-dp-manager:v${VERSION}`,
      files: dpManagerFiles(dsnOf(database)),
    });
  }

  portal(cluster: "a" | "b", ip: string): TestPod {
    const image = `api7/api7-ee-developer-portal:v${VERSION}`;
    return this.pod({ cluster, name: `portal-${ip}`, ip, image, files: portalFiles(dsnOf(this.database)) });
  }

  /** A data plane that is told the DP Manager by its Service's name. */
  gateway(o: {
    readonly cluster: "a" | "b";
    readonly name: string;
    readonly ip: string;
    readonly certificate: Issued;
    readonly dpManagers: readonly string[];
    readonly version?: string;
    readonly env?: Readonly<Record<string, string>>;
    readonly hosts?: readonly string[];
    readonly exporter?: boolean;
  }): TestPod {
    const { certificate, version = VERSION, hosts = [`https://${DP_MANAGER_NAME}:7943`], exporter = true, ...rest } = o;
    return this.pod({
      ...rest,
      image: `api7/api7-ee-3-gateway:${version}`,
      files: gatewayFiles(certificate, hosts, { exporter }),
    });
  }
}

export function dsnOf(server: PostgresServer): string {
  return `postgres://${MASTER.masterUsername}:${MASTER.masterPassword}@${server.address}:${server.port}/${MASTER.databaseName}`;
}

/** Rows of one statement, as the master user. */
export async function query(server: PostgresServer, text: string): Promise<readonly Record<string, unknown>[]> {
  const client = new Client({ connectionString: dsnOf(server) });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end();
  }
}
