import { Client } from "pg";
import { targetFromParts, type DatabaseTarget } from "../checks/clients/databaseTarget";
import { CouldNotLook } from "../checks/result";

/** One database as the operations reach it: by `pg` for their own questions, and by PostgreSQL's own programs. */

/** Where a database is and how to log in. Holds a password: never printed. */
export interface DatabaseAddress {
  /** For messages: `database A`. */
  readonly label: string;
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string;
  /** `sslmode` of libpq. */
  readonly sslMode: string;
  /** File of the CA, `sslrootcert` of libpq. */
  readonly sslRootCertificate?: string | undefined;
}

const CONNECT_SECONDS = 10;
const POSTGRES_PORT = 5432;

/** How long anything waits for somebody else's lock. */
export const LOCK_WAIT_MS = 10_000;

/** By it a later run finds, and ends, what a killed one left behind on the servers. */
export const APPLICATION = "api7-migration copy";

/**
 * Reads `postgres://user:password@host:port/database?sslmode=require`. Without `sslmode` nothing is encrypted, as the
 * checks do.
 * @throws CouldNotLook when it is something else; the text never repeats the string
 */
export function addressFromDsn(label: string, dsn: string): DatabaseAddress {
  let url: URL;
  try {
    url = new URL(dsn.trim());
  } catch {
    throw unreadable(label, "it is no address; characters such as / # % in the password must be URL-encoded");
  }
  if (url.protocol !== "postgres:" && url.protocol !== "postgresql:")
    throw unreadable(label, "it is no postgres:// address");
  const database = decodeURIComponent(url.pathname.slice(1));
  if (url.hostname === "" || url.username === "" || database === "") {
    throw unreadable(label, "it lacks the host, the user or the database");
  }
  return {
    label,
    // An IPv6 address stands in brackets.
    host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: url.port === "" ? POSTGRES_PORT : Number(url.port),
    database,
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    sslMode: url.searchParams.get("sslmode") ?? "disable",
    sslRootCertificate: url.searchParams.get("sslrootcert") ?? undefined,
  };
}

/** The same database for `pg` and for the checks' comparisons. */
export function targetOf(address: DatabaseAddress, environment: NodeJS.ProcessEnv = process.env): DatabaseTarget {
  const { label, sslRootCertificate: root, host, port, database, user, password, sslMode } = address;
  const variables = root === undefined ? environment : { ...environment, PGSSLROOTCERT: root };
  return targetFromParts(label, { host, port, database, user, password, sslMode }, variables);
}

/**
 * What `pg_dump` and `pg_restore` are told: everything by environment, since a command line can be read by every user of
 * the machine. Other variables of libpq that are set for whoever runs this are left out.
 */
export function libpqEnvironment(address: DatabaseAddress, environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const root = address.sslRootCertificate ?? environment["PGSSLROOTCERT"];
  return {
    ...libpqEnvironmentWithout(environment),
    PGHOST: address.host,
    PGPORT: String(address.port),
    PGDATABASE: address.database,
    PGUSER: address.user,
    PGPASSWORD: address.password,
    PGSSLMODE: address.sslMode,
    ...(root === undefined ? {} : { PGSSLROOTCERT: root }),
    PGAPPNAME: APPLICATION,
    PGCONNECT_TIMEOUT: String(CONNECT_SECONDS),
  };
}

/** The same without any database. */
export function libpqEnvironmentWithout(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = Object.entries(environment).filter(([name]) => !name.startsWith("PG") && !name.startsWith("MIGRATION_"));
  // Their messages are read: in English, whatever the operator's language.
  return { ...Object.fromEntries(kept), LC_ALL: "C" };
}

/** A connection of the operation's own. A server that ends it is noticed at the next query. */
export async function connect(address: DatabaseAddress, lockWaitMs = LOCK_WAIT_MS): Promise<Client> {
  const client = new Client({
    ...targetOf(address).config,
    application_name: APPLICATION,
    connectionTimeoutMillis: CONNECT_SECONDS * 1000,
    keepAlive: true,
  });
  client.on("error", () => undefined);
  await client.connect();
  // It waits while the programs work: neither as a session nor within its transaction may it be ended for that.
  await client.query(
    "set idle_in_transaction_session_timeout = 0; set statement_timeout = 0; set search_path = pg_catalog; " +
      `set lock_timeout = ${lockWaitMs}`,
  );
  await client.query("select set_config(name, '0', false) from pg_settings where name = 'idle_session_timeout'");
  return client;
}

/** Ends a connection, also one whose server does not answer any more. */
export async function disconnect(client: Client | undefined): Promise<void> {
  if (client === undefined) return;
  const closed = client.end().catch(() => undefined);
  let late: NodeJS.Timeout | undefined;
  const limit = new Promise<void>((resolve) => (late = setTimeout(resolve, 1_000)));
  await Promise.race([closed, limit]);
  clearTimeout(late);
  const { connection } = client as unknown as { readonly connection: { readonly stream: { destroy(): void } } };
  connection.stream.destroy();
}

function unreadable(label: string, why: string): CouldNotLook {
  return new CouldNotLook(
    label,
    `its connection string cannot be used: ${why}`,
    "give postgres://user:password@host:port/database?sslmode=require in the secret setting",
    { lasting: true },
  );
}
