import { canonicalJson } from "../recordEntry";
import { type Configuration, type ConfigurationRow, type TableRows, type Value } from "./model";
import { comparedColumns, contentName, Names, namingColumns } from "./naming";

/**
 * Which row of A is which row of B: by name first, because a route that was deleted and made again is the same route; then
 * by the id, because a renamed one is too.
 */

/** One object, on one side or on both. */
export interface Pair {
  readonly table: TableRows;
  readonly a?: ConfigurationRow | undefined;
  readonly b?: ConfigurationRow | undefined;
  /** Parts of the object's name: A's where A has it. */
  readonly name: readonly string[];
}

/** All objects, and what the ids on each side stand for. */
export interface Matching {
  readonly pairs: readonly Pair[];
  readonly idsA: Ids;
  readonly idsB: Ids;
}

/**
 * Ids that do not stand for the same object on both sides. Any other id means the same on both and is compared as it is.
 * Texts are recognised wherever they stand; numbers only in columns that refer to their table.
 */
export class Ids {
  private readonly texts = new Map<string, string>();
  private readonly numbers = new Map<string, ReadonlyMap<string, string>>();

  /** @param moved by table: key -> what it stands for */
  constructor(moved: ReadonlyMap<string, ReadonlyMap<string, string>>) {
    for (const [table, ids] of moved) {
      this.numbers.set(table, ids);
      for (const [id, meaning] of ids) if (!isNumber(id)) this.texts.set(id, meaning);
    }
  }

  /** Texts that have to be followed into rows that look equal. */
  get texted(): readonly string[] {
    return [...this.texts.keys()];
  }

  /** Keys that moved in a table. */
  of(table: string): readonly string[] {
    return [...(this.numbers.get(table)?.keys() ?? [])];
  }

  /** A row's values with every id that moved replaced by what it stands for. */
  resolve({ facts }: TableRows, row: ConfigurationRow): Readonly<Record<string, Value>> {
    return Object.fromEntries(
      Object.entries(row.values).map(([column, value]) => {
        const reference = facts.references.find((each) => each.column === column);
        const meaning =
          reference && typeof value === "string" ? this.numbers.get(reference.table)?.get(value) : undefined;
        return [column, meaning ?? this.inside(value, facts.keyValue)];
      }),
    );
  }

  private inside(value: Value, paths: boolean): Value {
    if (typeof value === "string") {
      const whole = this.texts.get(value);
      if (whole !== undefined || !paths || !value.startsWith("/")) return whole ?? value;
      return value
        .split("/")
        .map((part) => this.texts.get(part) ?? part)
        .join("/");
    }
    if (value === null || typeof value !== "object") return value;
    if (Array.isArray(value)) return (value as readonly Value[]).map((item) => this.inside(item, paths));
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [this.texts.get(key) ?? key, this.inside(inner, paths)]),
    );
  }
}

/** Pairs the rows of both sides. */
export function match(a: Configuration, b: Configuration): Matching {
  const namesA = new Names(a);
  const namesB = new Names(b);
  const pairs: Pair[] = [];
  const movedA = new Map<string, Map<string, string>>();
  const movedB = new Map<string, Map<string, string>>();
  // Key-value tables and tables whose objects have no name come last: what they hold is known by the others' names.
  for (const [id, table] of [...a].sort(([, x], [, y]) => weight(x) - weight(y))) {
    const other = b.get(id) ?? { ...table, rows: [], context: [] };
    const ids = { a: new Ids(movedA), b: new Ids(movedB) };
    const matched = matchTable(table, other, { namesA, namesB, ids });
    pairs.push(...matched);
    if (table.facts.key.length !== 1 || table.facts.keyValue) continue;
    for (const pair of matched) {
      if (pair.a?.key === pair.b?.key) continue;
      const meaning = meaningOf(pair);
      if (pair.a) put(movedA, id, pair.a.key, meaning);
      if (pair.b) put(movedB, id, pair.b.key, meaning);
    }
  }
  return { pairs, idsA: new Ids(movedA), idsB: new Ids(movedB) };
}

interface Context {
  readonly namesA: Names;
  readonly namesB: Names;
  readonly ids: { readonly a: Ids; readonly b: Ids };
}

