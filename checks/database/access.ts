import { type Snapshot } from "../clients/postgres";
import { USER_SCHEMAS } from "./catalog";
import { sha256 } from "../../migration/record";
import { own, type SchemaObject } from "./schemaObjects";

/**
 * Who may do what: owners, grants, default privileges, the roles behind them, and the settings that a session begins
 * with. A snapshot carries all of it; a dump carries no role, no membership, no password and no setting.
 */

/** Objects with an owner and an access list: kind, name, owner, list, kind for acldefault(), table. */
const OBJECTS = `
  select 'database' as kind, 'database' as name, d.datdba as owner, d.datacl as acl, 'd' as letter, null::text as tab
  from pg_database d where d.datname = current_database()
  union all
  select 'schema', quote_ident(n.nspname), n.nspowner, n.nspacl, 'n', null from pg_namespace n where ${USER_SCHEMAS} and ${own("pg_namespace", "n.oid")}
  union all
  select case c.relkind when 'S' then 'sequence' when 'v' then 'view' when 'm' then 'materialized view' else 'table' end,
    format('%I.%I', n.nspname, c.relname), c.relowner, c.relacl, case c.relkind when 'S' then 's' else 'r' end,
    case when c.relkind <> 'S' then format('%I.%I', n.nspname, c.relname) end
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and c.relpersistence <> 't' and ${USER_SCHEMAS} and ${own("pg_class", "c.oid")}
  union all
  select 'function', format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)), p.proowner, p.proacl, 'f', null
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace where ${USER_SCHEMAS} and ${own("pg_proc", "p.oid")}
  union all
  select 'type', format('%I.%I', n.nspname, t.typname), t.typowner, t.typacl, 'T', null
  from pg_type t join pg_namespace n on n.oid = t.typnamespace left join pg_class c on c.oid = t.typrelid
  where ${USER_SCHEMAS} and (t.typtype in ('e', 'd', 'r') or c.relkind = 'c') and ${own("pg_type", "t.oid")}`;

/** The owner's own rights go with the owner; what belongs to an extension is made by it. */
const GRANTS = `
  select kind, name, tab, r.rolname as owner, acl, owner as "ownerOid", letter from (${OBJECTS}) o join pg_roles r on r.oid = o.owner`;

const QUERIES: readonly string[] = [
  `select 'owner', kind || ' ' || name, owner::text, tab from (${GRANTS}) g`,
  `select 'grant', format('on %s %s to %s', kind, name, grantee), privileges, tab from (
     select g.kind, g.name, g.tab, case x.grantee when 0 then 'public' else coalesce(quote_ident(r.rolname), x.grantee::text) end as grantee,
       string_agg(x.privilege_type || case when x.is_grantable then ' with grant option' else '' end, ', ' order by x.privilege_type) as privileges
     from (${GRANTS}) g, aclexplode(coalesce(g.acl, acldefault(g.letter::"char", g."ownerOid"))) x left join pg_roles r on r.oid = x.grantee
     where x.grantee <> g."ownerOid" group by 1, 2, 3, 4) granted`,
  `select 'grant', format('on column %I.%I.%I to %s', n.nspname, c.relname, a.attname, case x.grantee when 0 then 'public' else r.rolname::text end),
     string_agg(x.privilege_type, ', ' order by x.privilege_type), min(format('%I.%I', n.nspname, c.relname))
   from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace, aclexplode(a.attacl) x
     left join pg_roles r on r.oid = x.grantee
   where a.attacl is not null and not a.attisdropped and ${USER_SCHEMAS} group by 1, 2`,
  `select 'default privileges', format('of %s in %s for %s', d.defaclrole::regrole, coalesce(quote_ident(n.nspname), 'every schema'), d.defaclobjtype),
     array(select format('%s %s', case x.grantee when 0 then 'public' else x.grantee::regrole::text end, x.privilege_type) from aclexplode(d.defaclacl) x order by 1)::text, null
   from pg_default_acl d left join pg_namespace n on n.oid = d.defaclnamespace`,
  `select 'database setting', split_part(setting, '=', 1), setting, null
   from pg_db_role_setting s join pg_database d on d.oid = s.setdatabase, unnest(s.setconfig) setting
   where s.setrole = 0 and d.datname = current_database()`,
];

