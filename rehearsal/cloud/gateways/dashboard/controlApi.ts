import { randomBytes, randomUUID } from "node:crypto";
import { expiryOf, issue, seal } from "../common/authority";
import { hashPassword, hashToken, newToken } from "../common/credentials";
import { HttpError, readJson } from "../common/http";
import { INSTANCE_COLUMNS, lostAfterSeconds } from "../common/instances";
import { checkPassword } from "./accounts";
import { listPolicies, patchPolicy } from "./alertApi";
import { type Answer, type Call, type Context } from "./api";

type Handler = (context: Context, call: Call, parameters: readonly string[]) => Promise<Answer>;

/** Validity of a data plane's certificate, in years (facts/api7.md 2.2). */
const CERTIFICATE_YEARS = 10;

/** Paths under `/api`, `*` standing for one part, which the handler gets as a parameter. */
const HANDLERS: Readonly<Record<string, Handler>> = {
  "GET version": ({ version }) => Promise.resolve(ok(`v${version}`)),
  "GET gateway_groups": listGroups,
  "GET gateway_groups/*": readGroup,
  "GET gateway_groups/*/instances": listInstances,
  "POST gateway_groups/*/dp_client_certificates": issueCertificate,
  "POST gateway_groups/*/instance_token": issueInstanceToken,
  "PUT gateway_groups/*/admin_key": renewAdminKey,
  "GET system_settings": readSettings,
  "PUT system_settings": writeSettings,
  "GET alert/policies": listPolicies,
  "PATCH alert/policies/*": patchPolicy,
  "GET license": readLicence,
  "PUT license": writeLicence,
  "GET tokens": listTokens,
  "POST tokens": makeToken,
  "DELETE tokens/*": deleteToken,
  "PUT password": changePassword,
};

const PATTERNS = Object.entries(HANDLERS).map(([pattern, handler]) => {
  const [method = "", path = ""] = pattern.split(" ");
  return { method, parts: path.split("/"), handler };
});

/** The control plane's own API (facts/api7.md 2.1). Undefined: there is no such path. */
export async function controlApi(context: Context, call: Call): Promise<Answer | undefined> {
  const path = call.path.slice(1);
  const found = PATTERNS.find(
    ({ method, parts }) =>
      method === call.method &&
      parts.length === path.length &&
      parts.every((part, index) => part === "*" || part === path[index]),
  );
  return found?.handler(
    context,
    call,
    path.filter((_, index) => found.parts[index] === "*"),
  );
}

function ok(value: unknown): Answer {
  return { status: 200, body: { value } };
}

const GROUP_COLUMNS =
  "id, short_id, name, org_id, type, description, labels, config, config_version, enforce_service_publishing, created_at, updated_at";

async function listGroups({ pool }: Context, { query }: Call): Promise<Answer> {
  const search = query.get("search") ?? "";
  const found = await pool.query(
    `select ${GROUP_COLUMNS} from gateway_group where position($1 in name) > 0 or $1 = '' order by name`,
    [search],
  );
  return { status: 200, body: { list: found.rows, total: found.rows.length } };
}

async function readGroup({ pool }: Context, _: Call, [id = ""]: readonly string[]): Promise<Answer> {
  const found = await pool.query(`select ${GROUP_COLUMNS} from gateway_group where id = $1`, [id]);
  if (found.rows.length === 0) throw new HttpError(404, `gateway group ${id} not found`);
  return ok(found.rows[0]);
}

async function listInstances({ pod, pool }: Context, _: Call, [id = ""]: readonly string[]): Promise<Answer> {
  const found = await pool.query(
    `select ${INSTANCE_COLUMNS} from gateway_instance where gateway_group_id = $2 order by hostname, instance_id`,
    [lostAfterSeconds(pod), id],
  );
  return { status: 200, body: { list: found.rows, total: found.rows.length } };
}

/** Signed by the authority in the database, and not stored (facts/api7.md 2.2). */
async function issueCertificate(context: Context, call: Call, [id = ""]: readonly string[]): Promise<Answer> {
  await readGroup(context, call, [id]);
  const pair = await issue(context.authority, {
    commonName: "GATEWAY-CA-VERSION-1",
    usage: "client",
    years: CERTIFICATE_YEARS,
  });
  return ok({
    id: randomUUID(),
    gateway_group_id: id,
    certificate: pair.certificate,
    private_key: pair.privateKey,
    ca_certificate: context.authority.certificate,
    expiry: expiryOf(pair.certificate).toISOString(),
  });
}

/** For the older way of connecting, which 3.9 refuses: mutual TLS cannot be switched off (facts/api7.md 2.2). */
async function issueInstanceToken(context: Context, call: Call, [id = ""]: readonly string[]): Promise<Answer> {
  await readGroup(context, call, [id]);
  const token = newToken("a7gw");
  const { salt, hash } = hashToken(token);
  await context.pool.query("insert into token (id, name, user_id, salt, hash) values ($1, $2, $3, $4, $5)", [
    randomUUID(),
    `instance of ${id}`,
    call.caller.userId,
    salt,
    hash,
  ]);
  return ok({ token_plain_text: token });
}

