import assert from "node:assert/strict";
import { evaluate } from "../../../rehearsal/cloud/metrics/evaluate";
import { NotModelled, ParseError, parsePromql } from "../../../rehearsal/cloud/metrics/promql";
import { Target } from "../../../rehearsal/cloud/metrics/store";
import { FormatError, parseSeries, splitSample } from "../../../rehearsal/cloud/metrics/textFormat";

const ALL = (): boolean => true;
/** A minute in 2026, in milliseconds. */
const T = Date.UTC(2026, 0, 1);

function target(pod: string): Target {
  return new Target({ cluster: "b", job: "apisix", pod });
}

function ask(query: string, targets: readonly Target[], timesMs: readonly number[], newestMs?: number): unknown {
  return evaluate(parsePromql(query), targets, timesMs, newestMs);
}

describe("the text format that a scrape gets", () => {
  it("is read with escapes, infinities and without labels", () => {
    assert.deepEqual(splitSample('x{le="+Inf",p="a } b"} 12'), { series: 'x{le="+Inf",p="a } b"}', value: 12 });
    assert.deepEqual(parseSeries('x{p="a\\"b\\\\c\\nd",le="+Inf"}'), { __name__: "x", p: 'a"b\\c\nd', le: "+Inf" });
    assert.deepEqual(splitSample("up 1e3"), { series: "up", value: 1000 });
    assert.equal(splitSample("x +Inf")?.value, Infinity);
    assert.equal(splitSample("# HELP x y"), undefined);
  });

  for (const line of ["x", 'x{a="1"}', 'x{a="1"} y', "x 1 1700000000"]) {
    it(`refuses the line ${line}`, () => assert.throws(() => splitSample(line), FormatError));
  }
  for (const series of ['x{a="1}', "x{a=1}", 'x{a="1",a="2"}', 'x{a="\\x"}', "1x", 'x{a="1"}y']) {
    it(`refuses the series ${series}`, () => assert.throws(() => parseSeries(series), FormatError));
  }
});

describe("what a metrics server keeps", () => {
  it("gives each time the newest scrape before it, and nothing when that is five minutes old", () => {
    const one = target("p");
    one.add(T, 'n{s="x"} 1', ALL);
    one.add(T + 2000, 'n{s="x"} 1', ALL);
    one.add(T + 4000, 'n{s="x"} 5', ALL);
    const times = [-1, 0, 3000, 4000, 4000 + 299_999, 4000 + 300_000].map((ms) => T + ms);
    assert.deepEqual(ask("n", [one], times), [
      {
        metric: { __name__: "n", s: "x", cluster: "b", job: "apisix", pod: "p" },
        values: [
          [T / 1000, "1"],
          [T / 1000 + 3, "1"],
          [T / 1000 + 4, "5"],
          [T / 1000 + 303.999, "5"],
        ],
      },
    ]);
    const [stamps] = ask("timestamp(n)", [one], [T + 3000, T + 9000]) as { values: unknown }[];
    assert.deepEqual(stamps?.values, [
      [T / 1000 + 3, String(T / 1000 + 2)],
      [T / 1000 + 9, String(T / 1000 + 4)],
    ]);
  });

  it("has nothing once a scrape failed or the target is gone, and everything before", () => {
    const one = target("p");
    one.add(T, "n 1", ALL);
    one.fail(T + 1000);
    const [row] = ask("n", [one], [T, T + 999, T + 1000, T + 2000]) as { values: unknown[] }[];
    assert.deepEqual(row?.values, [
      [T / 1000, "1"],
      [T / 1000 + 0.999, "1"],
    ]);
  });

  it("has nothing of a series that a scrape did not bring, and its value again when it is back", () => {
    const one = target("p");
    one.add(T, "n 1\nm 7", ALL);
    one.add(T + 1000, "n 2", ALL);
    one.add(T + 2000, "n 3\nm 7", ALL);
    const [row] = ask("m", [one], [T, T + 1500, T + 2000]) as { values: unknown[] }[];
    assert.deepEqual(row?.values, [
      [T / 1000, "7"],
      [T / 1000 + 2, "7"],
    ]);
  });

  it("takes a scrape whole or not at all", () => {
    const one = target("p");
    assert.throws(() => one.add(T, "n 1\nm{ 2", ALL), FormatError);
    assert.throws(() => one.add(T, "n 1\nn 2", ALL), /twice/);
    assert.deepEqual(ask("n", [one], [T]), []);
  });

  it("keeps what is asked to be kept, and the server's own labels before a sample's", () => {
    const one = target("p");
    one.add(T, 'n{pod="other"} 1\ndropped 2', (name) => name !== "dropped");
    const [row] = ask("n", [one], [T]) as { metric: unknown }[];
    assert.deepEqual(row?.metric, { __name__: "n", exported_pod: "other", cluster: "b", job: "apisix", pod: "p" });
    assert.deepEqual(ask("dropped", [one], [T]), []);
  });

  it("forgets what is older than the retention, and the value before stays known", () => {
    const one = target("p");
    one.add(T, "n 1\nold 1", ALL);
    one.add(T + 1000, "n 1", ALL);
    one.add(T + 2000, "n 2", ALL);
    one.forget(T + 1000);
    const [row] = ask("n", [one], [T, T + 1000, T + 2000]) as { values: unknown[] }[];
    assert.deepEqual(row?.values, [
      [T / 1000 + 1, "1"],
      [T / 1000 + 2, "2"],
    ]);
    one.forget(T + 3000);
    assert.equal(one.empty, true);
    assert.deepEqual([...one.series], []);
  });

  it("does not see what has not arrived, and says how old the newest is", () => {
    const one = target("p");
    one.add(T, "n 1", ALL);
    one.add(T + 10_000, "n 2", ALL);
    const [row] = ask("timestamp(n)", [one], [T + 10_000], T + 5000) as { values: unknown[] }[];
    assert.deepEqual(row?.values, [[T / 1000 + 10, String(T / 1000)]]);
  });
});

