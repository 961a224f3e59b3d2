import { FormatError, parseSeries, splitSample, type Labels } from "./textFormat";

/**
 * What a Prometheus server keeps: every series with its labels, and its value at each scrape. A value that does not change
 * takes no memory, and what is older than the retention is forgotten, so that a long run stays small.
 */

/** Nothing older than this scrape's age answers for the present (Prometheus' `query.lookback-delta`). */
const LOOKBACK_MS = 5 * 60_000;
/** Series that one target may have: a scrape with more is thrown away, as `sample_limit` does. */
const MAXIMUM_SERIES = 100_000;

/** One scrape, or the moment at which a target was known to be gone. */
interface Scrape {
  readonly atMs: number;
  readonly ok: boolean;
}

/** The labels are the target's and the sample's own together. */
export interface Series {
  readonly labels: Labels;
  readonly target: Target;
  /** Times and values where the value changed. NaN: the series was absent from the scrape. */
  readonly changedMs: number[];
  readonly values: number[];
  lastSeenMs: number;
}

/** The scrapes of one target and the series they brought. */
export class Target {
  readonly #series = new Map<string, Series>();
  readonly #scrapes: Scrape[] = [];
  /** Series that the server does not keep. */
  readonly #dropped = new Set<string>();

  /** @param labels that the server adds to each sample: `job`, `instance`, ... */
  constructor(readonly labels: Labels) {}

  get series(): Iterable<Series> {
    return this.#series.values();
  }

  /** The target can be forgotten: its scrapes are older than the retention, or it never had any. */
  get empty(): boolean {
    return this.#scrapes.length === 0;
  }

  /**
   * Takes in what a scrape brought.
   * @param keep whether the server keeps metrics of this name (its relabelling drops the others)
   * @throws FormatError when a line is not of the format; then nothing of it is kept
   */
  add(atMs: number, text: string, keep: (name: string) => boolean): void {
    const found: [string, number][] = [];
    for (const line of text.split("\n")) {
      const sample = splitSample(line);
      if (sample !== undefined) found.push([sample.series, sample.value]);
    }
    const before = this.#scrapes.at(-1)?.atMs;
    // Labels first: a scrape counts whole or not at all.
    if (found.length > MAXIMUM_SERIES) throw new FormatError(`sample limit exceeded: ${found.length} series`);
    const parsed = found.map(([key, value]) => ({
      key,
      value,
      known: this.#series.get(key) ?? (this.#dropped.has(key) ? undefined : this.#unknown(key, keep)),
    }));
    if (new Set(found.map(([key]) => key)).size !== found.length) throw new FormatError("a series stands there twice");
    for (const { key, value, known } of parsed) {
      if (known === undefined) continue;
      this.#series.set(key, known);
      if (known.lastSeenMs !== before && known.changedMs.length > 0) markAbsent(known, this.#scrapes);
      if (known.values.at(-1) !== value) {
        known.changedMs.push(atMs);
        known.values.push(value);
      }
      known.lastSeenMs = atMs;
    }
    this.#scrapes.push({ atMs, ok: true });
  }

  /** The scrape failed, or the target is gone: its series have no value from now on. */
  fail(atMs: number): void {
    if (this.#scrapes.at(-1)?.ok === true) this.#scrapes.push({ atMs, ok: false });
  }

  /**
   * For each time the newest scrape before it, when that was a good one and is not too old: then, and only then, the
   * target's series have values.
   * @param newestMs what was scraped later is not seen
   */
  scrapesAt(timesMs: readonly number[], newestMs = Infinity): readonly (number | undefined)[] {
    return timesMs.map((atMs) => this.#scrapeAt(atMs, Math.min(atMs, newestMs)));
  }

  /** Value of a series in one of its target's scrapes; undefined when it was not in it. */
  valueIn(series: Series, scrapeMs: number): number | undefined {
    if (series.lastSeenMs < scrapeMs) return undefined;
    const index = lastNotAfter(series.changedMs, scrapeMs);
    const value = index < 0 ? undefined : series.values[index];
    return value === undefined || Number.isNaN(value) ? undefined : value;
  }

  /** Forgets scrapes before a time, and the series that have no sample since. */
  forget(beforeMs: number): void {
    const old = this.#scrapes.findIndex(({ atMs }) => atMs >= beforeMs);
    this.#scrapes.splice(0, old < 0 ? this.#scrapes.length : old);
    for (const [key, series] of this.#series) {
      if (series.lastSeenMs < beforeMs) {
        this.#series.delete(key);
        continue;
      }
      const first = Math.max(0, lastNotAfter(series.changedMs, beforeMs));
      series.changedMs.splice(0, first);
      series.values.splice(0, first);
    }
  }

  #unknown(key: string, keep: (name: string) => boolean): Series | undefined {
    const labels = parseSeries(key);
    if (!keep(labels["__name__"] ?? "")) {
      this.#dropped.add(key);
      return undefined;
    }
    const merged: Record<string, string> = {};
    for (const [name, value] of Object.entries(labels)) {
      // `honor_labels: false`: the server's own label wins.
      merged[Object.hasOwn(this.labels, name) ? `exported_${name}` : name] = value;
    }
    return { labels: { ...merged, ...this.labels }, target: this, changedMs: [], values: [], lastSeenMs: -Infinity };
  }

  #scrapeAt(atMs: number, notAfterMs: number): number | undefined {
    let low = 0;
    let high = this.#scrapes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#scrapes[middle]?.atMs ?? Infinity) <= notAfterMs) low = middle + 1;
      else high = middle;
    }
    const scrape = this.#scrapes[low - 1];
    return scrape?.ok === true && scrape.atMs > atMs - LOOKBACK_MS ? scrape.atMs : undefined;
  }
}

/** The series was absent from the scrapes between its last one and the present: it has no value there. */
function markAbsent(series: Series, scrapes: readonly Scrape[]): void {
  const missed = scrapes.find(({ atMs }) => atMs > series.lastSeenMs);
  if (missed === undefined) return;
  series.changedMs.push(missed.atMs);
  series.values.push(NaN);
}

/** Index of the last time that is not after the given one; -1 when all are. */
function lastNotAfter(times: readonly number[], atMs: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((times[middle] ?? Infinity) <= atMs) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
