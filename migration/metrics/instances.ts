import { endOf, type Grid, type GridSeries } from "./grid";

/**
 * Which intervals one gateway was seen in whole, by the times of its scrapes. A server repeats the last value of a series
 * for minutes when it gets no new one; only the time of the scrape tells silence from missing data.
 */

/** What an interval of one gateway is worth. */
export type Presence =
  /** Not there at either end. */
  | "absent"
  /** Scraped for both ends: the difference counts. */
  | "counted"
  /** There for the first time: everything that it has counted is of this interval, if that is plausible. */
  | "new"
  /** There for the last time: what it counted after its last scrape is lost. */
  | "gone"
  /** Something is missing; see {@link Instance.faults}. */
  | "faulty";

export interface Instance {
  readonly name: string;
  readonly presence: Presence[];
  /** Why an interval is faulty, in words. */
  readonly faults: (string | undefined)[];
}

/** Scrapes that may be missing before the time without any is a gap, in usual intervals of scrapes. */
const LATE_SCRAPES = 2;
const SECOND_MS = 1000;

/**
 * @param scrapes time of the newest scrape (seconds since 1970) of each gateway at each time of the grid
 * @param label label that tells gateways apart
 * @param baseMs usual interval of scrapes, at most the grid's period
 */
export function instancesOf(
  grid: Grid,
  scrapes: readonly GridSeries[],
  label: string,
  baseMs: number,
): ReadonlyMap<string, Instance> {
  const byName = new Map<string, GridSeries[]>();
  for (const series of scrapes) {
    const name = series.labels[label] ?? "";
    byName.set(name, [...(byName.get(name) ?? []), series]);
  }
  return new Map(
    [...byName].map(([name, all]) => {
      const merged = merge(all, grid.count + 1);
      return [name, instanceOf(grid, name, merged, baseMs)] as const;
    }),
  );
}

interface Merged {
  readonly scrapedMs: Float64Array;
  /** Whether two series were there at once: the gateway is scraped twice, and everything of it counts double. */
  readonly twice: readonly boolean[];
}

/** A gateway may have several series one after the other: another pod address, another version. */
function merge(all: readonly GridSeries[], points: number): Merged {
  const scrapedMs = new Float64Array(points).fill(Number.NaN);
  const twice = new Array<boolean>(points).fill(false);
  for (const { values } of all) {
    for (let point = 0; point < points; point += 1) {
      const value = values[point] ?? Number.NaN;
      if (Number.isNaN(value)) continue;
      const before = scrapedMs[point] ?? Number.NaN;
      if (!Number.isNaN(before)) twice[point] = true;
      scrapedMs[point] = Number.isNaN(before) ? value * SECOND_MS : Math.max(before, value * SECOND_MS);
    }
  }
  return { scrapedMs, twice };
}

function instanceOf(grid: Grid, name: string, { scrapedMs, twice }: Merged, baseMs: number): Instance {
  const presence: Presence[] = [];
  const faults: (string | undefined)[] = [];
  let seen = false;
  for (let index = 0; index < grid.count; index += 1) {
    const before = scrapedMs[index] ?? Number.NaN;
    const after = scrapedMs[index + 1] ?? Number.NaN;
    if (!Number.isNaN(before)) seen = true;
    const { state, fault } =
      twice[index] === true || twice[index + 1] === true
        ? faulty("is scraped twice: its requests would count double")
        : presenceOf(before, after, endOf(grid, index), seen, { periodMs: grid.periodMs, baseMs });
    presence.push(state);
    faults.push(fault);
  }
  return { name, presence, faults };
}

function presenceOf(
  before: number,
  after: number,
  endMs: number,
  seen: boolean,
  { periodMs, baseMs }: { readonly periodMs: number; readonly baseMs: number },
): { readonly state: Presence; readonly fault?: string } {
  if (Number.isNaN(after)) return { state: Number.isNaN(before) ? "absent" : "gone" };
  const ageMs = endMs - after;
  if (ageMs > LATE_SCRAPES * baseMs) return faulty(`was scraped ${seconds(ageMs)} s before, for the last time`);
  if (ageMs < -SECOND_MS) return faulty(`was scraped ${seconds(-ageMs)} s later than the server answers for`);
  if (Number.isNaN(before)) return seen ? faulty("came back after a time without a scrape") : { state: "new" };
  const gapMs = after - before;
  if (gapMs < 0) return faulty("has scrapes whose times go back");
  if (gapMs > periodMs + (LATE_SCRAPES - 0.5) * baseMs) return faulty(`was not scraped for ${seconds(gapMs)} s`);
  return { state: "counted" };
}

function faulty(fault: string): { readonly state: Presence; readonly fault: string } {
  return { state: "faulty", fault };
}

function seconds(ms: number): number {
  return Math.round(ms / 100) / 10;
}
