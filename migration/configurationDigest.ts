import { byteLength, canonicalJson, sha256, type ConfigurationDigest } from "./recordEntry";

/**
 * A fingerprint of all configuration tables in a form that fits into one entry of the record, and its comparison.
 *
 * The verdict always comes from the whole (`*`); the tables' own values only say which of them moved.
 */

/** Bytes that the tables may take in an entry; the rest of its 2 KiB is for everything else. */
const MAX_TABLES_BYTES = 1200;
/** Packed form: characters of base64url for a table's name and for its content (24 bits each). */
const CODE_LENGTH = 4;

/** One table's fingerprint: number of rows, and a digest of at least 12 hex digits over their content. */
export interface TableFingerprint {
  /** `schema.table`. */
  readonly table: string;
  readonly rows: bigint;
  readonly digest: string;
}

/** What differs between a recorded fingerprint and a live one. */
export interface ConfigurationDifference {
  readonly same: boolean;
  /** `schema.table`, sorted. Empty when nothing differs, or when the record cannot tell which. */
  readonly tables: readonly string[];
}

export function digestOfTables(tables: readonly TableFingerprint[]): ConfigurationDigest {
  const values = Object.fromEntries(tables.map((table) => [table.table, valueOf(table)]));
  const rows = tables.reduce((sum, table) => sum + table.rows, 0n);
  const whole = { "*": `${rows}:${sha256(canonicalJson(values)).slice(0, 12)}` };
  if (byteLength(canonicalJson(values)) <= MAX_TABLES_BYTES) return { ...whole, ...values };
  const packed = tables.map((table) => code(table.table) + code(valueOf(table))).join("");
  return byteLength(packed) <= MAX_TABLES_BYTES ? { ...whole, "~": packed } : whole;
}

/** @param recorded a digest made by {@link digestOfTables} */
export function compareConfiguration(
  recorded: ConfigurationDigest,
  live: readonly TableFingerprint[],
): ConfigurationDifference {
  if (digestOfTables(live)["*"] === recorded["*"]) return { same: true, tables: [] };
  const packed = recorded["~"];
  const known = new Set([...Object.keys(recorded)].filter((key) => key !== "*" && key !== "~"));
  if (packed === undefined && known.size === 0) return { same: false, tables: [] };
  const moved = live.filter((table) =>
    packed === undefined
      ? recorded[table.table] !== valueOf(table)
      : packedCode(packed, code(table.table)) !== code(valueOf(table)),
  );
  const liveNames = new Set(live.map((table) => table.table));
  const gone = [...known].filter((name) => !liveNames.has(name));
  return { same: false, tables: [...moved.map((table) => table.table), ...gone].sort() };
}

function valueOf(table: TableFingerprint): string {
  return `${table.rows}:${table.digest.slice(0, 12)}`;
}

function code(text: string): string {
  return Buffer.from(sha256(text), "hex").toString("base64url").slice(0, CODE_LENGTH);
}

function packedCode(packed: string, name: string): string | undefined {
  for (let at = 0; at < packed.length; at += 2 * CODE_LENGTH) {
    if (packed.startsWith(name, at)) return packed.slice(at + CODE_LENGTH, at + 2 * CODE_LENGTH);
  }
  return undefined;
}
