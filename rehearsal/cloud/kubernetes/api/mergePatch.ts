import { isFields } from "./fields";

/** RFC 7386: `null` removes a field, objects are merged, everything else is replaced. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isFields(patch)) {
    return patch;
  }
  const base = isFields(target) ? target : {};
  const changes = Object.entries(patch).map(
    ([key, value]) => [key, value === null ? undefined : mergePatch(base[key], value)] as const,
  );
  const all = { ...base, ...Object.fromEntries(changes) };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}
