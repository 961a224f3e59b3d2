import { canonicalJson } from "../recordEntry";
import { type Matching, type Pair } from "./matching";
import { type Difference, type ShownValue, type Value } from "./model";
import { comparedColumns, nameText } from "./naming";
import { isSealed } from "./rules";
import { hashOf, shown } from "./show";

/** Field of a difference that concerns the whole object. */
export const WHOLE_OBJECT = "*";

/** Every difference of the paired objects, sorted by object and field. */
export function differencesOf({ pairs, idsA, idsB }: Matching): readonly Difference[] {
  const differences = pairs.flatMap((pair): readonly Difference[] => {
    const { table, a, b } = pair;
    const valuesA = a && idsA.resolve(table, a);
    const valuesB = b && idsB.resolve(table, b);
    const object = objectText(pair);
    const common = { object, table: table.facts.id, rowA: a, rowB: b };
    const columns = comparedColumns(table.facts);
    if (!valuesA || !valuesB) {
      const only = valuesA ?? valuesB ?? {};
      const whole = hashOf(
        { object, path: [WHOLE_OBJECT] },
        canonicalJson(columns.map((column) => only[column] ?? null)),
      );
      return [{ ...common, field: WHOLE_OBJECT, a: valuesA ? whole : null, b: valuesB ? whole : null }];
    }
    return columns.flatMap((column) =>
      leaves([column], valuesA[column] ?? null, valuesB[column] ?? null).map(({ path, a: left, b: right }) => ({
        ...common,
        field: fieldText(path),
        ...shownApart({ table: table.facts.name, object, path }, left, right),
      })),
    );
  });
  return differences.sort((x, y) => order(x.object, y.object) || order(x.field, y.field));
}

/** `public.route default/orders-core/items`. */
export function objectText({ table, name }: Pair): string {
  return `${table.facts.id} ${nameText(name)}`.trimEnd();
}

/** Whether the difference is in a value that is never the same when it is written twice. */
export function isInSealed(difference: Difference): boolean {
  return isSealed(difference.field.split(/[.[\]]+/));
}

interface Leaf {
  readonly path: readonly string[];
  readonly a: Value;
  readonly b: Value;
}

/** The smallest parts that differ: inside objects by key, inside lists of one length by place. */
function leaves(path: readonly string[], a: Value, b: Value): readonly Leaf[] {
  if (canonicalJson(a) === canonicalJson(b)) return [];
  if (isList(a) && isList(b) && a.length === b.length) {
    return a.flatMap((item, at) => leaves([...path, String(at)], item, b[at] ?? null));
  }
  if (isObject(a) && isObject(b)) {
    return [...new Set([...Object.keys(a), ...Object.keys(b)])]
      .sort()
      .flatMap((key) => leaf([...path, key], a, b, key));
  }
  return [{ path, a, b }];
}

/** A key that is missing is not a key whose value is null, but both are shown as null. */
function leaf(
  path: readonly string[],
  a: Readonly<Record<string, Value>>,
  b: Readonly<Record<string, Value>>,
  key: string,
): readonly Leaf[] {
  const [inA, inB] = [key in a, key in b];
  if (inA && inB) return leaves(path, a[key] ?? null, b[key] ?? null);
  const value = (inA ? a[key] : b[key]) ?? "(null)";
  return [{ path, a: inA ? value : null, b: inB ? value : null }];
}

/** Both values as they may be shown; by hash where they would look alike. */
function shownApart(
  place: { readonly table: string; readonly object: string; readonly path: readonly string[] },
  a: Value,
  b: Value,
): { readonly a: ShownValue; readonly b: ShownValue } {
  const texts = { a: shown(place, a), b: shown(place, b) };
  if (texts.a !== texts.b) return texts;
  return { a: hashOf(place, `A ${canonicalJson(a)}`), b: hashOf(place, `B ${canonicalJson(b)}`) };
}

function fieldText(path: readonly string[]): string {
  return path.map((part, at) => (at === 0 ? part : /^\d+$/.test(part) ? `[${part}]` : `.${part}`)).join("");
}

function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

function isObject(value: Value): value is Readonly<Record<string, Value>> {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

function order(x: string, y: string): number {
  return x < y ? -1 : x > y ? 1 : 0;
}
