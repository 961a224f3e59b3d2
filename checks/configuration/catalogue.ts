import { escapeIdentifier } from "pg";
import { type MigrationScope } from "../../migration/gateRequest";
import { type ColumnFacts, type Reference, type TableFacts } from "../../migration/canonical/model";
import { leftOut, marksDeletion, tellsWriting } from "../../migration/canonical/rules";
import { type Snapshot } from "../clients/postgres";
import { readTables, USER_SCHEMAS, type Table } from "../database/catalog";
import { rowSource, type RowSource } from "../database/rowSource";
import { isKeyValueTable, type Volatility } from "../database/volatile";

/**
 * What the catalogue says of the tables that hold configuration. API7's own table names are mostly unknown
 * (facts/api7.md 4.3), so that keys, references and given ids are all discovered.
 */

export interface ConfigurationTable {
  readonly facts: TableFacts;
  /** What is compared: no time of writing, no revision, no row that is marked as deleted. */
  readonly source: RowSource;
  /** Everything that a fingerprint of the table is made of. */
  readonly exact: RowSource;
  /** Column that tells when a row was written last. */
  readonly written?: string | undefined;
}

export interface Catalogue {
  readonly tables: readonly ConfigurationTable[];
  readonly notCompared: readonly Volatility[];
}

interface ColumnDetail {
  readonly table: string;
  readonly name: string;
  readonly generated: boolean;
  readonly given: boolean;
}

const COLUMNS = `
  select format('%I.%I', n.nspname, c.relname) as table, a.attname as name, a.attgenerated <> '' as generated,
    a.attidentity <> '' or coalesce(pg_get_expr(d.adbin, d.adrelid), '') ~ '(nextval|gen_random_uuid|uuid_generate)' as given
  from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
  left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
  where c.relkind in ('r', 'p') and ${USER_SCHEMAS} and a.attnum > 0 and not a.attisdropped`;

const REFERENCES = `
  select format('%I.%I', n.nspname, c.relname) as table, a.attname as column,
    format('%I.%I', tn.nspname, t.relname) as target, ta.attname as "targetColumn"
  from pg_constraint r join pg_class c on c.oid = r.conrelid join pg_namespace n on n.oid = c.relnamespace
  join pg_class t on t.oid = r.confrelid join pg_namespace tn on tn.oid = t.relnamespace
  join pg_attribute a on a.attrelid = r.conrelid and a.attnum = r.conkey[1]
  join pg_attribute ta on ta.attrelid = r.confrelid and ta.attnum = r.confkey[1]
  where r.contype = 'f' and cardinality(r.conkey) = 1 and ${USER_SCHEMAS}
  order by r.conname`;

const UNIQUE = `
  select format('%I.%I', n.nspname, c.relname) as table,
    array(select a.attname::text from unnest(i.indkey::int2[]) with ordinality k(num, place)
      join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.num
      where k.place <= i.indnkeyatts order by k.place) as columns
  from pg_index i join pg_class c on c.oid = i.indrelid join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p') and ${USER_SCHEMAS} and i.indisunique and i.indisvalid and not i.indisprimary
    and i.indpred is null and i.indexprs is null
  order by i.indnatts, i.indexrelid`;

