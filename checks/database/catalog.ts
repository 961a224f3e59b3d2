import { type Snapshot } from "../clients/postgres";

/** Which tables a database has, and how each can be read and hashed. */

export interface Column {
  readonly name: string;
  /** As PostgreSQL writes it, with length and precision: `character varying(630)`. */
  readonly type: string;
  /**
   * Whether the binary form is the same in every copy. Not so for types that a database defines itself (their OIDs are
   * part of it and differ after a dump), for object references, and where a type has no binary form: text serves there.
   */
  readonly binary: boolean;
}

export interface Table {
  /** Quoted where needed, `schema.table`: the name in every message and the key of every comparison. */
  readonly id: string;
  readonly schema: string;
  readonly name: string;
  /** Schema and name of the partitioned table at the top; the table itself when it is no partition. */
  readonly rootSchema: string;
  readonly rootName: string;
  readonly partition: boolean;
  /** Partitioned: the rows are in its partitions, which are tables of their own here. */
  readonly partitioned: boolean;
  /** Its rows are what its query gave when it was refreshed last. */
  readonly materializedView: boolean;
  /** PostgreSQL empties it after a crash, and so does a restored snapshot (documentation, CREATE TABLE, UNLOGGED). */
  readonly unlogged: boolean;
  /** Size on disk as the server last counted, in pages of 8 KiB: for the order of work only. */
  readonly pages: number;
  /** In the table's own order. */
  readonly columns: readonly Column[];
  /** The primary key's columns, else those of a unique index without nulls; empty when there is neither. */
  readonly key: readonly string[];
}

/** Schemas that are PostgreSQL's own. `n` is the namespace. */
export const USER_SCHEMAS = `n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_(toast|temp)'`;

/** The lowest OID of objects made by users (FirstNormalObjectId). */
export const FIRST_USER_OID = 16384;

const TABLES = `
  select c.oid::int8 as oid, format('%I.%I', n.nspname, c.relname) as id, n.nspname as schema, c.relname as name,
    coalesce(rn.nspname, n.nspname) as "rootSchema", coalesce(r.relname, c.relname) as "rootName",
    c.relispartition as partition, c.relkind = 'p' as partitioned, c.relkind = 'm' as "materializedView",
    c.relpersistence = 'u' as unlogged, c.relpages as pages
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  left join pg_class r on c.relispartition and r.oid = pg_partition_root(c.oid)
  left join pg_namespace rn on rn.oid = r.relnamespace
  where c.relkind in ('r', 'p', 'm') and c.relispopulated and c.relpersistence <> 't' and ${USER_SCHEMAS}
  order by 1`;

// Object references (regclass and its like) hold OIDs in binary form.
const COLUMNS = `
  select a.attrelid::int8 as oid, a.attname as name, format_type(a.atttypid, a.atttypmod) as type,
    t.oid < ${FIRST_USER_OID} and t.typsend <> 0 and t.typtype in ('b', 'r', 'm')
      and t.typname !~ '^_?reg' and t.typelem < ${FIRST_USER_OID} and coalesce(e.typsend, 1) <> 0 as binary
  from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
  join pg_type t on t.oid = a.atttypid left join pg_type e on e.oid = t.typelem
  where c.relkind in ('r', 'p', 'm') and ${USER_SCHEMAS} and a.attnum > 0 and not a.attisdropped
  order by a.attrelid, a.attnum`;

const KEYS = `
  select distinct on (i.indrelid) i.indrelid::int8 as oid,
    array(select a.attname::text from unnest(i.indkey::int2[]) with ordinality k(num, place)
      join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.num
      where k.place <= i.indnkeyatts order by k.place) as columns
  from pg_index i join pg_class c on c.oid = i.indrelid join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p') and ${USER_SCHEMAS} and i.indisunique and i.indisvalid and i.indpred is null and i.indexprs is null
    and not exists (select from pg_attribute a where a.attrelid = i.indrelid and a.attnum = any (i.indkey) and not a.attnotnull)
  order by i.indrelid, i.indisprimary desc, i.indnatts, i.indexrelid`;

/** Every ordinary table, partitioned table, partition and populated materialized view of every schema. @throws CouldNotLook */
export async function readTables(snapshot: Snapshot): Promise<readonly Table[]> {
  const [tables, columns, keys] = await Promise.all([
    snapshot.query<Omit<Table, "columns" | "key"> & { oid: string }>(TABLES),
    snapshot.query<Column & { oid: string }>(COLUMNS),
    snapshot.query<{ oid: string; columns: readonly string[] }>(KEYS),
  ]);
  const columnsOf = new Map<string, Column[]>();
  for (const { oid, name, type, binary } of columns) {
    const list = columnsOf.get(oid) ?? [];
    list.push({ name, type, binary });
    columnsOf.set(oid, list);
  }
  const keyOf = new Map(keys.map((key) => [key.oid, key.columns]));
  return tables.map(({ oid, ...table }) => ({
    ...table,
    columns: columnsOf.get(oid) ?? [],
    key: keyOf.get(oid) ?? [],
  }));
}

const UNREADABLE = `
  select format('%I.%I', n.nspname, c.relname) as table, 'foreign table: its rows are in another server' as reason
  from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'f' and ${USER_SCHEMAS}
  union all
  select format('%s temporary tables', count(*)), 'each belongs to one session, ends with it, and is in no copy'
  from pg_class c where c.relkind in ('r', 'p') and c.relpersistence = 't' having count(*) > 0
  order by 1`;

/** What has rows that no copy of the database holds, each with the reason. @throws CouldNotLook */
export function readUncopied(
  snapshot: Snapshot,
): Promise<readonly { readonly table: string; readonly reason: string }[]> {
  return snapshot.query(UNREADABLE, [], "the catalog");
}
