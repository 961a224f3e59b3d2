import { escapeIdentifier } from "pg";
import { type Snapshot } from "../clients/postgres";

/**
 * How far sequences have come. A sequence of B that is behind A's gives a key a second time, which breaks B's writes.
 * Ahead is harmless: a server that recovers (a restored snapshot does) skips up to 32 values.
 */

export interface SequenceState {
  /** `schema.sequence`, quoted where needed. */
  readonly name: string;
  readonly increment: bigint;
  /** The next value will be beyond this one; undefined when no value was taken yet. */
  readonly lastValue: bigint | undefined;
  /** `schema.table` of the tables whose columns own or use it. */
  readonly tables: readonly string[];
}

export interface SequenceBehind {
  readonly name: string;
  readonly a: bigint | undefined;
  readonly b: bigint | undefined;
  readonly tables: readonly string[];
}

const SEQUENCES = `
  select n.nspname as schema, c.relname as name, format('%I.%I', n.nspname, c.relname) as id, s.seqincrement as increment,
    array(
      select distinct format('%I.%I', tn.nspname, t.relname)
      from (
        select d.refobjid as oid from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid
          and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i')
        union
        select f.adrelid from pg_depend d join pg_attrdef f on f.oid = d.objid
          where d.classid = 'pg_attrdef'::regclass and d.refclassid = 'pg_class'::regclass and d.refobjid = c.oid
      ) users join pg_class t on t.oid = users.oid join pg_namespace tn on tn.oid = t.relnamespace order by 1) as tables
  from pg_sequence s join pg_class c on c.oid = s.seqrelid join pg_namespace n on n.oid = c.relnamespace
  where n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_(toast|temp)'
  order by 3`;

/** Every sequence. Values do not belong to the snapshot: a sequence is read as it is now. @throws CouldNotLook */
export async function readSequences(snapshot: Snapshot): Promise<readonly SequenceState[]> {
  const rows = await snapshot.query<{
    schema: string;
    name: string;
    id: string;
    increment: string;
    tables: readonly string[];
  }>(SEQUENCES);
  return Promise.all(
    rows.map(async (row) => {
      const [state] = await snapshot.query<{ last_value: string; is_called: boolean }>(
        `select last_value, is_called from ${escapeIdentifier(row.schema)}.${escapeIdentifier(row.name)}`,
        [],
        `sequence ${row.id}`,
      );
      const increment = BigInt(row.increment);
      return {
        name: row.id,
        increment,
        tables: row.tables,
        // Not called: `last_value` is what comes next, so the last one taken is one step before it.
        lastValue: state && (state.is_called ? BigInt(state.last_value) : BigInt(state.last_value) - increment),
      };
    }),
  );
}

/** Sequences of B that are behind A's. Missing ones are a matter of the schema. */
export function sequencesBehind(a: readonly SequenceState[], b: readonly SequenceState[]): readonly SequenceBehind[] {
  const inB = new Map(b.map((sequence) => [sequence.name, sequence]));
  return a.flatMap((left) => {
    const right = inB.get(left.name);
    if (!right || left.lastValue === undefined) return [];
    const distance = right.lastValue === undefined ? undefined : right.lastValue - left.lastValue;
    const behind = distance === undefined || (left.increment > 0n ? distance < 0n : distance > 0n);
    return behind ? [{ name: left.name, a: left.lastValue, b: right.lastValue, tables: left.tables }] : [];
  });
}
