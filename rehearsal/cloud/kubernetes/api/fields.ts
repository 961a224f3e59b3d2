import { isDeepStrictEqual } from "node:util";
import { type FieldTree } from "./objects";

/**
 * Paths of fields inside an object, in the elements of `fieldsV1`: `f:replicas` for a field, `k:{"name":"gateway"}` for
 * an item of an associative list, `v:"x"` for an item of a set, and `.` for the item itself.
 */
export type FieldPath = readonly string[];

/** A set of paths. Keys are joined elements; elements hold no NUL. */
export type FieldSet = ReadonlySet<string>;

const SEPARATOR = "\0";

export function join(path: FieldPath): string {
  return path.join(SEPARATOR);
}

export function split(key: string): FieldPath {
  return key.split(SEPARATOR);
}

type Fields = Readonly<Record<string, unknown>>;

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Keys of list items, by the name of the list (the API's `x-kubernetes-list-map-keys`). Other lists are atomic. */
const LIST_KEYS: Readonly<Record<string, readonly string[]>> = {
  containers: ["name"],
  initContainers: ["name"],
  env: ["name"],
  volumes: ["name"],
  volumeMounts: ["mountPath"],
  imagePullSecrets: ["name"],
  conditions: ["type"],
  ownerReferences: ["uid"],
  topologySpreadConstraints: ["topologyKey", "whenUnsatisfiable"],
};

/** Lists of plain values of which each manager can own some. */
const SETS: ReadonlySet<string> = new Set(["finalizers"]);

/** Objects that are owned as a whole (the API's `x-kubernetes-map-type: atomic`). */
const ATOMIC: ReadonlySet<string> = new Set(["selector", "podSelector", "namespaceSelector", "nodeSelector"]);

function keysOf(list: string, items: readonly unknown[]): readonly string[] | undefined {
  if (list === "ports") {
    // Containers and Services have different keys; ports of network policies lie in atomic lists.
    const port = items.every((item) => isFields(item) && "containerPort" in item) ? "containerPort" : "port";
    return items.every((item) => isFields(item) && port in item) ? [port, "protocol"] : undefined;
  }
  const keys = LIST_KEYS[list];
  return keys !== undefined && items.every((item) => isFields(item) && keys.every((key) => key in item))
    ? keys
    : undefined;
}

function itemElement(item: Fields, keys: readonly string[]): string {
  const entries = [...keys].sort().map((key) => [key, item[key] ?? (key === "protocol" ? "TCP" : undefined)] as const);
  return `k:${JSON.stringify(Object.fromEntries(entries))}`;
}

/** Children of a value: the element that names each, and its value. `undefined` for what is owned as a whole. */
function children(value: unknown, name: string): readonly (readonly [string, unknown])[] | undefined {
  if (Array.isArray(value)) {
    const items: readonly unknown[] = value;
    if (SETS.has(name)) {
      return items.map((item) => [`v:${JSON.stringify(item)}`, item] as const);
    }
    const keys = items.length === 0 ? undefined : keysOf(name, items);
    return keys === undefined
      ? undefined
      : items.filter(isFields).map((item) => [itemElement(item, keys), item] as const);
  }
  if (isFields(value) && !ATOMIC.has(name) && Object.keys(value).length > 0) {
    return Object.entries(value).map(([key, child]) => [`f:${key}`, child] as const);
  }
  return undefined;
}

function collect(value: unknown, name: string, path: FieldPath, into: Map<string, unknown>): void {
  const below = children(value, name);
  if (below === undefined) {
    into.set(join(path), value);
    return;
  }
  for (const [element, child] of below) {
    const childPath = [...path, element];
    if (element.startsWith("k:")) {
      into.set(join([...childPath, "."]), true);
    }
    collect(child, element.startsWith("f:") ? element.slice(2) : "", childPath, into);
  }
}

/** What the server itself sets, and what names the object: nobody owns it. */
const UNOWNED = new Set(
  ["name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "managedFields"].concat([
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "selfLink",
  ]),
);

