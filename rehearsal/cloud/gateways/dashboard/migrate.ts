import { type Pool } from "pg";
import { PUBLISHING, TRIGGERS } from "../../seed/publishing";
import { SCHEMA } from "../../seed/schema";
import { hashPassword } from "../common/credentials";
import { hasSchema } from "../common/database";
import { type Log } from "../common/log";
import { compareVersions } from "../common/version";

/** API7's first user; the password has to be changed at the first login. */
const FIRST_USER = { name: "admin", password: "admin" } as const;

/**
 * Makes the tables of an empty database, with one gateway group and the first user. On a database that has them nothing
 * is written unless its version is older: a start on a restored copy leaves the copy as it is.
 * @throws Error when the database belongs to a newer version.
 */
export async function migrate(pool: Pool, version: string, log: Log): Promise<void> {
  if (await hasSchema(pool)) {
    await raiseVersion(pool, version, log);
    return;
  }
  log("info", "the database is empty, creating its tables");
  const client = await pool.connect();
  try {
    await client.query("begin");
    await client.query(SCHEMA + PUBLISHING + TRIGGERS);
    await client.query(
      `insert into gateway_group (id, short_id, name, org_id, type) values ('default', 'default', 'default', 'default', 'api7_gateway')`,
    );
    await client.query(
      `insert into role (id, name, permissions) values ('super', 'Super Admin', '[{"effect": "allow", "actions": ["<.*>"], "resources": ["<.*>"]}]')`,
    );
    const { salt, hash } = hashPassword(FIRST_USER.password);
    await client.query(
      `insert into "user" (id, username, password_salt, password_hash, role_id, must_change_password) values ($1, $1, $2, $3, 'super', true)`,
      [FIRST_USER.name, salt, hash],
    );
    // The product switches the prometheus plugin on for every gateway group (facts/api7.md 5.3).
    await client.query(
      `insert into global_rule (id, gateway_group_id, plugins) values ('prometheus', 'default', '{"prometheus": {"prefer_name": false}}')`,
    );
    await client.query(
      `insert into system_setting (key, value) values ('schema_version', to_jsonb($1::text)), ('dp_manager_address', '[]')`,
      [version],
    );
    await client.query("commit");
  } catch (error) {
    await client.query("rollback");
    throw error;
  } finally {
    client.release();
  }
}

async function raiseVersion(pool: Pool, version: string, log: Log): Promise<void> {
  const found = await pool.query<{ value: string }>("select value from system_setting where key = 'schema_version'");
  const stored = found.rows[0]?.value ?? "0.0.0";
  const order = compareVersions(version, stored);
  if (order < 0)
    throw new Error(`the database was migrated by version ${stored}, which is newer than this version ${version}`);
  if (order === 0) return;
  log("info", `migrating the database from version ${stored} to ${version}`);
  await pool.query(
    `insert into system_setting (key, value) values ('schema_version', to_jsonb($1::text))
     on conflict (key) do update set value = excluded.value, updated_at = now()`,
    [version],
  );
}
