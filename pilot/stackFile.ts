import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Document, isMap, parseDocument } from "yaml";

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
  const document = await readDocument(path);
  if (!isMap(document.get("config"))) document.set("config", document.createNode({}));
  for (const [key, value] of Object.entries(settings)) {
    const at = ["config", `${PROJECT}:${key}`];
    if (value === undefined) document.deleteIn(at);
    else document.setIn(at, document.createNode(value));
  }
  const partial = `${path}.${process.pid}`;
  await writeFile(partial, document.toString({ lineWidth: 0 }));
  await rename(partial, path);
}

/** A plain setting of a stack's file; undefined when it is not set there. */
export async function readFromStackFile(folder: string, stack: string, key: string): Promise<unknown> {
  const document = await readDocument(stackFile(folder, stack));
  const value: unknown = document.toJS();
  const config = isObject(value) ? value["config"] : undefined;
  return isObject(config) ? config[`${PROJECT}:${key}`] : undefined;
}

async function readDocument(path: string): Promise<Document> {
  let text = "";
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
  }
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
