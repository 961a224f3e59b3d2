import { differencesOf } from "../../migration/canonical/compare";
import { match, type Matching } from "../../migration/canonical/matching";
import { type Difference } from "../../migration/canonical/model";
import { type MigrationScope } from "../../migration/gateRequest";
import { type Snapshot } from "../clients/postgres";
import { readCatalogue, type ConfigurationTable } from "./catalogue";
import { findReferring, readBuckets, readHashes } from "./rows";
import { mapOf, MAX_ROWS, Side, tooMuch } from "./side";

/**
 * A's configuration against B's, as people mean it. Equal rows are told by their hashes, inside PostgreSQL; only rows
 * without an equal one on the other side are read, with what they refer to.
 */

/** Ids that are followed into other rows at most. */
const MAX_MOVED_IDS = 200;
/** Rounds of following ids: each may bring rows that move other ids. */
const MAX_ROUNDS = 4;

export interface ConfigurationComparison {
  readonly differences: readonly Difference[];
  /** Tables that were compared. */
  readonly tables: number;
  /** `schema.table` (and columns) that were not, with the reason. */
  readonly notCompared: readonly {
    readonly table: string;
    readonly columns?: readonly string[] | undefined;
    readonly reason: string;
  }[];
  /** Tables or columns that one side does not have. */
  readonly structure: readonly string[];
}

/** @throws CouldNotLook when a side does not answer, or too much differs to be told one by one */
export async function compareConfigurations(
  a: Snapshot,
  b: Snapshot,
  declared: MigrationScope["volatile"],
): Promise<ConfigurationComparison> {
  const [catalogueA, catalogueB] = await Promise.all([readCatalogue(a, declared), readCatalogue(b, declared)]);
  const inB = new Map(catalogueB.tables.map((table) => [table.facts.id, table]));
  const structure = structureDifferences(catalogueA.tables, catalogueB.tables);
  const tables = catalogueA.tables.filter((table) => sameColumns(table, inB.get(table.facts.id)));
  const sides = await differingRows(a, b, tables);
  let matching = match(sides.a.configuration(), sides.b.configuration());
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    if (!(await followIds(sides, matching))) {
      return {
        differences: differencesOf(matching),
        tables: tables.length,
        notCompared: catalogueA.notCompared,
        structure,
      };
    }
    matching = match(sides.a.configuration(), sides.b.configuration());
  }
  throw tooMuch(`ids that lead to other rows, ${MAX_ROUNDS} times in a row`);
}

interface Sides {
  readonly a: Side;
  readonly b: Side;
}

async function differingRows(a: Snapshot, b: Snapshot, tables: readonly ConfigurationTable[]): Promise<Sides> {
  const sides = { a: new Side(a, tables), b: new Side(b, tables) };
  const keys = await Promise.all(
    tables.map(async (table) => {
      const [bucketsA, bucketsB] = await Promise.all([readBuckets(a, table), readBuckets(b, table)]);
      const differing = [...new Set([...bucketsA.keys(), ...bucketsB.keys()])].filter(
        (bucket) => bucketsA.get(bucket) !== bucketsB.get(bucket),
      );
      if (differing.length === 0) return { table, a: [], b: [] };
      const [hashesA, hashesB] = await Promise.all([readHashes(a, table, differing), readHashes(b, table, differing)]);
      return { table, a: without(hashesA, hashesB), b: without(hashesB, hashesA) };
    }),
  );
  for (const side of ["a", "b"] as const) {
    if (keys.reduce((sum, each) => sum + each[side].length, 0) > MAX_ROWS) throw tooMuch(`more than ${MAX_ROWS} rows`);
    for (const each of keys) await sides[side].read(each.table, each[side]);
  }
  return sides;
}

/**
 * Rows that are equal on both sides may still mean something else when an id in them does: reads those that hold an id
 * which does not stand for one and the same object. @returns whether there were any
 */
async function followIds({ a, b }: Sides, { idsA, idsB }: Matching): Promise<boolean> {
  const texts = [...new Set([...idsA.texted, ...idsB.texted])];
  if (texts.length > MAX_MOVED_IDS) throw tooMuch(`more than ${MAX_MOVED_IDS} objects with other ids`);
  const of = (table: string): readonly string[] => [...new Set([...idsA.of(table), ...idsB.of(table)])];
  let found = 0;
  for (const table of a.tables) {
    const keys = await findReferring(a.snapshot, table, { of, texts }, MAX_ROWS);
    // What differs was read before; what is only on one side is among that.
    const read = new Set(
      [a, b].flatMap((side) => [...mapOf(side.rows, table.facts.id).values()].map(({ key }) => key)),
    );
    const equal = keys.filter((key) => !read.has(key));
    if (equal.length === 0) continue;
    const [more] = await Promise.all([a.read(table, equal), b.read(table, equal)]);
    found += more;
  }
  return found > 0;
}

function structureDifferences(a: readonly ConfigurationTable[], b: readonly ConfigurationTable[]): readonly string[] {
  const inA = new Map(a.map((table) => [table.facts.id, table]));
  const inB = new Map(b.map((table) => [table.facts.id, table]));
  return [...new Set([...inA.keys(), ...inB.keys()])].sort().flatMap((id) => {
    const left = inA.get(id);
    const right = inB.get(id);
    if (!left) return [`table ${id} is only in B`];
    if (!right) return [`table ${id} is only in A`];
    return sameColumns(left, right) ? [] : [`table ${id} has other columns in B`];
  });
}

function sameColumns(left: ConfigurationTable, right: ConfigurationTable | undefined): boolean {
  const form = ({ facts, source }: ConfigurationTable): string =>
    JSON.stringify([facts.key, source.columns.map(({ name, type }) => [name, type])]);
  return right !== undefined && form(left) === form(right);
}

interface Hashed {
  readonly k: string;
  readonly h: string;
}

/** Keys of the first list's rows that the second does not have, each as often as it is missing. */
function without(rows: readonly Hashed[], others: readonly Hashed[]): readonly string[] {
  const there = new Map<string, number>();
  const name = ({ k, h }: Hashed): string => `${h} ${k}`;
  for (const row of others) there.set(name(row), (there.get(name(row)) ?? 0) + 1);
  return rows.flatMap((row) => {
    const left = there.get(name(row)) ?? 0;
    there.set(name(row), left - 1);
    return left > 0 ? [] : [row.k];
  });
}
