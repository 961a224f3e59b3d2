import { type Client, escapeIdentifier, escapeLiteral } from "pg";
import { connect, disconnect, type DatabaseAddress } from "../server";
import { type Locale, names, readLocale, rows, USER_SCHEMA } from "./source";

/**
 * Database B while it is filled: whether it is empty or what an earlier run of this copy left in it, and how it becomes
 * empty again. Nothing is ever removed from a database that does not carry this copy's mark.
 *
 * The mark is the last line of the database's comment, where it is seen by whoever looks (`\\l+`). It is written before
 * the first object and stays once the copy is complete.
 */

/** What is in database B. */
export type TargetState =
  | { readonly kind: "empty" }
  /** Objects of an earlier run of this copy. */
  | { readonly kind: "ours" }
  /** Somebody else's; some of the objects. */
  | { readonly kind: "foreign"; readonly objects: readonly string[] };

const SHOWN = 5;
/** One copy at a time: the key of an advisory lock in database B. */
const LOCK = "hashtextextended('api7-migration copy', 0)";
const MAINTENANCE_DATABASE = "postgres";

/** Everything of a user's in the database, by the names that PostgreSQL prints. Extensions and their members may stay. */
const OBJECTS = `
  select o.type || ' ' || o.identity as name from (
    select 'pg_namespace'::regclass::oid as class, n.oid from pg_namespace n where ${USER_SCHEMA} and n.nspname <> 'public'
    union all
    select d.classid, d.objid from pg_depend d join pg_namespace n on n.oid = d.refobjid
      where d.refclassid = 'pg_namespace'::regclass and d.deptype = 'n' and ${USER_SCHEMA} and d.classid <> 'pg_extension'::regclass
    union all
    select 'pg_largeobject'::regclass, oid from pg_largeobject_metadata
    union all
    select 'pg_event_trigger'::regclass, oid from pg_event_trigger
    union all
    select 'pg_default_acl'::regclass, oid from pg_default_acl
  ) found cross join lateral pg_identify_object(found.class, found.oid, 0) o
  where not exists (select from pg_depend d where d.classid = found.class and d.objid = found.oid and d.deptype = 'e')
  order by 1`;

/** Connects to database B; one that is missing is created the way A's was. @throws what `pg` throws */
export async function openTarget(
  address: DatabaseAddress,
  locale: Locale,
): Promise<{ readonly client: Client; readonly created: boolean }> {
  try {
    return { client: await connect(address), created: false };
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "3D000")) throw error;
  }
  const client = await connect({ ...address, database: MAINTENANCE_DATABASE });
  try {
    await client.query(createStatement(address.database, locale));
  } finally {
    await disconnect(client);
  }
  return { client: await connect(address), created: true };
}

/** What differs in how the databases store text; nothing when all is alike. */
export async function localeDifference(client: Client, wanted: Locale): Promise<string | undefined> {
  const found = await readLocale(client);
  const same = [
    [found.encoding, wanted.encoding],
    [plainLocale(found.collate), plainLocale(wanted.collate)],
    [plainLocale(found.ctype), plainLocale(wanted.ctype)],
    [found.provider, wanted.provider],
    [found.icuLocale ?? "", wanted.icuLocale ?? ""],
  ].every(([a, b]) => a === b);
  return same ? undefined : `${localeText(found)}, where A has ${localeText(wanted)}`;
}

export async function stateOf(client: Client, mark: string): Promise<TargetState> {
  const objects = await names(client, `${OBJECTS} limit ${SHOWN}`);
  if (objects.length === 0) return { kind: "empty" };
  return (await readComment(client)).ours === mark ? { kind: "ours" } : { kind: "foreign", objects };
}

/** Whether this run is the only one that fills the database. Held until the connection ends. */
export async function lock(client: Client): Promise<boolean> {
  const [row] = await rows<{ got: boolean }>(client, `select pg_try_advisory_lock(${LOCK}) as got`);
  return row?.got === true;
}

/** Sessions of others in the database: `api7ee (dashboard) from 10.0.0.7`. */
export async function othersConnected(client: Client): Promise<readonly string[]> {
  return names(
    client,
    `select distinct coalesce(usename::text, 'unknown') || coalesce(' (' || nullif(application_name, '') || ')', '')
         || coalesce(' from ' || host(client_addr), '') as name
       from pg_stat_activity where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()
         and application_name <> current_setting('application_name') order by 1 limit ${SHOWN}`,
  );
}

/** Whether the user owns the database, without which it can neither be marked nor emptied. */
export async function ownsDatabase(client: Client): Promise<boolean> {
  const [row] = await rows<{ owns: boolean }>(
    client,
    "select pg_has_role(current_user, datdba, 'MEMBER') as owns from pg_database where datname = current_database()",
  );
  return row?.owns === true;
}

/** Says in the database's comment that this copy fills it, or has filled it. */
export async function setMark(client: Client, mark: string, state: "begun" | "complete"): Promise<void> {
  const { others } = await readComment(client);
  await writeComment(client, `${others}${others === "" ? "" : "\n"}[${mark}: ${state} ${new Date().toISOString()}]`);
}

/** Takes the mark away, once the database is empty again. */
export async function removeMark(client: Client): Promise<void> {
  const { ours, others } = await readComment(client);
  if (ours !== undefined) await writeComment(client, others);
}

/**
 * Removes everything but extensions from a database that carries the mark. One statement an object: a few locks each,
 * where one statement for all could ask for more than the server has.
 * @throws Error naming what is left
 */
