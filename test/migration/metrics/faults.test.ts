import assert from "node:assert/strict";
import fc from "fast-check";
import { judgeConfig, judgeSamples, type JudgeAnswer } from "../../../migration/judge";
import { countCluster } from "../../../migration/metrics/counters";
import { judge } from "../../../migration/settings/judgeSchema";
import {
  addGateway,
  counters,
  gridFor,
  OPTIONS,
  PERIOD_MS,
  readingOf,
  repeatLast,
  seriesOf,
  START_MS,
  type MutableCounters,
} from "./support";

/** Missing, late, duplicated, reset and partial counts: whatever happens to them, the judge does not say go. */

const COUNT = 80;
/** Intervals at weight 0, before the step. */
const LEAD = 10;
const CONFIG = judgeConfig(judge.parse({}));
const grid = gridFor(COUNT);
const weight = (atMs: number): number => (atMs > START_MS + LEAD * PERIOD_MS ? 5 : 0);
const END_MS = START_MS + COUNT * PERIOD_MS;

type Clusters = { readonly a: MutableCounters; readonly b: MutableCounters };

function clusters(): Clusters {
  return {
    a: counters(grid, "a", (index) => (index < LEAD ? 40_000 : 38_000)),
    b: counters(grid, "b", (index) => (index < LEAD ? 0 : 2000)),
  };
}

function answer({ a, b }: Clusters): JudgeAnswer {
  return judgeSamples(CONFIG, readingOf(grid, a, b, weight).samples, END_MS);
}

interface Place {
  readonly cluster: "a" | "b";
  readonly gateway: 1 | 2;
  /** A point of the grid after the warm-up. */
  readonly point: number;
}

/** What can happen to the counts of one gateway, at one time. */
const FAULTS: Readonly<Record<string, (all: Clusters, place: Place) => void>> = {
  "no scrape for a minute": (all, place) => {
    // The whole minute is there to be seen: one scrape that is late at the end is no gap yet (LATE_SCRAPES).
    const from = Math.min(place.point, COUNT - 3);
    repeatLast(seriesOf(all[place.cluster], nameOf(place)), from, from + 4);
  },
  "no scrape any more": (all, place) => {
    repeatLast(seriesOf(all[place.cluster], nameOf(place)), Math.min(place.point, COUNT - 3), COUNT + 1);
  },
  "no value for an interval": (all, place) => {
    for (const { values } of seriesOf(all[place.cluster], nameOf(place))) values[place.point] = Number.NaN;
  },
  "the counters begin anew": (all, { cluster, gateway, point }) => {
    for (const { labels, values } of seriesOf(all[cluster], nameOf({ cluster, gateway, point }))) {
      const counts = all[cluster].scrapes.concat(all[cluster].reachable).every((series) => series.values !== values);
      const before = values[point - 1] ?? 0;
      if (!counts) continue;
      for (let at = point; at <= COUNT; at += 1) values[at] = (values[at] ?? 0) - before;
      assert.equal(labels["instance_id"], nameOf({ cluster, gateway, point }));
    }
  },
  "the gateway ends with requests under way": (all, place) => {
    for (const { values } of seriesOf(all[place.cluster], nameOf(place))) values.fill(Number.NaN, place.point);
  },
  "the gateway is scraped twice": (all, place) => {
    const [own] = all[place.cluster].scrapes.filter(({ labels }) => labels["instance_id"] === nameOf(place));
    assert.ok(own);
    const values = new Float64Array(COUNT + 1).fill(Number.NaN);
    for (let at = place.point; at <= COUNT; at += 1) values[at] = own.values[at] ?? Number.NaN;
    all[place.cluster].scrapes.push({ labels: { ...own.labels, job: "again" }, values });
  },
  "a gateway of before comes in late": (all, { cluster, point }) => {
    addGateway(all[cluster], grid, `${cluster}-3`, () => 100, 10_000_000);
    for (const { values } of seriesOf(all[cluster], `${cluster}-3`)) values.fill(Number.NaN, 0, point);
  },
  "the scrapes are older than they should be": (all, place) => {
    for (const { values, labels } of all[place.cluster].scrapes) {
      if (labels["instance_id"] === nameOf(place)) values[place.point] = (values[place.point] ?? 0) - 40;
    }
  },
  "the histogram is gone": (all, { cluster }) => {
    all[cluster].buckets.length = 0;
  },
  "the histogram lacks its last bucket": (all, { cluster }) => {
    all[cluster].buckets.splice(
      0,
      all[cluster].buckets.length,
      ...all[cluster].buckets.filter(({ labels }) => labels["le"] !== "+Inf"),
    );
  },
  "half of the histogram is gone": (all, place) => {
    for (const { values, labels } of all[place.cluster].buckets) {
      if (labels["instance_id"] === nameOf(place))
        for (let at = place.point; at <= COUNT; at += 1) values[at] = values[place.point - 1] ?? 0;
    }
  },
  "requests are not counted": (all, { cluster }) => {
    all[cluster].requests.length = 0;
  },
  "the scrapes of one gateway are not known": (all, place) => {
    all[place.cluster].scrapes.splice(
      0,
      2,
      ...all[place.cluster].scrapes.filter(({ labels }) => labels["instance_id"] !== nameOf(place)),
    );
  },
  "nothing is there at all": (all, { cluster }) => {
    for (const list of Object.values(all[cluster])) list.length = 0;
  },
};

