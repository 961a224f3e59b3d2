/**
 * Configuration as people mean it: objects with names that people gave, without the ids, times and revisions that a
 * control plane gives them. What A and B are compared by once control plane B runs, because a change that is made twice by
 * hand never has equal rows.
 */

/** A value of a column: text, or for JSON and arrays what the text says. Numbers of JSON that JavaScript would round are text. */
export type Value = null | boolean | number | string | readonly Value[] | { readonly [key: string]: Value };

/** One table, as far as the comparison asks the catalogue. */
export interface TableFacts {
  /** `schema.table`, quoted where needed. */
  readonly id: string;
  /** Without schema. */
  readonly name: string;
  /** Columns that are compared or that name an object, in the table's order. */
  readonly columns: readonly ColumnFacts[];
  /** Key that tells the rows apart: the primary key, else a unique one; empty when there is none. */
  readonly key: readonly string[];
  /** Columns of the other unique indexes without a condition. */
  readonly uniqueKeys: readonly (readonly string[])[];
  readonly references: readonly Reference[];
  /** Key-value table of the DP Manager: keys are paths in which ids stand. */
  readonly keyValue: boolean;
}

export interface ColumnFacts {
  readonly name: string;
  /** As PostgreSQL writes it: `timestamp with time zone`. */
  readonly type: string;
  /** The server gives the value: a sequence, an identity, a random UUID. */
  readonly given: boolean;
}

/** A foreign key, or what a column's name says where there is none. Only those of one column. */
export interface Reference {
  readonly column: string;
  /** `schema.table` that is referred to, by its one-column key. */
  readonly table: string;
}

/** One row that is not the same on both sides, or that such a row refers to. */
export interface ConfigurationRow {
  /** Text of the key's columns. */
  readonly key: string;
  readonly values: Readonly<Record<string, Value>>;
  /** Hash over all compared columns, times included: tells whether the row was written since evidence was taken. */
  readonly hash: string;
  /** When it was written last, by its own column; ISO 8601. */
  readonly writtenAt?: string | undefined;
}

/** Rows of one table on one side. */
export interface TableRows {
  readonly facts: TableFacts;
  /** Rows without an equal one on the other side. */
  readonly rows: readonly ConfigurationRow[];
  /** Rows that are equal on both sides and are only here to give others their names. */
  readonly context: readonly ConfigurationRow[];
}

/** One side's rows, by table id. */
export type Configuration = ReadonlyMap<string, TableRows>;

/** One difference of the configuration. */
export interface Difference {
  /** `public.route default/orders-core/items`: table, and names that people gave. */
  readonly object: string;
  /** Column, with the path inside JSON: `timeout.read`; `*` when the object is on one side only. */
  readonly field: string;
  /** Value on A and on B as they may be shown: secrets and long values by hash; null where there is none. */
  readonly a: ShownValue;
  readonly b: ShownValue;
  readonly table: string;
  /** The rows' keys and hashes on either side, for finding out who changed what. */
  readonly rowA?: ConfigurationRow | undefined;
  readonly rowB?: ConfigurationRow | undefined;
}

/** What a setting can hold as well. */
export type ShownValue = string | number | boolean | null;
