import { type Snapshot } from "../clients/postgres";
import { FIRST_USER_OID, USER_SCHEMAS } from "./catalog";

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

/** SQL: the object is not a member of an extension. */
export function own(catalog: string, oid: string): string {
  return `not exists (select from pg_depend e where e.classid = '${catalog}'::regclass and e.objid = ${oid} and e.deptype = 'e')`;
}

const TABLE = "format('%I.%I', n.nspname, c.relname)";
const CLASS = `pg_class c join pg_namespace n on n.oid = c.relnamespace`;
const OWN_CLASS = `${USER_SCHEMAS} and c.relpersistence <> 't' and ${own("pg_class", "c.oid")}`;

/**
 * Each yields kind, name, definition, table. Left out is what only says how rows are stored: tablespaces, the index that
 * a table was clustered by, statistics.
 */
const QUERIES: readonly string[] = [
  `select 'extension', extname::text, extversion || ' in schema ' || n.nspname, null::text
   from pg_extension join pg_namespace n on n.oid = extnamespace`,
  `select 'schema', nspname::text, 'schema', null from pg_namespace n where ${USER_SCHEMAS}`,
  `select case c.relkind when 'v' then 'view' when 'm' then 'materialized view' when 'f' then 'foreign table' else 'table' end, ${TABLE},
     concat_ws(', ', case c.relpersistence when 'u' then 'unlogged' end,
       case when c.relkind = 'p' then 'partitioned by ' || pg_get_partkeydef(c.oid) end,
       case when c.relispartition then 'partition ' || pg_get_expr(c.relpartbound, c.oid) end,
       'with ' || nullif(array(select o from unnest(c.reloptions) o order by 1)::text, '{}'),
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
     pg_get_indexdef(i.indexrelid) || case when i.indisvalid then '' else ' (invalid)' end, ${TABLE}
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
  `select 'collation', format('%I.%I', n.nspname, o.collname), concat_ws(' ', o.collprovider, o.collisdeterministic, o.collcollate, o.collctype, to_jsonb(o) ->> 'colliculocale'), null
   from pg_collation o join pg_namespace n on n.oid = o.collnamespace where ${USER_SCHEMAS} and ${own("pg_collation", "o.oid")}`,
  `select 'operator', o.oid::regoperator::text, concat_ws(' ', o.oprcode::regprocedure, o.oprcom::regoperator, o.oprnegate::regoperator), null
   from pg_operator o join pg_namespace n on n.oid = o.oprnamespace where ${USER_SCHEMAS} and ${own("pg_operator", "o.oid")}`,
  `select 'cast', format('%s as %s', format_type(k.castsource, null), format_type(k.casttarget, null)), concat_ws(' ', k.castfunc::regprocedure, k.castcontext, k.castmethod), null
   from pg_cast k where k.oid >= ${FIRST_USER_OID} and ${own("pg_cast", "k.oid")}`,
  `select 'text search configuration', format('%I.%I', n.nspname, g.cfgname), g.cfgparser::text, null
   from pg_ts_config g join pg_namespace n on n.oid = g.cfgnamespace where ${USER_SCHEMAS} and ${own("pg_ts_config", "g.oid")}`,
  `select 'extended statistics', format('%I.%I', n.nspname, s.stxname), pg_get_statisticsobjdef(s.oid), ${TABLE}
   from pg_statistic_ext s join ${CLASS} on c.oid = s.stxrelid where ${OWN_CLASS}`,
  `select 'publication', p.pubname::text, concat_ws(' ', p.puballtables, p.pubinsert, p.pubupdate, p.pubdelete, p.pubtruncate,
     array(select format('%I.%I', t.schemaname, t.tablename) from pg_publication_tables t where t.pubname = p.pubname order by 1)::text), null
   from pg_publication p where ${own("pg_publication", "p.oid")}`,
  // Options of a foreign server and of its users may hold passwords: only their names are looked at.
  `select 'foreign server', s.srvname::text, concat_ws(' ', w.fdwname, s.srvtype, s.srvversion,
     array(select split_part(o, '=', 1) from unnest(s.srvoptions) o order by 1)::text), null
   from pg_foreign_server s join pg_foreign_data_wrapper w on w.oid = s.srvfdw where ${own("pg_foreign_server", "s.oid")}`,
  `select 'comment', format('%s %s', d.classoid::regclass, coalesce(${commented()}, d.objoid::text)), md5(d.description), null
   from pg_description d where d.objoid >= ${FIRST_USER_OID} and d.classoid in ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_type'::regclass, 'pg_namespace'::regclass)
     and not exists (select from pg_depend e where e.classid = d.classoid and e.objid = d.objoid and e.deptype = 'e')
     and ${commented()} is not null`,
  `select 'database', 'database', concat_ws(', ', 'encoding ' || pg_encoding_to_char(encoding), 'collation ' || datcollate, 'character type ' || datctype,
     'locale provider ' || (to_jsonb(d) ->> 'datlocprovider'), 'ICU locale ' || coalesce(to_jsonb(d) ->> 'daticulocale', to_jsonb(d) ->> 'datlocale')), null
   from pg_database d where datname = current_database()`,
  // An index on text that was built with another version of the collation may miss rows.
  `select 'collation version', 'database', 'built with ' || datcollversion || ', the server has ' || pg_database_collation_actual_version(oid), null
   from pg_database where datname = current_database() and datcollversion <> pg_database_collation_actual_version(oid)`,
];

/** SQL of the name of the object that a comment `d` is about; null when it is not the user's own. */
function commented(): string {
  return `(case d.classoid
    when 'pg_class'::regclass then (select format('%I.%I', n.nspname, c.relname)
        || coalesce((select format('.%I', a.attname) from pg_attribute a where a.attrelid = c.oid and a.attnum = d.objsubid and d.objsubid > 0), '')
      from ${CLASS} where c.oid = d.objoid and ${OWN_CLASS})
    when 'pg_proc'::regclass then (select format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid))
      from pg_proc p join pg_namespace n on n.oid = p.pronamespace where p.oid = d.objoid and ${USER_SCHEMAS})
    when 'pg_type'::regclass then (select format('%I.%I', n.nspname, t.typname)
      from pg_type t join pg_namespace n on n.oid = t.typnamespace where t.oid = d.objoid and ${USER_SCHEMAS})
    else (select nspname::text from pg_namespace n where n.oid = d.objoid and ${USER_SCHEMAS}) end)`;
}

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