async function renewAdminKey(context: Context, call: Call, [id = ""]: readonly string[]): Promise<Answer> {
  await readGroup(context, call, [id]);
  const key = newToken("a7adm");
  await context.pool.query(
    "update gateway_group set admin_key_salt = $2, encrypted_admin_key = $3, updated_at = now() where id = $1",
    [id, randomBytes(8).toString("hex"), seal(key)],
  );
  return ok({ key });
}

async function readSettings({ pool }: Context): Promise<Answer> {
  const found = await pool.query<{ key: string; value: unknown }>("select key, value from system_setting order by key");
  return ok(Object.fromEntries(found.rows.map(({ key, value }) => [key, value])));
}

/** Sets the keys that are given; the others stay. */
async function writeSettings(context: Context, call: Call): Promise<Answer> {
  const body = await readJson(call.request);
  const address = body.dp_manager_address;
  if (
    address !== undefined &&
    !(Array.isArray(address) && address.every((item) => typeof item === "string" && /^https?:\/\//.test(item)))
  ) {
    throw new HttpError(400, "dp_manager_address is not a list of URLs");
  }
  if ("schema_version" in body) throw new HttpError(400, "schema_version is not a setting");
  for (const [key, value] of Object.entries(body)) {
    await context.pool.query(
      `insert into system_setting (key, value) values ($1, $2::jsonb)
       on conflict (key) do update set value = excluded.value, updated_at = now()`,
      [key, JSON.stringify(value)],
    );
  }
  return readSettings(context);
}

async function readLicence({ pod, pool }: Context): Promise<Answer> {
  const found = await pool.query<{ max_dp_cores: number; used_cores: number; expired: boolean }>(
    `select id, customer, max_dp_cores, effective_at, expired_at, expired_at < now() as expired,
       (select coalesce(sum(cores), 0)::int from gateway_instance where last_heartbeat_time > now() - $1 * interval '1 second') as used_cores
     from license order by uploaded_at desc limit 1`,
    [lostAfterSeconds(pod)],
  );
  const row = found.rows[0];
  if (!row) throw new HttpError(404, "no license");
  const { used_cores: usedCores, expired, ...license } = row;
  const status = expired ? "expired" : usedCores > license.max_dp_cores ? "dp_core_exceeded" : "normal";
  return ok({ ...license, runtime: { status, dp_cores: usedCores } });
}

/** `?dry-run=all` checks without storing. */
async function writeLicence(context: Context, call: Call): Promise<Answer> {
  const body = await readJson(call.request);
  const { max_dp_cores: cores, effective_at: from, expired_at: to, customer, data } = body;
  if (
    typeof cores !== "number" ||
    cores < 1 ||
    typeof from !== "string" ||
    typeof to !== "string" ||
    !(Date.parse(from) < Date.parse(to))
  ) {
    throw new HttpError(400, "invalid license: max_dp_cores, effective_at and expired_at are needed, in order");
  }
  if (call.query.get("dry-run") !== "all") {
    await context.pool.query(
      "insert into license (id, customer, max_dp_cores, effective_at, expired_at, content) values ($1, $2, $3, $4, $5, $6)",
      [
        randomUUID(),
        typeof customer === "string" ? customer : "",
        cores,
        from,
        to,
        typeof data === "string" ? data : "",
      ],
    );
  }
  return ok({ max_dp_cores: cores, effective_at: from, expired_at: to });
}

async function listTokens({ pool }: Context, { caller }: Call): Promise<Answer> {
  const found = await pool.query(
    "select id, name, user_id, expires_at::float8 as expires_at, last_used_at, created_at from token where user_id = $1 order by created_at, id",
    [caller.userId],
  );
  return { status: 200, body: { list: found.rows, total: found.rows.length } };
}

/** The token is shown here and never again; `expires_at` 0 means never. */
async function makeToken({ pool }: Context, { request, caller }: Call): Promise<Answer> {
  const body = await readJson(request);
  const expiresAt = body.expires_at ?? 0;
  if (typeof body.name !== "string" || typeof expiresAt !== "number")
    throw new HttpError(400, "name and expires_at are needed");
  const token = newToken();
  const { salt, hash } = hashToken(token);
  const id = randomUUID();
  await pool.query("insert into token (id, name, user_id, salt, hash, expires_at) values ($1, $2, $3, $4, $5, $6)", [
    id,
    body.name,
    caller.userId,
    salt,
    hash,
    expiresAt,
  ]);
  return ok({ id, name: body.name, expires_at: expiresAt, token });
}

async function deleteToken({ pool }: Context, { caller }: Call, [id = ""]: readonly string[]): Promise<Answer> {
  const deleted = await pool.query("delete from token where id = $1 and user_id = $2", [id, caller.userId]);
  if (deleted.rowCount === 0) throw new HttpError(404, `token ${id} not found`);
  return ok({ id });
}

async function changePassword({ pool }: Context, { request, caller }: Call): Promise<Answer> {
  const body = await readJson(request);
  if (typeof body.new_password !== "string" || body.new_password.length < 8)
    throw new HttpError(400, "new_password has less than 8 characters");
  await checkPassword(pool, caller.username, String(body.old_password));
  const { salt, hash } = hashPassword(body.new_password);
  await pool.query(
    `update "user" set password_salt = $2, password_hash = $3, must_change_password = false where id = $1`,
    [caller.userId, salt, hash],
  );
  return ok({});
}