function nameOf({ cluster, gateway }: Place): string {
  return `${cluster}-${gateway}`;
}

describe("counts of the gateways: what is missing is never go", () => {
  it("go, when nothing is missing", () => {
    assert.deepEqual(answer(clusters()).verdict, "go", answer(clusters()).reasons.join("\n"));
  });

  for (const [name, happen] of Object.entries(FAULTS)) {
    it(name, () => {
      fc.assert(
        fc.property(
          fc.record({
            cluster: fc.constantFrom("a" as const, "b" as const),
            gateway: fc.constantFrom(1 as const, 2 as const),
            point: fc.integer({ min: LEAD + 8, max: COUNT }),
          }),
          (place) => {
            const all = clusters();
            happen(all, place);
            const { verdict, reasons } = answer(all);
            assert.equal(verdict, "hold", `${JSON.stringify(place)}: ${reasons.join("; ")}`);
          },
        ),
        { numRuns: 25 },
      );
    });
  }

  it("says of every interval without counts why", () => {
    const all = clusters();
    repeatLast(seriesOf(all.b, "b-1"), 40, 44);
    const { faults } = readingOf(grid, all.a, all.b, weight);
    assert.ok(faults.length >= 2);
    assert.match(faults[0]?.text ?? "", /^B: gateway b-1 was scraped \d+ s before, for the last time$/);
  });

  it("a late sample is no fault when the next one has what it lacked", () => {
    const all = clusters();
    repeatLast(seriesOf(all.b, "b-1"), 40, 41);
    const { faults, samples } = readingOf(grid, all.a, all.b, weight);
    assert.deepEqual(faults, []);
    assert.equal(samples[39]?.b?.requests, 2000);
    assert.equal(samples[40]?.b?.requests, 6000);
  });

  it("a gateway that ends idle, and one that begins, are no fault", () => {
    const a = counters(grid, "a", () => 1000);
    addGateway(a, grid, "a-3", (index) => (index < 20 ? 1000 : 0));
    for (const { values } of seriesOf(a, "a-3")) values.fill(Number.NaN, 30);
    addGateway(a, grid, "a-4", (index) => (index < 40 ? 0 : 1000));
    for (const { values } of seriesOf(a, "a-4")) values.fill(Number.NaN, 0, 40);
    const { sides, faults } = countCluster(grid, a, OPTIONS);
    assert.deepEqual(faults, []);
    assert.deepEqual(
      [10, 25, 35, 50].map((index) => sides[index]?.requests),
      [3000, 2000, 2000, 3000],
    );
  });

  it("a control plane that is away counts after a minute, not before", () => {
    const { a } = clusters();
    for (const { values, labels } of a.reachable) if (labels["instance_id"] === "a-2") values.fill(0, 20, 30);
    const { sides } = countCluster(grid, a, OPTIONS);
    assert.deepEqual(
      [18, 22, 23, 28, 29].map((index) => sides[index]?.withoutControlPlane),
      [0, 0, 1, 1, 0],
    );
  });
});