/** Every table whose rows are configuration. @throws CouldNotLook */
export async function readCatalogue(snapshot: Snapshot, declared: MigrationScope["volatile"]): Promise<Catalogue> {
  const [all, columns, references, unique] = await Promise.all([
    readTables(snapshot),
    snapshot.query<ColumnDetail>(COLUMNS),
    snapshot.query<{ table: string; column: string; target: string; targetColumn: string }>(REFERENCES),
    snapshot.query<{ table: string; columns: readonly string[] }>(UNIQUE),
  ]);
  const details = groupBy(columns, ({ table }) => table);
  const uniqueOf = groupBy(unique, ({ table }) => table);
  const referencesOf = groupBy(references, ({ table }) => table);
  // The rows of a partitioned table are read through it: which partition one is in is no configuration.
  // A materialized view holds what its query gave.
  const tables = all.filter(({ partition, materializedView }) => !partition && !materializedView);
  const byId = new Map(tables.map((table) => [table.id, table]));
  const notCompared: Volatility[] = [];
  const found = tables.flatMap((table): readonly ConfigurationTable[] => {
    const plan = rowSource(table, declared);
    const left = "source" in plan ? plan.source.notCompared : plan.notCompared;
    if (left) notCompared.push(left);
    if (!("source" in plan)) return [];
    const exact = table.partitioned ? { ...plan.source, from: table.id, byPage: false } : plan.source;
    const detail = new Map((details.get(table.id) ?? []).map((column) => [column.name, column]));
    const known = (referencesOf.get(table.id) ?? [])
      .filter(({ target, targetColumn }) => isKey(byId.get(target), targetColumn))
      .map(({ column, target }) => ({ column, table: target }));
    return [
      configurationTable(table, exact, detail, uniqueOf.get(table.id) ?? [], [
        ...known,
        ...byName(table, known, tables),
      ]),
    ];
  });
  return { tables: found, notCompared };
}

function configurationTable(
  table: Table,
  exact: RowSource,
  detail: ReadonlyMap<string, ColumnDetail>,
  unique: readonly { readonly columns: readonly string[] }[],
  references: readonly Reference[],
): ConfigurationTable {
  const keyValue = isKeyValueTable(table);
  const deletion = keyValue ? undefined : exact.columns.find(marksDeletion);
  const isKeyColumn = (name: string): boolean => table.key.includes(name);
  const columns = exact.columns.filter(
    (column) =>
      column !== deletion &&
      (isKeyColumn(column.name) || (leftOut(column) === undefined && detail.get(column.name)?.generated !== true)),
  );
  const key = exact.key.filter((name) => columns.some((column) => column.name === name));
  const facts: TableFacts = {
    id: table.id,
    name: table.name,
    columns: columns.map(({ name, type }): ColumnFacts => ({ name, type, given: detail.get(name)?.given === true })),
    // A key that is not wholly there tells no rows apart.
    key: key.length === exact.key.length ? key : [],
    uniqueKeys: unique
      .map(({ columns: names }) => names.filter((name) => name !== deletion?.name))
      .filter((names) => names.length > 0 && names.every((name) => columns.some((column) => column.name === name))),
    references: references.filter(({ column }) => columns.some(({ name }) => name === column)),
    keyValue,
  };
  const from = deletion === undefined ? exact.from : `(select * from ${exact.from} where ${notDeleted(deletion)})`;
  return {
    facts,
    source: { from, byPage: exact.byPage && deletion === undefined, columns, key: facts.key },
    exact: { ...exact, from },
    written: exact.columns.find(tellsWriting)?.name,
  };
}

/** A mark is a time, or a number that is 0 as long as the row is there. */
function notDeleted({ name, type }: { readonly name: string; readonly type: string }): string {
  const column = escapeIdentifier(name);
  return /^(smallint|integer|bigint|numeric)/.test(type) ? `coalesce(${column}, 0) = 0` : `${column} is null`;
}

/** `upstream_id` means the table `upstream` where no constraint says so. */
function byName(table: Table, known: readonly Reference[], tables: readonly Table[]): readonly Reference[] {
  return table.columns.flatMap(({ name }) => {
    const stem = /^(.+)_id$/i.exec(name)?.[1]?.toLowerCase();
    if (stem === undefined || known.some(({ column }) => column === name)) return [];
    const names = [stem, `${stem}s`, `${stem}es`, stem.replace(/y$/, "ies")];
    const target = tables.find(
      (candidate) =>
        candidate.schema === table.schema && names.includes(candidate.name.toLowerCase()) && candidate.key.length === 1,
    );
    return target === undefined ? [] : [{ column: name, table: target.id }];
  });
}

function isKey(table: Table | undefined, column: string): boolean {
  return table?.key.length === 1 && table.key[0] === column;
}

function groupBy<T>(list: readonly T[], keyOf: (item: T) => string): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const item of list) {
    const group = groups.get(keyOf(item));
    if (group) group.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return groups;
}
