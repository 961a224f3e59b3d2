import { DatabaseError, type QueryResultRow } from "pg";
import { CouldNotLook, textOf } from "../result";
import { type DatabaseTarget } from "./databaseTarget";

/** What a failure of PostgreSQL means to the reader, and what to do about it. Never repeats a connection string. */

const GIVE_CA = "name the server's CA by sslrootcert in the connection string, or by PGSSLROOTCERT";

const REMEDIES: Readonly<Record<string, string>> = {
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: GIVE_CA,
  SELF_SIGNED_CERT_IN_CHAIN: GIVE_CA,
  DEPTH_ZERO_SELF_SIGNED_CERT: GIVE_CA,
  "28P01": "correct the password in the secret setting",
  "28000": "let this user log in from here (pg_hba.conf, or the security group and `rds.force_ssl` on RDS)",
  "3D000": "correct the name of the database",
  "42501": "grant the user reading of everything: GRANT pg_read_all_data TO <user>",
  "53300":
    "free some connections of this server, or raise max_connections or the role's limit (ALTER ROLE <user> CONNECTION LIMIT n)",
  "53400": "raise temp_file_limit on this server, or declare the table in the setting `volatile` with a reason",
  "55P03": "wait until the change of the schema that holds the lock is done, then run again",
  "57014": "run again at a quieter time, or raise the setting proof.statementTimeoutMinutes",
  "57P01": "wait until the server is up again, then run again",
  "57P03": "wait until the server is up, then run again",
};

const TOO_MANY_CONNECTIONS = "53300";
/** Lock timeout and statement timeout: what a query that waits for a lock ends with. */
const WAITED: ReadonlySet<string> = new Set(["55P03", "57014"]);

/** Locks that keep every reader of a table out, whoever holds them: reading conflicts with no other mode. */
const BLOCKERS = `
  select coalesce(format('%I.%I', n.nspname, c.relname), l.relation::text) as table, l.pid,
    coalesce(nullif(a.application_name, ''), 'without a name') as application, coalesce(a.usename::text, 'unknown') as user,
    coalesce(a.state, 'in a state that only its owner sees') as state,
    coalesce(extract(epoch from clock_timestamp() - a.xact_start)::int::text, '?') as seconds
  from pg_locks l left join pg_stat_activity a on a.pid = l.pid
    left join pg_class c on c.oid = l.relation left join pg_namespace n on n.oid = c.relnamespace
  where l.locktype = 'relation' and l.granted and l.mode = 'AccessExclusiveLock' and l.pid <> pg_backend_pid()
    and l.database = (select oid from pg_database where datname = current_database())
    and (c.oid is null or c.relkind in ('r', 'p', 'm', 'S'))
  order by 1 limit 5`;

/** Whether nothing more is to be had over this connection. */
export function isFatal(error: unknown): boolean {
  return !(error instanceof DatabaseError) || error.severity === "FATAL" || error.severity === "PANIC";
}

export function isOutOfConnections(error: unknown): boolean {
  return codeOf(error) === TOO_MANY_CONNECTIONS;
}

/** Who holds the locks that a timed-out query may have waited for, as text; undefined when nobody does. */
export async function blockersOf(
  error: unknown,
  query: (text: string) => Promise<readonly QueryResultRow[]>,
): Promise<string | undefined> {
  if (!WAITED.has(codeOf(error) ?? "")) return undefined;
  const rows = await query(BLOCKERS);
  if (rows.length === 0) return undefined;
  return rows
    .map(
      ({ table, pid, application, user, state, seconds }: Readonly<Record<string, unknown>>) =>
        `${String(table)} is locked by process ${String(pid)} (application ${String(application)}, user ${String(user)}, ` +
        `${String(state)}, for ${String(seconds)} s)`,
    )
    .join("; ");
}

/** @param subject what was looked at: `table public.route` */
export function explain(
  target: DatabaseTarget,
  error: unknown,
  signal: AbortSignal,
  subject?: string,
  blockers?: string,
): CouldNotLook {
  if (error instanceof CouldNotLook) return error;
  if (signal.aborted) {
    const { reason } = signal as { readonly reason: unknown };
    const why = reason instanceof CouldNotLook ? reason.seen : "no answer within the check's time limit";
    return new CouldNotLook(target.label, why, "run again", { cause: error });
  }
  const code = codeOf(error);
  const said = code === undefined ? textOf(error) : `${textOf(error)} (${code})`;
  return new CouldNotLook(
    subject === undefined ? target.label : `${target.label}, ${subject}`,
    blockers === undefined ? said : `${said}; ${blockers}`,
    blockers === undefined
      ? (REMEDIES[code ?? ""] ?? "check that the server is up and that this host can reach it, then run again")
      : "wait until that process is done or ask its owner to end it; nothing was changed; then run again",
    { cause: error },
  );
}

function codeOf(error: unknown): string | undefined {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : undefined;
}
