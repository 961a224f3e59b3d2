import { createServer, type AddressInfo, type Server } from "node:net";
import { Systems } from "../../../checks/context";
import { type InspectionContext } from "../../../checks/inspectionContext";
import { NO_INSPECTION, type Inspection } from "../../../migration/inspection";
import { type MigrationScope } from "../../../migration/gateRequest";
import { API_TOKEN, healthyClusterB } from "./clusterB";
import { AwsFake } from "./awsFake";
import { KubernetesFake } from "./kubernetesFake";
import { type TestServer } from "./postgres";
import { SCOPE } from "./scope";

/** Clusters, a real PostgreSQL and real listeners, for the checks of what B's configuration leads to. */

export const TABLES = `
  create table gateway_group (id text primary key, short_id text);
  insert into gateway_group values ('g-1', 'default');
  create table upstream (id text primary key, gateway_group_id text, name text, nodes jsonb);
  create table route (id text primary key, gateway_group_id text, name text, paths text[], methods text[], hosts text[], plugins jsonb);
  create table ssl (id text primary key, name text, cert text, key text);
  create table secret_provider (id text primary key, gateway_group_id text, manager text, config jsonb);
  create table audit_log (id text primary key, detail jsonb);
  create table kine (id bigint primary key, name text, created int, deleted int, create_revision bigint,
    prev_revision bigint, lease int, value bytea, old_value bytea);
  insert into audit_log values ('1', '{"host": "never.looked.at", "port": 1}')`;

/** A plain row of the table `route` with these plugins. */
export function routeWith(plugins: unknown): string {
  return `insert into route values ('r1', 'g-1', 'orders', '{/orders}', '{GET}', '{shop.example.com}', '${JSON.stringify(plugins).replaceAll("'", "''")}')`;
}

/** Somebody who takes connections and says nothing. */
export async function listen(
  address = "127.0.0.1",
): Promise<{ readonly port: number; readonly close: () => Promise<void> }> {
  const server: Server = createServer((socket) => socket.on("error", () => undefined).resume());
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    close: () => new Promise((resolve) => void server.close(() => resolve())),
  };
}

/** A port of this machine where nobody listens. */
export async function closedPort(address = "127.0.0.1"): Promise<number> {
  const { port, close } = await listen(address);
  await close();
  return port;
}

export class Surroundings {
  private constructor(
    readonly a: KubernetesFake,
    readonly b: KubernetesFake,
    readonly aws: AwsFake,
    readonly server: TestServer,
  ) {}

  static async start(server: TestServer): Promise<Surroundings> {
    const [a, b, aws] = await Promise.all([
      KubernetesFake.start("api7"),
      KubernetesFake.start("api7"),
      AwsFake.start(),
    ]);
    healthyClusterB(b);
    aws.world.instances.set("api7-test-b-1", { host: server.server.address, port: 5432, status: "available" });
    return new Surroundings(a, b, aws, server);
  }

  async stop(): Promise<void> {
    await Promise.all([this.a.stop(), this.b.stop(), this.aws.stop()]);
  }

  context(inspection: Partial<Inspection> = {}, more: Partial<InspectionContext> = {}): InspectionContext {
    const scope: MigrationScope = {
      ...SCOPE,
      clusterA: { ...SCOPE.clusterA, kubeconfig: this.a.kubeconfig },
      clusterB: { ...SCOPE.clusterB, kubeconfig: this.b.kubeconfig },
      databaseB: { ...SCOPE.databaseB, database: "b" },
    };
    const { signal } = new AbortController();
    const systems = new Systems(scope, signal, {
      MIGRATION_CONTROL_PLANE_TOKEN: API_TOKEN,
      MIGRATION_DATABASE_A_DSN: this.server.dsn("a"),
      MIGRATION_DATABASE_B_PASSWORD: "pw",
      MIGRATION_TEST_CREDENTIALS: '{"apikey":"test-key"}',
    });
    return {
      scope,
      signal,
      systems,
      inspection: { ...NO_INSPECTION, ...inspection },
      now: new Date("2026-03-01T12:00:00Z"),
      soakHours: 24,
      standbyHours: 72,
      ...more,
    };
  }
}
