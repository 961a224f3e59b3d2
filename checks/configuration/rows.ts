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
  const searched = source.columns.filter(({ type }) => /^(text|character|uuid|json|bytea)|\[\]$/.test(type));
  if (ids.texts.length > 0 && searched.length > 0) {
    // In hexadecimal where the column holds bytes: ids are plain letters and digits.
    const bytes = searched.filter(({ type }) => type === "bytea");
    const texts = searched.filter(({ type }) => type !== "bytea");
    if (texts.length > 0)
      conditions.push(
        holds(
          values,
          ids.texts,
          texts.map(({ name }) => name),
        ),
      );
    const hexadecimal = ids.texts.map((id) => Buffer.from(id).toString("hex"));
    if (bytes.length > 0)
      conditions.push(
        holds(
          values,
          hexadecimal,
          bytes.map(({ name }) => name),
        ),
      );
  }
  if (conditions.length === 0) return [];
  const rows = await snapshot.query<{ k: string }>(
    `select ${rowKey(source)} as k from ${source.from} t where ${conditions.join(" or ")} limit ${limit + 1}`,
    values,
    `table ${facts.id}`,
  );
  return rows.map(({ k }) => k);
}

function holds(values: (readonly string[])[], texts: readonly string[], columns: readonly string[]): string {
  values.push(texts);
  const whole = columns.map((column) => `t.${escapeIdentifier(column)}::text`).join(", ");
  return `exists (select from unnest($${values.length}::text[]) m(id) where position(m.id in concat_ws(' ', ${whole})) > 0)`;
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

function valueOf(type: string, text: string | null, keyValue: boolean): Value {
  if (text === null) return null;
  if (isStructured(type)) return parseExactly(text);
  if (!keyValue || type !== "bytea") return text;
  // The DP Manager's values are JSON in UTF-8; anything else is compared as bytes.
  try {
    return parseExactly(Buffer.from(text.replace(/^\\x/, ""), "hex").toString("utf8"));
  } catch {
    return text;
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
