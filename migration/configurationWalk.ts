/**
 * Walking through stored configuration whose tables are not published (facts/api7.md 4.3): every JSON value, whatever
 * holds it, with the plugin that it belongs to.
 */

/** One stored object: a row of a table, or a value of the key-value table. */
export interface ConfigurationDocument {
  /** For messages: `route items-v1-collection (id)`, or the key. */
  readonly object: string;
  /** Short id or id of the gateway group, where the object names one. */
  readonly group?: string | undefined;
  readonly value: unknown;
}

/** One JSON object on the way. */
export interface WalkedObject {
  readonly document: ConfigurationDocument;
  /** Where in the document, `plugins.workflow.rules[0].actions[0][1]`. */
  readonly path: string;
  /** The key that holds it, or that holds the list it is in; empty at the top. */
  readonly key: string;
  /** The plugin whose configuration this is, or is part of. */
  readonly plugin: string | undefined;
  /** Whether it is the whole configuration of that plugin. */
  readonly isWholePlugin: boolean;
  readonly value: Readonly<Record<string, unknown>>;
}

/** A string somewhere in the configuration. */
export interface WalkedText {
  readonly document: ConfigurationDocument;
  readonly path: string;
  /** The key that holds it, or that holds the list it is in. */
  readonly key: string;
  readonly plugin: string | undefined;
  readonly text: string;
}

export interface Visitor {
  object?(walked: WalkedObject): void;
  text?(walked: WalkedText): void;
}

/** Deeper than any configuration is nested. */
const MAX_DEPTH = 40;

interface Place {
  readonly path: string;
  readonly key: string;
  readonly plugin: string | undefined;
  readonly isWholePlugin: boolean;
  readonly depth: number;
}

/**
 * Visits every object and string of a document. Text that is JSON itself is opened; plugins that are switched off by
 * `_meta.disable` are passed over.
 *
 * A plugin is known by the key below `plugins`, by `{plugin, config}` beside each other (metadata, credentials), and by
 * `["name", {...}]` in a list of actions (`workflow`).
 */
export function walk(document: ConfigurationDocument, visitor: Visitor): void {
  step(document, visitor, document.value, {
    path: "",
    key: "",
    plugin: metadataPlugin(document.object),
    isWholePlugin: metadataPlugin(document.object) !== undefined,
    depth: 0,
  });
}

function step(document: ConfigurationDocument, visitor: Visitor, value: unknown, place: Place): void {
  if (place.depth > MAX_DEPTH) return;
  if (typeof value === "string") {
    const opened = parsedJson(value);
    if (opened !== undefined) step(document, visitor, opened, { ...place, depth: place.depth + 1 });
    else visitor.text?.({ document, path: place.path, key: place.key, plugin: place.plugin, text: value });
    return;
  }
  if (typeof value !== "object" || value === null) return;
  if (Array.isArray(value)) {
    walkList(document, visitor, value as readonly unknown[], place);
    return;
  }
  const object = value as Readonly<Record<string, unknown>>;
  if (place.isWholePlugin && isDisabled(object)) return;
  visitor.object?.({ document, ...place, value: object });
  const metadata = typeof object["plugin"] === "string" ? object["plugin"] : undefined;
  for (const [key, child] of Object.entries(object)) {
    const named = place.key === "plugins" && isObject(child) ? key : undefined;
    const config = key === "config" && metadata !== undefined && isObject(child) ? metadata : undefined;
    const plugin = named ?? config;
    step(document, visitor, child, {
      path: place.path === "" ? key : `${place.path}.${key}`,
      key,
      plugin: plugin ?? place.plugin,
      isWholePlugin: plugin !== undefined,
      depth: place.depth + 1,
    });
  }
}

function walkList(document: ConfigurationDocument, visitor: Visitor, list: readonly unknown[], place: Place): void {
  const [first, second] = list;
  const action = list.length === 2 && typeof first === "string" && isObject(second) ? first : undefined;
  for (const [index, child] of list.entries()) {
    const isConfig = action !== undefined && index === 1;
    step(document, visitor, child, {
      path: `${place.path}[${index}]`,
      key: place.key,
      plugin: isConfig ? action : place.plugin,
      isWholePlugin: isConfig,
      depth: place.depth + 1,
    });
  }
}

/** The key-value table holds a plugin's metadata under the plugin's name. */
function metadataPlugin(object: string): string | undefined {
  return /\/plugin_metadata\/([\w-]+)$/.exec(object)?.[1];
}

function isDisabled(config: Readonly<Record<string, unknown>>): boolean {
  const meta = config["_meta"];
  return isObject(meta) && meta["disable"] === true;
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** An object or list in text; undefined for every other text. */
function parsedJson(text: string): unknown {
  if (!/^\s*[[{]/.test(text)) return undefined;
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === "object" && parsed !== null ? parsed : undefined;
  } catch {
    return undefined;
  }
}
