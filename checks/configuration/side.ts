import { type Configuration, type ConfigurationRow, type TableRows } from "../../migration/canonical/model";
import { type Snapshot } from "../clients/postgres";
import { CouldNotLook } from "../result";
import { type ConfigurationTable } from "./catalogue";
import { readRows } from "./rows";

/** Rows of one side that are read at most: beyond that nobody compares by reading. */
export const MAX_ROWS = 5_000;
/** How far names are followed: route, service, gateway group, organisation. */
const MAX_NAME_DEPTH = 4;

/** The rows of one side that have to be looked at, growing. */
export class Side {
  readonly rows = new Map<string, Map<string, ConfigurationRow>>();
  private readonly context = new Map<string, Map<string, ConfigurationRow>>();

  constructor(
    readonly snapshot: Snapshot,
    readonly tables: readonly ConfigurationTable[],
  ) {}

  /** Reads rows by key, and what their names are made of. @returns how many were new */
  async read(table: ConfigurationTable, keys: readonly string[]): Promise<number> {
    const known = mapOf(this.rows, table.facts.id);
    const keyed = table.facts.key.length > 0;
    const wanted = keyed ? keys.filter((key) => !known.has(key)) : keys;
    const found = await readRows(this.snapshot, table, wanted);
    // Rows of a table without a key may be equal to each other: as many of them are read as were asked for.
    const rows = keyed ? found : atMost(found, wanted);
    rows.forEach((row, index) => {
      known.set(keyed ? row.key : `${row.key} ${known.size} ${index}`, row);
      this.context.get(table.facts.id)?.delete(row.key);
    });
    if ([...this.rows.values()].reduce((sum, all) => sum + all.size, 0) > MAX_ROWS)
      throw tooMuch(`more than ${MAX_ROWS} rows`);
    await this.readContext(table, rows, MAX_NAME_DEPTH);
    return rows.length;
  }

  configuration(): Configuration {
    return new Map(
      this.tables.map(({ facts }): [string, TableRows] => [
        facts.id,
        {
          facts,
          rows: [...(this.rows.get(facts.id)?.values() ?? [])],
          context: [...(this.context.get(facts.id)?.values() ?? [])],
        },
      ]),
    );
  }

  private async readContext(
    table: ConfigurationTable,
    rows: readonly ConfigurationRow[],
    depth: number,
  ): Promise<void> {
    if (depth === 0) return;
    for (const { column, table: target } of table.facts.references) {
      const referred = this.tables.find(({ facts }) => facts.id === target);
      if (!referred) continue;
      const known = mapOf(this.context, target);
      const keys = [...new Set(rows.map((row) => row.values[column]))].filter(
        (key): key is string => typeof key === "string" && !known.has(key) && !mapOf(this.rows, target).has(key),
      );
      const found = await readRows(this.snapshot, referred, keys);
      for (const row of found) known.set(row.key, row);
      await this.readContext(referred, found, depth - 1);
    }
  }
}

function atMost(rows: readonly ConfigurationRow[], keys: readonly string[]): readonly ConfigurationRow[] {
  const left = new Map<string, number>();
  for (const key of keys) left.set(key, (left.get(key) ?? 0) + 1);
  return rows.filter(({ key }) => {
    const count = left.get(key) ?? 0;
    left.set(key, count - 1);
    return count > 0;
  });
}

/** The rows of a table, begun when there are none yet. */
export function mapOf(maps: Map<string, Map<string, ConfigurationRow>>, table: string): Map<string, ConfigurationRow> {
  const found = maps.get(table) ?? new Map<string, ConfigurationRow>();
  maps.set(table, found);
  return found;
}

/** Reading stops where nobody would read on. */
export function tooMuch(what: string): CouldNotLook {
  return new CouldNotLook(
    "configuration of A and B",
    `too much differs to be told one by one: ${what}`,
    "compare row by row with `check -- databases`; when A was changed since the copy, copy again (databaseB.copy, at restore) by way of rollback and abandon",
    { lasting: true },
  );
}
