import { nearest } from "../../providers/framework/nearest";

/** A chart's values as a tree of plain JSON. */
export type Values = Readonly<Record<string, unknown>>;

/** One thing wrong with given values. Never holds a value: values may be secret. */
export interface ValueFinding {
  readonly path: string;
  readonly reason: string;
}

export function isMap(value: unknown): value is Values {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Places where the chart takes anything: its default is an empty map or a list. */
function isFreeForm(fallback: unknown): boolean {
  return Array.isArray(fallback) || (isMap(fallback) && Object.keys(fallback).length === 0);
}

function setAt(tree: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [key = "", ...rest] = path;
  if (rest.length === 0) {
    tree[key] = value;
    return;
  }
  const below = (tree[key] ??= {}) as Record<string, unknown>;
  setAt(below, rest, value);
}

/** The tree of defaults from a flat list of paths (`a.b.c` -> default). */
export function defaultsOf(paths: Readonly<Record<string, unknown>>): Values {
  const tree: Record<string, unknown> = {};
  for (const [path, fallback] of Object.entries(paths)) {
    setAt(tree, path.split("."), structuredClone(fallback));
  }
  return tree;
}

/** Values laid over defaults as Helm does it: maps are merged, `null` takes a default away, lists are replaced. */
export function mergeValues(defaults: Values, given: Values): Values {
  const changes = Object.entries(given).map(([key, value]): readonly [string, unknown] => {
    const fallback = defaults[key];
    return [key, isMap(value) && isMap(fallback) ? mergeValues(fallback, value) : value];
  });
  const all = { ...defaults, ...Object.fromEntries(changes) };
  return Object.fromEntries(Object.entries(all).filter(([key, value]) => value !== null || !(key in given)));
}

/** The value at a dotted path; `undefined` when nothing is there. */
export function at(values: Values, path: string): unknown {
  return path.split(".").reduce<unknown>((tree, key) => (isMap(tree) ? tree[key] : undefined), values);
}

/** @throws Error naming the path, not the value, when it is no text */
export function text(values: Values, path: string): string {
  const value = at(values, path);
  if (typeof value !== "string") {
    throw new Error(`Chart value ${path} must be a text.`);
  }
  return value;
}

/** @throws Error naming the path, not the value, when it is no whole number from 0 */
export function count(values: Values, path: string): number {
  const value = at(values, path);
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0) {
    throw new Error(`Chart value ${path} must be a whole number from 0.`);
  }
  return value;
}

export function flag(values: Values, path: string): boolean {
  return at(values, path) === true;
}

/** A list of the values; missing or `null` is empty. @throws Error naming the path when it is something else */
export function list(values: Values, path: string): readonly unknown[] {
  const value = at(values, path) ?? [];
  if (!Array.isArray(value)) {
    throw new Error(`Chart value ${path} must be a list.`);
  }
  return value as readonly unknown[];
}

/** A map of the values; missing or `null` is empty. @throws Error naming the path when it is something else */
export function map(values: Values, path: string): Values {
  const value = at(values, path) ?? {};
  if (!isMap(value)) {
    throw new Error(`Chart value ${path} must be a map.`);
  }
  return value;
}

function kindOf(value: unknown): string {
  return Array.isArray(value) ? "a list" : isMap(value) ? "a map" : `a ${typeof value}`;
}

/**
 * What of the given values the chart does not know, or takes in another form.
 * @param fitsAnywhere values that stand for others not known yet
 */
export function checkValues(
  known: Readonly<Record<string, unknown>>,
  given: Values,
  fitsAnywhere: (value: unknown) => boolean = () => false,
  prefix: readonly string[] = [],
): readonly ValueFinding[] {
  const paths = Object.keys(known);
  return Object.entries(given).flatMap(([key, value]): readonly ValueFinding[] => {
    const path = [...prefix, key].join(".");
    if (Object.hasOwn(known, path)) {
      return fitsAnywhere(value) ? [] : checkLeaf(path, known[path], value);
    }
    if (!paths.some((one) => one.startsWith(`${path}.`))) {
      const close = nearest(path, withSections(paths));
      const hint = close === undefined ? "" : ` Did you mean ${close}?`;
      return [{ path, reason: `The chart knows no value ${path}.${hint}` }];
    }
    if (value === null || fitsAnywhere(value)) {
      return [];
    }
    return isMap(value)
      ? checkValues(known, value, fitsAnywhere, [...prefix, key])
      : [{ path, reason: `The chart expects a map at ${path}, and got ${kindOf(value)}.` }];
  });
}

/** Paths and the maps that they lie in: `a.b.c` gives `a`, `a.b` and `a.b.c`. */
function withSections(paths: readonly string[]): readonly string[] {
  const all = paths.flatMap((path) => {
    const parts = path.split(".");
    return parts.map((_, index) => parts.slice(0, index + 1).join("."));
  });
  return [...new Set(all)];
}

function checkLeaf(path: string, fallback: unknown, value: unknown): readonly ValueFinding[] {
  if (value === null || fallback === null) {
    return [];
  }
  const fits = isFreeForm(fallback)
    ? Array.isArray(fallback) === Array.isArray(value) && (Array.isArray(value) || isMap(value))
    : typeof value === typeof fallback;
  return fits ? [] : [{ path, reason: `The chart expects ${kindOf(fallback)} at ${path}, and got ${kindOf(value)}.` }];
}
