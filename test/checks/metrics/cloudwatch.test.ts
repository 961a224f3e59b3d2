import assert from "node:assert/strict";
import { CloudWatchData, type MetricQuery } from "../../../checks/metrics/cloudwatch/data";
import { boundsOf, targetGroupQueries } from "../../../checks/metrics/cloudwatch/queries";
import { CloudWatchSource } from "../../../checks/metrics/cloudwatch/source";
import { CouldNotLook } from "../../../checks/result";
import { judgeConfig, judgeSamples } from "../../../migration/judge";
import { gridOf } from "../../../migration/metrics/grid";
import { type CloudWatchSettings } from "../../../migration/metrics/metricsRequest";
import { judge } from "../../../migration/settings/judgeSchema";
import { metrics } from "../../../migration/settings/metricsSchema";
import { CloudWatchFake, refused, type Answer } from "../support/cloudWatchFake";
import { SCOPE } from "../support/scope";

const MINUTE = 60_000;
const NOW = Math.floor(Date.now() / MINUTE) * MINUTE;
const MINUTES = 100;
const GRID = gridOf(NOW - MINUTES * MINUTE, NOW, MINUTE);
const BALANCER = "app/api7/1";
const GROUP = { a: "targetgroup/a/1", b: "targetgroup/b/2" } as const;
const JUDGE = judge.parse({});
/** In seconds, as the statistic's name has them. */
const FAST = "TC(0.022:0.033)";
const SLOW = "TC(0.11:0.17)";

