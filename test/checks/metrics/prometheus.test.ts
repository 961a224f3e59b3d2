import assert from "node:assert/strict";
import { PrometheusServer } from "../../../checks/metrics/prometheus/server";
import { podQueries, selector } from "../../../checks/metrics/prometheus/queries";
import { openAtTheEnd } from "../../../checks/metrics/prometheus/connections";
import { increasePerSecond, levels } from "../../../checks/metrics/prometheus/use";
import { CouldNotLook } from "../../../checks/result";
import { gridOf, periodFor, MAX_INTERVALS, type GridSeries } from "../../../migration/metrics/grid";
import { PrometheusFake, type Fault } from "../support/prometheusFake";

const NOW = Math.floor(Date.now() / 15_000) * 15_000;

/** A server whose clock is so far off. Read when it answers: the tests may begin long after their list was made. */
function clock(offMs: number): { readonly headers: Readonly<Record<string, string>> } {
  return {
    get headers() {
      return { date: new Date(Date.now() + offMs).toUTCString() };
    },
  };
}
const GRID = gridOf(NOW - 600_000, NOW, 15_000);

describe("Prometheus' HTTP API", () => {
  let fake: PrometheusFake;
  beforeEach(async () => (fake = await PrometheusFake.start()));
  afterEach(() => fake.stop());

  const server = (more: Partial<ConstructorParameters<typeof PrometheusServer>[0]> = {}): PrometheusServer =>
    new PrometheusServer({
      label: "Prometheus of B",
      url: fake.url,
      headers: {},
      clockSkewSeconds: 30,
      signal: new AbortController().signal,
      ...more,
    });

  function fill(instances: number, fromMs = GRID.fromMs): void {
    for (let number = 0; number < instances; number += 1) {
      const series = fake.add("apisix_etcd_reachable", { instance_id: `g-${number}` });
      for (let at = fromMs; at <= NOW; at += 15_000) series.points.push([at - 1000, at / 1000 - number]);
    }
  }

  it("gives every series on the grid, NaN before it was there", async () => {
    fill(2);
    fake.add("apisix_etcd_reachable", { instance_id: "late" }).points.push([NOW - 30_000, 7]);
    const all = await server().range("apisix_etcd_reachable", GRID);
    const of = (name: string): Float64Array => {
      const found = all.find(({ labels }) => labels["instance_id"] === name);
      assert.ok(found);
      return found.values;
    };
    assert.equal(all.length, 3);
    assert.equal(of("g-1").length, GRID.count + 1);
    assert.equal(of("g-1")[GRID.count], NOW / 1000 - 1);
    assert.deepEqual([...of("late")].slice(-4), [Number.NaN, 7, 7, 7]);
  });

  it("asks for long times in parts, each within its bounds, and joins them", async () => {
    const grid = gridOf(NOW - 1200 * 15_000, NOW, 15_000);
    fill(3, grid.fromMs);
    const all = await server().range("timestamp(apisix_etcd_reachable)", grid);
    assert.equal(all.length, 3);
    for (const { values } of all) {
      assert.equal(values.length, 1201);
      assert.ok([...values].every((value, index) => value === (grid.fromMs + index * 15_000) / 1000 - 1));
    }
    assert.ok(fake.requests.every(({ points }) => points <= 500));
    assert.equal(
      fake.requests.reduce((sum, { points }) => sum + points, 0),
      1201 + 1,
    );
  });

  it("sends the headers of its cluster", async () => {
    fill(1);
    await server({ headers: { Authorization: "Bearer made-up" } }).range("apisix_etcd_reachable", GRID);
    assert.ok(fake.requests.every(({ headers }) => headers.authorization === "Bearer made-up"));
  });

  const FAULTS: readonly (readonly [string, Fault, RegExp])[] = [
    ["503", { status: 503, body: "overloaded" }, /HTTP 503: overloaded/],
    ["401", { status: 401, body: "who are you" }, /HTTP 401/],
    ["422", { status: 422, body: '{"status":"error","error":"query timed out"}' }, /HTTP 422: .*timed out/],
    ["no JSON", { body: "<html>" }, /not JSON/],
    ["an error in an answer 200", { body: '{"status":"error","error":"x"}' }, /status error: x/],
    [
      "another type",
      { body: '{"status":"success","data":{"resultType":"vector","result":[]}}' },
      /no matrix but vector/,
    ],
    ["no data", { body: '{"status":"success"}' }, /no matrix/],
    [
      "a partial answer",
      { body: '{"status":"success","warnings":["store 1 is down"],"data":{"resultType":"matrix","result":[]}}' },
      /partial answer.*store 1 is down/,
    ],
    ["an answer that is cut off", { cut: true }, /cut off|socket hang up|aborted|terminated/],
    ["a clock that is behind", clock(-120_000), /clock is 1\d\d s behind/],
    ["a clock that is ahead", clock(120_000), /clock is 1\d\d s ahead/],
    ["no clock", { headers: { date: undefined } }, /without the header Date/],
  ];
  for (const [name, fault, expected] of FAULTS) {
    it(`${name}: could not look, and says so`, async () => {
      fill(1);
      fake.fault = () => fault;
      await assert.rejects(server().range("apisix_etcd_reachable", GRID), (error: unknown) => {
        assert.ok(error instanceof CouldNotLook);
        assert.match(error.seen, expected);
        assert.notEqual(error.remedy, "");
        return true;
      });
      assert.ok(fake.requests.length <= 2, "tries at most twice");
    });
  }

  it("tries once more what may be better in a moment", async () => {
    fill(1);
    let first = true;
    fake.fault = () => {
      const fault = first ? { status: 503, body: "busy" } : undefined;
      first = false;
      return fault;
    };
    assert.equal((await server().range("apisix_etcd_reachable", GRID)).length, 1);
  });

  it("a part that fails is the whole: no half of a time is taken for all of it", async () => {
    const grid = gridOf(NOW - 1200 * 15_000, NOW, 15_000);
    fill(1, grid.fromMs);
    let count = 0;
    fake.fault = () => ((count += 1) > 2 ? { status: 400, body: "no" } : undefined);
    await assert.rejects(server().range("apisix_etcd_reachable", grid), CouldNotLook);
  });

  const MANGLED: readonly (readonly [string, (result: unknown[]) => unknown[], RegExp])[] = [
    ["a series twice", (result) => [...result, ...result], /twice/],
    ["values for other times", () => [{ metric: {}, values: [[NOW / 1000 + 7, "1"]] }], /not asked for/],
    ["a time twice", () => [{ metric: {}, values: [NOW / 1000, NOW / 1000].map((at) => [at, "1"]) }], /do not rise/],
    ["values that are no texts", () => [{ metric: {}, values: [[NOW / 1000, 1]] }], /pair of time and text/],
    ["values that are no numbers", () => [{ metric: {}, values: [[NOW / 1000, "many"]] }], /the value many/],
    ["a series without values", () => [{ metric: {} }], /without values/],
  ];
  for (const [name, mangle, expected] of MANGLED) {
    it(`${name}: could not look`, async () => {
      fill(1);
      fake.mangle = (answer) => ({ ...answer, data: { ...answer.data, result: mangle(answer.data.result) } });
      await assert.rejects(server().range("apisix_etcd_reachable", GRID), (error: unknown) => {
        assert.ok(error instanceof CouldNotLook);
        assert.match(error.seen, expected);
        return true;
      });
    });
  }

  it("NaN and infinities are no counts", async () => {
    fill(1);
    fake.mangle = (answer) => ({
      ...answer,
      data: { ...answer.data, result: [{ metric: {}, values: [[NOW / 1000, "NaN"]] }] },
    });
    const [series] = await server().range("apisix_etcd_reachable", GRID);
    assert.ok(series === undefined || [...series.values].every((value) => Number.isNaN(value)));
  });

  it("ends with the check's own signal", async () => {
    const ending = new AbortController();
    ending.abort();
    await assert.rejects(server({ signal: ending.signal }).range("apisix_etcd_reachable", GRID), CouldNotLook);
  });
});

