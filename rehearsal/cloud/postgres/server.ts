import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { chown, mkdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Client, escapeIdentifier, escapeLiteral } from "pg";
import { type Binaries } from "./binaries";
import { SUPERUSER } from "./cluster";
import { scramVerifier } from "../../../operations/scram";
import { type ServerUser } from "./serverUser";

const PORT = 5432;
/** A restored copy replays its write-ahead log first; ten times what that took on a slow machine. */
const START_SECONDS = 60;
const STOP_SECONDS = 20;
const POLL_MS = 25;

/**
 * Settings of every server, on the command line because a restored copy brings the file of the server it was taken
 * from. `fsync=off`: nothing here has to survive a crash of the computer; a killed server still recovers, since the
 * kernel has its pages. `wal_keep_size` is what a snapshot may take to copy.
 */
const SETTINGS = {
  port: String(PORT),
  fsync: "off",
  max_connections: "120",
  shared_buffers: "48MB",
  wal_keep_size: "512MB",
  max_wal_size: "1GB",
  password_encryption: "scram-sha-256",
  timezone: "UTC",
  log_timezone: "UTC",
  logging_collector: "off",
  log_checkpoints: "off",
} as const;

/**
 * Ends a server whose owner is gone, even when the owner was killed with SIGKILL: it waits for the end of its standard
 * input, which the kernel closes. Arguments: process id, data folder, socket folder. The id is believed only while the
 * data folder's own lock file names it.
 */
const WATCHDOG = `trap '' INT TERM HUP
read -r word && [ "$word" = done ] && exit 0
owner() { [ "$(head -n 1 "$2/postmaster.pid" 2>/dev/null)" = "$1" ]; }
if owner "$1" "$2"; then
  kill -INT "$1"
  for second in 1 2 3 4 5 6 7 8 9 10; do sleep 1; owner "$1" "$2" || break; done
  owner "$1" "$2" && kill -QUIT "$1"
fi
rm -rf "$3"`;

/** Where one server lives, and as whom it runs. */
export interface ServerPlace {
  readonly name: string;
  readonly address: string;
  readonly databaseName: string;
  /** Holds `data`, `log`, and the certificate `tls.crt` with its key `tls.key`. */
  readonly folder: string;
  readonly binaries: Binaries;
  readonly user: ServerUser;
  readonly log: (line: string) => void;
  readonly removed: () => void;
}

/** One PostgreSQL server: on its own loopback address at port 5432, with a private socket for the superuser. */
export class PostgresServer {
  readonly port = PORT;
  private process: ChildProcess | undefined;
  private watchdog: ChildProcess | undefined;
  private socketFolder: string | undefined;

  constructor(private readonly place: ServerPlace) {}

  get name(): string {
    return this.place.name;
  }

  get address(): string {
    return this.place.address;
  }

  get databaseName(): string {
    return this.place.databaseName;
  }

  get dataFolder(): string {
    return join(this.place.folder, "data");
  }

  /** Whether the server process lives. */
  get running(): boolean {
    return this.process !== undefined && this.process.exitCode === null && this.process.signalCode === null;
  }

  /**
   * Connection string of the local superuser, through a socket that only the server's account and root can reach. It
   * is not the master user: what needs more than RDS gives its master (backup mode, resetting a password) uses it.
   * @throws Error when the server is stopped: the socket's place changes with each start.
   */
  adminConnectionString(databaseName: string = this.place.databaseName): string {
    if (!this.socketFolder)
      throw new Error(`Database server ${this.name} is stopped; it has no administrator's connection.`);
    const host = encodeURIComponent(this.socketFolder);
    return `postgres://${SUPERUSER}@${host}:${this.port}/${encodeURIComponent(databaseName)}`;
  }

