import { z } from "zod";

/** One thing that is wrong with the settings. */
export interface Finding {
  /** Where, as `pulumi config set --path` writes it: `databaseB.copy`, `gatewayGroups[0].name`. */
  readonly path: string;
  /** What was read, shortened; never a secret's value. */
  readonly read: string;
  /** What is allowed. */
  readonly expected: string;
  /** The command or the step that mends it. */
  readonly remedy: string;
}

export type Path = readonly (string | number)[];

const READ_MAXIMUM = 80;

/** `["gatewayGroups", 0, "name"]` -> `gatewayGroups[0].name` */
export function pathText(path: Path): string {
  return path.reduce<string>(
    (text, key) => (typeof key === "number" ? `${text}[${key}]` : text === "" ? key : `${text}.${key}`),
    "",
  );
}

/** What was read, as one short line. */
export function readText(value: unknown): string {
  if (value === undefined) return "nothing";
  const text = JSON.stringify(value);
  return text.length > READ_MAXIMUM ? `${text.slice(0, READ_MAXIMUM)}...` : text;
}

/** The command that sets a value. */
export function setCommand(path: Path, secret: boolean): string {
  if (secret) return `pulumi config set --secret ${pathText(path)}`;
  return path.length === 1
    ? `pulumi config set ${pathText(path)} VALUE`
    : `pulumi config set --path '${pathText(path)}' VALUE`;
}

/** Every finding that a schema has about one top-level key. */
export function schemaFindings(
  key: string,
  schema: z.ZodType,
  value: unknown,
  issues: readonly Issue[],
  secret: boolean,
): Finding[] {
  return issues.flatMap((issue) => {
    const path: Path = [key, ...issue.path.filter((part) => typeof part !== "symbol")];
    if (issue.code === "unrecognized_keys") {
      const known = keysAt(schema, value, issue.path);
      return (issue.keys ?? []).map((unknown) => unknownKey([...path, unknown], known));
    }
    const read = secret ? (value === undefined ? "nothing" : "a secret") : readText(valueAt(value, issue.path));
    return [{ path: pathText(path), read, expected: issue.message, remedy: setCommand(path, secret) }];
  });
}

/** A key that nobody reads; names the nearest one that somebody does. */
export function unknownKey(path: Path, known: readonly string[]): Finding {
  const last = String(path.at(-1));
  const near = nearest(last, known);
  const flags = path.length === 1 ? "" : "--path ";
  return {
    path: pathText(path),
    read: `the key ${last}`,
    expected: near === undefined ? `one of the keys ${known.join(", ")}` : `${near}?`,
    remedy: `pulumi config rm ${flags}'${pathText(path)}'${near === undefined ? "" : `, and set ${near} instead`}`,
  };
}

/** The known word nearest to a misspelled one: at most a third of it may differ. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const ranked = known
    .map((candidate) => ({ candidate, distance: editDistance(word.toLowerCase(), candidate.toLowerCase()) }))
    .filter(({ candidate, distance }) => distance <= Math.max(2, Math.floor(candidate.length / 3)))
    .sort((a, b) => a.distance - b.distance);
  return ranked[0]?.candidate;
}

/** Removes the keys that zod did not recognize, so that the rest can be looked at. */
export function withoutUnknownKeys(value: unknown, issues: readonly Issue[]): unknown {
  const copy: unknown = structuredClone(value);
  for (const issue of issues) {
    if (issue.code !== "unrecognized_keys") continue;
    const holder = valueAt(copy, issue.path);
    for (const key of issue.keys ?? []) Reflect.deleteProperty(holder as object, key);
  }
  return copy;
}

/** The part of zod's issues that is used here. */
export interface Issue {
  readonly code: string;
  readonly message: string;
  readonly path: readonly PropertyKey[];
  readonly keys?: readonly string[];
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (holder, key) =>
      typeof holder === "object" && holder !== null ? (holder as Record<PropertyKey, unknown>)[key] : undefined,
    value,
  );
}

/** Keys that the schema knows at a path of the value. */
function keysAt(schema: z.ZodType, value: unknown, path: readonly PropertyKey[]): readonly string[] {
  let current = plain(schema, value);
  let holder = value;
  for (const key of path) {
    holder = valueAt(holder, [key]);
    const inner: unknown =
      current instanceof z.ZodArray
        ? current.element
        : current instanceof z.ZodObject
          ? current.shape[String(key)]
          : undefined;
    if (!(inner instanceof z.ZodType)) return [];
    current = plain(inner, holder);
  }
  return current instanceof z.ZodObject ? Object.keys(current.shape) : [];
}

/** Takes the wrappers off a schema, and picks the branch of a union that the value names. */
function plain(schema: z.ZodType, value: unknown): z.ZodType {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    return plain(schema.unwrap() as z.ZodType, value);
  }
  if (schema instanceof z.ZodDiscriminatedUnion) {
    const { discriminator } = schema.def;
    const named = valueAt(value, [discriminator]);
    const branches = schema.options.filter((option) => option instanceof z.ZodObject);
    return (
      branches.find((branch) => {
        const literal: unknown = branch.shape[discriminator];
        return literal instanceof z.ZodLiteral && literal.values.has(named as never);
      }) ?? schema
    );
  }
  return schema;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const substituted = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substituted, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
