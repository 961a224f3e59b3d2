import { randomUUID } from "node:crypto";
import { HttpError, readJson } from "../common/http";
import { type Answer, type Call, type Context } from "./api";

/** One kind of configuration: the table it lives in and the fields that a caller may set. */
interface Kind {
  readonly table: string;
  /** What the path names an object by. */
  readonly key: string;
  readonly fields: readonly string[];
  /** Columns that are never shown (private keys are not, facts/api7.md 6). */
  readonly hidden?: readonly string[];
  /** Key columns beside `key`, for tables without an own identifier. */
  readonly conflict?: string;
}

/** Names as in the paths below `/apisix/admin`. */
const KINDS: Readonly<Record<string, Kind>> = {
  services: {
    table: "service",
    key: "id",
    fields: ["name", "labels", "hosts", "path_prefix", "plugins", "upstream_id", "status", "version"],
  },
  upstreams: {
    table: "upstream",
    key: "id",
    fields: ["service_id", "name", "scheme", "type", "pass_host", "nodes", "timeout", "checks"],
  },
  routes: {
    table: "route",
    key: "id",
    fields: [
      "service_id",
      "name",
      "paths",
      "methods",
      "plugins",
      "priority",
      "enable_websocket",
      "timeout",
      "status",
      "labels",
    ],
  },
  consumers: {
    table: "consumer",
    key: "username",
    fields: ["description", "labels", "plugins"],
    conflict: "gateway_group_id, username",
  },
  ssls: { table: "ssl", key: "id", fields: ["name", "snis", "cert", "key", "not_after", "status"], hidden: ["key"] },
  global_rules: { table: "global_rule", key: "id", fields: ["plugins"] },
  plugin_metadata: {
    table: "plugin_metadata",
    key: "plugin",
    fields: ["config"],
    conflict: "gateway_group_id, plugin",
  },
};

/**
 * Configuration of one gateway group: `GET`, `POST`, `PUT` and `DELETE` of `/apisix/admin/{kind}[/{key}]` and of
 * `/apisix/admin/consumers/{username}/credentials[/{id}]`, with `?gateway_group_id=` (facts/api7.md 6). What is written
 * reaches the data planes by the database's triggers. Undefined: there is no such path.
 */
export async function adminApi(context: Context, call: Call): Promise<Answer | undefined> {
  const [, , name = "", key, nested, nestedKey, ...rest] = call.path;
  const groupId = call.caller.gatewayGroupId ?? call.query.get("gateway_group_id") ?? undefined;
  if (groupId === undefined) throw new HttpError(400, "the query parameter gateway_group_id is missing");
  const group = await context.pool.query("select 1 from gateway_group where id = $1", [groupId]);
  if (group.rowCount === 0) throw new HttpError(404, `gateway group ${groupId} not found`);
  if (name === "consumers" && key !== undefined && nested === "credentials" && rest.length === 0) {
    return credentials(context, call, groupId, key, nestedKey);
  }
  const kind = KINDS[name];
  if (!kind || nested !== undefined) return undefined;
  switch (call.method) {
    case "GET":
      return key === undefined
        ? list(context, call, kind, groupId)
        : { status: 200, body: { value: await read(context, kind, groupId, key) } };
    case "POST":
      return key === undefined && kind.key === "id"
        ? write(context, call, kind, groupId, randomUUID(), 201)
        : undefined;
    case "PUT":
      return key === undefined ? undefined : write(context, call, kind, groupId, key, 200);
    case "DELETE":
      return key === undefined ? undefined : remove(context, kind, groupId, key);
    default:
      return undefined;
  }
}

/** Columns as JSON, without the hidden ones; the status as API7 writes it, 1 or 0. */
function shown(kind: Kind): string {
  const hidden = (kind.hidden ?? []).map((column) => ` - '${column}'`).join("");
  const status = kind.fields.includes("status")
    ? ` || jsonb_build_object('status', case t.status when 'enabled' then 1 else 0 end)`
    : "";
  return `(to_jsonb(t)${hidden}${status}) as item`;
}

interface ItemRow {
  readonly item: unknown;
}

/** All objects, or one page when `page_size` is given; `service_id` and `search` (in the name) narrow the list. */
async function list({ pool }: Context, { query }: Call, kind: Kind, groupId: string): Promise<Answer> {
  const parameters: unknown[] = [groupId];
  let where = "gateway_group_id = $1";
  const serviceId = query.get("service_id");
  if (serviceId !== null && kind.fields.includes("service_id")) {
    parameters.push(serviceId);
    where += ` and service_id = $${parameters.length}`;
  }
  const search = query.get("search");
  if (search !== null && kind.fields.includes("name")) {
    parameters.push(search);
    where += ` and position($${parameters.length} in name) > 0`;
  }
  const size = Number(query.get("page_size") ?? "0");
  const page = Number(query.get("page") ?? "1");
  if (!Number.isInteger(size) || size < 0 || !Number.isInteger(page) || page < 1)
    throw new HttpError(400, "page and page_size are not positive integers");
  const limit = size === 0 ? "" : ` limit ${size} offset ${(page - 1) * size}`;
  const items = await pool.query<ItemRow>(
    `select ${shown(kind)} from "${kind.table}" t where ${where} order by ${kind.key}${limit}`,
    parameters,
  );
  const total = await pool.query<{ n: number }>(
    `select count(*)::int as n from "${kind.table}" where ${where}`,
    parameters,
  );
  return { status: 200, body: { list: items.rows.map(({ item }) => item), total: total.rows[0]?.n ?? 0 } };
}

