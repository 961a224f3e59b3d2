/** Values of a chart, one object below another. */
export type Values = Readonly<Record<string, unknown>>;

/**
 * Extra values below the program's own: where both have an object its fields are joined, anywhere else the program's value
 * stands. The settings refuse extra values that would meet it there (migration/settings/chartValues.ts).
 */
export function withExtraValues<T extends Values>(own: T, extra: Values): T {
  const joined = Object.entries(own).map(([key, value]) => {
    const below = extra[key];
    return [key, isPlain(value) && isPlain(below) ? withExtraValues(value, below) : value] as const;
  });
  return { ...extra, ...Object.fromEntries(joined) } as T;
}

/** An object that came from a literal or from JSON; an Output is none. */
function isPlain(value: unknown): value is Values {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
