import { AGGREGATIONS, selects, type Expression } from "./promql";
import { type Series, type Target } from "./store";
import { type Labels } from "./textFormat";

/** One row of an answer: labels, and a value for each time that has one. */
export interface Row {
  readonly metric: Labels;
  /** Seconds since 1970, and the value as text. */
  readonly values: (readonly [number, string])[];
}

/** A series together with its target's scrapes at the times asked for. */
interface Chosen {
  readonly series: Series;
  readonly target: Target;
  readonly scrapes: readonly (number | undefined)[];
}

/** @param newestMs what was scraped later has not arrived yet */
export function evaluate(
  expression: Expression,
  targets: Iterable<Target>,
  timesMs: readonly number[],
  newestMs = Infinity,
): readonly Row[] {
  const selector = expression.kind === "selector" ? expression : expression.of;
  const chosen: Chosen[] = [];
  for (const target of targets) {
    const scrapes = target.scrapesAt(timesMs, newestMs);
    for (const series of target.series) if (selects(selector, series.labels)) chosen.push({ series, target, scrapes });
  }
  switch (expression.kind) {
    case "selector":
      return rowsOf(chosen, timesMs, ({ labels }) => labels, valueOf);
    case "timestamp":
      return rowsOf(chosen, timesMs, withoutName, (one, scrapeMs) =>
        valueOf(one, scrapeMs) === undefined ? undefined : scrapeMs / 1000,
      );
    case "aggregation":
      return aggregated(chosen, timesMs, expression.by, AGGREGATIONS[expression.operator]);
  }
}

type Value = (one: Chosen, scrapeMs: number) => number | undefined;

const valueOf: Value = ({ series, target }, scrapeMs) => target.valueIn(series, scrapeMs);

function rowsOf(
  chosen: readonly Chosen[],
  timesMs: readonly number[],
  metric: (series: Series) => Labels,
  value: Value,
): readonly Row[] {
  return chosen.flatMap((one) => {
    const values: (readonly [number, string])[] = [];
    for (const [index, atMs] of timesMs.entries()) {
      const scrapeMs = one.scrapes[index];
      const seen = scrapeMs === undefined ? undefined : value(one, scrapeMs);
      if (seen !== undefined) values.push([atMs / 1000, textOf(seen)]);
    }
    return values.length === 0 ? [] : [{ metric: metric(one.series), values }];
  });
}

function aggregated(
  chosen: readonly Chosen[],
  timesMs: readonly number[],
  by: readonly string[],
  operator: (values: readonly number[]) => number,
): readonly Row[] {
  const groups = new Map<string, { readonly metric: Labels; readonly members: Chosen[] }>();
  for (const one of chosen) {
    const metric = onlyLabels(one.series.labels, by);
    const key = JSON.stringify(metric);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { metric, members: [one] });
    else group.members.push(one);
  }
  return [...groups.values()].flatMap(({ metric, members }) => {
    const values: (readonly [number, string])[] = [];
    for (const [index, atMs] of timesMs.entries()) {
      const seen: number[] = [];
      for (const one of members) {
        const scrapeMs = one.scrapes[index];
        const value = scrapeMs === undefined ? undefined : valueOf(one, scrapeMs);
        if (value !== undefined) seen.push(value);
      }
      if (seen.length > 0) values.push([atMs / 1000, textOf(operator(seen))]);
    }
    return values.length === 0 ? [] : [{ metric, values }];
  });
}

function withoutName({ labels }: Series): Labels {
  return Object.fromEntries(Object.entries(labels).filter(([label]) => label !== "__name__"));
}

function onlyLabels(labels: Labels, by: readonly string[]): Labels {
  return Object.fromEntries(
    by.flatMap((label) => (labels[label] === undefined || labels[label] === "" ? [] : [[label, labels[label]]])),
  );
}

function textOf(value: number): string {
  if (value === Infinity) return "+Inf";
  if (value === -Infinity) return "-Inf";
  return String(value);
}