async function read({ pool }: Context, kind: Kind, groupId: string, key: string): Promise<unknown> {
  const found = await pool.query<ItemRow>(
    `select ${shown(kind)} from "${kind.table}" t where gateway_group_id = $1 and ${kind.key} = $2`,
    [groupId, key],
  );
  const row = found.rows[0];
  if (!row) throw new HttpError(404, `${kind.table} ${key} not found`);
  return row.item;
}

/** Creates or changes an object: fields that are not given keep their value, or get the table's default. */
async function write(
  context: Context,
  call: Call,
  kind: Kind,
  groupId: string,
  key: string,
  status: number,
): Promise<Answer> {
  const body = { ...(await readJson(call.request)) } as Record<string, unknown>;
  // What a caller read may be sent back as it was.
  for (const known of [
    "id",
    "gateway_group_id",
    "updated_at",
    "username_lower",
    "published_at",
    "template_id",
    kind.key,
  ]) {
    if (!kind.fields.includes(known)) Reflect.deleteProperty(body, known);
  }
  const unknown = Object.keys(body).filter((field) => !kind.fields.includes(field));
  if (unknown.length > 0) throw new HttpError(400, `additional properties are not allowed: ${unknown.join(", ")}`);
  if ("status" in body) {
    if (body.status !== 0 && body.status !== 1) throw new HttpError(400, "status is not 0 or 1");
    body.status = body.status === 1 ? "enabled" : "disabled";
  }
  const row: Record<string, unknown> = { ...body, gateway_group_id: groupId, [kind.key]: key };
  if (kind.table === "consumer") row.id = randomUUID();
  const columns = Object.keys(row).map((column) => `"${column}"`);
  const changes = Object.keys(body).map((column) => `"${column}" = excluded."${column}"`);
  await context.pool.query(
    `insert into "${kind.table}" as t (${columns.join(", ")})
     select ${columns.join(", ")} from jsonb_populate_record(null::"${kind.table}", $1::jsonb)
     on conflict (${kind.conflict ?? kind.key}) do ${changes.length > 0 ? `update set ${changes.join(", ")} where t.gateway_group_id = excluded.gateway_group_id` : "nothing"}`,
    [JSON.stringify(row)],
  );
  return { status, body: { value: await read(context, kind, groupId, key) } };
}

async function remove({ pool }: Context, kind: Kind, groupId: string, key: string): Promise<Answer> {
  const deleted = await pool.query(`delete from "${kind.table}" where gateway_group_id = $1 and ${kind.key} = $2`, [
    groupId,
    key,
  ]);
  if (deleted.rowCount === 0) throw new HttpError(404, `${kind.table} ${key} not found`);
  return { status: 200, body: { value: { [kind.key]: key } } };
}

/** Credentials hang on a consumer. The body is `{name?, plugins: {<plugin>: <config>}}` with exactly one plugin. */
async function credentials(
  { pool }: Context,
  call: Call,
  groupId: string,
  username: string,
  id: string | undefined,
): Promise<Answer | undefined> {
  const consumer = await pool.query<{ id: string }>(
    "select id from consumer where gateway_group_id = $1 and username = $2",
    [groupId, username],
  );
  const consumerId = consumer.rows[0]?.id;
  if (consumerId === undefined) throw new HttpError(404, `consumer ${username} not found`);
  const item = `jsonb_build_object('id', id, 'name', name, 'plugins', jsonb_build_object(plugin, config)) as item`;
  if (call.method === "GET") {
    const found = await pool.query<ItemRow>(
      `select ${item} from credential where consumer_id = $1 and ($2::text is null or id = $2) order by id`,
      [consumerId, id ?? null],
    );
    const items = found.rows.map((row) => row.item);
    if (id === undefined) return { status: 200, body: { list: items, total: items.length } };
    if (items.length === 0) throw new HttpError(404, `credential ${id} not found`);
    return { status: 200, body: { value: items[0] } };
  }
  if (id === undefined) return undefined;
  if (call.method === "DELETE") {
    const deleted = await pool.query("delete from credential where consumer_id = $1 and id = $2", [consumerId, id]);
    if (deleted.rowCount === 0) throw new HttpError(404, `credential ${id} not found`);
    return { status: 200, body: { value: { id } } };
  }
  if (call.method !== "PUT") return undefined;
  const body = await readJson(call.request);
  const [plugin, ...more] = Object.entries((body.plugins ?? {}) as Record<string, unknown>);
  if (!plugin || more.length > 0) throw new HttpError(400, "plugins does not hold exactly one plugin");
  const config = JSON.stringify(plugin[1]);
  await pool.query(
    `insert into credential (id, consumer_id, name, plugin, config, fingerprint) values ($1, $2, $3, $4, $5::jsonb, digest($5::jsonb::text, 'sha256'))
     on conflict (id) do update set name = excluded.name, plugin = excluded.plugin, config = excluded.config, fingerprint = excluded.fingerprint`,
    [id, consumerId, typeof body.name === "string" ? body.name : id, plugin[0], config],
  );
  return { status: 200, body: { value: { id, plugins: body.plugins } } };
}
