import { type Client, escapeIdentifier } from "pg";
import { CouldNotLook } from "../../checks/result";
import { names, rows, USER_SCHEMA } from "../copy/source";

/** What a database needs before anything writes to it: sequences beyond every key, and statistics of its own. */

interface OwnedSequence {
  readonly schema: string;
  readonly sequence: string;
  readonly tableSchema: string;
  readonly table: string;
  readonly column: string;
}

/** Rising sequences that give a column its values. */
const OWNED = `
  select n.nspname as schema, s.relname as sequence, tn.nspname as "tableSchema", t.relname as "table", a.attname as "column"
  from pg_depend d join pg_class s on s.oid = d.objid and s.relkind = 'S' join pg_namespace n on n.oid = s.relnamespace
    join pg_sequence q on q.seqrelid = s.oid and q.seqincrement > 0
    join pg_class t on t.oid = d.refobjid join pg_namespace tn on tn.oid = t.relnamespace
    join pg_attribute a on a.attrelid = t.oid and a.attnum = d.refobjsubid
  where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i')
    and a.atttypid in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype) and ${USER_SCHEMA}
  order by 1, 2`;

/**
 * Brings every sequence at least to the largest key that its table has: one behind gives a key a second time.
 * @returns how many there are, and those that had to be raised
 */
export async function raiseSequences(
  client: Client,
): Promise<{ readonly count: number; readonly raised: readonly string[] }> {
  const owned = await rows<OwnedSequence>(client, OWNED);
  const raised: string[] = [];
  for (const { schema, sequence, tableSchema, table, column } of owned) {
    const [name, of] = [qualified(schema, sequence), qualified(tableSchema, table)];
    const [behind] = await rows<{ largest: string }>(
      client,
      `select t.largest::text from (select max(${escapeIdentifier(column)}) as largest from ${of}) t, ${name} s
       where t.largest > s.last_value or (t.largest = s.last_value and not s.is_called)`,
    );
    if (behind === undefined) continue;
    await client.query("select setval($1::regclass, $2::bigint)", [name, behind.largest]);
    raised.push(name);
  }
  return { count: owned.length, raised };
}

/** Tables without any statistics, which the planner would guess about. */
const NEVER_ANALYZED = `
  select format('%I.%I', n.nspname, c.relname) as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'm') and c.reltuples < 0 and ${USER_SCHEMA} order by 1 limit 5`;

/**
 * Takes statistics of all tables anew. A dump brings none; a snapshot's are A's, as old as A's were.
 * @throws CouldNotLook naming tables that have none afterwards
 */
export async function analyze(client: Client): Promise<void> {
  await client.query("analyze");
  const without = await names(client, NEVER_ANALYZED);
  if (without.length === 0) return;
  throw new CouldNotLook(
    "database B",
    `it has no statistics of ${without.join(", ")}: ANALYZE leaves out what its user does not own`,
    "name the owner of the tables in databaseB.applicationUser, then run again",
    { lasting: true },
  );
}

function qualified(schema: string, name: string): string {
  return `${escapeIdentifier(schema)}.${escapeIdentifier(name)}`;
}
