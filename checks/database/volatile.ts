import { type MigrationScope } from "../../migration/gateRequest";
import { type Table } from "./catalog";

/**
 * What may differ between A and its copy although A's configuration is frozen: the only place where that is said.
 *
 * API7's own table names are not published beyond a few (facts/api7.md 4.3, 4.4), so runtime data is recognised by what
 * such tables are called and by what their columns say. Everything that is not recognised here must be equal; what is
 * recognised is listed in every result.
 */

/** Why a table's rows, or some of its columns, are not compared. */
export interface Volatility {
  /** `schema.table`. */
  readonly table: string;
  /** Only these columns; undefined: all rows. */
  readonly columns?: readonly string[] | undefined;
  readonly reason: string;
}

interface TableRule {
  readonly name: RegExp;
  readonly reason: string;
}

/** Whole tables of runtime data, by name (without schema, in lower case; a partition goes by its root's name). */
const TABLES: readonly TableRule[] = [
  { name: /(^|_)audit_?logs?$/, reason: "audit log: every login and API call appends, retention deletes" },
  { name: /(^|_)sessions?$/, reason: "sessions come and go with logins and debugging" },
  { name: /^api_?calls?(_|$)/, reason: "API call counters grow with every heartbeat" },
  { name: /(^|_)(statistics|stats|counters?)$/, reason: "counters grow with every heartbeat" },
  { name: /(^|_)(healthcheck|health_check|registry)_(results?|histor(y|ies))$/, reason: "reported every 120 s" },
  { name: /^alert(s|_)?.*histor(y|ies)$/, reason: "alert history grows, and is cut after 30 days" },
  { name: /(^|_)notification_?(logs?|histor(y|ies))$/, reason: "log of sent notifications" },
  { name: /(^|_)core_?usages?$/, reason: "core usage is measured all the time" },
  { name: /^licen[cs]e_(runtime|status|state)s?$/, reason: "state of the licence at run time" },
];

/** A column whose presence makes the whole table runtime data. */
export const HEARTBEAT_COLUMN = /^last_heartbeat(_|$)|^heartbeat_(at|time)$/;

/** What an instance reports with its heartbeat beside the time of it (facts/api7.md 4.4: status, version, cores). */
const INSTANCE_STATE =
  /^(status|state|version|cores?|cpus?|memory|(running_)?config(uration)?_(id|version|hash)|updated_at|last_.*|.*_reachable)$/;

/** Single columns of otherwise compared tables. */
const COLUMNS: readonly TableRule[] = [
  { name: /^last_(used|access(ed)?|seen|active|activity)(_(at|time|ip))?$/, reason: "moves when it is used" },
  { name: /^last_(log_?in|signin)(_(at|time|ip))?$/, reason: "moves with each login" },
];

/** Columns of the key-value table of kine, by which it is recognised whatever it is called (facts/api7.md 4.3). */
const KINE_COLUMNS = [
  "id",
  "name",
  "created",
  "deleted",
  "create_revision",
  "prev_revision",
  "lease",
  "value",
] as const;
const INTEGER_TYPES: ReadonlySet<string> = new Set(["smallint", "integer", "bigint"]);

export const KINE_REASON =
  "key-value table: the newest value of each key is compared; revisions, leased keys, compaction and the empty " +
  "directories that a starting gateway writes are not";

/** Whether the table has kine's form, so that its content is compared by key. */
export function isKeyValueTable(table: Table): boolean {
  const types = new Map(table.columns.map((column) => [column.name, column.type]));
  const integers = ["deleted", "lease", "id"].every((name) => INTEGER_TYPES.has(types.get(name) ?? ""));
  return integers && KINE_COLUMNS.every((name) => types.has(name)) && types.get("value") === "bytea";
}

/**
 * Why the rows of a table are not compared at all, or undefined when they are.
 * @param declared the settings' own list, each entry with its reason
 */
export function volatileTable(table: Table, declared: MigrationScope["volatile"]): Volatility | undefined {
  const own = declared.find((entry) => entry.columns === undefined && names(entry.table, table));
  if (own) return { table: table.id, reason: own.reason };
  const heartbeat = heartbeatOf(table);
  if (heartbeat !== undefined) return { table: table.id, reason: instances(heartbeat) };
  // Whoever declares single columns of a table wants the others compared.
  if (declared.some((entry) => names(entry.table, table))) return undefined;
  const root = table.rootName.toLowerCase();
  const rule = TABLES.find((candidate) => candidate.name.test(root));
  return rule && { table: table.id, reason: rule.reason };
}

/**
 * Tables of gateway instances, as two databases of which one goes on can be compared: gateways come and go, so rows on
 * one side only are no difference, and `columns` are what an instance's heartbeat moves. Whatever else differs in a row
 * that both sides have is a difference. Undefined for every other table.
 */
export function comesAndGoes(table: Table, declared: MigrationScope["volatile"]): Volatility | undefined {
  if (declared.some((entry) => entry.columns === undefined && names(entry.table, table))) return undefined;
  const heartbeat = heartbeatOf(table);
  if (heartbeat === undefined) return undefined;
  const moving = table.columns.map(({ name }) => name).filter((name) => INSTANCE_STATE.test(name.toLowerCase()));
  const left = volatileColumns(table, declared);
  return {
    table: table.id,
    columns: [...new Set([heartbeat, ...moving, ...(left?.columns ?? [])])],
    reason: [`${instances(heartbeat)}; rows of gateways that only one side has are not compared`, left?.reason ?? ""]
      .filter((reason) => reason !== "")
      .join("; "),
  };
}

function heartbeatOf(table: Table): string | undefined {
  return table.columns.find(({ name }) => HEARTBEAT_COLUMN.test(name.toLowerCase()))?.name;
}

function instances(heartbeat: string): string {
  return `gateway instances: ${heartbeat} moves every 10 s, and the instance's state with it`;
}

/** Entries of the settings' list that no table, or no column of their table, answers to: most likely mistyped. */
export function unmatched(
  tables: readonly Table[],
  declared: MigrationScope["volatile"],
): readonly { readonly table: string; readonly columns?: readonly string[] | undefined }[] {
  return declared.flatMap((entry) => {
    const meant = tables.filter((table) => names(entry.table, table));
    if (meant.length === 0) return [{ table: entry.table }];
    const known = new Set(meant.flatMap((table) => table.columns.map(({ name }) => name)));
    const columns = entry.columns?.filter((name) => !known.has(name)) ?? [];
    return columns.length === 0 ? [] : [{ table: entry.table, columns }];
  });
}

/** Columns of a compared table that are left out, with the reasons. */
export function volatileColumns(table: Table, declared: MigrationScope["volatile"]): Volatility | undefined {
  const left = new Map<string, string>();
  for (const column of table.columns) {
    const rule = COLUMNS.find((candidate) => candidate.name.test(column.name.toLowerCase()));
    if (rule) left.set(column.name, rule.reason);
    for (const entry of declared) {
      if (names(entry.table, table) && entry.columns?.includes(column.name)) left.set(column.name, entry.reason);
    }
  }
  if (left.size === 0) return undefined;
  return { table: table.id, columns: [...left.keys()], reason: [...new Set(left.values())].join("; ") };
}

/** Whether a setting's `table` or `schema.table` means this table; a partitioned table stands for its partitions. */
function names(setting: string, table: Table): boolean {
  return [
    table.name,
    table.rootName,
    `${table.schema}.${table.name}`,
    `${table.rootSchema}.${table.rootName}`,
  ].includes(setting);
}
