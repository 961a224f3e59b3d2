import { Client, type QueryResultRow } from "pg";
import { CouldNotLook, textOf } from "../result";
import { type DatabaseTarget } from "./databaseTarget";

/** Looking at one database: a few connections that all see one and the same moment, read-only, bounded in time. */

const CONNECT_MS = 5_000;
/** Waiting for a lock means that somebody changes the schema: better to say so than to wait. */
const LOCK_TIMEOUT_MS = 5_000;
/** How much longer than the server's own limit an answer may take on the way. */
const NETWORK_GRACE_MS = 5_000;

/** A failed query ends at this point of the transaction, not with it. */
const SAVEPOINT = "looking";

/** Connections to one server at a time unless told otherwise: A is in production use. */
export const DEFAULT_CONNECTIONS = 3;

export interface SnapshotOptions {
  /** Parallel connections, 1 or more. With fewer to be had, fewer are used. */
  readonly connections?: number | undefined;
  readonly statementTimeoutMs: number;
  readonly signal: AbortSignal;
}

/**
 * What a query's text form or a row's hash may depend on is the same everywhere (facts/delivery.md 6: another time zone
 * alone changed the sum). `row_security=off` turns a policy that would hide rows into an error.
 */
const PINNED = {
  TimeZone: "UTC",
  DateStyle: "ISO, MDY",
  IntervalStyle: "postgres",
  bytea_output: "hex",
  extra_float_digits: "3",
  xmlbinary: "base64",
  client_encoding: "UTF8",
  search_path: "pg_catalog",
  row_security: "off",
  jit: "off",
  default_transaction_read_only: "on",
  lock_timeout: `${LOCK_TIMEOUT_MS}ms`,
} as const;

/** One moment of a database, read through one or more connections. */
export class Snapshot {
  private readonly idle: Client[];
  private readonly waiting: ((client: Client) => void)[] = [];

  private constructor(
    private readonly target: DatabaseTarget,
    private readonly clients: readonly Client[],
    private readonly stopWatching: () => void,
  ) {
    this.idle = [...clients];
  }

  /** How many connections it has. */
  get width(): number {
    return this.clients.length;
  }

  /** @throws CouldNotLook when the database cannot be reached or refuses */
  static async open(target: DatabaseTarget, options: SnapshotOptions): Promise<Snapshot> {
    const clients: Client[] = [];
    const drop = (): void => {
      for (const client of clients) destroy(client);
    };
    options.signal.addEventListener("abort", drop, { once: true });
    const stopWatching = (): void => options.signal.removeEventListener("abort", drop);
    try {
      options.signal.throwIfAborted();
      const first = await connect(target, options, clients);
      const exported = await first.query<{ id: string }>("select pg_export_snapshot() as id");
      const id = exported.rows[0]?.id ?? "";
      await first.query(`savepoint ${SAVEPOINT}`);
      for (let count = 1; count < (options.connections ?? DEFAULT_CONNECTIONS); count += 1) {
        if (!(await joinIn(target, options, clients, id))) break;
      }
      return new Snapshot(target, clients, stopWatching);
    } catch (error) {
      stopWatching();
      drop();
      throw couldNotLook(target, error, options.signal);
    }
  }

  /** Runs one query on a free connection. @throws CouldNotLook */
  async query<R extends QueryResultRow>(
    text: string,
    values: readonly unknown[] = [],
    subject?: string,
  ): Promise<readonly R[]> {
    const client = await this.take();
    try {
      return (await client.query<R>(text, [...values])).rows;
    } catch (error) {
      // The other queries go on in the same moment; a dead connection fails here as well, and tells so at its next query.
      await client.query(`rollback to savepoint ${SAVEPOINT}`).catch(() => undefined);
      throw couldNotLook(this.target, error, undefined, subject);
    } finally {
      this.giveBack(client);
    }
  }

  async close(): Promise<void> {
    this.stopWatching();
    await Promise.all(this.clients.map(end));
  }

