import { type Client } from "pg";
import { disconnect, type DatabaseAddress, connect } from "../server";

/** Database A at one moment: what there is to copy, and what B needs beforehand. Read-only. */

export interface TableSize {
  /** As the programs say it: `public.route`, never quoted. */
  readonly name: string;
  /** Heap and large values, bytes; what a dump has to write is of that order. */
  readonly bytes: number;
}

export interface Extension {
  readonly name: string;
  readonly version: string;
  readonly schema: string;
}

/** How a database stores text; fixed when it is created. */
export interface Locale {
  readonly encoding: string;
  readonly collate: string;
  readonly ctype: string;
  /** `libc` or `icu`. */
  readonly provider: string;
  readonly icuLocale: string | undefined;
}

/** Room for connections as the server counts it. */
export interface Slots {
  readonly free: number;
  /** What limits it, for messages: `max_connections`, or the limit of the role or database. */
  readonly limitedBy: string;
}

export interface SourcePlan {
  readonly major: number;
  readonly locale: Locale;
  /** Of the whole database, indexes included. */
  readonly databaseBytes: number;
  /** Largest first. */
  readonly tables: readonly TableSize[];
  readonly extensions: readonly Extension[];
  /** Materialized views that are filled, quoted, in the order in which they were made. */
  readonly materializedViews: readonly string[];
  /** Roles that grants and policies name; the user that A is read as is not among them when it owns nothing. */
  readonly roles: readonly string[];
  /** `name=value` that are set for the database, such as `search_path=...`. */
  readonly databaseSettings: readonly string[];
  /** The same for the role that B is used as. */
  readonly roleSettings: readonly string[];
  readonly slots: Slots;
  /** Publications and subscriptions: a copy must not publish or subscribe, so they are left out. */
  readonly leftOut: readonly string[];
}

/** Database A, held at one moment by a transaction. */
export interface Source {
  /** Id that `pg_dump --snapshot` takes. */
  readonly snapshot: string;
  readonly plan: SourcePlan;
  /** Ends what a killed run left on A. Only once it is certain that no other run is under way. */
  endLeftBehind(): Promise<void>;
  /** Ends the transaction. */
  close(): Promise<void>;
}

/**
 * Opens the moment that everything is read at.
 * @param userB of database B; what is set for the role of that name on A is set for it on B
 * @throws what `pg` throws
 */
export async function openSource(address: DatabaseAddress, userB: string, lockWaitMs?: number): Promise<Source> {
  let client: Client | undefined;
  try {
    client = await connect(address, lockWaitMs);
    await client.query("begin transaction isolation level repeatable read read only");
    const [exported] = await rows<{ id: string }>(client, "select pg_export_snapshot() as id");
    const open = client;
    return {
      snapshot: exported?.id ?? "",
      plan: await readPlan(client, userB),
      endLeftBehind: () => endLeftBehind(open),
      close: () => disconnect(open),
    };
  } catch (error) {
    await disconnect(client);
    throw error;
  }
}

