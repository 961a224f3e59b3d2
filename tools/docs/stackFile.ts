import { parse } from "yaml";
import { type Described } from "./settings";

/** The end of a stack's file: every key that the file does not set, with what holds instead. */

const PREFIX = "api7-migration:";
const MARK = "  # Not set above, with what holds instead; in parentheses, where nothing does, what may be given.";
const ENTRY = "  #   ";
const HOW = "  # Written by `npm run docs`. To set one: pulumi config set --path 'KEY' VALUE";

/** The file with its end written anew; everything above it stays as it is. */
export function stackFileOf(text: string, settings: readonly Described[]): string {
  const own = withoutEnd(text.split("\n")).join("\n").trimEnd();
  const lines = unset(settings, settingsIn(own)).map((line) => `${ENTRY}${line}`);
  return `${own}\n\n${[MARK, HOW, ...lines].join("\n")}\n`;
}

/** The CLI may have put a key behind the end: only the lines that were written here are taken away. */
function withoutEnd(lines: readonly string[]): readonly string[] {
  const begin = lines.indexOf(MARK);
  if (begin < 0) return lines;
  const written = lines.slice(begin + 1).findIndex((line) => line !== HOW && !line.startsWith(ENTRY));
  return [...lines.slice(0, begin), ...(written < 0 ? [] : lines.slice(begin + 1 + written))];
}

/** The project's own settings of a stack file. */
export function settingsIn(text: string): Readonly<Record<string, unknown>> {
  const { config } = parse(text) as { readonly config: Readonly<Record<string, unknown>> };
  const own = Object.entries(config).filter(([key]) => key.startsWith(PREFIX));
  return Object.fromEntries(own.map(([key, value]) => [key.slice(PREFIX.length), value]));
}

/** `databaseB.copy`, `gatewayGroups[0].name` */
export function pathText(path: readonly (string | number)[]): string {
  return path.reduce<string>(
    (text, key) => (typeof key === "number" ? `${text}[${key}]` : text === "" ? key : `${text}.${key}`),
    "",
  );
}

function unset(settings: readonly Described[], values: unknown): readonly string[] {
  return settings.flatMap((entry) => {
    if (!concerns(entry, values)) return [];
    const below = unset(entry.children, values);
    if (found(values, entry.path)) return below;
    // An object whose fields all have their defaults is told by its fields.
    return entry.children.length > 0 && entry.fallback.startsWith("{") ? below : [lineOf(entry), ...below];
  });
}

function lineOf({ path, fallback, secret, allowed }: Described): string {
  const key = pathText(path);
  if (secret) return `${key}: (${allowed}: pulumi config set --secret ${key})`;
  return `${key}: ${fallback === "none" || fallback === "required" ? `(${allowed})` : fallback}`;
}

/** Whether the kind of a union that the file has chosen knows this key; where none is chosen, every kind is told. */
function concerns({ only, path }: Described, values: unknown): boolean {
  if (only === undefined) return true;
  const [discriminator = "", kinds = ""] = only.split(/ (.*)/);
  const chosen = valuesAt(values, [...path.slice(0, -1), discriminator]);
  return chosen.length === 0 || chosen.some((kind) => kinds.split(", ").includes(String(kind)));
}

function found(values: unknown, path: readonly (string | number)[]): boolean {
  return valuesAt(values, path).length > 0;
}

/** What is at a path; a number stands for every entry of a list. */
function valuesAt(value: unknown, path: readonly (string | number)[]): readonly unknown[] {
  const [key, ...rest] = path;
  if (key === undefined) return value === undefined ? [] : [value];
  if (typeof key === "number") return Array.isArray(value) ? value.flatMap((entry) => valuesAt(entry, rest)) : [];
  if (typeof value !== "object" || value === null) return [];
  return valuesAt((value as Readonly<Record<string, unknown>>)[key], rest);
}
