import { randomBytes } from "node:crypto";
import { type IncomingMessage } from "node:http";
import { type Pool } from "pg";
import { unseal } from "../common/authority";
import { equal, hashPassword, hashToken } from "../common/credentials";
import { HttpError, readJson } from "../common/http";
import { type Answer } from "./api";

/** Who calls. */
export interface Caller {
  readonly username: string;
  readonly userId: string;
  readonly mayWrite: boolean;
  /** A group's admin key opens the Admin API of that group and nothing else. */
  readonly isAdminKey: boolean;
  readonly gatewayGroupId?: string;
}

const SESSION_MINUTES = 60;
const NO_SALT = Buffer.alloc(0);
const UNAUTHORIZED = "invalid or missing credentials";

interface UserRow {
  readonly id: string;
  readonly username: string;
  readonly permissions: readonly { readonly actions: readonly string[] }[];
}

const USER_COLUMNS = `u.id, u.username, r.permissions`;
const USER_TABLES = `"user" u join role r on r.id = u.role_id`;

function callerOf(user: UserRow): Caller {
  const mayWrite = user.permissions.some((permission) => permission.actions.includes("<.*>"));
  return { username: user.username, userId: user.id, mayWrite, isAdminKey: false };
}

/**
 * Who the request is from: header `X-API-KEY`, session cookie or basic authentication (facts/api7.md 2.1).
 * @throws HttpError 401
 */
export async function authenticate(pool: Pool, request: IncomingMessage): Promise<Caller> {
  const key = request.headers["x-api-key"];
  if (typeof key === "string") return key.startsWith("a7adm-") ? byAdminKey(pool, key) : byToken(pool, key);
  const session = /(?:^|;\s*)session=([^;]+)/.exec(request.headers.cookie ?? "")?.[1];
  if (session !== undefined) return bySession(pool, session);
  const basic = /^Basic (.+)$/.exec(request.headers.authorization ?? "")?.[1];
  if (basic !== undefined) {
    const [username = "", ...rest] = Buffer.from(basic, "base64").toString("utf8").split(":");
    return callerOf(await checkPassword(pool, username, rest.join(":")));
  }
  throw new HttpError(401, UNAUTHORIZED);
}

async function byToken(pool: Pool, key: string): Promise<Caller> {
  const found = await pool.query<UserRow & { token_id: string; salt: Buffer; hash: Buffer }>(
    `select t.id as token_id, t.salt, t.hash, ${USER_COLUMNS} from ${USER_TABLES} join token t on t.user_id = u.id
     where t.expires_at = 0 or t.expires_at > extract(epoch from now())`,
  );
  const row = found.rows.find(({ salt, hash }) => equal(hashToken(key, salt).hash, hash));
  if (!row) throw new HttpError(401, UNAUTHORIZED);
  await pool.query("update token set last_used_at = now() where id = $1", [row.token_id]);
  return callerOf(row);
}

async function byAdminKey(pool: Pool, key: string): Promise<Caller> {
  const found = await pool.query<{ id: string; sealed: string }>(
    "select id, encrypted_admin_key as sealed from gateway_group where encrypted_admin_key is not null",
  );
  const group = found.rows.find(({ sealed }) => equal(Buffer.from(unseal(sealed)), Buffer.from(key)));
  if (!group) throw new HttpError(401, UNAUTHORIZED);
  return { username: `admin_key:${group.id}`, userId: "", mayWrite: false, isAdminKey: true, gatewayGroupId: group.id };
}

async function bySession(pool: Pool, session: string): Promise<Caller> {
  const found = await pool.query<UserRow>(
    `select ${USER_COLUMNS} from ${USER_TABLES} join session s on s.user_id = u.id where s.hash = $1 and s.expires_at > now()`,
    [hashToken(session, NO_SALT).hash],
  );
  const row = found.rows[0];
  if (!row) throw new HttpError(401, UNAUTHORIZED);
  return callerOf(row);
}

/** @throws HttpError 401; the message does not say which of the two is wrong. */
export async function checkPassword(pool: Pool, username: string, password: string): Promise<UserRow> {
  const found = await pool.query<UserRow & { password_salt: Buffer; password_hash: Buffer }>(
    `select ${USER_COLUMNS}, u.password_salt, u.password_hash from ${USER_TABLES} where u.username = $1`,
    [username],
  );
  const row = found.rows[0];
  if (!row || !equal(hashPassword(password, row.password_salt).hash, row.password_hash))
    throw new HttpError(401, UNAUTHORIZED);
  return row;
}

/** `POST /api/login`: a new session as a cookie. One device a user: the older session ends (facts/api7.md 4.4). */
export async function login(pool: Pool, request: IncomingMessage): Promise<{ username: string; answer: Answer }> {
  const body = await readJson(request);
  const user = await checkPassword(pool, String(body.username), String(body.password));
  const session = randomBytes(24).toString("base64url");
  const { hash } = hashToken(session, NO_SALT);
  await pool.query("delete from session where user_id = $1", [user.id]);
  await pool.query(
    `insert into session (id, user_id, hash, expires_at) values ($1, $2, $3, now() + $4 * interval '1 minute')`,
    [randomBytes(12).toString("hex"), user.id, hash, SESSION_MINUTES],
  );
  await pool.query(`update "user" set last_login_at = now() where id = $1`, [user.id]);
  const cookie = `session=${session}; Path=/; HttpOnly; Secure; Max-Age=${SESSION_MINUTES * 60}`;
  const answer = { status: 200, body: { value: { username: user.username } }, headers: { "set-cookie": cookie } };
  return { username: user.username, answer };
}
