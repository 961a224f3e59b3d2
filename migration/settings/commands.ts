import { z } from "zod";
import { nearest } from "./nearest";
import { plain, schemaAt } from "./schemaWalk";

/**
 * The `pulumi config` lines that mend a setting, ready for a POSIX shell.
 *
 * Pulumi keeps top-level values as texts; with `--path` it takes whole numbers, true and false for what they look like,
 * and everything else for text, unless `--type` says otherwise (facts/pulumi.md 4).
 */

export type Path = readonly (string | number)[];
type Scalar = string | number | boolean;

/** Stands in a command for what only the operator knows. */
export const PLACEHOLDER = "VALUE";

/** `["gatewayGroups", 0, "name"]` -> `gatewayGroups[0].name`; a key that is no word becomes `["key"]`. */
export function pathText(path: Path): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === "number") return `${text}[${key}]`;
    if (text === "") return key;
    return /^[A-Za-z_][\w-]*$/.test(key) ? `${text}.${key}` : `${text}[${JSON.stringify(key)}]`;
  }, "");
}

/** The command that sets one value; without a value the operator fills it in. A secret is asked for, not shown. */
export function setCommand(path: Path, value?: Scalar, options: { readonly secret?: boolean } = {}): string {
  if (options.secret === true) return `pulumi config set --secret ${place(path)}`;
  const text = value === undefined ? PLACEHOLDER : word(String(value));
  const shown = text.startsWith("-") ? `-- ${text}` : text;
  return `pulumi config set ${typeFlag(path, value)}${place(path)} ${shown}`;
}

/** The command that takes a setting away. */
export function removeCommand(path: Path): string {
  return `pulumi config rm ${place(path)}`;
}

/** The commands that set a value of any shape, one for each scalar in it. */
export function writeCommands(path: Path, value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.flatMap((entry: unknown, index) => writeCommands([...path, index], entry));
  if (typeof value === "object" && value !== null) {
    return Object.entries(value).flatMap(([key, field]) => writeCommands([...path, key], field));
  }
  return [setCommand(path, isScalar(value) ? value : undefined)];
}

/** One line that puts a list or an object in the place of another. */
export function replaceCommand(path: Path, value: unknown): string {
  return [removeCommand(path), ...writeCommands(path, value)].join(" && ");
}

/**
 * The line that mends a value which its schema does not take: with the value that is meant, where that can be told from
 * what was read or from a default; else with a place for it.
 *
 * @param schema schema of the top-level key `path[0]`
 */
export function mendCommand(path: Path, schema: z.ZodType, whole: unknown, value: unknown): string {
  const wanted = schemaAt(schema, whole, path.slice(1));
  if (wanted === undefined) return setCommand(path);
  const inner = plain(wanted, value);
  const compound = inner instanceof z.ZodObject || inner instanceof z.ZodArray || inner instanceof z.ZodRecord;
  if (!compound && !(inner instanceof z.ZodDiscriminatedUnion)) return setCommand(path, meant(wanted, value));
  const missing = needs(wanted, path);
  if (Array.isArray(value) && inner instanceof z.ZodArray) {
    const there = value.length;
    // Too short: what is there stays. Too long: the last one goes.
    const more = missing.filter((place) => Number(place[path.length]) >= there);
    if (more.length > 0) return more.map((place) => setCommand(place)).join(" && ");
    if (there > 0) return removeCommand([...path, there - 1]);
  }
  // What need not be there is best left to its default.
  if (value !== undefined && wanted.safeParse(undefined).success) return removeCommand(path);
  const remove = value === undefined ? [] : [removeCommand(path)];
  const set = missing.map((place) => setCommand(place));
  return [...remove, ...set].join(" && ") || setCommand(path);
}

/** Where a schema needs values: the paths of the scalars that have no default. */
function needs(schema: z.ZodType, path: Path): readonly Path[] {
  if (schema instanceof z.ZodOptional && path.length > 1) return [];
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) return [];
  const inner = plain(schema, undefined);
  if (inner instanceof z.ZodDiscriminatedUnion) return [[...path, inner.def.discriminator]];
  if (inner instanceof z.ZodObject) {
    return Object.entries(inner.shape).flatMap(([key, field]) => needs(field as z.ZodType, [...path, key]));
  }
  if (inner instanceof z.ZodArray) {
    const entries = Array.from({ length: shortest(inner) }, (_, index) => index);
    return entries.flatMap((index) => needs(inner.element as z.ZodType, [...path, index]));
  }
  return inner instanceof z.ZodRecord ? [] : [path];
}

const LENGTHS = [0, 1, 2] as const;

/** The fewest entries that a list may have. */
function shortest(list: z.ZodArray): number {
  const tooShort = (length: number): boolean => {
    const { error } = list.safeParse(Array.from({ length }));
    return error?.issues.some(({ code, path }) => code === "too_small" && path.length === 0) ?? false;
  };
  return LENGTHS.find((length) => !tooShort(length)) ?? LENGTHS.length;
}

/** The value that was meant, when the schema takes it. */
function meant(schema: z.ZodType, value: unknown): Scalar | undefined {
  const candidates: unknown[] = [];
  const inner = plain(schema, value);
  if (typeof value === "string") {
    const number = /^\s*(-?\d+(\.\d+)?)/.exec(value);
    if (inner instanceof z.ZodNumber && number) candidates.push(Number(number[1]));
    if (inner instanceof z.ZodBoolean) candidates.push(TRUTH[value.trim().toLowerCase()]);
    if (inner instanceof z.ZodEnum) candidates.push(nearest(value, inner.options.map(String)));
    candidates.push(value.trim(), value.trim().toLowerCase());
  }
  if (typeof value === "number" || typeof value === "boolean") candidates.push(String(value));
  if (typeof value === "number") candidates.push(Math.round(value));
  if (schema instanceof z.ZodDefault) candidates.push(schema.def.defaultValue);
  return candidates.filter(isScalar).find((candidate) => inner.safeParse(candidate).success);
}

const TRUTH: Readonly<Record<string, boolean>> = {
  yes: true,
  on: true,
  true: true,
  "1": true,
  no: false,
  off: false,
  false: false,
  "0": false,
};

function isScalar(value: unknown): value is Scalar {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean";
}

function place(path: Path): string {
  return path.length === 1 ? word(String(path[0])) : `--path ${inQuotes(pathText(path))}`;
}

/** Says what type a nested value has where Pulumi would take it for another. */
function typeFlag(path: Path, value: Scalar | undefined): string {
  if (path.length === 1) return "";
  if (typeof value === "string" && /^([+-]?\d+|true|false)$/.test(value)) return "--type string ";
  return typeof value === "number" && !Number.isInteger(value) ? "--type float " : "";
}

function word(text: string): string {
  return /^[\w@%+:,./=-]+$/.test(text) ? text : inQuotes(text);
}

function inQuotes(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
