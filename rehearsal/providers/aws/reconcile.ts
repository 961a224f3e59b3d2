import { type Props } from "../framework";

/**
 * A live value in the form in which it was written before, where both mean the same: AWS gives sets in any order,
 * and what belongs to something switched off does not count. What differs stays as it is in the world.
 */
export function reconcile(before: unknown, live: unknown): unknown {
  if (Array.isArray(before) && Array.isArray(live)) return reconcileList(before, live);
  if (isObject(before) && isObject(live)) {
    if (before["enabled"] === false && live["enabled"] === false) return before;
    return Object.fromEntries(Object.entries(live).map(([key, value]) => [key, reconcile(before[key], value)]));
  }
  return live;
}

function reconcileList(before: readonly unknown[], live: readonly unknown[]): unknown[] {
  const keys = before.map(keyOf);
  const liveKeys = live.map(keyOf);
  if ([...keys, ...liveKeys].includes(undefined)) return live.map((value, index) => reconcile(before[index], value));
  const place = (key: string | undefined): number => {
    const index = keys.indexOf(key);
    return index < 0 ? before.length : index;
  };
  return live
    .map((value, index) => ({ value, key: liveKeys[index] }))
    .sort((a, b) => place(a.key) - place(b.key))
    .map(({ value, key }) => reconcile(before[place(key)], value));
}

/** What makes an element of a set the same as before. Nothing for elements of a list, which go by their place. */
function keyOf(element: unknown): string | undefined {
  if (typeof element === "string") return element;
  if (!isObject(element)) return undefined;
  const key = element["arn"] ?? element["name"] ?? element["id"];
  return typeof key === "string" ? key : undefined;
}

function isObject(value: unknown): value is Props {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
