import { existsSync, readFileSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { escapeIdentifier, escapeLiteral } from "pg";
import { issue, newAuthority, type KeyPair } from "../gateways/common/authority";
import { copyRunningCluster } from "./backup";
import { findBinaries } from "./binaries";
import { copyTree, newCluster } from "./cluster";
import { scramVerifier } from "../../../operations/scram";
import { PostgresServer, writeDatabaseName } from "./server";
import { giveFileTo, giveTo, reachableFolder, serverUser } from "./serverUser";

export { PostgresServer } from "./server";

/** Rights that RDS gives its master user beside CREATEROLE and CREATEDB, as far as they exist outside RDS. */
const MASTER_MEMBERSHIPS = ["pg_monitor", "pg_signal_backend", "pg_checkpoint"] as const;

/**
 * The PostgreSQL servers of one run: real processes of major 15, each on its own loopback address.
 * They end with this process, however it ends.
 */
export class PostgresServers {
  private readonly home: string;
  private readonly isElsewhere: boolean;
  private readonly log: (line: string) => void;
  private readonly servers = new Map<string, PostgresServer>();
  private authority: Promise<KeyPair> | undefined;
  private readonly onExit = (): void => {
    for (const server of this.servers.values()) server.endNow();
  };

  /** @param o.home folder for the servers' files; when it is closed to the server account, another one is taken. */
  constructor(o: { readonly home: string; readonly log?: (line: string) => void }) {
    this.log = o.log ?? (() => undefined);
    this.home = reachableFolder(o.home, serverUser());
    this.isElsewhere = this.home !== o.home;
    if (this.isElsewhere) this.log(`postgres: ${o.home} is closed to the server account, using ${this.home}`);
    process.once("exit", this.onExit);
  }

  /**
   * A new empty server with one database. The master user owns the database, may make roles and databases, and is no
   * superuser, as on RDS.
   */
  async create(o: {
    readonly name: string;
    /** A loopback address of its own; the port is 5432. */
    readonly address: string;
    readonly masterUsername: string;
    readonly masterPassword: string;
    readonly databaseName: string;
  }): Promise<PostgresServer> {
    const verifier = scramVerifier(o.masterPassword);
    return this.bringUp(o.name, o.address, o.databaseName, async (dataFolder) => {
      await newCluster(dataFolder, await findBinaries(serverUser()), serverUser());
      await writeDatabaseName(dataFolder, o.databaseName);
      return async (server) => {
        const master = escapeIdentifier(o.masterUsername);
        await server.asAdmin("postgres", [
          `create role ${master} login createdb createrole password ${escapeLiteral(verifier)}`,
          ...MASTER_MEMBERSHIPS.map((role) => `grant ${role} to ${master}`),
          // The database that every server has is what an RDS instance has when no name was given.
          o.databaseName === "postgres"
            ? `alter database postgres owner to ${master}`
            : `create database ${escapeIdentifier(o.databaseName)} owner ${master}`,
        ]);
      };
    });
  }

  /**
   * A copy of the server's files in `folder`, taken while it runs (backup mode and write-ahead log): what an RDS
   * snapshot is here. `folder` must be empty or missing; after a failure it is removed.
   */
  async snapshot(server: PostgresServer, folder: string): Promise<{ bytes: number }> {
    if (existsSync(folder)) throw new Error(`${folder} exists already; a snapshot is taken into a folder of its own.`);
    try {
      return await copyRunningCluster(server.adminConnectionString(), server.dataFolder, folder);
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** A new server from a snapshot's folder, which stays as it is. Roles and passwords are those of the snapshot. */
  async restore(o: {
    readonly name: string;
    readonly address: string;
    readonly folder: string;
  }): Promise<PostgresServer> {
    const label = join(o.folder, "backup_label");
    if (!existsSync(label)) {
      throw new Error(`${o.folder} is not a finished snapshot: ${label} is missing. Take the snapshot again.`);
    }
    const databaseName = readFileSync(join(o.folder, "rehearsal_database_name"), "utf8");
    return this.bringUp(o.name, o.address, databaseName, async (dataFolder) => {
      await copyTree(o.folder, dataFolder, () => true);
      await giveTo(serverUser(), dataFolder);
      return () => Promise.resolve();
    });
  }

  /** Stops all servers. Their files stay, unless they had to be put outside of `home`, where nobody would look for them. */
  async stopAll(): Promise<void> {
    process.removeListener("exit", this.onExit);
    await Promise.all([...this.servers.values()].map((server) => server.stop()));
    if (this.isElsewhere) await rm(this.home, { recursive: true, force: true });
  }

  /** The certificate, PEM, that vouches for the servers' own: what RDS publishes as its bundle. */
  async certificateAuthority(): Promise<string> {
    return (await this.rootAuthority()).certificate;
  }

  private rootAuthority(): Promise<KeyPair> {
    this.authority ??= newAuthority("CN=Rehearsal RDS Root CA, O=Rehearsal");
    return this.authority;
  }

  /**
   * Sessions may be encrypted (`sslmode=require`), and the server's name checked (`verify-full`), as on RDS. "localhost"
   * is among the names because Node compares with it when it connects to an address.
   */
  private async writeCertificate(folder: string, address: string): Promise<void> {
    const names = { commonName: address, dnsNames: ["localhost"], ipAddresses: [address] };
    const { certificate, privateKey } = await issue(await this.rootAuthority(), {
      ...names,
      usage: "server",
      years: 1,
    });
    await writeFile(join(folder, "tls.crt"), certificate);
    await writeFile(join(folder, "tls.key"), privateKey, { mode: 0o600 });
    for (const file of ["tls.crt", "tls.key"]) await giveFileTo(serverUser(), join(folder, file));
  }

  private async bringUp(
    name: string,
    address: string,
    databaseName: string,
    fill: (dataFolder: string) => Promise<(server: PostgresServer) => Promise<void>>,
  ): Promise<PostgresServer> {
    if (this.servers.has(name)) throw new Error(`A database server named ${name} exists already.`);
    const folder = join(this.home, name);
    const server = new PostgresServer({
      name,
      address,
      databaseName,
      folder,
      binaries: await findBinaries(serverUser()),
      user: serverUser(),
      log: this.log,
      removed: () => this.servers.delete(name),
    });
    // Outside of the clean-up below: a folder that was there before is not ours to delete.
    await mkdir(folder, { mode: 0o711 });
    this.servers.set(name, server);
    try {
      const [finish] = await Promise.all([fill(server.dataFolder), this.writeCertificate(folder, address)]);
      await server.start();
      await finish(server);
      return server;
    } catch (error) {
      await server.remove();
      throw error;
    }
  }
}