export async function empty(client: Client, mark: string): Promise<void> {
  const state = await stateOf(client, mark);
  if (state.kind === "foreign") {
    throw new Error(`database B does not carry the mark "${mark}" and is left as it is: ${state.objects.join(", ")}`);
  }
  if (state.kind === "empty") return;
  for (const statement of await names(client, DROP_EVENT_TRIGGERS)) await client.query(statement);
  for (const statement of await names(client, DROP_SCHEMAS)) await client.query(statement);
  for (const statement of await names(client, DROP_OBJECTS)) await client.query(statement);
  for (const statement of await names(client, RESET_DEFAULT_GRANTS)) await client.query(statement);
  for (const statement of await names(client, RESET_PUBLIC)) await client.query(statement);
  // In portions: each large object takes a lock until the end of its statement.
  const unlink = "select lo_unlink(oid) as name from pg_largeobject_metadata limit 1000";
  while ((await rows(client, unlink)).length > 0);
  const left = await names(client, `${OBJECTS} limit ${SHOWN}`);
  if (left.length > 0) throw new Error(`database B still holds ${left.join(", ")}`);
}

const NOT_OF_EXTENSION = (classId: string, oid: string): string =>
  `not exists (select from pg_depend e where e.classid = ${classId} and e.objid = ${oid} and e.deptype = 'e')`;

const DROP_EVENT_TRIGGERS = `
  select format('drop event trigger if exists %I', evtname) as name from pg_event_trigger
  where ${NOT_OF_EXTENSION("'pg_event_trigger'::regclass", "pg_event_trigger.oid")}`;

const DROP_SCHEMAS = `
  select format('drop schema if exists %I cascade', n.nspname) as name from pg_namespace n
  where ${USER_SCHEMA} and n.nspname <> 'public' and ${NOT_OF_EXTENSION("'pg_namespace'::regclass", "n.oid")}`;

/** What lies in \`public\`; the schema itself may belong to somebody else and stays. */
const DROP_OBJECTS = `
  select format('drop %s if exists %s cascade', case o.type when 'composite type' then 'type' when 'statistics object' then 'statistics' else o.type end,
    o.identity) as name
  from pg_depend d join pg_namespace n on n.oid = d.refobjid cross join lateral pg_identify_object(d.classid, d.objid, 0) o
  where d.refclassid = 'pg_namespace'::regclass and n.nspname = 'public' and d.deptype = 'n'
    and d.classid not in ('pg_extension'::regclass, 'pg_default_acl'::regclass) and ${NOT_OF_EXTENSION("d.classid", "d.objid")}
  order by case o.type when 'view' then 0 when 'materialized view' then 1 when 'table' then 2 else 3 end, 1`;

const RESET_DEFAULT_GRANTS = `
  select format('alter default privileges for role %I%s revoke all on %s from %s', r.rolname,
    case when n.oid is null then '' else format(' in schema %I', n.nspname) end,
    case d.defaclobjtype when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions' when 'T' then 'types' else 'schemas' end,
    case when a.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end) as name
  from pg_default_acl d join pg_roles r on r.oid = d.defaclrole left join pg_namespace n on n.oid = d.defaclnamespace
    cross join lateral (select distinct grantee from aclexplode(d.defaclacl)) a
  where a.grantee <> d.defaclrole`;

const RESET_PUBLIC = `
  select format('revoke all on schema public from %I', pg_get_userbyid(a.grantee)) as name
  from pg_namespace n cross join lateral (select distinct grantee from aclexplode(n.nspacl)) a
  where n.nspname = 'public' and a.grantee not in (0, n.nspowner)`;

async function readComment(client: Client): Promise<{ readonly ours: string | undefined; readonly others: string }> {
  const [row] = await rows<{ comment: string | null }>(
    client,
    "select shobj_description(oid, 'pg_database') as comment from pg_database where datname = current_database()",
  );
  const comment = row?.comment ?? "";
  const match = /(?:^|\n)\[(api7-migration copy .*): (?:begun|complete) [^\n\]]+\]$/.exec(comment);
  return match === null
    ? { ours: undefined, others: comment }
    : { ours: match[1], others: comment.slice(0, match.index) };
}

async function writeComment(client: Client, comment: string): Promise<void> {
  const [row] = await rows<{ name: string }>(client, "select current_database() as name");
  const text = comment === "" ? "null" : escapeLiteral(comment);
  await client.query(`comment on database ${escapeIdentifier(row?.name ?? "")} is ${text}`);
}

function createStatement(database: string, locale: Locale): string {
  const parts = [
    `create database ${escapeIdentifier(database)} template template0 encoding ${escapeLiteral(locale.encoding)}`,
    `lc_collate ${escapeLiteral(locale.collate)} lc_ctype ${escapeLiteral(locale.ctype)}`,
  ];
  if (locale.provider === "icu") parts.push(`locale_provider icu icu_locale ${escapeLiteral(locale.icuLocale ?? "")}`);
  return parts.join(" ");
}

/** `en_US.UTF-8` and `en_US.utf8` are one locale. */
function plainLocale(name: string): string {
  return name.toLowerCase().replace(/-/g, "");
}

function localeText({ encoding, collate, ctype, provider, icuLocale }: Locale): string {
  const icu = icuLocale === undefined ? "" : ` ${icuLocale}`;
  return `${encoding}, collation ${collate}, character type ${ctype}, ${provider}${icu}`;
}
