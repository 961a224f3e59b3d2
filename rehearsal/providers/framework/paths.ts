/** A place inside properties: keys of objects and indices of arrays. */
export type Path = readonly (string | number)[];

const PLAIN_KEY = /^[A-Za-z_$][\w$]*$/;

/** A path as Pulumi writes it: `a.b[0]["c.d"]`. */
export function pathText(path: Path): string {
  return path
    .map((segment, at) => {
      if (typeof segment === "number") {
        return `[${segment}]`;
      }
      if (!PLAIN_KEY.test(segment)) {
        return `[${JSON.stringify(segment)}]`;
      }
      return at === 0 ? segment : `.${segment}`;
    })
    .join("");
}

/** One segment of `a.b[0]["c.d"].*`: a quoted key, an index or `*` in brackets, or a bare key. */
const SEGMENT = /\[("(?:[^"\\]|\\.)*")\]|\[(\d+|\*)\]|([^.[\]]+)/g;

/** The segments of a path or of a pattern with `*`. Indices are numbers. */
export function parsePath(text: string): Path {
  return [...text.matchAll(SEGMENT)].map(([, quoted, index, key]) => {
    if (quoted !== undefined) {
      return JSON.parse(quoted) as string;
    }
    if (index !== undefined && index !== "*") {
      return Number(index);
    }
    return index ?? key ?? "";
  });
}

function segmentMatches(pattern: string | number, segment: string | number): boolean {
  return pattern === "*" || pattern === segment;
}

/** Whether `path` is at or below a place that `pattern` names. `*` stands for any one key or index. */
export function isAtOrBelow(path: Path, pattern: Path): boolean {
  return (
    pattern.length <= path.length &&
    pattern.every((segment, at) => {
      const there = path[at];
      return there !== undefined && segmentMatches(segment, there);
    })
  );
}

/** Whether `pattern` names a place that exists inside `value`, which itself lies at `path`. */
export function reachesInto(value: unknown, path: Path, pattern: Path): boolean {
  if (pattern.length <= path.length || !isAtOrBelow(path, pattern.slice(0, path.length))) {
    return false;
  }
  return exists(value, pattern.slice(path.length));
}

function exists(value: unknown, pattern: Path): boolean {
  const [first, ...rest] = pattern;
  if (first === undefined) {
    return true;
  }
  if (typeof value !== "object" || value === null) {
    return false;
  }
  return Object.entries(value).some(
    ([key, inner]) => segmentMatches(first, Array.isArray(value) ? Number(key) : key) && exists(inner, rest),
  );
}
