import { type MigrationScope } from "../../migration/gateRequest";
import { type Snapshot } from "../clients/postgres";
import { type Report } from "../result";
import { readAccess, readNeededRoles } from "./access";
import { type Table } from "./catalog";
import { compareSchemaObjects, readSchemaObjects, type ObjectDifference } from "./schemaObjects";
import { readSequences, sequencesBehind } from "./sequences";
import { isKeyValueTable, KINE_REASON, volatileTable } from "./volatile";

/** Everything of two databases beside their rows: schema objects, roles, grants, settings, sequences. */

const COPY_AGAIN = "copy again: pulumi config set --path databaseB.copy <one more>";
const WHO_CHANGED = `find who changed it since the copy, then ${COPY_AGAIN}`;

/** What mends a difference, by its kind. */
const REMEDIES: Readonly<Record<string, string>> = {
  server: "make B with the major version of A, and copy again",
  extension: "give B the extension in A's version (ALTER EXTENSION ... UPDATE TO), or copy again",
  database: "create database B with A's encoding, collation and settings, and copy again",
  "database setting": "set it on B as on A: ALTER DATABASE ... SET, or RESET where A has none",
  "role setting": "set it on B as on A: ALTER ROLE ... [IN DATABASE ...] SET, or RESET where A has none",
  role: "create or alter the role on B as on A: CREATE ROLE, ALTER ROLE",
  "role membership": "grant the membership on B as on A: GRANT <role> TO <member>",
  owner: "give the object on B to its owner on A: ALTER ... OWNER TO, or REASSIGN OWNED",
  grant: "GRANT or REVOKE on B as on A",
  "default privileges": "ALTER DEFAULT PRIVILEGES on B as on A",
  "collation version":
    "rebuild B's indexes on text (REINDEX DATABASE), then ALTER DATABASE ... REFRESH COLLATION VERSION",
};

/** Differences of these kinds that repeat are told once, with how many there are. */
const GROUPED: ReadonlySet<string> = new Set(["owner", "grant"]);
/** More in B than in A is no harm: it is what B's provider gives its users. */
const MORE_IS_FINE: ReadonlySet<string> = new Set(["role membership"]);

/**
 * Tables whose rows come and go: `schema.table` -> why. Partitioned ones are among them, and the key-value table, whose
 * revisions go on without any change of its content.
 */
export function passingTables(
  tables: readonly Table[],
  declared: MigrationScope["volatile"],
): ReadonlyMap<string, { readonly table: Table; readonly reason: string }> {
  return new Map(
    tables.flatMap((table) => {
      const volatility = volatileTable(table, declared);
      const reason = volatility?.reason ?? (isKeyValueTable(table) ? KINE_REASON : undefined);
      return reason === undefined ? [] : [[table.id, { table, reason }] as const];
    }),
  );
}

export type PassingTables = ReturnType<typeof passingTables>;

/** @throws CouldNotLook */
export async function compareSchemas(report: Report, a: Snapshot, b: Snapshot, passing: PassingTables): Promise<void> {
  const roles = [...new Set((await Promise.all([a, b].map(readNeededRoles))).flat())];
  const [objectsA, objectsB] = await Promise.all(
    [a, b].map(async (side) => (await Promise.all([readSchemaObjects(side), readAccess(side, roles)])).flat()),
  );
  report.addEvidence({ schemaObjects: objectsA?.length ?? 0 });
  const differences = compareSchemaObjects(objectsA ?? [], objectsB ?? []);
  const oneSided = new Set(
    differences.flatMap(({ kind, name, a: left, b: right }) =>
      (kind === "table" || kind.endsWith("view")) && (left === null || right === null) ? [name] : [],
    ),
  );
  // Every object has an owner: without one on a side the object itself is missing there.
  const lacking = differences.filter(
    ({ kind, a: left, b: right }) => kind === "owner" && (left === null || right === null),
  );
  const told = differences.filter((difference) => {
    if (lacking.includes(difference)) return false;
    if (difference.kind === "grant" && lacking.some(({ name }) => difference.name.startsWith(`on ${name} to `)))
      return false;
    // What belongs to a table that one side lacks goes with it.
    if (difference.table !== null && difference.name !== difference.table && oneSided.has(difference.table))
      return false;
    // Partitions of runtime tables are made and dropped by date.
    if (difference.table !== null && passing.get(difference.table)?.table.partition === true) {
      report.note(
        `${difference.kind} ${difference.name} differs: a partition of runtime data, made and dropped by date`,
      );
      return false;
    }
    if (MORE_IS_FINE.has(difference.kind) && difference.a === null) {
      report.note(`${difference.kind} ${difference.name}: only in B`);
      return false;
    }
    return true;
  });
  for (const { first, names } of grouped(told)) {
    report.finding({
      subject: `${first.kind} ${first.name}${names.length > 1 ? ` and ${names.length - 1} more` : ""}`,
      seen: seenOf(first) + (names.length > 1 ? `; the same of ${names.slice(1).join(", ")}` : ""),
      expected: first.a === null ? "nothing, as in A" : `A: ${clip(first.a)}`,
      remedy: REMEDIES[first.kind] ?? WHO_CHANGED,
    });
  }
}

