import { type z } from "zod";
import { type Path, pathText, setCommand } from "../commands";
import { type Finding, readText } from "../findings";
import { type SCHEMA } from "../schema";

/** What no single field can tell: rules between fields. Each looks only at keys that were read without a finding. */

/**
 * What a finding holds.
 *
 * - `listener`: everything, the way back too, since the listener cannot be set until this is mended
 * - `harm`: everything but the listener's way back: declared at `rollback` it would touch what serves
 * - `refusal`: everything but `rollback`, where it is a warning
 * - `warning`: nothing
 */
export type Effect = "listener" | "harm" | "refusal" | "warning";

export interface RuleFinding extends Finding {
  readonly effect: Effect;
}

export type Parsed = { readonly [K in keyof typeof SCHEMA]?: z.output<(typeof SCHEMA)[K]> };
export type Groups = NonNullable<Parsed["gatewayGroups"]>;

export interface Place {
  readonly stack: string;
  /** AWS region; undefined when none is set, which is a finding of its own. */
  readonly region: string | undefined;
}

export type Rule = (parsed: Parsed, place: Place) => readonly RuleFinding[];

/** A finding about one value. Without a remedy: the command that sets it, the value left to the operator. */
export function finding(
  path: Path,
  value: unknown,
  expected: string,
  effect: Effect,
  remedy: string = setCommand(path),
): RuleFinding {
  return { path: pathText(path), read: readText(value), expected, remedy, effect };
}

/** Entries of a list that are there twice, by what makes them the same. */
export function repeated<T>(
  entries: readonly T[],
  keyOf: (entry: T) => unknown,
): readonly { readonly entry: T; readonly index: number; readonly before: number }[] {
  const seen = new Map<unknown, number>();
  return entries.flatMap((entry, index) => {
    const key = keyOf(entry);
    if (key === undefined) return [];
    const before = seen.get(key);
    if (before !== undefined) return [{ entry, index, before }];
    seen.set(key, index);
    return [];
  });
}