describe("CloudWatch, by the SDK's own client", () => {
  let fake: CloudWatchFake;
  beforeEach(async () => (fake = await CloudWatchFake.start()));
  afterEach(() => fake.stop());

  const data = (): CloudWatchData =>
    new CloudWatchData({ region: "eu-central-1", clockSkewSeconds: 30, signal: new AbortController().signal });
  const requestCount: MetricQuery = {
    namespace: "AWS/ApplicationELB",
    metric: "RequestCount",
    dimensions: { LoadBalancer: BALANCER, TargetGroup: GROUP.a },
    stat: "Sum",
  };
  const errorCount: MetricQuery = { ...requestCount, metric: "HTTPCode_Target_5XX_Count" };

  function fill(minutes = MINUTES): void {
    for (let minute = 0; minute < minutes; minute += 1) {
      fake.set("RequestCount", "Sum", `${BALANCER},${GROUP.a}`, GRID.fromMs + minute * MINUTE, 1000 + minute);
    }
  }

  it("gives every value where it belongs, NaN where there is none", async () => {
    fill(3);
    fake.set("HTTPCode_Target_5XX_Count", "Sum", `${BALANCER},${GROUP.a}`, GRID.fromMs + MINUTE, 4);
    const [requests, errors] = await data().values([requestCount, errorCount], GRID);
    assert.deepEqual([...(requests ?? [])].slice(0, 4), [1000, 1001, 1002, Number.NaN]);
    assert.deepEqual([...(errors ?? [])].slice(0, 3), [Number.NaN, 4, Number.NaN]);
    const [asked] = fake.requests;
    assert.deepEqual([asked?.StartTime, asked?.EndTime], [GRID.fromMs / 1000, NOW / 1000]);
  });

  it("reads all pages", async () => {
    fill();
    fake.pageSize = 30;
    const [requests] = await data().values([requestCount], GRID);
    assert.deepEqual(
      [...(requests ?? [])],
      Array.from({ length: MINUTES }, (_, minute) => 1000 + minute),
    );
    assert.equal(fake.requests.length, 4);
  });

  it("asks again when it is throttled, a few times", async () => {
    fill(3);
    fake.throttled = 2;
    const [requests] = await data().values([requestCount], GRID);
    assert.equal(requests?.[0], 1000);
    assert.equal(fake.requests.length, 3);
  }).timeout(30_000);

  it("gives up when it stays throttled: could not look, with the permission's name", async () => {
    fake.throttled = 100;
    await assert.rejects(data().values([requestCount], GRID), (error: unknown) => {
      assert.ok(error instanceof CouldNotLook);
      assert.match(error.seen, /cloudwatch:GetMetricData: ThrottlingException: Rate exceeded/);
      return true;
    });
    assert.equal(fake.requests.length, 5);
  }).timeout(30_000);

  const result = (more: object): Answer => ({
    status: 200,
    body: {
      MetricDataResults: [
        { Id: "q0", Label: "x", Timestamps: [GRID.fromMs / 1000], Values: [1], StatusCode: "Complete", ...more },
      ],
      Messages: [],
    },
  });
  const FAULTS: readonly (readonly [string, Answer, RegExp])[] = [
    ["no permission", refused("AccessDeniedException", "not authorized"), /AccessDenied/],
    ["a partial answer", result({ StatusCode: "PartialData" }), /status is PartialData/],
    ["an internal error of one metric", result({ StatusCode: "InternalError" }), /status is InternalError/],
    ["a metric that is forbidden", result({ StatusCode: "Forbidden" }), /status is Forbidden/],
    ["no result for a query", { status: 200, body: { MetricDataResults: [], Messages: [] } }, /status is missing/],
    [
      "a message",
      { status: 200, body: { MetricDataResults: [], Messages: [{ Code: "MaxMetricsExceeded", Value: "too many" }] } },
      /MaxMetricsExceeded: too many/,
    ],
    ["values for other times", result({ Timestamps: [GRID.fromMs / 1000 + 30] }), /not asked for/],
    ["times without values", result({ Values: [] }), /1 times and 0 values/],
    [
      "a time twice",
      result({ Timestamps: [GRID.fromMs / 1000, GRID.fromMs / 1000], Values: [1, 2] }),
      /a second value/,
    ],
    ["a result that was not asked for", result({ Id: "q7" }), /not asked for/],
    [
      "another clock",
      {
        ...result({}),
        // Read when the answer is sent: the tests may begin long after this list was made.
        get headers() {
          return { date: new Date(Date.now() - 120_000).toUTCString() };
        },
      },
      /clock is 1\d\d s from/,
    ],
    ["no clock", { ...result({}), headers: { date: undefined } }, /no header Date/],
  ];
  for (const [name, answer, expected] of FAULTS) {
    it(`${name}: could not look`, async () => {
      fake.fault = () => answer;
      await assert.rejects(data().values([requestCount], GRID), (error: unknown) => {
        assert.ok(error instanceof CouldNotLook, String(error));
        assert.match(error.message, expected);
        return true;
      });
    });
  }

  it("asks for counts in ranges that leave no gap, and hold the judge's own limits", () => {
    const bounds = boundsOf(JUDGE);
    assert.ok([3000, 10_000].every((bound) => bounds.includes(bound)));
    const ranges = targetGroupQueries({ group: "x", loadBalancer: BALANCER, targetGroup: GROUP.b }, bounds)
      .filter(({ metric }) => metric === "TargetResponseTime")
      .map(({ stat }) => /^TC\((.*):(.*)\)$/.exec(stat) ?? []);
    assert.equal(ranges.length, bounds.length + 1);
    for (const [index, [, lower]] of ranges.entries()) assert.equal(lower, index === 0 ? "" : ranges[index - 1]?.[2]);
    assert.equal(ranges.at(-1)?.[2], "");
  });

  describe("as a source", () => {
    const settings = metrics.unwrap().parse({ source: "cloudwatch", containerInsights: "b" }) as CloudWatchSettings;
    const source = (): CloudWatchSource =>
      new CloudWatchSource({
        settings,
        judge: JUDGE,
        databaseConnections: 300,
        data: data(),
        scope: SCOPE,
        addresses: [
          {
            group: "default",
            a: { group: "default", loadBalancer: BALANCER, targetGroup: GROUP.a },
            b: { group: "default", loadBalancer: BALANCER, targetGroup: GROUP.b },
          },
        ],
      });
    const weight = (atMs: number): number => (atMs > NOW - 80 * MINUTE ? 5 : 0);

    function traffic(more: (minute: number) => { errorsB?: number; requestsB?: number } = () => ({})): void {
      for (let minute = 0; minute < MINUTES; minute += 1) {
        const at = GRID.fromMs + minute * MINUTE;
        const share = weight(at + MINUTE) / 100;
        for (const side of ["a", "b"] as const) {
          const dimensions = `${BALANCER},${GROUP[side]}`;
          fake.set("HealthyHostCount", "Maximum", dimensions, at, 2);
          const { errorsB = 0, requestsB } = side === "b" ? more(minute) : {};
          const requests = requestsB ?? Math.round(12_000 * (side === "b" ? share : 1 - share));
          if (requests === 0) continue;
          fake.set("RequestCount", "Sum", dimensions, at, requests);
          fake.set("TargetResponseTime", FAST, dimensions, at, Math.round(requests * 0.97));
          fake.set("TargetResponseTime", SLOW, dimensions, at, requests - Math.round(requests * 0.97));
          const usual = side === "a" ? 12 : minute % 2 === 0 ? 1 : 0;
          const errors = errorsB > 0 ? errorsB : usual;
          if (errors > 0) fake.set("HTTPCode_Target_5XX_Count", "Sum", dimensions, at, errors);
        }
      }
    }
    const answer = async (): Promise<ReturnType<typeof judgeSamples>> =>
      judgeSamples(judgeConfig(JUDGE), (await source().samples(GRID, weight)).samples, NOW);

    it("leaves out the minutes that are not final", () => {
      assert.equal(source().newestMs(new Date(NOW + 59_000)), NOW - 2 * MINUTE);
    });

    it("go, when B is as good as A", async () => {
      traffic();
      const { verdict, reasons } = await answer();
      assert.equal(verdict, "go", reasons.join("\n"));
    });

    it("back, when 5 % of B's answers are errors", async () => {
      traffic(() => ({ errorsB: 30 }));
      assert.equal((await answer()).verdict, "back");
    });

    it("a missing 5xx is none, and a minute without requests is none where targets are seen", async () => {
      traffic((minute) => (minute === 90 ? { requestsB: 0 } : {}));
      // So few are expected that none is no wonder.
      fake.set("RequestCount", "Sum", `${BALANCER},${GROUP.a}`, GRID.fromMs + 90 * MINUTE, 100);
      const { samples } = await source().samples(GRID, weight);
      assert.equal(samples[90]?.b?.requests, 0);
      assert.equal(samples[91]?.b?.errors, 0);
    });

    it("no RequestCount where many requests have to be expected: the minute is not known", async () => {
      traffic((minute) => (minute === 90 ? { requestsB: 0 } : {}));
      const { samples, faults } = await source().samples(GRID, weight);
      assert.equal(samples[90]?.b, undefined);
      assert.match(faults[0]?.text ?? "", /^B: target group .*no RequestCount, where about 600 requests/);
      assert.notEqual((await answer()).verdict, "go");
    });

    for (const side of ["a", "b"] as const) {
      it(`everything of ${side.toUpperCase()} missing is not known, and never go`, async () => {
        traffic();
        for (const [key, values] of fake.values) {
          if (key.endsWith(GROUP[side]))
            for (const at of values.keys()) if (at * 1000 >= NOW - 3 * MINUTE) values.delete(at);
        }
        const { samples, faults } = await source().samples(GRID, weight);
        assert.equal(samples.at(-1)?.[side], undefined);
        assert.match(faults[0]?.text ?? "", /neither RequestCount nor HealthyHostCount/);
        assert.equal((await answer()).verdict, "hold");
      });

      it(`response times of ${side.toUpperCase()} missing are never go`, async () => {
        traffic();
        for (const [key, values] of fake.values) {
          if (key.startsWith("TargetResponseTime") && key.endsWith(GROUP[side])) {
            for (const at of values.keys()) if (at * 1000 >= NOW - 5 * MINUTE) values.delete(at);
          }
        }
        assert.equal((await answer()).verdict, "hold");
      });
    }

    it("nothing at all is not known", async () => {
      const { verdict } = await answer();
      assert.equal(verdict, "hold");
    });

    it("requests without an answer are errors as far as the load balancer answered itself", async () => {
      traffic();
      const at = GRID.fromMs + 90 * MINUTE;
      fake.set("RequestCount", "Sum", `${BALANCER},${GROUP.b}`, at, 640);
      fake.set("HTTPCode_ELB_5XX_Count", "Sum", BALANCER, at, 40);
      const { samples } = await source().samples(GRID, weight);
      const { a, b } = samples[90] ?? {};
      assert.deepEqual([b?.requests, b?.errors, b?.latencyMs?.count.at(-1), a?.errors], [640, 41, 40, 12]);
    });

    it("A that has no requests and healthy targets is quiet; A of which nothing is told is not", async () => {
      const grid = gridOf(NOW - 10 * MINUTE, NOW, MINUTE);
      assert.equal((await source().activity("A", grid)).requests, undefined);
      for (let minute = 0; minute < 10; minute += 1) {
        fake.set("HealthyHostCount", "Maximum", `${BALANCER},${GROUP.a}`, grid.fromMs + minute * MINUTE, 2);
      }
      assert.equal((await source().activity("A", grid)).requests, 0);
      fake.set("RequestCount", "Sum", `${BALANCER},${GROUP.a}`, grid.fromMs + 3 * MINUTE, 7);
      assert.equal((await source().activity("A", grid)).requests, 7);
    });

    it("tells what B uses, and what of it there is", async () => {
      fake.set("DatabaseConnections", "Average", "api7-test-b-1", NOW - MINUTE, 42);
      fake.set("pod_cpu_utilization_over_pod_limit", "Average", "b,api7,gateway-default", NOW - MINUTE, 12);
      const use = await source().useOfB(gridOf(NOW - 2 * MINUTE, NOW, MINUTE));
      assert.deepEqual(
        use.map(({ name, limit, used }) => [name, limit, used.at(-1)]),
        [
          ["CPU of gateway-default, percent of its limit", 100, 12],
          ["memory of gateway-default, percent of its limit", 100, undefined],
          ["CPU of database B, percent", 100, undefined],
          ["connections of database B", 300, 42],
        ],
      );
    });
  });
});