/** Roles that own something in this database, have a grant, or stand in a policy; PostgreSQL's own superuser excepted. */
const NEEDED = `
  select distinct r.rolname::text as name from pg_shdepend s join pg_roles r on r.oid = s.refobjid
  where s.refclassid = 'pg_authid'::regclass
    and (s.dbid = (select oid from pg_database where datname = current_database())
      or (s.classid = 'pg_database'::regclass and s.objid = (select oid from pg_database where datname = current_database())))`;

/** By name, of the roles given. Superuser and CREATEROLE are the server's matter: on RDS nobody has the first. */
const ROLES: readonly string[] = [
  `select 'role', quote_ident(r.rolname), concat_ws(', ', case when r.rolcanlogin then 'login' else 'no login' end, case when not r.rolinherit then 'no inherit' end,
     case when (r.rolbypassrls or r.rolsuper) and exists (select from pg_policy) then 'passes row security' end, case when r.rolconnlimit >= 0 then 'connection limit ' || r.rolconnlimit end,
     case when r.rolvaliduntil is not null then 'valid until ' || r.rolvaliduntil end), null
   from pg_roles r where r.rolname = any ($1)`,
  `select 'role membership', format('%I in %I', u.rolname, g.rolname), 'member', null
   from pg_auth_members m join pg_roles u on u.oid = m.member join pg_roles g on g.oid = m.roleid
   where u.rolname = any ($1) and g.rolname !~ '^rds'`,
  `select 'role setting', format('%s of %I%s', split_part(setting, '=', 1), r.rolname, case when s.setdatabase = 0 then '' else ' in this database' end), setting, null
   from pg_db_role_setting s join pg_roles r on r.oid = s.setrole left join pg_database d on d.oid = s.setdatabase, unnest(s.setconfig) setting
   where r.rolname = any ($1) and (s.setdatabase = 0 or d.datname = current_database())`,
];

/** Names of the roles that this database needs. @throws CouldNotLook */
export async function readNeededRoles(snapshot: Snapshot): Promise<readonly string[]> {
  const rows = await snapshot.query<{ name: string }>(NEEDED, [], "the catalog of roles");
  return rows.map(({ name }) => name);
}

/**
 * Owners, grants and settings of the database, and the given roles as they are on its server.
 * @param roles those that either side needs
 * @throws CouldNotLook
 */
export async function readAccess(snapshot: Snapshot, roles: readonly string[]): Promise<readonly SchemaObject[]> {
  const lists = await Promise.all([
    ...QUERIES.map((query) => snapshot.query<SchemaObjectRow>(columnsOf(query), [], "the catalog of grants")),
    ...ROLES.map((query) => snapshot.query<SchemaObjectRow>(columnsOf(query), [roles], "the catalog of roles")),
  ]);
  return lists.flat().map((object) => ({ ...object, definition: withoutSecrets(object) }));
}

type SchemaObjectRow = { [K in keyof SchemaObject]: SchemaObject[K] };

function columnsOf(query: string): string {
  return `select q.kind, q.name, coalesce(q.definition, '') as definition, q.tab as table from (${query}) q(kind, name, definition, tab)`;
}

/** Settings that applications make up (`app.jwt_secret`) may hold secrets: their value is compared by its hash. */
function withoutSecrets({ kind, definition }: SchemaObject): string {
  const [name = "", ...value] = definition.split("=");
  if (!kind.endsWith("setting") || !name.includes(".")) return definition;
  return `${name}=(hash ${sha256(value.join("=")).slice(0, 12)})`;
}
