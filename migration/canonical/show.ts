import { canonicalJson, sha256 } from "../recordEntry";
import { type ShownValue, type Value } from "./model";
import { isSecret } from "./rules";

/** How a value may be shown: what is secret, or may be, by its hash. */

/** Longer values say more about the terminal than about the difference. */
const MAX_SHOWN = 120;
/** Secrets that give themselves away wherever they stand: passwords in addresses, keys, API7's tokens. */
const LOOKS_SECRET = /:\/\/[^\s:/@]*:[^\s@]*@|-----BEGIN|\ba7(ee|adm|gw)-/;

/**
 * Text, number, truth value or null; `sha256:...` (12 hex digits) for secrets and long values. The hash is over object,
 * field and value, so that equal secrets of different objects do not look equal, and no list of known hashes helps.
 */
export function shown(
  place: { readonly table: string; readonly object: string; readonly path: readonly string[] },
  value: Value,
): ShownValue {
  if (value === null) return null;
  const text = typeof value === "string" ? value : canonicalJson(value);
  if (
    isSecret(place.table, place.path) ||
    text.length > MAX_SHOWN ||
    LOOKS_SECRET.test(text) ||
    holdsSecret(place, value)
  ) {
    return hashOf(place, text);
  }
  return typeof value === "object" ? text : value;
}

/** The hash that stands for a value. */
export function hashOf(place: { readonly object: string; readonly path: readonly string[] }, text: string): string {
  return `sha256:${sha256(`${place.object}\n${place.path.join("\n")}\n${text}`).slice(0, 12)}`;
}

/** Whether anything inside a structure is secret by the name of its key. */
function holdsSecret(place: { readonly table: string; readonly path: readonly string[] }, value: Value): boolean {
  if (value === null || typeof value !== "object") return false;
  if (Array.isArray(value)) return (value as readonly Value[]).some((item) => holdsSecret(place, item));
  return Object.entries(value).some(
    ([key, inner]) =>
      isSecret(place.table, [...place.path, key]) || holdsSecret({ ...place, path: [...place.path, key] }, inner),
  );
}
