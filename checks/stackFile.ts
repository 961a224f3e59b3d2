import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { isMap, isNode, LineCounter, parseDocument, type Document, type Tags } from "yaml";
import { type RawConfig } from "../migration/settings";
import { BadInput } from "./request";

/**
 * A stack's config as the engine would hand it to the program, read from the files alone: no engine, no key of the
 * secrets. Encrypted values count as given.
 */
export interface StackFile {
  readonly raw: RawConfig;
  /** Path of the file, as it was opened. */
  readonly path: string;
  /** Line of a setting, `databaseB.copy`, or of the nearest thing around it; undefined when the file has neither. */
  readonly lineOf: (path: string) => number | undefined;
}

export interface StackFileOptions {
  /** Folder of Pulumi.yaml. */
  readonly folder: string;
  /** Name of the stack, `ORGANIZATION/PROJECT/STACK` too. Default: from the name of the file. */
  readonly stack?: string | undefined;
  /** A stack file elsewhere. Default: `Pulumi.STACK.yaml` in the folder. */
  readonly file?: string | undefined;
}

type Entries = Readonly<Record<string, unknown>>;
type SecretPath = readonly (string | number)[];

/** Stands for an encrypted value. */
const ENCRYPTED = "[encrypted]";

/** @throws BadInput when there is no such file, or it is not YAML */
export async function readStackFile(options: StackFileOptions): Promise<StackFile> {
  const stack = options.stack?.split("/").at(-1) ?? /^Pulumi\.(.+)\.ya?ml$/.exec(basename(options.file ?? ""))?.[1];
  if (stack === undefined || stack === "") {
    throw new BadInput(
      "No stack was named. Expected: --stack NAME, or --file with a path that ends in Pulumi.NAME.yaml.",
    );
  }
  const { document: projectDocument } = await open(join(options.folder, "Pulumi.yaml"), "the project's file");
  const project = entries(projectDocument.toJS());
  const name = project["name"];
  if (typeof name !== "string") throw new BadInput("Pulumi.yaml has no name. Expected: name: PROJECT.");

  const path = options.file ?? join(options.folder, `Pulumi.${stack}.yaml`);
  const { document, lines } = await open(
    path,
    `the file of stack ${stack}: pulumi stack init ${stack} makes a new one`,
  );
  const config = entries(document.toJS())["config"];
  if (config !== undefined && config !== null && !isObject(config)) {
    throw new BadInput(`${path}: config is no mapping. Expected: config: with one KEY: VALUE a line below it.`);
  }
  const given = entries(config);
  // A key without a namespace is the project's.
  const qualified = (key: string): string => (key.includes(":") ? key : `${name}:${key}`);
  const values = new Map<string, string>();
  const secrets = new Map<string, readonly SecretPath[]>();
  for (const [key, declared] of Object.entries(entries(project["config"]))) {
    const value = defaultOf(declared);
    if (value !== undefined) values.set(qualified(key), textOf(value));
  }
  for (const [key, value] of Object.entries(given)) {
    const found: SecretPath[] = [];
    values.set(qualified(key), textOf(opened(value, [], found)));
    secrets.set(qualified(key), found);
  }
  return {
    path,
    lineOf: (setting) => lineIn(document, lines, name, setting),
    raw: {
      project: name,
      stack,
      values: Object.fromEntries(values),
      isSecret: (key) => (secrets.get(key)?.length ?? 0) > 0,
      isSealed: (key) => secrets.get(key)?.some((at) => at.length === 0) ?? false,
      secretPaths: (key) => secrets.get(key)?.filter((at) => at.length > 0) ?? [],
    },
  };
}

/** What the engine's reader takes otherwise than YAML 1.2: 010 is octal, and a bare date is a moment. */
function engineTags(tags: Tags): Tags {
  const octal = {
    tag: "tag:yaml.org,2002:int",
    default: true,
    test: /^0[0-7]+$/,
    resolve: (text: string) => Number.parseInt(text, 8),
  } as const;
  return [octal, "timestamp", ...tags];
}

async function open(path: string, what: string): Promise<{ document: Document.Parsed; lines: LineCounter }> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new BadInput(`${path} cannot be read: ${why}. Expected: ${what}.`);
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, customTags: engineTags });
  const [error] = document.errors;
  if (error !== undefined) throw new BadInput(`${path} is not YAML: ${error.message}`);
  if (!isMap(document.contents)) throw new BadInput(`${path} is no mapping. Expected: ${what}.`);
  return { document, lines };
}

/** `{default: VALUE, ...}`, `{value: VALUE}`, or the value itself: how Pulumi.yaml says what a key has without a stack's. */
function defaultOf(declared: unknown): unknown {
  if (!isObject(declared)) return declared ?? undefined;
  return declared["value"] ?? declared["default"];
}

/** The value with a text in place of what is encrypted; where that was is added to `found`. */
function opened(value: unknown, at: SecretPath, found: SecretPath[]): unknown {
  if (Array.isArray(value)) return value.map((entry: unknown, index) => opened(entry, [...at, index], found));
  if (!isObject(value)) return value;
  if (Object.keys(value).length === 1 && typeof value["secure"] === "string") {
    found.push(at);
    return ENCRYPTED;
  }
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, opened(field, [...at, key], found)]));
}

/** As the engine turns a value into text. */
function textOf(value: unknown): string {
  if (value === null) return "";
  if (typeof value === "string") return value;
  if (value instanceof Date) return goTime(value);
  return JSON.stringify(value, function (this: Record<string, unknown>, key: string, shown: unknown) {
    // A date has become a text of its own by now.
    const original = this[key];
    return original instanceof Date ? goTime(original) : shown;
  });
}

/** `2026-12-24 00:00:00 +0000 UTC`: what the engine makes of a date that is not in quotes. */
function goTime(date: Date): string {
  return `${date.toISOString().slice(0, 19).replace("T", " ")} +0000 UTC`;
}

function lineIn(document: Document.Parsed, lines: LineCounter, project: string, setting: string): number | undefined {
  const [top = "", ...rest] = keysOf(setting);
  for (const key of [top, `${project}:${top}`]) {
    for (let length = rest.length; length >= 0; length -= 1) {
      const line = lineAt(document, lines, ["config", key, ...rest.slice(0, length)]);
      if (line !== undefined) return line;
    }
  }
  return undefined;
}

/** Line of the key or the list entry at a path. */
function lineAt(document: Document.Parsed, lines: LineCounter, path: readonly (string | number)[]): number | undefined {
  const holder: unknown = document.getIn(path.slice(0, -1), true);
  const last = path.at(-1);
  const pair = isMap(holder) ? holder.items.find(({ key }) => isNode(key) && String(key) === String(last)) : undefined;
  const node: unknown = pair === undefined ? document.getIn(path, true) : pair.key;
  return isNode(node) && node.range ? lines.linePos(node.range[0]).line : undefined;
}

/** `gatewayGroups[0].tags["a.b"]` -> `gatewayGroups`, 0, `tags`, `a.b` */
function keysOf(setting: string): readonly (string | number)[] {
  const parts = setting.matchAll(/\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]|([^.[\]]+)/g);
  return [...parts].map(([, index, quoted, word]) =>
    index !== undefined ? Number(index) : quoted !== undefined ? (JSON.parse(`"${quoted}"`) as string) : (word ?? ""),
  );
}

function entries(value: unknown): Entries {
  return isObject(value) ? value : {};
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}
