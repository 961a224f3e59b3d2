import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { Pool } from "pg";
import { type DatabaseConfiguration } from "../../kubernetes/rendered";
import { messageOf, type Log } from "./log";
import { resolveName } from "./names";
import { durationMs, readMounted, type Pod } from "./pod";

const HEALTH_TIMEOUT_MS = 2000;

/**
 * Connections to the control plane's database as its config file describes them.
 * @throws Error for a DSN that API7 does not accept: its scheme must be `postgres://` (facts/api7.md 1.2).
 */
export function openDatabase(pod: Pod, configuration: DatabaseConfiguration, log: Log): Pool {
  const { dsn } = configuration;
  if (!dsn.startsWith("postgres://")) {
    const scheme = /^[a-z]+:/.exec(dsn)?.[0] ?? "none";
    throw new Error(`database.dsn: unsupported scheme (${scheme}), expected postgres://`);
  }
  const url = new URL(dsn);
  const ssl = encryption(pod, url.searchParams);
  if (isIP(url.hostname) === 0) url.hostname = resolveName(pod, url.hostname)[0] ?? url.hostname;
  const pool = new Pool({
    connectionString: url.toString(),
    ssl,
    max: configuration.max_open_conns,
    idleTimeoutMillis: durationMs(configuration.max_idle_time),
    maxLifetimeSeconds: durationMs(configuration.max_lifetime) / 1000,
    connectionTimeoutMillis: durationMs(configuration.timeout),
    application_name: pod.name,
  });
  // An idle connection that the server ends is replaced at the next query; without a listener it would end the process.
  pool.on("error", (error) => log("warn", `database connection lost: ${messageOf(error)}`));
  return pool;
}

/**
 * `sslmode` as libpq and Go's driver understand it: `require` encrypts without asking who answers, `verify-ca` and
 * `verify-full` ask, with the authority in the mounted file `sslrootcert` or the one in PGSSLROOTCERT. The parameters are
 * taken out of the address, because the driver here gives them another meaning.
 */
function encryption(pod: Pod, parameters: URLSearchParams): false | { rejectUnauthorized: boolean; ca?: string } {
  const mode = parameters.get("sslmode") ?? "prefer";
  const root = parameters.get("sslrootcert");
  for (const name of ["sslmode", "sslrootcert"]) parameters.delete(name);
  switch (mode) {
    case "disable":
    case "allow":
      return false;
    case "prefer":
    case "require":
      return { rejectUnauthorized: false };
    case "verify-ca":
    case "verify-full": {
      const fromEnvironment = process.env.PGSSLROOTCERT;
      const ca =
        root !== null ? readMounted(pod, root) : fromEnvironment ? readFileSync(fromEnvironment, "utf8") : undefined;
      return { rejectUnauthorized: true, ...(ca === undefined ? {} : { ca }) };
    }
    default:
      throw new Error(`database.dsn: sslmode is invalid (${mode})`);
  }
}

/** Whether the database answers within 2 s; a message when not. */
export async function databaseProblem(pool: Pool): Promise<string | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${HEALTH_TIMEOUT_MS} ms`)), HEALTH_TIMEOUT_MS);
  });
  try {
    await Promise.race([pool.query("select 1"), late]);
    return undefined;
  } catch (error) {
    return messageOf(error);
  } finally {
    clearTimeout(timer);
  }
}

/** Whether the tables are there; only the dashboard makes them (facts/api7.md 4.1). */
export async function hasSchema(pool: Pool): Promise<boolean> {
  const found = await pool.query<{ there: boolean }>(
    "select to_regclass('gateway_group') is not null and to_regclass('kine') is not null as there",
  );
  return found.rows[0]?.there === true;
}