  /**
   * Starts the server and waits until it accepts connections, recovery included.
   * @throws Error with the end of the server's log when it does not come up within 60 s.
   */
  async start(): Promise<void> {
    if (this.running) return;
    const { address, binaries, user } = this.place;
    const socketFolder = mkdtempSync(join(tmpdir(), "api7-pg-"));
    if (user.uid !== undefined && user.gid !== undefined) await chown(socketFolder, user.uid, user.gid);
    this.socketFolder = socketFolder;
    const settings = {
      ...SETTINGS,
      listen_addresses: address,
      unix_socket_directories: socketFolder,
      ssl: "on",
      ssl_cert_file: join(this.place.folder, "tls.crt"),
      ssl_key_file: join(this.place.folder, "tls.key"),
    };
    const flags = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
    const log = openSync(this.logFile, "a", 0o600);
    // Own process group: Ctrl-C at the terminal is for the owner, who stops its servers in order.
    const process = spawn(binaries.postgres, ["-D", this.dataFolder, ...flags], {
      ...user,
      cwd: "/",
      detached: true,
      env: { PATH: "/usr/bin:/bin", LC_ALL: "C", TZ: "UTC" },
      stdio: ["ignore", log, log],
    });
    closeSync(log);
    this.process = process;
    const exited = new Promise<void>((resolve) => {
      process.once("exit", () => resolve());
      process.once("error", () => resolve());
    });
    void exited.then(() => this.afterExit(process, socketFolder));
    if (process.pid !== undefined) this.watchdog = this.startWatchdog(process.pid, socketFolder);
    await this.waitUntilReady(process);
    this.place.log(`postgres ${this.name}: accepts connections on ${address}:${this.port}`);
  }

  /**
   * Stops the server. `fast` ends the sessions and writes everything out; `immediate` drops everything at once, as a
   * crash does, and the next start recovers from the log.
   */
  async stop(mode: "fast" | "immediate" = "fast"): Promise<void> {
    const process = this.process;
    if (!process || !this.running) return;
    const exited = new Promise<void>((resolve) => process.once("exit", () => resolve()));
    process.kill(mode === "fast" ? "SIGINT" : "SIGQUIT");
    const late = setTimeout(() => process.kill("SIGQUIT"), STOP_SECONDS * 1000);
    await exited;
    clearTimeout(late);
    this.place.log(`postgres ${this.name}: stopped (${mode})`);
  }

  /** Ends the process without waiting, for the exit handler of the owner. */
  endNow(): void {
    if (this.running) this.process?.kill("SIGINT");
  }

  /** Stops the server and deletes its files. */
  async remove(): Promise<void> {
    await this.stop("immediate");
    await rm(this.place.folder, { recursive: true, force: true });
    this.place.removed();
  }

  /** Sets the password of a role, as RDS does when the master password is modified. Existing sessions stay. */
  async setPassword(user: string, password: string): Promise<void> {
    const statement = `alter role ${escapeIdentifier(user)} password ${escapeLiteral(scramVerifier(password))}`;
    await this.asAdmin("postgres", [statement]);
  }

  /** Runs statements one by one as the local superuser. */
  async asAdmin(databaseName: string, statements: readonly string[]): Promise<void> {
    const client = new Client({ connectionString: this.adminConnectionString(databaseName) });
    await client.connect();
    try {
      for (const statement of statements) await client.query(statement);
    } finally {
      await client.end();
    }
  }

  private get logFile(): string {
    return join(this.place.folder, "log");
  }

  private startWatchdog(pid: number, socketFolder: string): ChildProcess {
    const argv = ["-c", WATCHDOG, "watchdog", String(pid), this.dataFolder, socketFolder];
    const watchdog = spawn("/bin/sh", argv, { cwd: "/", detached: true, stdio: ["pipe", "ignore", "ignore"] });
    watchdog.stdin.on("error", () => undefined);
    watchdog.unref();
    return watchdog;
  }

  private afterExit(process: ChildProcess, socketFolder: string): void {
    if (this.process !== process) return;
    this.watchdog?.stdin?.end("done\n");
    this.watchdog = undefined;
    this.socketFolder = undefined;
    rmSync(socketFolder, { recursive: true, force: true });
  }

  /** The server writes its state into the eighth line of its lock file; `pg_ctl` looks there as well. */
  private async waitUntilReady(process: ChildProcess): Promise<void> {
    const deadline = Date.now() + START_SECONDS * 1000;
    while (Date.now() < deadline) {
      if (process.pid === undefined || process.exitCode !== null || process.signalCode !== null) break;
      const lines = readOrEmpty(join(this.dataFolder, "postmaster.pid")).split("\n");
      if (lines[0] === String(process.pid) && lines[7]?.trim() === "ready") return;
      await delay(POLL_MS);
    }
    const alive = this.running;
    await this.stop("immediate");
    const tail = readOrEmpty(this.logFile).trim().split("\n").slice(-8).join("\n");
    throw new Error(
      `PostgreSQL server ${this.name} on ${this.address}:${this.port} ${alive ? `was not ready within ${START_SECONDS} s` : "ended at start"}. ` +
        `Its log ends with:\n${tail === "" ? "(nothing)" : tail}`,
    );
  }
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** Writes the name of the database that a folder's server was made for, so that a restored copy knows it. */
export async function writeDatabaseName(folder: string, databaseName: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "rehearsal_database_name"), databaseName);
}
