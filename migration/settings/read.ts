import { type z } from "zod";
import { pathText, setCommand } from "./commands";
import { type Finding, type Issue, schemaFindings, unknownKey, withoutUnknownKeys } from "./findings";
import { isOptionalObject, isTextSetting, typed } from "./schemaWalk";
import { SCHEMA } from "./schema";

/** One top-level setting at a time: from config text to a value, or to what is wrong with it. */

/** The stack's config as the engine hands it over: text, objects as JSON. */
export interface RawConfig {
  readonly project: string;
  readonly stack: string;
  /** `NAMESPACE:KEY` -> text. */
  readonly values: Readonly<Record<string, string>>;
  /** Whether the engine keeps this `NAMESPACE:KEY`, or any part of it, encrypted. */
  readonly isSecret: (key: string) => boolean;
  /**
   * Whether the value of this encrypted `NAMESPACE:KEY` is not known here: a stack file read without its key. It counts
   * as given and right. Default: none.
   */
  readonly isSealed?: (key: string) => boolean;
  /** Paths of the encrypted parts of a `NAMESPACE:KEY`, where they are known. The engine does not tell them. */
  readonly secretPaths?: (key: string) => readonly (readonly (string | number)[])[];
}

export type Key = keyof typeof SCHEMA;
export const KEYS = Object.keys(SCHEMA) as readonly Key[];

/** Settings that must be encrypted, and the only ones that may be: the values of all others are readable in the state. */
const SECRET_KEYS: readonly string[] = [
  "controlPlaneToken",
  "databaseADsn",
  "testCredentials",
  "notificationWebhook",
  "databaseBDsn",
  "bastionPrivateKey",
  "metricsCredentials",
] satisfies readonly Key[];

export interface KeyResult {
  readonly usable: boolean;
  readonly value?: unknown;
  readonly findings: readonly Finding[];
}

/** Top-level keys of the project that no setting has. */
export function unknownTopLevel(raw: RawConfig): readonly Finding[] {
  const prefix = `${raw.project}:`;
  return Object.keys(raw.values)
    .filter((key) => key.startsWith(prefix) && !(KEYS as readonly string[]).includes(key.slice(prefix.length)))
    .map((key) => {
      const name = key.slice(prefix.length);
      const hidden = raw.isSecret(key);
      return unknownKey([name], KEYS, hidden ? undefined : holderOf(raw, name));
    });
}

/** Reads one setting. On the way back a misspelled key in it is left out, and what has a default takes it. */
export function readKey(raw: RawConfig, key: Key, wayBack: boolean): KeyResult {
  const name = `${raw.project}:${key}`;
  const schema: z.ZodType = SCHEMA[key];
  const mayBeSecret = SECRET_KEYS.includes(key);
  const secret = raw.isSecret(name);
  if (secret && mayBeSecret && raw.isSealed?.(name) === true) return { usable: true, value: SEALED, findings: [] };
  const value = valueOf(raw, key);
  const privacy = secret || mayBeSecret ? "secret" : "shown";
  const misplaced = secret && !mayBeSecret ? misplacedSecrets(raw, key) : [];
  const plainText =
    mayBeSecret && !secret && value !== undefined
      ? [
          {
            path: key,
            read: "plain text",
            expected: "a secret",
            remedy: setCommand([key], undefined, { secret: true }),
          },
        ]
      : [];
  const first = schema.safeParse(value);
  if (first.success) {
    // What is secret in here must not be declared, else it could be read in the state.
    return { usable: misplaced.length === 0, value: first.data, findings: [...misplaced, ...plainText] };
  }
  const issues = first.error.issues as readonly Issue[];
  const about = { value: untyped(raw, key), privacy, mayBeSecret } as const;
  const findings = [...misplaced, ...plainText, ...schemaFindings(key, schema, about, issues)];
  if (!wayBack || misplaced.length > 0) return { usable: false, findings };
  for (const candidate of [withoutUnknownKeys(value, issues), undefined]) {
    const again = schema.safeParse(candidate);
    if (again.success) return { usable: true, value: again.data, findings };
  }
  return { usable: false, findings };
}

/** Stands for a secret that is there but cannot be read. */
const SEALED = "[encrypted]";

/** The value of a setting, with numbers and truth values for texts that mean them. */
export function valueOf(raw: RawConfig, key: Key): unknown {
  return typed(SCHEMA[key], untyped(raw, key));
}

/**
 * Config is text: anything but text is JSON in it. Empty text where a text is wanted, and an empty object where one may be
 * left out, are how Pulumi.yaml says "not given".
 */
function untyped(raw: RawConfig, key: Key): unknown {
  const text = raw.values[`${raw.project}:${key}`];
  const schema: z.ZodType = SCHEMA[key];
  if (text === undefined) return undefined;
  if (isTextSetting(schema)) return text === "" ? undefined : text;
  // A number stays the text that it is: JSON knows more forms of them than a setting may have.
  const value = /^\s*[[{]/.test(text) ? parsed(text) : text;
  return isOptionalObject(schema) && isEmptyObject(value) ? undefined : value;
}

/** All settings as they were read, for what a misspelled one was meant to be; secret ones are not among them. */
function holderOf(raw: RawConfig, name: string): Record<string, unknown> {
  const shown = [...KEYS, name].filter((key) => !raw.isSecret(`${raw.project}:${key}`));
  const entries = shown.flatMap((key): [string, unknown][] => {
    const text = raw.values[`${raw.project}:${key}`];
    if (text === undefined || text === "" || text === "{}" || text === "[]") return [];
    return [[key, /^\s*[[{]/.test(text) ? parsed(text) : text]];
  });
  return Object.fromEntries(entries);
}

function misplacedSecrets(raw: RawConfig, key: Key): readonly Finding[] {
  const expected = `plain text: only ${SECRET_KEYS.join(", ")} may be secret, anything else can be read in the stack's state`;
  const paths = raw.secretPaths?.(`${raw.project}:${key}`) ?? [];
  const mend = (path: readonly (string | number)[]): string =>
    setCommand(path).replace("config set", "config set --plaintext");
  if (paths.length > 0) {
    return paths.map((path) => ({
      path: pathText([key, ...path]),
      read: "a secret",
      expected,
      remedy: mend([key, ...path]),
    }));
  }
  const compound = !isTextSetting(SCHEMA[key]) && /^\s*[[{]/.test(raw.values[`${raw.project}:${key}`] ?? "");
  const remedy = compound
    ? `pulumi config set --plaintext --path '${key}.FIELD' VALUE, for each field that Pulumi.${raw.stack}.yaml has as secure`
    : mend([key]);
  return [{ path: key, read: "a secret", expected, remedy }];
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function isEmptyObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value) && Object.keys(value).length === 0;
}
