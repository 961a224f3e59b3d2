import { Snapshot } from "../../checks/clients/postgres";
import { readTables } from "../../checks/database/catalog";
import { fingerprintTable } from "../../checks/database/fingerprint";
import { rowSource } from "../../checks/database/rowSource";
import { type BenchDatabases } from "./databases";

/** The smallest change of each type that is a change: none may leave the fingerprint as it was. */

const CHANGES: Readonly<Record<string, string>> = {
  "numeric 1.0 to 1.00": "rate = 1.00 where id = 10",
  "jsonb 1.0 to 1.00": `spec = '{"uri": "/api/1", "limit": 1.00}' where id = 1`,
  "json, a space": `meta = '{"team" : 2 }' where id = 2`,
  text: "name = 'route-3 ' where id = 3",
  "double precision -0 to 0": "ratio = 0 where id = 1",
  "double precision NaN to null": "ratio = null where id = 100",
  "double precision, last bit": "ratio = ratio * (1 + 2.3e-16::float8) where id = 5",
  real: "weight = weight * 1.0000002 where id = 5",
  integer: "count = count + 1 where id = 6",
  smallint: "small = small + 1 where id = 6",
  "array, order": "paths = array['/7', '/a'] where id = 7",
  "timestamp, a microsecond": "at = at + interval '1 microsecond' where id = 8",
  date: "day = day + 1 where id = 9",
  "interval, a day to 24 hours": "span = '26 hours' where id = 10",
  bytea: "content = content || '\\x00' where id = 11",
  bit: "bits = bits # B'00000001' where id = 12",
  point: "place = point(13, -14) where id = 13",
  enumeration: "state = case state when 'on' then 'off'::state else 'on' end where id = 14",
  "domain 15 to 15.0": "share = 15.0 where id = 15",
  inet: "address = '10.0.16.1/31' where id = 16",
  uuid: "uid = '00000000-0000-0000-0000-000000000000' where id = 17",
  boolean: "enabled = not enabled where id = 18",
  char: "code = 'd' where id = 19",
  varchar: "title = upper(title) where id = 20",
};

/** @returns the changes that were not seen, of how many; `before` and `after` differ in nothing else */
export async function unseenChanges(
  databases: BenchDatabases,
): Promise<{ readonly changes: number; readonly unseen: readonly string[] }> {
  const before = await digest(databases);
  const unseen: string[] = [];
  for (const [name, change] of Object.entries(CHANGES)) {
    await databases.run("same", "create table kept as table kinds", `update kinds set ${change}`);
    if ((await digest(databases)) === before) unseen.push(name);
    await databases.run("same", "truncate kinds", "insert into kinds table kept", "drop table kept");
    // Another order of the same rows is the same again.
    if ((await digest(databases)) !== before) unseen.push(`${name}, undone`);
  }
  return { changes: Object.keys(CHANGES).length, unseen };
}

async function digest(databases: BenchDatabases): Promise<string> {
  const { signal } = new AbortController();
  const snapshot = await Snapshot.open(databases.target("same"), {
    connections: 1,
    statementTimeoutMs: 60_000,
    signal,
  });
  try {
    const table = (await readTables(snapshot)).find(({ name }) => name === "kinds");
    const plan = table && rowSource(table, []);
    if (!table || !plan || !("source" in plan)) throw new Error("the table kinds is not to be compared");
    return (await fingerprintTable(snapshot, table, plan.source)).digest;
  } finally {
    await snapshot.close();
  }
}