/** The fields of an object that managers can own, each with its value. `status` belongs to the controllers. */
export function ownedValues(object: Fields): ReadonlyMap<string, unknown> {
  const values = new Map<string, unknown>();
  for (const [key, value] of Object.entries(object)) {
    if (key === "apiVersion" || key === "kind" || key === "status" || value === undefined) {
      continue;
    }
    if (key === "metadata" && isFields(value)) {
      const kept = Object.entries(value).filter(([field, child]) => !UNOWNED.has(field) && child !== undefined);
      if (kept.length > 0) {
        collect(Object.fromEntries(kept), "metadata", ["f:metadata"], values);
      }
    } else {
      collect(value, key, [`f:${key}`], values);
    }
  }
  return values;
}

/** `undefined` when nothing is there. */
export function valueAt(object: unknown, path: FieldPath, name = ""): unknown {
  const [element, ...rest] = path;
  if (element === undefined) {
    return object;
  }
  if (element === ".") {
    return object === undefined ? undefined : true;
  }
  if (element.startsWith("f:")) {
    const key = element.slice(2);
    return isFields(object) && Object.hasOwn(object, key) ? valueAt(object[key], rest, key) : undefined;
  }
  const found = children(object, name)?.find(([known]) => known === element);
  return found === undefined ? undefined : valueAt(found[1], rest);
}

/** The object without what lies at the path; containers that the removal leaves empty stay. */
export function without(object: unknown, path: FieldPath, name = ""): unknown {
  const [element, ...rest] = path;
  if (element === undefined) {
    return object;
  }
  if (element.startsWith("f:") && isFields(object)) {
    const key = element.slice(2);
    if (!Object.hasOwn(object, key)) {
      return object;
    }
    const kept = Object.entries(object).filter(([known]) => known !== key);
    return rest.length === 0 ? Object.fromEntries(kept) : { ...object, [key]: without(object[key], rest, key) };
  }
  if (Array.isArray(object)) {
    const items: readonly unknown[] = object;
    const named = children(items, name) ?? [];
    const removesItem = rest.length === 0 || rest[0] === ".";
    return named.flatMap(([known, item]) => (known !== element ? [item] : removesItem ? [] : [without(item, rest)]));
  }
  return object;
}

/** `applied` laid over `live`: fields by field, items of associative lists by key, everything else as a whole. */
export function merged(live: unknown, applied: unknown, name = ""): unknown {
  if (isFields(live) && isFields(applied) && !ATOMIC.has(name)) {
    const entries = Object.entries(applied).map(([key, value]) => [key, merged(live[key], value, key)] as const);
    return { ...live, ...Object.fromEntries(entries) };
  }
  if (Array.isArray(live) && Array.isArray(applied) && live.length > 0) {
    const old = children(live, name);
    const now = children(applied, name);
    if (old !== undefined && now !== undefined) {
      const changes = new Map(now);
      const kept = old.map(([element, item]) => (changes.has(element) ? merged(item, changes.get(element)) : item));
      const known = new Set(old.map(([element]) => element));
      return [...kept, ...now.filter(([element]) => !known.has(element)).map(([, item]) => item)];
    }
  }
  return applied;
}

export function equal(a: unknown, b: unknown): boolean {
  return isDeepStrictEqual(a, b);
}

export function toTree(fields: FieldSet): FieldTree {
  const root: { [element: string]: FieldTree } = {};
  for (const key of [...fields].sort()) {
    let at: { [element: string]: FieldTree } = root;
    for (const element of split(key)) {
      at = at[element] ??= {};
    }
  }
  return root;
}

export function fromTree(tree: FieldTree): Set<string> {
  const fields = new Set<string>();
  const walk = (at: FieldTree, path: FieldPath): void => {
    const entries = Object.entries(at);
    if (entries.length === 0 && path.length > 0) {
      fields.add(join(path));
    }
    for (const [element, child] of entries) {
      walk(child, [...path, element]);
    }
  };
  walk(tree, []);
  return fields;
}

/** `.spec.replicas`, `.spec.template.spec.containers[name="gateway"].image`: how conflicts name a field. */
export function fieldText(path: FieldPath): string {
  return path
    .filter((element) => element !== ".")
    .map((element) => {
      if (element.startsWith("f:")) {
        return `.${element.slice(2)}`;
      }
      if (element.startsWith("k:")) {
        const keys = Object.entries(JSON.parse(element.slice(2)) as Record<string, unknown>);
        return `[${keys.map(([key, value]) => `${key}=${JSON.stringify(value)}`).join(",")}]`;
      }
      return `[${element.slice(2)}]`;
    })
    .join("");
}
