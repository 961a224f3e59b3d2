import { escapeIdentifier } from "pg";
import { type ConfigurationRow, type Value } from "../../migration/canonical/model";
import { type Snapshot } from "../clients/postgres";
import { rowHash, rowKey } from "../database/rowSource";
import { type ConfigurationTable } from "./catalogue";

/** Reading rows of a configuration: hashes of all, the content of few. */

/** Hash sums by bucket of the key: which of 256 parts of a table has to be read row by row. */
export type Buckets = ReadonlyMap<number, string>;

const BUCKETS = 256;

/** One scan of the table, 256 lines at most. @throws CouldNotLook */
export async function readBuckets(snapshot: Snapshot, { source, facts }: ConfigurationTable): Promise<Buckets> {
  const rows = await snapshot.query<{ bucket: number; rows: string; sum: string }>(
    `select ${bucketOf("k")} as bucket, count(*) as rows, sum(h) as sum
     from (select ${rowKey(source)} as k, ${rowHash(source)} as h from ${source.from} t) hashed group by 1`,
    [],
    `table ${facts.id}`,
  );
  return new Map(rows.map(({ bucket, rows: count, sum }) => [bucket, `${count}:${sum}`]));
}

/** Key and hash of every row in these buckets. @throws CouldNotLook */
export async function readHashes(
  snapshot: Snapshot,
  { source, facts }: ConfigurationTable,
  buckets: readonly number[],
): Promise<readonly { readonly k: string; readonly h: string }[]> {
  return snapshot.query<{ k: string; h: string }>(
    `select k, h from (select ${rowKey(source)} as k, ${rowHash(source)} as h from ${source.from} t) hashed
     where ${bucketOf("k")} = any ($1::int[])`,
    [buckets],
    `table ${facts.id}`,
  );
}

/** Rows of these keys, whole. @throws CouldNotLook */
export async function readRows(
  snapshot: Snapshot,
  table: ConfigurationTable,
  keys: readonly string[],
): Promise<readonly ConfigurationRow[]> {
  if (keys.length === 0) return [];
  const { source, exact, written, facts } = table;
  const rows = await snapshot.query<{ k: string; x: string; w: string | null; v: readonly (string | null)[] }>(
    `select ${rowKey(source)} as k, ${rowHash(exact)}::text as x,
       ${written === undefined ? "null" : `t.${escapeIdentifier(written)}::text`} as w,
       array[${source.columns.map(textOf).join(", ")}]::text[] as v
     from ${source.from} t where ${rowKey(source)} = any ($1::text[])`,
    [keys],
    `table ${facts.id}`,
  );
  return rows.map(({ k, x, w, v }) => ({
    key: k,
    hash: x,
    writtenAt: timeOf(w),
    values: Object.fromEntries(
      source.columns.map((column, at) => [column.name, valueOf(column.type, v[at] ?? null, facts.keyValue)]),
    ),
  }));
}

/**
 * Keys of rows that hold one of these ids: in a column that refers to their table, or as a text anywhere.
 * @throws CouldNotLook
 */
export async function findReferring(
  snapshot: Snapshot,
  { source, facts }: ConfigurationTable,
  ids: { readonly of: (table: string) => readonly string[]; readonly texts: readonly string[] },
  limit: number,
): Promise<readonly string[]> {
  const values: (readonly string[])[] = [];
  const conditions = facts.references.flatMap(({ column, table }) => {
    const wanted = ids.of(table);
    if (wanted.length === 0) return [];
    values.push(wanted);
    return [`t.${escapeIdentifier(column)}::text = any ($${values.length}::text[])`];
  });
  const places = source.columns.flatMap(({ name, type }) =>
    holdsId(`t.${escapeIdentifier(name)}`, type, facts.keyValue),
  );
  if (ids.texts.length > 0 && places.length > 0) {
    values.push(ids.texts);
    conditions.push(`exists (select from unnest($${values.length}::text[]) m(id) where ${places.join(" or ")})`);
  }
  if (conditions.length === 0) return [];
  const rows = await snapshot.query<{ k: string }>(
    `select ${rowKey(source)} as k from ${source.from} t where ${conditions.join(" or ")} limit ${limit + 1}`,
    values,
    `table ${facts.id}`,
  );
  return rows.map(({ k }) => k);
}

/** SQL that finds `m.id` as a whole value, or as a whole text inside of JSON: ids may be as short as one letter. */
function holdsId(column: string, type: string, keyValue: boolean): readonly string[] {
  const quoted = `'"' || m.id || '"'`;
  if (isStructured(type)) return [`position(${quoted} in to_jsonb(${column})::text) > 0`];
  if (type === "uuid") return [`${column}::text = m.id`];
  if (isText(type)) {
    const inside = keyValue
      ? `position('/' || m.id || '/' in ${column} || '/') > 0`
      : `position(${quoted} in ${column}) > 0`;
    return [`${column} = m.id`, inside];
  }
  if (!keyValue || type !== "bytea") return [];
  return [`position(convert_to(${quoted}, 'UTF8') in ${column}) > 0`];
}

function bucketOf(key: string): string {
  return `(hashtextextended(${key} collate "C", 0) & ${BUCKETS - 1})::int`;
}

function textOf({ name, type }: { readonly name: string; readonly type: string }): string {
  const column = `t.${escapeIdentifier(name)}`;
  return isStructured(type) ? `to_jsonb(${column})::text` : `${column}::text`;
}

function isStructured(type: string): boolean {
  return type === "json" || type === "jsonb" || type.endsWith("[]");
}

function isText(type: string): boolean {
  return type === "text" || type.startsWith("character");
}

function valueOf(type: string, text: string | null, keyValue: boolean): Value {
  if (text === null) return null;
  if (isStructured(type)) return parseExactly(text);
  // JSON that is kept as a text means the same with other spaces in it.
  if (isText(type) && /^[{[]/.test(text)) return parsedOr(text, text);
  if (!keyValue || type !== "bytea") return text;
  // The DP Manager's values are JSON in UTF-8; anything else is compared as bytes.
  return parsedOr(Buffer.from(text.replace(/^\\x/, ""), "hex").toString("utf8"), text);
}

function parsedOr(text: string, otherwise: string): Value {
  try {
    return parseExactly(text);
  } catch {
    return otherwise;
  }
}

/** More digits than JavaScript's numbers keep. */
const EXACT_DIGITS = 15;

/** JSON whose long numbers stay texts, so that two of them are not taken for one. @throws SyntaxError */
export function parseExactly(json: string): Value {
  const safe = json.replaceAll(/"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g, (token) => {
    if (token.startsWith('"')) return token;
    return token.replaceAll(/\D/g, "").length > EXACT_DIGITS || /[eE]/.test(token)
      ? JSON.stringify(`number ${token}`)
      : token;
  });
  return JSON.parse(safe) as Value;
}

function timeOf(text: string | null): string | undefined {
  if (text === null) return undefined;
  const time = new Date(text.includes("+") || text.endsWith("Z") ? text : `${text}Z`);
  return Number.isNaN(time.getTime()) ? undefined : time.toISOString();
}
