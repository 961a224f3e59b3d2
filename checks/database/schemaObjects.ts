import { type Snapshot } from "../clients/postgres";
import { USER_SCHEMAS } from "./catalog";

/**
 * Everything of a database beside its rows, each object as a kind, a name and a definition in PostgreSQL's own words:
 * equal text is an equal object. Objects that belong to an extension go with the extension's version.
 */

export interface SchemaObject {
  readonly kind: string;
  /** Unique within its kind. */
  readonly name: string;
  readonly definition: string;
  /** `schema.table` when the object belongs to a table. */
  readonly table: string | null;
}

/** Two databases' difference in one object; a missing side is null. */
export interface ObjectDifference {
  readonly kind: string;
  readonly name: string;
  readonly table: string | null;
  readonly a: string | null;
  readonly b: string | null;
}

/** Not a member of an extension. */
function own(catalog: string, oid: string): string {
  return `not exists (select from pg_depend e where e.classid = '${catalog}'::regclass and e.objid = ${oid} and e.deptype = 'e')`;
}

const TABLE = "format('%I.%I', n.nspname, c.relname)";
const CLASS = `pg_class c join pg_namespace n on n.oid = c.relnamespace`;
const OWN_CLASS = `${USER_SCHEMAS} and c.relpersistence <> 't' and ${own("pg_class", "c.oid")}`;

/** Each yields kind, name, definition, table. */
const QUERIES: readonly string[] = [
  `select 'extension', extname::text, extversion || ' in schema ' || n.nspname, null::text
   from pg_extension join pg_namespace n on n.oid = extnamespace`,
  `select 'schema', nspname::text, 'schema', null from pg_namespace n where ${USER_SCHEMAS}`,
  `select case c.relkind when 'v' then 'view' when 'm' then 'materialized view' when 'f' then 'foreign table' else 'table' end, ${TABLE},
     concat_ws(', ', case c.relpersistence when 'u' then 'unlogged' end,
       case when c.relkind = 'p' then 'partitioned by ' || pg_get_partkeydef(c.oid) end,
       case when c.relispartition then 'partition ' || pg_get_expr(c.relpartbound, c.oid) end,
       case when c.relrowsecurity then 'row security' end, case when c.relforcerowsecurity then 'forced row security' end,
       nullif('replica identity ' || c.relreplident::text, 'replica identity d'),
       case when c.relkind = 'm' and not c.relispopulated then 'not populated' end,
       case when c.relkind in ('v', 'm') then pg_get_viewdef(c.oid) end), ${TABLE}
   from ${CLASS} where c.relkind in ('r', 'p', 'v', 'm', 'f') and ${OWN_CLASS}`,
  `select 'parent', format('%s of %s', i.inhparent::regclass, i.inhrelid::regclass), 'inheritance', ${TABLE}
   from pg_inherits i join ${CLASS} on c.oid = i.inhrelid where c.relkind in ('r', 'p', 'f') and ${OWN_CLASS}`,
  `select 'column', format('%s.%I', ${TABLE}, a.attname),
     concat_ws(' ', 'number ' || count(*) over (partition by c.oid order by a.attnum), format_type(a.atttypid, a.atttypmod),
       case when a.attcollation <> t.typcollation then 'collate ' || a.attcollation::regcollation end,
       case when a.attnotnull then 'not null' end,
       case a.attidentity when 'a' then 'identity always' when 'd' then 'identity by default' end,
       case when a.attgenerated = 's' then 'generated' when d.adbin is not null then 'default' end, pg_get_expr(d.adbin, d.adrelid)), ${TABLE}
   from pg_attribute a join ${CLASS} on c.oid = a.attrelid join pg_type t on t.oid = a.atttypid
     left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
   where a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p', 'v', 'm', 'f') and ${OWN_CLASS}`,
  `select 'constraint', format('%s.%I', case when c.oid is null then k.contypid::regtype::text else ${TABLE} end, k.conname),
     pg_get_constraintdef(k.oid) || case when k.convalidated then '' else ' (not validated)' end, case when c.oid is not null then ${TABLE} end
   from pg_constraint k left join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = k.connamespace
   where ${USER_SCHEMAS} and (c.oid is null or ${own("pg_class", "c.oid")}) and ${own("pg_type", "k.contypid")}`,
  `select 'index', format('%I.%I', n.nspname, ic.relname),
     pg_get_indexdef(i.indexrelid) || case when i.indisvalid then '' else ' (invalid)' end || case when i.indisclustered then ' (clustered)' else '' end, ${TABLE}
   from pg_index i join ${CLASS} on c.oid = i.indrelid join pg_class ic on ic.oid = i.indexrelid where ${OWN_CLASS}`,
  `select 'trigger', format('%s.%I', ${TABLE}, g.tgname), pg_get_triggerdef(g.oid) || ' enabled ' || g.tgenabled::text, ${TABLE}
   from pg_trigger g join ${CLASS} on c.oid = g.tgrelid where not g.tgisinternal and ${OWN_CLASS}`,
  `select 'rule', format('%s.%I', ${TABLE}, r.rulename), pg_get_ruledef(r.oid) || ' enabled ' || r.ev_enabled::text, ${TABLE}
   from pg_rewrite r join ${CLASS} on c.oid = r.ev_class where r.rulename <> '_RETURN' and ${OWN_CLASS}`,
  `select 'policy', format('%s.%I', ${TABLE}, p.polname), concat_ws(' ', p.polcmd, p.polpermissive, pg_get_expr(p.polqual, p.polrelid),
     'check ' || pg_get_expr(p.polwithcheck, p.polrelid), 'to ' || array(select r.rolname from pg_roles r where r.oid = any (p.polroles) order by 1)::text), ${TABLE}
   from pg_policy p join ${CLASS} on c.oid = p.polrelid where ${OWN_CLASS}`,
  `select 'sequence', format('%I.%I', n.nspname, c.relname), concat_ws(' ', format_type(s.seqtypid, null), 'start', s.seqstart, 'increment', s.seqincrement,
     'from', s.seqmin, 'to', s.seqmax, 'cache', s.seqcache, case when s.seqcycle then 'cycle' end,
     'owned by ' || (select format('%s.%I', d.refobjid::regclass, a.attname) from pg_depend d
       join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
       where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i'))), null
   from pg_sequence s join ${CLASS} on c.oid = s.seqrelid where ${OWN_CLASS}`,
  `select 'function', format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)),
     case when p.prokind = 'a' then concat_ws(' ', 'aggregate', g.aggtransfn, g.aggfinalfn, format_type(g.aggtranstype, null), g.agginitval) else pg_get_functiondef(p.oid) end, null
   from pg_proc p join pg_namespace n on n.oid = p.pronamespace left join pg_aggregate g on g.aggfnoid = p.oid
   where ${USER_SCHEMAS} and ${own("pg_proc", "p.oid")}`,
  `select case t.typtype when 'e' then 'enumeration' when 'd' then 'domain' when 'r' then 'range' else 'type' end, format('%I.%I', n.nspname, t.typname),
     case t.typtype
       when 'e' then array(select e.enumlabel from pg_enum e where e.enumtypid = t.oid order by e.enumsortorder)::text
       when 'd' then concat_ws(' ', format_type(t.typbasetype, t.typtypmod), case when t.typnotnull then 'not null' end, 'default ' || t.typdefault,
         case when t.typcollation <> 0 then 'collate ' || t.typcollation::regcollation end)
       when 'r' then (select format_type(r.rngsubtype, null) from pg_range r where r.rngtypid = t.oid)
       when 'c' then array(select format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)) from pg_attribute a
         where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped order by a.attnum)::text
       else 'type' end, null
   from pg_type t join pg_namespace n on n.oid = t.typnamespace left join pg_class c on c.oid = t.typrelid
   where ${USER_SCHEMAS} and (t.typtype in ('e', 'd', 'r') or (t.typtype = 'c' and c.relkind = 'c')) and ${own("pg_type", "t.oid")}`,
  `select 'event trigger', evtname::text, concat_ws(' ', evtevent, evtfoid::regprocedure, evtenabled, evttags::text), null
   from pg_event_trigger where ${own("pg_event_trigger", "pg_event_trigger.oid")}`,
  `select 'large objects', 'large objects', count(*)::text || ' objects', null from pg_largeobject_metadata`,
  `select 'database', 'database', concat_ws(', ', 'encoding ' || pg_encoding_to_char(encoding), 'collation ' || datcollate, 'character type ' || datctype,
     'locale provider ' || (to_jsonb(d) ->> 'datlocprovider'), 'ICU locale ' || coalesce(to_jsonb(d) ->> 'daticulocale', to_jsonb(d) ->> 'datlocale')), null
   from pg_database d where datname = current_database()`,
  // Settings of the database itself travel with a snapshot, but not with a dump (facts/api7.md 4.1: compare search_path and time zone).
  `select 'database setting', split_part(setting, '=', 1), setting, null
   from pg_db_role_setting s join pg_database d on d.oid = s.setdatabase, unnest(s.setconfig) setting
   where s.setrole = 0 and d.datname = current_database()`,
];

