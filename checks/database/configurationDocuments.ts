import { escapeIdentifier } from "pg";
import { type ConfigurationDocument } from "../../migration/configurationWalk";
import { type MigrationScope } from "../../migration/gateRequest";
import { type Snapshot } from "../clients/postgres";
import { CouldNotLook } from "../result";
import { readTables, type Table } from "./catalog";
import { isKeyValueTable, volatileTable } from "./volatile";

/**
 * The whole stored configuration as documents: every row of every table that is not runtime data, and the newest value
 * of each key of the key-value table. API7's tables are not published (facts/api7.md 4.3), so none is left out by name.
 */

/** Types of columns that may hold configuration; a table without one has none. */
const HOLDS_TEXT = /^(jsonb?|text|character varying.*|text\[\]|character varying.*\[\])$/;
/** Fields that name an object to a person, best first. */
const NAMES = ["name", "username", "key", "plugin"] as const;

interface RowOfTable {
  readonly row: Readonly<Record<string, unknown>>;
}

/** @throws CouldNotLook when a table cannot be read, or the database has no configuration at all */
export async function* readDocuments(
  snapshot: Snapshot,
  declared: MigrationScope["volatile"],
  label: string,
): AsyncGenerator<ConfigurationDocument, void, undefined> {
  const tables = (await readTables(snapshot)).filter((table) => !table.partitioned);
  const groups = await readGroups(snapshot, tables);
  let documents = 0;
  for (const table of tables) {
    const own = isKeyValueTable(table)
      ? keyValues(snapshot, table)
      : volatileTable(table, declared) === undefined && table.columns.some(({ type }) => HOLDS_TEXT.test(type))
        ? rows(snapshot, table, groups)
        : [];
    for await (const document of own) {
      documents += 1;
      yield document;
    }
  }
  if (documents > 0) return;
  throw new CouldNotLook(
    label,
    `its ${tables.length} tables hold no configuration`,
    "check that this is the control plane's database, and that its user can read every table",
    { lasting: true },
  );
}

async function* rows(
  snapshot: Snapshot,
  table: Table,
  groups: ReadonlyMap<string, string>,
): AsyncGenerator<ConfigurationDocument, void, undefined> {
  // Binary columns hold keys and hashes, and nothing to walk through.
  const columns = table.columns.filter(({ type }) => type !== "bytea").map(({ name }) => escapeIdentifier(name));
  const query = `select to_jsonb(r) as row from (select ${columns.join(", ")} from only ${table.id}) r`;
  for await (const { row } of snapshot.stream<RowOfTable & Record<string, unknown>>(query, [], `table ${table.id}`)) {
    const group = row["gateway_group_id"];
    yield {
      object: describe(table, row),
      group: typeof group === "string" ? groups.get(group) : undefined,
      value: row,
    };
  }
}

async function* keyValues(snapshot: Snapshot, table: Table): AsyncGenerator<ConfigurationDocument, void, undefined> {
  const query = `
    select name, encode(value, 'base64') as value from (
      select distinct on (name) name, value, deleted from only ${table.id} order by name, id desc
    ) newest where deleted = 0 and value is not null`;
  const found = snapshot.stream<{ name: string; value: string }>(query, [], `table ${table.id}`);
  for await (const { name, value } of found) {
    const parsed = parsedOrNothing(Buffer.from(value, "base64").toString("utf8"));
    if (parsed === undefined) continue;
    yield { object: `key ${name}`, group: /^\/gateway_groups\/([^/]+)\//.exec(name)?.[1], value: parsed };
  }
}

/** Ids of the gateway groups and their short ids; empty where no table has both. */
async function readGroups(snapshot: Snapshot, tables: readonly Table[]): Promise<ReadonlyMap<string, string>> {
  const table = tables.find(({ columns }) =>
    ["id", "short_id"].every((name) => columns.some((one) => one.name === name)),
  );
  if (!table) return new Map();
  const found = await snapshot.query<{ id: string; short: string | null }>(
    `select id::text as id, short_id::text as short from only ${table.id}`,
    [],
    `table ${table.id}`,
  );
  return new Map(found.flatMap(({ id, short }) => (short === null ? [] : [[id, short] as const])));
}

/** `route items-v1-collection (2f8a...)`: never a value beyond names and ids. */
function describe(table: Table, row: Readonly<Record<string, unknown>>): string {
  const name = NAMES.map((field) => row[field]).find((value) => typeof value === "string" && value !== "");
  const id = row["id"];
  const words = [table.name, ...(typeof name === "string" ? [name.slice(0, 80)] : [])];
  const tail = typeof id === "string" || typeof id === "number" ? ` (${id})` : "";
  return `${words.join(" ")}${tail}`;
}

function parsedOrNothing(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
