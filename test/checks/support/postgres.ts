import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { targetFromDsn, type DatabaseTarget } from "../../../checks/clients/databaseTarget";
import { PostgresServers, type PostgresServer } from "../../../rehearsal/cloud/postgres/index";

/** A real PostgreSQL server for tests; "A" and "B" are two databases on it, made anew for each test. */
export class TestServer {
  private content: string | undefined;
  private readonly touched = new Set<string>();

  private constructor(
    private readonly servers: PostgresServers,
    private readonly home: string,
    readonly server: PostgresServer,
  ) {}

  static async start(address: string): Promise<TestServer> {
    const home = mkdtempSync(join(tmpdir(), "checks-pg-"));
    const servers = new PostgresServers({ home });
    const server = await servers.create({
      name: "test",
      address,
      masterUsername: "api7ee",
      masterPassword: "pw",
      databaseName: "api7ee",
    });
    return new TestServer(servers, home, server);
  }

  async stop(): Promise<void> {
    await this.server.remove();
    await this.servers.stopAll();
    rmSync(this.home, { recursive: true, force: true });
  }

  dsn(database: string, user = "api7ee", password = "pw"): string {
    return `postgres://${user}:${password}@${this.server.address}:5432/${database}`;
  }

  target(database: "a" | "b"): DatabaseTarget {
    return targetFromDsn(`database ${database.toUpperCase()}`, this.dsn(database));
  }

  /** Databases `a` and `b` with this content, both the same; only what a test before changed is made anew. */
  async fresh(sql: string): Promise<void> {
    const whole = this.content !== sql || this.touched.has("a") || this.touched.has("api7ee");
    if (whole) {
      await this.run("api7ee", "drop database if exists a with (force)", "create database a");
      await this.run("a", sql);
    }
    if (whole || this.touched.has("b")) {
      await this.run("api7ee", "drop database if exists b with (force)", "create database b template a");
    }
    this.content = sql;
    this.touched.clear();
  }

  /** Runs statements one by one as the owner. */
  async run(database: string, ...statements: readonly string[]): Promise<readonly Readonly<Record<string, unknown>>[]> {
    this.touched.add(database);
    const client = new Client({ connectionString: this.dsn(database) });
    await client.connect();
    try {
      let rows: readonly Readonly<Record<string, unknown>>[] = [];
      for (const statement of statements) {
        const result = await client.query<Readonly<Record<string, unknown>>>(statement);
        rows = Array.isArray(result) ? [] : result.rows;
      }
      return rows;
    } finally {
      await client.end();
    }
  }

  /** The same as the local superuser, for what the owner may not do. */
  async asAdmin(database: string, ...statements: readonly string[]): Promise<void> {
    this.touched.add("api7ee");
    await this.server.asAdmin(database, statements);
  }
}