describe("what is asked of Prometheus", () => {
  it("puts the cluster's matchers in front, and none where there are none", () => {
    assert.equal(selector("m", [undefined, ""]), "m");
    assert.equal(selector("m", ['cluster="b"', undefined, 'le="+Inf"']), 'm{cluster="b",le="+Inf"}');
  });

  it("names pods by their Deployments", () => {
    const { cpu } = podQueries({ url: "x", selector: 'cluster="b"' }, "api7", ["gateway-default", "gateway-x"]);
    assert.equal(
      cpu,
      'sum by (pod) (container_cpu_usage_seconds_total{cluster="b",namespace="api7",pod=~"(gateway-default|gateway-x)-.+",container!="",container!="POD"})',
    );
  });

  it("looks at long times in 2, 4, 8 times as long intervals", () => {
    assert.equal(periodFor(0, MAX_INTERVALS * 15_000, 15_000), 15_000);
    assert.equal(periodFor(0, MAX_INTERVALS * 15_000 + 1, 15_000), 30_000);
    assert.equal(periodFor(0, 48 * 3_600_000, 15_000), 60_000);
  });
});

describe("use and connections from raw series", () => {
  const series = (labels: Record<string, string>, values: readonly number[]): GridSeries => ({
    labels,
    values: Float64Array.from(values),
  });
  const grid = { fromMs: 0, periodMs: 60_000, count: 3 };
  const { NaN: none } = Number;

  it("adds increases up; an interval in which a pod came, went or began anew is not known", () => {
    const steady = series({ pod: "a" }, [0, 60, 120, 180]);
    assert.deepEqual(increasePerSecond(grid, [steady, series({ pod: "b" }, [10, 70, 130, 190])]), [2, 2, 2]);
    assert.deepEqual(increasePerSecond(grid, [steady, series({ pod: "b" }, [none, none, 130, 190])]), [
      1,
      undefined,
      2,
    ]);
    assert.deepEqual(increasePerSecond(grid, [steady, series({ pod: "b" }, [100, 160, 20, 80])]), [2, undefined, 2]);
    assert.deepEqual(increasePerSecond(grid, []), [undefined, undefined, undefined]);
  });

  it("adds levels up, of those that are there", () => {
    assert.deepEqual(levels(grid, [series({}, [1, 2, 3, none]), series({ pod: "b" }, [none, 1, none, none])]), [
      3,
      3,
      undefined,
    ]);
  });

  it("long-lived is what was busy all the time, without the scrape itself", () => {
    const label = "instance_id";
    const active = series({ [label]: "a" }, [8, 9, 7, 8]);
    const waiting = series({ [label]: "a" }, [4, 6, 5, 5]);
    assert.equal(openAtTheEnd([active], [waiting], label), 1);
    assert.equal(
      openAtTheEnd([series({ [label]: "a" }, [1, 1, 1, 1])], [series({ [label]: "a" }, [0, 0, 0, 0])], label),
      0,
    );
    assert.equal(openAtTheEnd([active], [], label), 6);
    assert.equal(openAtTheEnd([], [waiting], label), undefined);
    // A gateway that is gone has no connections any more.
    assert.equal(openAtTheEnd([series({ [label]: "a" }, [8, 8, none, none])], [], label), undefined);
  });
});
