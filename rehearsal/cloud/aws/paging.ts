import { validationError } from "./errors";

/** Pages of AWS have at most this many entries, and this many when the caller says nothing. */
const PAGE = 400;

/** The page of a list that begins at the marker, and the marker of the next one. */
export function paged<T>(
  items: readonly T[],
  marker: string | undefined,
  size: number | undefined,
): { readonly items: readonly T[]; readonly next: string | undefined } {
  const from = marker === undefined || marker === "" ? 0 : Number(marker);
  if (!Number.isInteger(from) || from < 0) throw validationError(`Marker '${marker ?? ""}' is not valid`);
  const to = from + Math.min(size ?? PAGE, PAGE);
  return { items: items.slice(from, to), next: to < items.length ? String(to) : undefined };
}