/** Every schema object of the database, and the server's major version. @throws CouldNotLook */
export async function readSchemaObjects(snapshot: Snapshot): Promise<readonly SchemaObject[]> {
  const lists = await Promise.all(
    QUERIES.map((query) =>
      snapshot.query<{ [K in keyof SchemaObject]: SchemaObject[K] }>(
        `select q.kind, q.name, coalesce(q.definition, '') as definition, q.tab as table from (${query}) q(kind, name, definition, tab)`,
        [],
        "the catalog",
      ),
    ),
  );
  const [version] = await snapshot.query<{ major: string }>(
    "select (current_setting('server_version_num')::int / 10000)::text as major",
  );
  return [
    { kind: "server", name: "PostgreSQL", definition: `major version ${version?.major ?? "unknown"}`, table: null },
    ...lists.flat(),
  ];
}

/** Objects that are missing on a side or defined differently, sorted by kind and name. */
export function compareSchemaObjects(
  a: readonly SchemaObject[],
  b: readonly SchemaObject[],
): readonly ObjectDifference[] {
  const idOf = (object: SchemaObject): string => `${object.kind} ${object.name}`;
  const inA = new Map(a.map((object) => [idOf(object), object]));
  const inB = new Map(b.map((object) => [idOf(object), object]));
  return [...new Set([...inA.keys(), ...inB.keys()])].sort().flatMap((id) => {
    const [left, right] = [inA.get(id), inB.get(id)];
    const object = left ?? right;
    if (!object || left?.definition === right?.definition) return [];
    const { kind, name, table } = object;
    return [{ kind, name, table, a: left?.definition ?? null, b: right?.definition ?? null }];
  });
}
