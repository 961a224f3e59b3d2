import { type TableFacts } from "./model";

/**
 * What of a row is no configuration, what names an object, and what is secret: the only place where that is said.
 *
 * API7's tables are known by a few names only (facts/api7.md 4.3), so that everything goes by what columns are called and
 * what the catalogue says of them. Whatever is not recognised here is compared.
 */

interface ColumnRule {
  readonly name: RegExp;
  readonly type?: RegExp;
  readonly reason: string;
}

const TIME_TYPE = /^(timestamp|date|time|bigint|integer|numeric|double)/;

/** Times that say how long something is valid, whatever their columns' names end in: they are configuration. */
const TERM = /expir|valid|effective|not_?(before|after)|until|deadline|start|end(s|ed|ing)?_|schedul|delet/;

/** Columns that are written with a row, and are not what somebody configured. */
const LEFT_OUT: readonly ColumnRule[] = [
  {
    name: /^(created|updated|modified|published|uploaded|inserted|changed|synced)_?(at|on|time)$/,
    type: TIME_TYPE,
    reason: "time of writing",
  },
  {
    name: /^(create|update|modify|publish|upload|insert|change|sync)_?time$/,
    type: TIME_TYPE,
    reason: "time of writing",
  },
  { name: /_(at|time)$/, type: /^timestamp/, reason: "time of an event" },
  { name: /^(created|updated|modified|published|uploaded)_by$/, reason: "who wrote it" },
  {
    name: /^((create|prev|mod|modify|modified|resource)_?)?revision$|^resource_version$|^(running_)?config_(version|id)$|^running_config_id$|^row_?version$|^lock_version$/,
    reason: "revision, counted by each control plane for itself",
  },
];

/** Why a column is not compared; undefined when it is. */
export function leftOut(column: { readonly name: string; readonly type: string }): string | undefined {
  const name = column.name.toLowerCase();
  const rule = LEFT_OUT.find((each) => each.name.test(name) && (each.type?.test(column.type) ?? true));
  if (rule === undefined) return undefined;
  return /_(at|time)$/.test(name) && TERM.test(name) ? undefined : rule.reason;
}

/** Column by which rows are marked as deleted instead of being deleted. */
export function marksDeletion(column: { readonly name: string }): boolean {
  return /^(deleted|delete)_?(at|time)$/.test(column.name.toLowerCase());
}

/** When a row was written last, by its own account. */
export function tellsWriting(column: { readonly name: string; readonly type: string }): boolean {
  return (
    /^(updated|modified|changed)_?(at|on)$|^(update|modify|change)_?time$/.test(column.name.toLowerCase()) &&
    /^timestamp/.test(column.type)
  );
}

/** Columns that people name things by, the best first. */
const NAMING = [
  "short_id", "name", "username", "user_name", "email", "key", "slug", "code", "title", "plugin", "plugin_name", "sni", "host", "domain", "label",
]; // prettier-ignore

/** How well a column names things: 0 best; undefined when it does not. */
export function namingRank(column: string): number | undefined {
  const at = NAMING.indexOf(column.toLowerCase());
  return at === -1 ? undefined : at;
}

/** Tables whose names are known, with what names their objects (facts/api7.md 4.3). A hint: columns that are missing are skipped. */
const KNOWN: Readonly<Record<string, readonly string[]>> = {
  gateway_group: ["short_id"],
  // Certificates have no name; what they are for tells them apart as far as it goes.
  dataplane_certificate: ["gateway_group_id", "type"],
};

export function knownName(facts: Pick<TableFacts, "name" | "columns">): readonly string[] | undefined {
  const wanted = KNOWN[facts.name.toLowerCase()];
  if (wanted === undefined) return undefined;
  const present = wanted.filter((name) => facts.columns.some((column) => column.name === name));
  return present.length === wanted.length ? present : undefined;
}

/** Tables that hold nothing but secrets and what belongs to them. */
const SECRET_TABLE =
  /(^|_)(credentials?|tokens?|secrets?|secret_providers?|users?|sessions?|dataplane_certificates?|keys?|keyrings?)$/;
/** Columns, and keys inside JSON, whose values are secret. */
const SECRET_FIELD =
  /pass(word|wd)?|secret|token|salt|hash|private|credential|fingerprint|api_?key|apikey|^key$|_key$|^keys$|auth|jwt|hmac|encrypt|cipher|sealed|cert|cookie|session|bearer|signature|license|licence/i;
/** Columns of secret tables that may be shown all the same. */
const PLAIN_FIELD =
  /^(name|username|plugin|manager|type|status|enabled|role_id|user_id|consumer_id|gateway_group_id|expires_at|expiry|description)$/;

/** Whether a value must not be shown. `path` is the column, then the keys inside JSON. */
export function isSecret(table: string, path: readonly string[]): boolean {
  const [column = ""] = path;
  if (path.length === 1 && PLAIN_FIELD.test(column)) return false;
  if (SECRET_TABLE.test(table.toLowerCase())) return true;
  return path.some((part) => SECRET_FIELD.test(part));
}

/** Whether a value that names an object must not be shown either. Names are called so; a key that is a secret is not one. */
export function isSecretName(table: string, column: string): boolean {
  return namingRank(column) === undefined || /_?keys?$/i.test(column)
    ? isSecret(table, [column]) && !isPlainKey(table, column)
    : false;
}

/** `key` of a table of settings is a name. */
function isPlainKey(table: string, column: string): boolean {
  return column.toLowerCase() === "key" && !SECRET_TABLE.test(table.toLowerCase());
}

/** Whether the same secret written twice is two different values. */
export function isSealed(path: readonly string[]): boolean {
  return path.some((part) => /encrypt|cipher|sealed|salt|private_?key/i.test(part));
}
