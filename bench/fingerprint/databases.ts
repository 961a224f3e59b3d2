import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { targetFromDsn, type DatabaseTarget } from "../../checks/clients/databaseTarget";
import { PostgresServers } from "../../rehearsal/cloud/postgres/index";

/** The databases that are measured: real ones, on a PostgreSQL server of this benchmark's own. */

/** No other part of the project takes an address below this one. */
const ADDRESS = "127.248.1.1";
const USER = "api7ee";
export const PASSWORD = "bench";
export const ROWS = 1_000_000;
/** How many times as many rows the large database has. */
export const FACTOR = 4;
export const CHANGED_ROWS = 10;

/** Every type that configuration is kept in, and those that are hard to hash. */
const COLUMNS = `
  id bigint primary key, name text not null, spec jsonb not null, meta json, rate numeric, ratio double precision, weight real,
  count integer, small smallint, paths text[] not null, at timestamptz, day date, span interval, content bytea, bits bit(8),
  place point, state state, share share, address inet, uid uuid, enabled boolean, code char(4), title varchar(40)`;

const ROW = `n, 'route-' || n, jsonb_build_object('limit', n % 1000 * 1.0, 'uri', '/api/' || n), json_build_object('team', n % 100),
  (n % 1000)::numeric / 10, case n % 100 when 0 then 'NaN'::float8 when 1 then '-0' else n / 7.0 end, n / 3.0, n % 77, n % 7, array['/a', '/' || n],
  '2026-01-01'::timestamptz + n * interval '1 second', '2026-01-01', '1 day 2 hours', decode(md5(n::text), 'hex'), (n % 256)::bit(8),
  point(n, -n), case n % 2 when 0 then 'on'::state else 'off' end, n % 100, ('10.0.' || n % 256 || '.1')::inet, md5(n::text)::uuid,
  n % 3 = 0, 'c' || n % 100, 'title ' || n % 1000`;

const SCHEMA = [
  "create type state as enum ('on', 'off')",
  "create domain share as numeric check (value >= 0)",
  `create table route (${COLUMNS})`,
  // Of the same form, small: a change of each type is looked for here.
  "create table kinds (like route including all)",
  "create table instance (id text primary key, last_heartbeat_time timestamptz not null)",
  "insert into instance select 'gateway-' || n, now() from generate_series(1, 20) n",
  `insert into kinds select ${ROW} from generate_series(1, 1000) n`,
];

export type DatabaseName = "one" | "same" | "changed" | "rewritten" | "four";

export class BenchDatabases {
  private constructor(
    private readonly servers: PostgresServers,
    private readonly home: string,
  ) {}

  /** A server with all databases filled. */
  static async make(log: (line: string) => void): Promise<BenchDatabases> {
    const home = mkdtempSync(join(tmpdir(), "bench-fingerprint-"));
    const servers = new PostgresServers({ home });
    const databases = new BenchDatabases(servers, home);
    try {
      await servers.create({
        name: "bench",
        address: ADDRESS,
        masterUsername: USER,
        masterPassword: PASSWORD,
        databaseName: "one",
      });
      await databases.fill(log);
      return databases;
    } catch (error) {
      await databases.stop();
      throw error;
    }
  }

  /** Without a password, for a command line. */
  address(database: DatabaseName): string {
    return `postgres://${USER}@${ADDRESS}:5432/${database}`;
  }

  dsn(database: DatabaseName): string {
    return `postgres://${USER}:${PASSWORD}@${ADDRESS}:5432/${database}`;
  }

  target(database: DatabaseName, label: string = database): DatabaseTarget {
    return targetFromDsn(label, this.dsn(database));
  }

  async run(database: DatabaseName, ...statements: readonly string[]): Promise<readonly Record<string, unknown>[]> {
    const client = new Client({ connectionString: this.dsn(database) });
    await client.connect();
    try {
      let rows: readonly Record<string, unknown>[] = [];
      for (const statement of statements) rows = (await client.query<Record<string, unknown>>(statement)).rows;
      return rows;
    } finally {
      await client.end();
    }
  }

  async megabytes(database: DatabaseName): Promise<number> {
    const [row] = await this.run(database, "select pg_table_size('route') / 1000000 as size");
    return Number(row?.["size"]);
  }

  async stop(): Promise<void> {
    await this.servers.stopAll();
    rmSync(this.home, { recursive: true, force: true });
  }

  private async fill(log: (line: string) => void): Promise<void> {
    await this.run(
      "one",
      ...SCHEMA,
      `insert into route select ${ROW} from generate_series(1, ${ROWS}) n`,
      "vacuum analyze",
    );
    log(`${ROWS} rows, ${await this.megabytes("one")} MB, in a table of ${COLUMNS.split(",").length} columns`);
    for (const copy of ["same", "changed", "rewritten", "four"] as const) {
      await this.run("one", `create database ${copy} template one`).catch(async () => {
        // The template must have no session; the one that asks is over by now, autovacuum may not be.
        await this.run("same", `create database ${copy} template one`);
      });
    }
    const step = ROWS / CHANGED_ROWS;
    await this.run("changed", `update route set spec = spec || '{"limit": -1}' where id % ${step} = 7`);
    await this.run("rewritten", "update route set small = small + 1", "vacuum analyze");
    await this.run("four", ...this.multiply(), "vacuum analyze");
    log(`copies of it: equal, ${CHANGED_ROWS} rows changed, every row changed, ${FACTOR} times as many rows`);
  }

  private multiply(): readonly string[] {
    const columns = `name, spec, meta, rate, ratio, weight, count, small, paths, at, day, span, content, bits, place, state, share, address, uid, enabled, code, title`;
    return Array.from(
      { length: FACTOR - 1 },
      (_, copy) =>
        `insert into route (id, ${columns}) select id + ${(copy + 1) * ROWS}, ${columns} from route where id <= ${ROWS}`,
    );
  }
}
