import { type Grid } from "../../../migration/metrics/grid";
import { CouldNotLook, redact } from "../../result";

/** The answer to a range query, read as strictly as a verdict deserves: a part of an answer is no answer. */

export interface MatrixSeries {
  /** Tells series apart: the labels, sorted. */
  readonly key: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Time in milliseconds and value, rising. NaN and infinities are left out: they are no counts. */
  readonly points: readonly (readonly [number, number])[];
}

type Entries = Readonly<Record<string, unknown>>;

/** @throws CouldNotLook when it is not the answer to this query on this grid */
export function parseMatrix(body: string, grid: Grid, subject: string): readonly MatrixSeries[] {
  const fail = (seen: string, remedy = "check that the address is that of a Prometheus HTTP API"): CouldNotLook =>
    new CouldNotLook(subject, seen, remedy);
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    throw fail(`the answer is not JSON (${body.length} characters)`);
  }
  const { status, error, data, warnings } = entries(json);
  if (status !== "success") throw fail(`status ${text(status)}: ${redact(text(error))}`);
  // Partial answers of servers that ask several others; `infos` are advice about the query and no warnings.
  if (Array.isArray(warnings) && warnings.length > 0) {
    const first = redact(text((warnings as readonly unknown[])[0])).slice(0, 200);
    throw fail(
      `a partial answer, with the warning: ${first}`,
      "look at the servers behind this address, then run again",
    );
  }
  const { resultType, result } = entries(data);
  if (resultType !== "matrix" || !Array.isArray(result)) throw fail(`no matrix but ${text(resultType)}`);
  const seen = new Set<string>();
  return (result as readonly unknown[]).map((entry) => {
    const { metric, values } = entries(entry);
    if (!Array.isArray(values)) throw fail("a series without values");
    const labels = labelsOf(metric);
    if (labels === undefined) throw fail("a series whose labels are no texts");
    const key = JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
    if (seen.has(key)) throw fail(`the series ${key} twice`);
    seen.add(key);
    return { key, labels, points: pointsOf(values as readonly unknown[], grid, fail) };
  });
}

function pointsOf(
  values: readonly unknown[],
  grid: Grid,
  fail: (seen: string) => CouldNotLook,
): readonly (readonly [number, number])[] {
  const points: (readonly [number, number])[] = [];
  let before = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (!Array.isArray(value) || value.length !== 2) throw fail("a value that is no pair of time and text");
    const [at, shown] = value as unknown as readonly [unknown, unknown];
    if (typeof at !== "number" || typeof shown !== "string") throw fail("a value that is no pair of time and text");
    const atMs = Math.round(at * 1000);
    const index = (atMs - grid.fromMs) / grid.periodMs;
    if (!Number.isInteger(index) || index < 0 || index > grid.count) {
      throw fail(`a value for ${new Date(atMs).toISOString()}, which was not asked for`);
    }
    if (atMs <= before) throw fail("values whose times do not rise");
    before = atMs;
    const parsed = shown === "" ? Number.NaN : Number(shown);
    if (Number.isFinite(parsed)) points.push([atMs, parsed]);
    else if (!/^([+-]?Inf|NaN)$/.test(shown)) throw fail(`the value ${shown.slice(0, 40)}, which is no number`);
  }
  return points;
}

function labelsOf(value: unknown): Readonly<Record<string, string>> | undefined {
  const labels = entries(value);
  return Object.values(labels).every((label) => typeof label === "string")
    ? (labels as Readonly<Record<string, string>>)
    : undefined;
}

function entries(value: unknown): Entries {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Entries) : {};
}

function text(value: unknown): string {
  if (value === undefined) return "missing";
  return typeof value === "string" ? value.slice(0, 200) : JSON.stringify(value).slice(0, 200);
}
