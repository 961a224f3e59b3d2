import { type Client, escapeIdentifier, escapeLiteral } from "pg";
import { explain } from "../../checks/clients/postgresFailure";
import { CouldNotLook, textOf } from "../../checks/result";
import { names } from "../copy/source";
import { scramVerifier } from "../scram";
import { connect, disconnect, targetOf, type DatabaseAddress } from "../server";

/**
 * What logs in on A must not log in on B: a snapshot brings every role with its password, and whoever has one of them
 * could write to B unseen.
 */

/** Roles that may log in and come with the snapshot; the service's own (`rdsadmin` and the like) are superusers or `rds*`. */
const OTHER_LOGINS = `
  select rolname as name from pg_roles
  where rolcanlogin and not rolsuper and rolname !~ '^(pg_|rds)' and not rolname = any($1) order by 1`;

/** Sets the password of the application's user; its verifier is what travels, so that no log shows it. */
export async function setPassword(client: Client, user: string, password: string): Promise<void> {
  await client.query(`alter role ${escapeIdentifier(user)} login password ${escapeLiteral(scramVerifier(password))}`);
}

/**
 * Takes the password from every other role that may log in. Whoever needs one of them in B sets a new one.
 * @returns their names
 * @throws CouldNotLook naming a role whose password cannot be taken
 */
export async function withdrawOthers(client: Client, kept: readonly string[]): Promise<readonly string[]> {
  const others = await names(client, OTHER_LOGINS, [kept]);
  for (const role of others) {
    try {
      await client.query(`alter role ${escapeIdentifier(role)} password null`);
    } catch (error) {
      throw new CouldNotLook(
        `database B, role ${role}`,
        `it still has A's password, and the master user cannot change it: ${textOf(error)}`,
        `ALTER ROLE ${escapeIdentifier(role)} PASSWORD NULL as a user who may, or drop the role; then run again`,
        { lasting: true, cause: error },
      );
    }
  }
  return others;
}

/**
 * Proves that A's password opens nothing on B: neither for A's user nor for B's own. What a server answers to a wrong
 * password is the proof; no answer is none.
 * @returns the users that were refused
 */
export async function proveRefused(
  a: DatabaseAddress,
  b: DatabaseAddress,
  users: readonly string[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const tried = [...new Set([a.user, ...users])];
  for (const user of tried) {
    let client: Client | undefined;
    try {
      client = await connect({ ...b, user, password: a.password });
    } catch (error) {
      if (isRefusal(error)) continue;
      throw explain(targetOf(b), error, signal, `log-in of ${user} with A's password`);
    } finally {
      await disconnect(client);
    }
    throw new CouldNotLook(
      `database B, user ${user}`,
      "the password of database A opens it",
      "give the users of database B other passwords than A's (a given database: in the secret databaseBDsn, too); then run again",
      { lasting: true },
    );
  }
  return tried;
}

/** Class 28 of PostgreSQL's errors: invalid authorization. */
function isRefusal(error: unknown): boolean {
  return error instanceof Error && "code" in error && typeof error.code === "string" && error.code.startsWith("28");
}
