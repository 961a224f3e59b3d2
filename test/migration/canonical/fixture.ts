import { differencesOf } from "../../../migration/canonical/compare";
import { match } from "../../../migration/canonical/matching";
import {
  type Configuration,
  type ConfigurationRow,
  type TableFacts,
  type TableRows,
  type Value,
} from "../../../migration/canonical/model";

/** Rows as they come from a database, for tests without one. */

export function facts(id: string, columns: readonly string[], more: Partial<TableFacts> = {}): TableFacts {
  return {
    id: `public.${id}`,
    name: id,
    columns: columns.map((name) => ({ name, type: "text", given: false })),
    key: ["id"],
    uniqueKeys: [],
    references: [],
    keyValue: false,
    ...more,
  };
}

export const GROUP = facts("gateway_group", ["id", "short_id", "name"], { uniqueKeys: [["short_id"], ["name"]] });
export const SERVICE = facts("service", ["id", "gateway_group_id", "name", "plugins"], {
  uniqueKeys: [["gateway_group_id", "name"]],
  references: [{ column: "gateway_group_id", table: "public.gateway_group" }],
});
export const ROUTE = facts("route", ["id", "service_id", "name", "body"], {
  uniqueKeys: [["service_id", "name"]],
  references: [{ column: "service_id", table: "public.service" }],
});
export const SSL = facts("ssl", ["id", "name", "snis"]);
export const RULE = facts("global_rule", ["id", "plugins"]);

type Rows = readonly Readonly<Record<string, Value>>[];

/** One side: rows by table, each with its id as key; `context` rows only give others their names. */
export function side(tables: readonly (readonly [TableFacts, Rows, Rows?])[]): Configuration {
  return new Map(
    tables.map(([table, rows, context = []]): [string, TableRows] => [
      table.id,
      { facts: table, rows: rows.map((row) => rowOf(table, row)), context: context.map((row) => rowOf(table, row)) },
    ]),
  );
}

function rowOf(table: TableFacts, values: Readonly<Record<string, Value>>): ConfigurationRow {
  return { key: table.key.map((column) => textOf(values[column] ?? null)).join(), values, hash: "0" };
}

function textOf(value: Value): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** `object field: a -> b`. */
export function compared(a: Configuration, b: Configuration): readonly string[] {
  return differencesOf(match(a, b)).map((one) => `${one.object} ${one.field}: ${String(one.a)} -> ${String(one.b)}`);
}
