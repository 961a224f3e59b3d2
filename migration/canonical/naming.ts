import { sha256, canonicalJson } from "../recordEntry";
import { type Configuration, type ConfigurationRow, type TableFacts, type TableRows, type Value } from "./model";
import { isSecretName, knownName, namingRank } from "./rules";
import { hashOf } from "./show";

/**
 * Names of objects: what people called them, with what they belong to. A route is `default/orders-core/items`: gateway
 * group, service, route. Ids that a control plane gave are not part of a name, and neither is anything else that two
 * people who make the same change do not choose.
 */

/** The columns that name a table's objects; empty when nothing does but their content. */
export function namingColumns(facts: TableFacts): readonly string[] {
  const known = knownName(facts);
  if (known) return known;
  const given = new Set(facts.columns.filter((column) => isGiven(facts, column.name)).map(({ name }) => name));
  const keys = [facts.key, ...facts.uniqueKeys].filter(
    (key) => key.length > 0 && key.some((column) => !given.has(column) && !refers(facts, column)),
  );
  // Of several keys the one that people name things by; of those the shortest.
  const ranked = keys.map((key) => ({ key, rank: Math.min(...key.map((column) => namingRank(column) ?? NO_RANK)) }));
  ranked.sort((x, y) => x.rank - y.rank || x.key.length - y.key.length);
  const [best] = ranked;
  if (best && !best.key.some((column) => given.has(column))) return best.key;
  // No key: a name that may occur twice, below what the object belongs to.
  const named = facts.columns
    .filter(({ name }) => !given.has(name) && namingRank(name) !== undefined)
    .sort((x, y) => (namingRank(x.name) ?? NO_RANK) - (namingRank(y.name) ?? NO_RANK))[0];
  if (!named) return [];
  return [...facts.references.map(({ column }) => column).filter((column) => column !== named.name), named.name];
}

const NO_RANK = 1000;

/** Whether the column is an id that nobody chose: the server gives it, or it is the key of one column and called so. */
function isGiven(facts: TableFacts, column: string): boolean {
  if (refers(facts, column)) return false;
  if (facts.columns.find(({ name }) => name === column)?.given === true) return true;
  return facts.key.length === 1 && facts.key[0] === column && /^(id|uuid|guid)$|_(id|uuid|guid)$/i.test(column);
}

function refers(facts: TableFacts, column: string): boolean {
  return facts.references.some((reference) => reference.column === column);
}

/** Columns that are compared: all but the id that nobody chose. */
export function comparedColumns(facts: TableFacts): readonly string[] {
  return facts.columns.map(({ name }) => name).filter((name) => !(facts.key.includes(name) && isGiven(facts, name)));
}

/** Names of one side's rows. */
export class Names {
  private readonly byKey = new Map<string, ReadonlyMap<string, ConfigurationRow>>();
  private readonly named = new Map<string, readonly string[]>();

  constructor(private readonly configuration: Configuration) {
    for (const [table, { facts, rows, context }] of configuration) {
      if (facts.key.length === 1) this.byKey.set(table, new Map([...context, ...rows].map((row) => [row.key, row])));
    }
  }

  /** The row that a reference means, as far as it was read. */
  rowOf(table: string, key: string): ConfigurationRow | undefined {
    return this.byKey.get(table)?.get(key);
  }

  /** Parts of a row's name; empty for a table whose objects have none. */
  nameOf(table: TableRows, row: ConfigurationRow): readonly string[] {
    return this.resolve(table, row, []);
  }

  private resolve(table: TableRows, row: ConfigurationRow, above: readonly string[]): readonly string[] {
    const { facts } = table;
    const place = `${facts.id} ${row.key}`;
    const known = this.named.get(place);
    if (known) return known;
    // A circle of names cannot be told: the id stands for the object where it closes.
    if (above.includes(place)) return [row.key];
    const columns = namingColumns(facts);
    const parts = columns.flatMap((column) => this.part(facts, column, row.values[column] ?? null, [...above, place]));
    if (above.length === 0) this.named.set(place, parts);
    return parts;
  }

  private part(facts: TableFacts, column: string, value: Value, above: readonly string[]): readonly string[] {
    const reference = facts.references.find((each) => each.column === column);
    const target = reference && this.configuration.get(reference.table);
    const row = typeof value === "string" && reference ? this.rowOf(reference.table, value) : undefined;
    if (target && row) {
      const name = this.resolve(target, row, above);
      if (name.length > 0) return name;
    }
    const text = typeof value === "string" ? value : canonicalJson(value);
    return [isSecretName(facts.name, column) ? hashOf({ object: facts.id, path: [column] }, text) : text];
  }
}

/** A name for people: `default/default/orders` is `default/orders`, since a service names its group as well. */
export function nameText(parts: readonly string[]): string {
  return parts.filter((part, index) => index === 0 || part !== parts[index - 1]).join("/");
}

/** What stands for an object that has no name: its content. */
export function contentName(content: Value): string {
  return `content ${sha256(canonicalJson(content)).slice(0, 12)}`;
}