describe("the part of PromQL that is answered", () => {
  const one = target("p1");
  const two = target("p2");
  one.add(T, 'n{s="x",code="200"} 1\nn{s="y",code="500"} 2', ALL);
  two.add(T, 'n{s="x",code="503"} 10', ALL);
  const sums = (query: string): unknown =>
    (ask(query, [one, two], [T]) as { metric: unknown; values: [number, string][] }[]).map(({ metric, values }) => [
      metric,
      values[0]?.[1],
    ]);

  it("sums by labels, which may stand before or behind", () => {
    const expected = [
      [{ s: "x" }, "11"],
      [{ s: "y" }, "2"],
    ];
    assert.deepEqual(sums('sum by (s) (n{cluster="b"})'), expected);
    assert.deepEqual(sums('sum(n{cluster="b"}) by (s)'), expected);
    assert.deepEqual(sums("sum(n)"), [[{}, "13"]]);
    assert.deepEqual(sums("max by (s) (n)"), [
      [{ s: "x" }, "10"],
      [{ s: "y" }, "2"],
    ]);
  });

  it("matches whole values, and a label that is missing as empty", () => {
    assert.deepEqual(sums('sum(n{code=~"5.."})'), [[{}, "12"]]);
    assert.deepEqual(sums('sum(n{code=~"5"})'), []);
    assert.deepEqual(sums('sum(n{code!~"5..", s!=""})'), [[{}, "1"]]);
    assert.deepEqual(sums('sum(n{none="",pod="p2"})'), [[{}, "10"]]);
  });

  for (const query of [
    "n{",
    'n{a="1"',
    "sum by (s n)",
    "n n",
    'n{a~"1"}',
    "{}",
    '{a=~".*"}',
    "nope(n)",
    'n{a=~"("}',
    "n é",
  ])
    it(`is not ${query}`, () => assert.throws(() => parsePromql(query), ParseError));
  for (const query of ["rate(n[5m])", "n[5m]", "n offset 5m", "n / n", "sum(sum(n))", "sum without (s) (n)", "n == 1"])
    it(`does not model ${query}`, () => assert.throws(() => parsePromql(query), NotModelled));
});