/** Server settings that a session begins with: not the database's own, so a difference is told, but is no finding. */
export async function noteServerSettings(report: Report, a: Snapshot, b: Snapshot): Promise<void> {
  const [settingsA, settingsB] = await Promise.all([a, b].map(readServerSettings));
  for (const [name, value] of settingsA ?? []) {
    const other = settingsB?.get(name);
    if (other === value) continue;
    report.note(
      `new sessions begin with ${name} ${value} in A and ${other ?? "none"} in B: a default of the server or of the user; ` +
        `to have it as in A: ALTER DATABASE ... SET ${name} on both`,
    );
  }
}

async function readServerSettings(snapshot: Snapshot): Promise<ReadonlyMap<string, string>> {
  const rows = await snapshot.query<{ name: string; value: string }>(
    `select name, coalesce(reset_val, '') as value from pg_settings where name in ('TimeZone', 'DateStyle', 'IntervalStyle',
       'default_transaction_isolation', 'default_transaction_read_only', 'standard_conforming_strings') order by 1`,
    [],
    "the server's settings",
  );
  return new Map(rows.map(({ name, value }) => [name, value]));
}

function grouped(
  differences: readonly ObjectDifference[],
): readonly { readonly first: ObjectDifference; readonly names: readonly string[] }[] {
  const groups = new Map<string, { first: ObjectDifference; names: string[] }>();
  for (const difference of differences) {
    const { kind, name, a, b } = difference;
    const grantee = kind === "grant" ? name.slice(name.lastIndexOf(" to ")) : "";
    const key = GROUPED.has(kind) ? JSON.stringify([kind, grantee, a, b]) : `${kind} ${name}`;
    const group = groups.get(key);
    if (group) group.names.push(name);
    else groups.set(key, { first: difference, names: [name] });
  }
  return [...groups.values()];
}

function seenOf({ a, b }: ObjectDifference): string {
  if (b === null) return "missing in B";
  return a === null ? `only in B: ${clip(b)}` : `B: ${clip(b)}`;
}

/** @throws CouldNotLook */
export async function compareSequences(
  report: Report,
  a: Snapshot,
  b: Snapshot,
  passing: PassingTables,
): Promise<void> {
  const [sequencesA, sequencesB] = await Promise.all([readSequences(a), readSequences(b)]);
  report.addEvidence({ sequences: sequencesA.length });
  for (const behind of sequencesBehind(sequencesA, sequencesB)) {
    const seen = `B is at ${behind.b ?? "no value yet"}, A at ${behind.a ?? "no value yet"}`;
    if (behind.tables.length > 0 && behind.tables.every((table) => passing.has(table))) {
      report.note(`sequence ${behind.name}: ${seen}; A went on with runtime data only (${behind.tables.join(", ")})`);
      continue;
    }
    report.finding({
      subject: `sequence ${behind.name}`,
      seen,
      expected: "B not behind A: its next values would be keys that exist already",
      remedy: `find what wrote to A since the copy, then ${COPY_AGAIN}`,
    });
  }
}

function clip(text: string): string {
  const line = text.replaceAll(/\s+/g, " ");
  return line.length <= 300 ? line : `${line.slice(0, 300)}…`;
}
