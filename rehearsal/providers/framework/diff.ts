import { isAtOrBelow, parsePath, pathText, reachesInto, type Path } from "./paths";
import { type Props } from "./types";
import { containsUnknown, isObject } from "./values";

export type ChangeKind = "add" | "delete" | "update";

/** One difference between two sets of inputs, at the deepest place that both sides share. */
export interface Change {
  readonly path: string;
  /** The top-level property that it lies in. */
  readonly property: string;
  readonly kind: ChangeKind;
  /** Whether the resource cannot change this while it lives. */
  readonly replaces: boolean;
}

export interface DiffRules {
  /** Patterns of properties that replace. */
  readonly replaceOn: readonly string[];
  /** Patterns of properties whose changes do not count. */
  readonly ignoreChanges: readonly string[];
}

interface Difference {
  readonly path: Path;
  readonly kind: ChangeKind;
  readonly old: unknown;
  readonly new: unknown;
}

function differences(old: unknown, now: unknown, path: Path): Difference[] {
  if (isObject(old) && isObject(now)) {
    return [...new Set([...Object.keys(old), ...Object.keys(now)])].flatMap((key) =>
      differences(old[key], now[key], [...path, key]),
    );
  }
  if (Array.isArray(old) && Array.isArray(now)) {
    return Array.from({ length: Math.max(old.length, now.length) }, (_, at) => at).flatMap((at) =>
      differences(old[at], now[at], [...path, at]),
    );
  }
  if (old === undefined && now === undefined) {
    return [];
  }
  if (old === now && !containsUnknown(now)) {
    return [];
  }
  return [{ path, kind: old === undefined ? "add" : now === undefined ? "delete" : "update", old, new: now }];
}

/**
 * What differs between inputs before and inputs now. A value not known yet differs from every other. Secrets are
 * compared without their wrappers.
 */
export function diffInputs(olds: Props, news: Props, rules: DiffRules): Change[] {
  const ignored = rules.ignoreChanges.map(parsePath);
  const replacing = rules.replaceOn.map(parsePath);
  return differences(olds, news, [])
    .filter(({ path }) => !ignored.some((pattern) => isAtOrBelow(path, pattern)))
    .map(({ path, kind, old, new: now }) => ({
      path: pathText(path),
      property: String(path[0]),
      kind,
      replaces: replacing.some(
        (pattern) => isAtOrBelow(path, pattern) || reachesInto(old, path, pattern) || reachesInto(now, path, pattern),
      ),
    }));
}