function matchTable(table: TableRows, other: TableRows, { namesA, namesB, ids }: Context): readonly Pair[] {
  const named = !table.facts.keyValue && namingColumns(table.facts).length > 0;
  const contentOf = (row: ConfigurationRow, side: Ids): string => {
    const values = side.resolve(table, row);
    return contentName(comparedColumns(table.facts).map((column) => values[column] ?? null));
  };
  const nameOf = (row: ConfigurationRow, rows: TableRows, names: Names, side: Ids): readonly string[] => {
    if (table.facts.keyValue) return [text(side.resolve(table, row)[table.facts.key[0] ?? ""] ?? row.key)];
    return named ? names.nameOf(rows, row) : [contentOf(row, side)];
  };
  const left = new Map<string, ConfigurationRow[]>();
  for (const row of table.rows) add(left, canonicalJson(nameOf(row, table, namesA, ids.a)), row);
  const right = new Map<string, ConfigurationRow[]>();
  for (const row of other.rows) add(right, canonicalJson(nameOf(row, other, namesB, ids.b)), row);

  const pairs: { a?: ConfigurationRow; b?: ConfigurationRow; name: readonly string[] }[] = [];
  for (const name of new Set([...left.keys(), ...right.keys()])) {
    const parts = named || table.facts.keyValue ? (JSON.parse(name) as string[]) : undefined;
    const rows = pairUp(left.get(name) ?? [], right.get(name) ?? [], (row, side) => contentOf(row, ids[side]));
    for (const pair of rows) pairs.push({ ...pair, name: parts ?? [pair.a?.key ?? pair.b?.key ?? ""] });
  }
  return byKey(pairs).map((pair) => ({ table, ...pair }));
}

/** Rows of one name: by key, then by content, then in the order of their content. */
function pairUp(
  a: readonly ConfigurationRow[],
  b: readonly ConfigurationRow[],
  contentOf: (row: ConfigurationRow, side: "a" | "b") => string,
): readonly { a?: ConfigurationRow; b?: ConfigurationRow }[] {
  const [onlyA] = a;
  const [onlyB] = b;
  if (a.length <= 1 && b.length <= 1) return [{ ...(onlyA && { a: onlyA }), ...(onlyB && { b: onlyB }) }];
  const left = a.map((row) => ({ row, content: contentOf(row, "a") }));
  const right = b.map((row) => ({ row, content: contentOf(row, "b") }));
  const pairs: { a?: ConfigurationRow; b?: ConfigurationRow }[] = [];
  const take = (same: (x: (typeof left)[number], y: (typeof right)[number]) => boolean): void => {
    for (let at = left.length - 1; at >= 0; at -= 1) {
      const one = left[at];
      const found = one === undefined ? -1 : right.findIndex((candidate) => same(one, candidate));
      if (one === undefined || found === -1) continue;
      const [partner] = right.splice(found, 1);
      left.splice(at, 1);
      if (partner) pairs.push({ a: one.row, b: partner.row });
    }
  };
  take((x, y) => x.content === y.content);
  take((x, y) => x.row.key === y.row.key);
  pairs.push(...left.map(({ row }) => ({ a: row })), ...right.map(({ row }) => ({ b: row })));
  return pairs;
}

/** What is left on one side each and has one key is one object with a new name. */
function byKey<P extends { a?: ConfigurationRow; b?: ConfigurationRow; name: readonly string[] }>(
  pairs: readonly P[],
): readonly P[] {
  const onlyB = new Map(pairs.filter(({ a }) => a === undefined).map((pair) => [pair.b?.key ?? "", pair]));
  const taken = new Set<P>();
  const joined = pairs.map((pair) => {
    const partner = pair.a && pair.b === undefined ? onlyB.get(pair.a.key) : undefined;
    if (!partner?.b || taken.has(partner)) return pair;
    taken.add(partner);
    return { ...pair, b: partner.b };
  });
  return joined.filter((pair) => !taken.has(pair));
}

function weight({ facts }: TableRows): number {
  if (facts.keyValue) return 2;
  return namingColumns(facts).length > 0 ? 0 : 1;
}

/** What an id is replaced by: `<public.route default/orders-core/items>`. */
function meaningOf({ table, name }: Pair): string {
  return `<${table.facts.id} ${name.map((part) => part.replaceAll("/", "%2F")).join("/")}>`;
}

function text(value: Value): string {
  return typeof value === "string" ? value : canonicalJson(value);
}

function isNumber(id: string): boolean {
  return /^-?\d+$/.test(id);
}

function add(map: Map<string, ConfigurationRow[]>, name: string, row: ConfigurationRow): void {
  const rows = map.get(name);
  if (rows) rows.push(row);
  else map.set(name, [row]);
}

function put(map: Map<string, Map<string, string>>, table: string, key: string, meaning: string): void {
  const ids = map.get(table) ?? new Map<string, string>();
  ids.set(key, meaning);
  map.set(table, ids);
}
