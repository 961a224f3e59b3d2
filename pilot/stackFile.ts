import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Document, isMap, isScalar, parseDocument } from "yaml";
import { isMissingFile } from "../checks/missingFile";

/** Namespace of the program's settings: the project's name in Pulumi.yaml. */
export const PROJECT = "api7-migration";

/** The file that holds a stack's settings. A fully qualified name's file carries the last part only, as the CLI's does. */
export function stackFile(folder: string, stack: string): string {
  return join(folder, `Pulumi.${stack.split("/").at(-1) ?? stack}.yaml`);
}

/**
 * Sets plain settings in a stack's file, or removes those given as undefined. Comments, order and everything else of
 * the file stay as they are; the file is replaced as a whole, so that nobody ever reads half of it.
 *
 * @throws when the file is no YAML mapping, or cannot be written
 */
export async function setInStackFile(
  folder: string,
  stack: string,
  settings: Readonly<Record<string, unknown>>,
): Promise<void> {
  const path = stackFile(folder, stack);
  let text = await readText(path);
  for (const [key, value] of Object.entries(settings)) text = withSetting(text, path, key, value);
  const partial = `${path}.${process.pid}`;
  await writeFile(partial, text);
  await rename(partial, path);
}

function withSetting(text: string, path: string, key: string, value: unknown): string {
  const document = parse(text, path);
  const at = ["config", `${PROJECT}:${key}`];
  const old: unknown = document.getIn(at, true);
  if (isScalar(old) && old.range && value !== undefined && typeof value !== "object") {
    // The value alone is replaced: quotes, spacing and comments of the rest of the file are its owner's.
    const [begin, end] = old.range;
    return text.slice(0, begin) + new Document(value).toString().trim() + text.slice(end);
  }
  if (value === undefined) {
    if (!document.hasIn(at)) return text;
    document.deleteIn(at);
  } else {
    if (!isMap(document.get("config"))) document.set("config", document.createNode({}));
    document.setIn(at, document.createNode(value));
  }
  return document.toString({ lineWidth: 0, flowCollectionPadding: false });
}

/** A plain setting of a stack's file; undefined when it is not set there. */
export async function readFromStackFile(folder: string, stack: string, key: string): Promise<unknown> {
  const path = stackFile(folder, stack);
  const value: unknown = parse(await readText(path), path).toJS();
  const config = isObject(value) ? value["config"] : undefined;
  return isObject(config) ? config[`${PROJECT}:${key}`] : undefined;
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (isMissingFile(error)) return "";
    throw error;
  }
}

function parse(text: string, path: string): Document {
  const document = parseDocument(text);
  const [first] = document.errors;
  if (first !== undefined) throw new Error(`${path} is no YAML: ${first.message}`);
  if (document.contents === null) return new Document({});
  if (!isMap(document.contents)) throw new Error(`${path} is no mapping: a stack file holds "config:" and its keys`);
  return document;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