/** Ends the sessions of a run that was killed: they may hold locks and a snapshot. */
export async function endLeftBehind(client: Client): Promise<void> {
  await client.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and usename = current_user
       and application_name = current_setting('application_name') and pid <> pg_backend_pid()`,
  );
}

/** Objects that are no part of the server and of no extension. */
export const USER_SCHEMA = "n.nspname !~ '^pg_' and n.nspname <> 'information_schema'";

const TABLES = `
  select n.nspname || '.' || c.relname as name, pg_table_size(c.oid)::text as bytes
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind = 'r' and ${USER_SCHEMA}
    and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
  order by pg_table_size(c.oid) desc, 1`;

const MATERIALIZED_VIEWS = `
  select format('%I.%I', n.nspname, c.relname) as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind = 'm' and c.relispopulated and ${USER_SCHEMA} order by c.oid`;

const EXTENSIONS = `
  select e.extname as name, e.extversion as version, n.nspname as schema
  from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.oid >= 16384 order by 1`;

/** Every role that an access list or a policy names. Predefined roles are on every server of the same major. */
const ROLES = `
  with lists as (
    select relacl as acl from pg_class where oid >= 16384 union all
    select attacl from pg_attribute where attrelid >= 16384 union all
    select proacl from pg_proc where oid >= 16384 union all
    select typacl from pg_type where oid >= 16384 union all
    select nspacl from pg_namespace where oid >= 16384 or nspname = 'public' union all
    select defaclacl from pg_default_acl union all
    select lomacl from pg_largeobject_metadata
  ), named as (
    select a.grantee as oid from lists, aclexplode(lists.acl) a where lists.acl is not null union
    select unnest(polroles) from pg_policy union
    select defaclrole from pg_default_acl
  )
  select r.rolname as name from named join pg_roles r on r.oid = named.oid where r.rolname !~ '^pg_' order by 1`;

const LEFT_OUT = `
  select 'publication ' || pubname as name from pg_publication union all
  select 'subscription ' || subname from pg_stat_subscription where subname is not null order by 1`;

const SETTINGS = `
  select unnest(setconfig) as name from pg_db_role_setting
  where setrole = 0 and setdatabase = (select oid from pg_database where datname = current_database()) order by 1`;

const ROLE_SETTINGS = `
  select unnest(s.setconfig) as name from pg_db_role_setting s join pg_roles r on r.oid = s.setrole
  where r.rolname = $1 and s.setdatabase in (0, (select oid from pg_database where datname = current_database()))
  order by s.setdatabase, 1`;

async function readPlan(client: Client, userB: string): Promise<SourcePlan> {
  const [size] = await rows<{ bytes: string }>(client, "select pg_database_size(current_database())::text as bytes");
  const tables = await rows<{ name: string; bytes: string }>(client, TABLES);
  return {
    major: await serverMajor(client),
    locale: await readLocale(client),
    databaseBytes: Number(size?.bytes ?? 0),
    tables: tables.map(({ name, bytes }) => ({ name, bytes: Number(bytes) })),
    extensions: await rows<{ name: string; version: string; schema: string }>(client, EXTENSIONS),
    materializedViews: await names(client, MATERIALIZED_VIEWS),
    roles: await names(client, ROLES),
    databaseSettings: await names(client, SETTINGS),
    roleSettings: await names(client, ROLE_SETTINGS, [userB]),
    slots: await readSlots(client),
    leftOut: await names(client, LEFT_OUT),
  };
}

export async function serverMajor(client: Client): Promise<number> {
  const [row] = await rows<{ number: string }>(client, "select current_setting('server_version_num') as number");
  return Math.floor(Number(row?.number) / 10_000);
}

/** Of the database that the client is connected to. */
export async function readLocale(client: Client): Promise<Locale> {
  // ICU came with 15.
  const [icu] = await rows<{ has: boolean }>(
    client,
    "select count(*) = 1 as has from pg_attribute where attrelid = 'pg_database'::regclass and attname = 'daticulocale'",
  );
  const provider =
    icu?.has === true ? "datlocprovider::text, daticulocale" : "'c' as datlocprovider, null as daticulocale";
  const [row] = await rows<{
    encoding: string;
    collate: string;
    ctype: string;
    datlocprovider: string;
    daticulocale: string | null;
  }>(
    client,
    `select pg_encoding_to_char(encoding) as encoding, datcollate as collate, datctype as ctype, ${provider}
     from pg_database where datname = current_database()`,
  );
  if (row === undefined) throw new Error("the server does not list the database that it serves");
  return {
    encoding: row.encoding,
    collate: row.collate,
    ctype: row.ctype,
    provider: row.datlocprovider === "i" ? "icu" : "libc",
    icuLocale: row.daticulocale ?? undefined,
  };
}

/** How many more connections this user gets to this database. */
export async function readSlots(client: Client): Promise<Slots> {
  const [row] = await rows<{ server: string; role: string | null; database: string | null }>(
    client,
    `select
       current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
         - (select count(*) from pg_stat_activity where backend_type = 'client backend') as server,
       (select case when rolconnlimit >= 0
          then rolconnlimit - (select count(*) from pg_stat_activity where usename = current_user and backend_type = 'client backend') end
        from pg_roles where rolname = current_user) as role,
       (select case when datconnlimit >= 0
          then datconnlimit - (select count(*) from pg_stat_activity where datname = current_database() and backend_type = 'client backend') end
        from pg_database where datname = current_database()) as database`,
  );
  const limits: Slots[] = [{ free: Number(row?.server), limitedBy: "max_connections" }];
  if (row?.role != null) limits.push({ free: Number(row.role), limitedBy: "the user's CONNECTION LIMIT" });
  if (row?.database != null) limits.push({ free: Number(row.database), limitedBy: "the database's CONNECTION LIMIT" });
  return limits.reduce((least, limit) => (limit.free < least.free ? limit : least));
}

/** The rows of one query. */
export async function rows<R extends object>(
  client: Client,
  text: string,
  values: readonly unknown[] = [],
): Promise<readonly R[]> {
  return (await client.query<R & Record<string, unknown>>(text, [...values])).rows;
}

/** The column `name` of one query. */
export async function names(client: Client, text: string, values: readonly unknown[] = []): Promise<readonly string[]> {
  return (await rows<{ name: string }>(client, text, values)).map(({ name }) => name);
}