  private take(): Promise<Client> {
    const client = this.idle.pop();
    return client ? Promise.resolve(client) : new Promise((resolve) => this.waiting.push(resolve));
  }

  private giveBack(client: Client): void {
    const next = this.waiting.shift();
    if (next) next(client);
    else this.idle.push(client);
  }
}

async function connect(target: DatabaseTarget, options: SnapshotOptions, clients: Client[]): Promise<Client> {
  const client = new Client({
    ...target.config,
    application_name: "api7-migration checks",
    connectionTimeoutMillis: CONNECT_MS,
    query_timeout: options.statementTimeoutMs + NETWORK_GRACE_MS,
    keepAlive: true,
  });
  // A server that dies between two queries tells it by an event; the next query reports it.
  client.on("error", () => undefined);
  clients.push(client);
  await client.connect();
  const settings = { ...PINNED, statement_timeout: `${options.statementTimeoutMs}ms` };
  await client.query(
    Object.entries(settings)
      .map(([name, value]) => `set ${name} = '${value}'`)
      .join("; "),
  );
  await client.query("begin transaction isolation level repeatable read read only");
  return client;
}

/** Adds a connection that sees the same moment; false when the server has none left to give. */
async function joinIn(
  target: DatabaseTarget,
  options: SnapshotOptions,
  clients: Client[],
  snapshotId: string,
): Promise<boolean> {
  try {
    const client = await connect(target, options, clients);
    // The id is PostgreSQL's own (hexadecimal digits and dashes); it cannot be a parameter.
    await client.query(`set transaction snapshot '${snapshotId.replaceAll(/[^0-9A-Fa-f-]/g, "")}'`);
    await client.query(`savepoint ${SAVEPOINT}`);
    return true;
  } catch (error) {
    const refused = clients.pop();
    if (refused) destroy(refused);
    // too_many_connections: one connection does the work as well, only slower.
    if (codeOf(error) === "53300") return false;
    throw error;
  }
}

async function end(client: Client): Promise<void> {
  const closed = client.end().catch(() => undefined);
  const late = setTimeout(() => destroy(client), 1_000);
  await closed;
  clearTimeout(late);
}

function destroy(client: Client): void {
  // `end` alone waits for the server; a dead one would never answer.
  const { connection } = client as unknown as { readonly connection: { readonly stream: { destroy(): void } } };
  connection.stream.destroy();
}

const GIVE_CA = "name the server's CA by sslrootcert in the connection string, or by PGSSLROOTCERT";

const REMEDIES: Readonly<Record<string, string>> = {
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: GIVE_CA,
  SELF_SIGNED_CERT_IN_CHAIN: GIVE_CA,
  DEPTH_ZERO_SELF_SIGNED_CERT: GIVE_CA,
  "28P01": "correct the password in the secret setting",
  "28000": "let this user log in from here (pg_hba.conf, or the security group and `rds.force_ssl` on RDS)",
  "3D000": "correct the name of the database",
  "42501": "grant the user reading of everything: GRANT pg_read_all_data TO <user>",
  "53300": "free some connections of this server, or raise max_connections",
  "55P03": "wait until the change of the schema that holds the lock is done, then run again",
  "57014": "run again at a quieter time; the server ended the query at its time limit",
  "57P01": "wait until the server is up again, then run again",
  "57P03": "wait until the server is up, then run again",
};

function couldNotLook(target: DatabaseTarget, error: unknown, signal?: AbortSignal, subject?: string): CouldNotLook {
  if (error instanceof CouldNotLook) return error;
  const code = codeOf(error);
  const seen = signal?.aborted === true ? "no answer within the check's time limit" : textOf(error);
  return new CouldNotLook(
    subject === undefined ? target.label : `${target.label}, ${subject}`,
    code === undefined ? seen : `${seen} (${code})`,
    REMEDIES[code ?? ""] ?? "check that the server is up and that this host can reach it, then run again",
    { cause: error },
  );
}

function codeOf(error: unknown): string | undefined {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : undefined;
}
