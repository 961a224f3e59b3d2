import { mkdtempSync, rmSync } from "node:fs";
import { chmod, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Client } from "pg";
import { PostgresServers, PostgresServer } from "../../../rehearsal/cloud/postgres";
import { findBinaries } from "../../../rehearsal/cloud/postgres/binaries";
import { serverUser } from "../../../rehearsal/cloud/postgres/serverUser";
import { addressFromDsn, type DatabaseAddress } from "../../../operations/server";

/** Two real servers, as A and B are. */
export class TwoServers {
  private constructor(
    private readonly servers: PostgresServers,
    readonly home: string,
    readonly a: PostgresServer,
    readonly b: PostgresServer,
  ) {}

  static async start(addressA: string, addressB: string): Promise<TwoServers> {
    const home = mkdtempSync(join(tmpdir(), "operations-pg-"));
    const servers = new PostgresServers({ home: join(home, "servers") });
    const master = { masterUsername: "api7ee", masterPassword: "pw", databaseName: "api7ee" };
    const [a, b] = await Promise.all([
      servers.create({ name: "a", address: addressA, ...master }),
      servers.create({ name: "b", address: addressB, ...master }),
    ]);
    return new TwoServers(servers, home, a, b);
  }

  async stop(): Promise<void> {
    await this.servers.stopAll();
    rmSync(this.home, { recursive: true, force: true });
  }

  address(side: "a" | "b", changes: Partial<DatabaseAddress> = {}): DatabaseAddress {
    const dsn = `postgres://api7ee:pw@${this[side].address}:5432/api7ee`;
    return { ...addressFromDsn(`database ${side.toUpperCase()}`, dsn), ...changes };
  }

  /** Runs statements as the owner. @returns the rows of the last one */
  async run(
    side: "a" | "b",
    statements: readonly string[],
    user = "api7ee",
  ): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const client = await this.client(side, user);
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

  async client(side: "a" | "b", user = "api7ee", database = "api7ee"): Promise<Client> {
    const client = new Client({ connectionString: `postgres://${user}:pw@${this[side].address}:5432/${database}` });
    client.on("error", () => undefined);
    await client.connect();
    return client;
  }

  /** The same server, once it is stopped, with a limit on the size of its files: the kernel refuses as a full disk does. */
  async limited(side: "a" | "b", mebibytes: number): Promise<PostgresServer> {
    const user = serverUser();
    const binaries = await findBinaries(user);
    const folder = dirname(this[side].dataFolder);
    const program = join(folder, "postgres-with-limit");
    // A shell counts in blocks of 512 bytes.
    await writeFile(program, `#!/bin/sh\nulimit -f ${mebibytes * 2048}\nexec ${binaries.postgres} "$@"\n`);
    await chmod(program, 0o755);
    const { name, address, databaseName } = this[side];
    const nothing = (): void => undefined;
    const limited = { ...binaries, postgres: program };
    return new PostgresServer({
      name,
      address,
      databaseName,
      folder,
      binaries: limited,
      user,
      log: nothing,
      removed: nothing,
    });
  }

  /** Makes database B as a new server has it: not there. */
  async dropB(): Promise<void> {
    const client = await this.client("b", "api7ee", "postgres");
    try {
      await client.query("drop database if exists api7ee with (force)");
    } finally {
      await client.end();
    }
  }

  async emptyB(): Promise<void> {
    await this.dropB();
    const client = await this.client("b", "api7ee", "postgres");
    try {
      await client.query("create database api7ee");
    } finally {
      await client.end();
    }
  }
}
