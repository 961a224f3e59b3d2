import { type z } from "zod";
import { mendCommand, type Path, pathText, removeCommand, setCommand, writeCommands } from "./commands";
import { nearest } from "./nearest";
import { keysAt, valueAt } from "./schemaWalk";

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

/** What is known about a top-level key besides its schema. */
export interface About {
  /** As it was read. */
  readonly value: unknown;
  /** Whether values may be shown, or must not be. */
  readonly privacy: "shown" | "secret";
  /** Whether the setting is one that must be encrypted. */
  readonly mayBeSecret: boolean;
}

const READ_MAXIMUM = 80;

/** What was read, as one short line. */
export function readText(value: unknown): string {
  if (value === undefined) return "nothing";
  const text = JSON.stringify(value);
  return text.length > READ_MAXIMUM ? `${text.slice(0, READ_MAXIMUM)}...` : text;
}

/** Every finding that a schema has about one top-level key. */
export function schemaFindings(
  key: string,
  schema: z.ZodType,
  { value, privacy, mayBeSecret }: About,
  issues: readonly Issue[],
): Finding[] {
  const secret = privacy === "secret";
  return issues.flatMap((issue) => {
    const path: Path = [key, ...issue.path.filter((part) => typeof part !== "symbol")];
    if (issue.code === "unrecognized_keys") {
      const known = keysAt(schema, value, issue.path);
      return (issue.keys ?? []).map((unknown) =>
        unknownKey([...path, unknown], known, secret ? undefined : valueAt(value, issue.path)),
      );
    }
    const read = valueAt(value, issue.path);
    return [
      {
        path: pathText(path),
        read: secret && read !== undefined ? "a secret" : readText(read),
        expected: issue.message,
        remedy: secret
          ? setCommand(path, undefined, { secret: mayBeSecret })
          : issue.code === "invalid_key"
            ? removeCommand(path)
            : mendCommand(path, schema, value, read),
      },
    ];
  });
}

/**
 * A key that nobody reads; names the nearest one that somebody does.
 *
 * @param holder the object that has the key, when its value may be shown
 */
export function unknownKey(path: Path, known: readonly string[], holder?: unknown): Finding {
  const last = String(path.at(-1));
  const near = nearest(last, known);
  const commands = [removeCommand(path)];
  // What was meant for the known key goes there, unless that has a value already.
  if (near !== undefined && valueAt(holder, [near]) === undefined) {
    commands.push(...writeCommands([...path.slice(0, -1), near], valueAt(holder, [last])));
  }
  return {
    path: pathText(path),
    read: `the key ${last}`,
    expected: near === undefined ? `one of the keys ${known.join(", ")}` : `${near}?`,
    remedy: commands.join(" && "),
  };
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
