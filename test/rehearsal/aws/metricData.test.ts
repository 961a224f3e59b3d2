import assert from "node:assert/strict";
import { CloudWatchClient, GetMetricDataCommand, type MetricDataQuery } from "@aws-sdk/client-cloudwatch";
import { Counters } from "../../../rehearsal/cloud/loadBalancer/counters";
import { REGION, startCloud, type TestCloud } from "./fakes";

/** A whole minute, in milliseconds. */
const M = Date.UTC(2026, 2, 1, 10, 0);
const MINUTE = 60_000;

describe("local AWS: GetMetricData and the real SDK", () => {
  let test: TestCloud;
  let client: CloudWatchClient;
  let counters: Counters;
  let groupArn: string;

  beforeEach(async () => {
    test = await startCloud();
    client = clientOf(REGION);
    counters = new Counters();
    groupArn = test.world.targetGroupAArn;
    // What happened before the first look counts too: the group's counters begin with the group.
    show("healthy");
    await test.cloud.metrics.look(M - 1000);
  });
  afterEach(async () => {
    client.destroy();
    await test.stop();
  });

  function clientOf(region: string): CloudWatchClient {
    return new CloudWatchClient({
      region,
      endpoint: test.cloud.endpoint,
      credentials: { accessKeyId: "AKIAREHEARSAL", secretAccessKey: "none" },
      maxAttempts: 1,
    });
  }

  function show(state: "healthy" | "unhealthy"): void {
    test.edge.counters = { [groupArn]: counters.snapshot() };
    test.edge.states = { [groupArn]: [{ id: "127.1.10.1", port: 9080, state }] };
  }

  /** So many requests, answered in so many milliseconds. */
  function served(count: number, ms: number, status = 200): void {
    for (let i = 0; i < count; i += 1) {
      counters.begin(false);
      counters.answered(status, ms);
      counters.end();
    }
    show("healthy");
  }

  function query(
    metric: string,
    stat: string,
    more: { group?: boolean; period?: number; id?: string } = {},
  ): MetricDataQuery {
    const { group = true, period = 60, id = "q0" } = more;
    const dimensions = [{ Name: "LoadBalancer", Value: test.world.loadBalancerArn.split(":loadbalancer/")[1] ?? "" }];
    if (group) dimensions.push({ Name: "TargetGroup", Value: groupArn.split(":").at(-1) ?? "" });
    const Metric = { Namespace: "AWS/ApplicationELB", MetricName: metric, Dimensions: dimensions };
    return { Id: id, MetricStat: { Metric, Period: period, Stat: stat } };
  }

  async function ask(queries: MetricDataQuery[], more: { MaxDatapoints?: number; NextToken?: string } = {}) {
    return client.send(
      new GetMetricDataCommand({
        StartTime: new Date(M - MINUTE),
        EndTime: new Date(M + 5 * MINUTE),
        ScanBy: "TimestampAscending",
        MetricDataQueries: queries,
        ...more,
      }),
    );
  }

  /** `minute:value` of each data point, minutes from M. */
  async function points(queries: MetricDataQuery): Promise<readonly string[]> {
    const { MetricDataResults = [] } = await ask([queries]);
    assert.deepEqual([MetricDataResults.length, MetricDataResults[0]?.StatusCode], [1, "Complete"]);
    const { Timestamps = [], Values = [] } = MetricDataResults[0] ?? {};
    return Timestamps.map((at, index) => `${(at.getTime() - M) / MINUTE}:${Values[index] ?? "?"}`);
  }

  it("tells counts by minute, and nothing of a minute without any", async () => {
    served(10, 40);
    await test.cloud.metrics.look(M + 5_000);
    served(5, 40);
    // What a look at the end of a minute finds happened in it.
    await test.cloud.metrics.look(M + MINUTE);
    await test.cloud.metrics.look(M + MINUTE + 30_000);
    served(3, 40, 503);
    await test.cloud.metrics.look(M + 2 * MINUTE + 30_000);
    assert.deepEqual(await points(query("RequestCount", "Sum")), ["0:15", "2:3"]);
    assert.deepEqual(await points(query("HTTPCode_Target_5XX_Count", "Sum")), ["2:3"]);
    assert.deepEqual(await points(query("TargetConnectionErrorCount", "Sum")), []);
    assert.deepEqual(await points(query("RequestCount", "Sum", { period: 120 })), ["0:15", "2:3"]);
  });

  it("tells healthy targets whether there is traffic or not, and the load balancer's own 5xx as a whole", async () => {
    await test.cloud.metrics.look(M + 5_000);
    show("unhealthy");
    counters.refused();
    show("unhealthy");
    await test.cloud.metrics.look(M + 10_000);
    assert.deepEqual(await points(query("HealthyHostCount", "Maximum")), ["-1:1", "0:1"]);
    assert.deepEqual(await points(query("HealthyHostCount", "Minimum")), ["-1:1", "0:0"]);
    assert.deepEqual(await points(query("HTTPCode_ELB_5XX_Count", "Sum", { group: false })), ["0:1"]);
    assert.deepEqual(await points(query("HTTPCode_ELB_5XX_Count", "Sum")), []);
  });

  it("counts response times in any range, without its lower and with its upper end", async () => {
    served(6, 40);
    served(3, 400);
    served(1, 70_000);
    await test.cloud.metrics.look(M + 5_000);
    const count = async (range: string): Promise<readonly string[]> =>
      points(query("TargetResponseTime", `TC(${range})`));
    assert.deepEqual(await count(":0.03"), ["0:0"]);
    assert.deepEqual(await count("0.03:0.05"), ["0:6"]);
    assert.deepEqual(await count("0.05:1"), ["0:3"]);
    assert.deepEqual(await count("50:"), ["0:1"]);
    const ranges = [":0.002", "0.002:0.11", "0.11:4.3", "4.3:50", "50:"];
    const all = await Promise.all(ranges.map(count));
    assert.equal(
      all.reduce((sum, [point = ""]) => sum + Number(point.split(":")[1]), 0),
      10,
    );
  });

  it("has no data of metrics that nobody writes, which is no error", async () => {
    const metric = (Namespace: string, MetricName: string): MetricDataQuery => ({
      Id: "q0",
      MetricStat: { Metric: { Namespace, MetricName, Dimensions: [] }, Period: 60, Stat: "Sum" },
    });
    assert.deepEqual(await points(metric("AWS/Nothing", "RequestCount")), []);
    assert.deepEqual(await points(query("NoSuchMetric", "Sum")), []);
  });

  it("gives pages of so many data points, a row in two parts included", async () => {
    for (let minute = 0; minute < 4; minute += 1) {
      served(1 + minute, 40);
      await test.cloud.metrics.look(M + minute * MINUTE + 30_000);
    }
    const queries = [query("RequestCount", "Sum", { id: "q0" }), query("HealthyHostCount", "Maximum", { id: "q1" })];
    const seen: Record<string, number[]> = {};
    let token: string | undefined;
    let pages = 0;
    do {
      const answer = await ask(queries, { MaxDatapoints: 3, ...(token === undefined ? {} : { NextToken: token }) });
      for (const { Id = "", Values = [] } of answer.MetricDataResults ?? [])
        seen[Id] = [...(seen[Id] ?? []), ...Values];
      token = answer.NextToken;
      pages += 1;
    } while (token !== undefined);
    assert.deepEqual(seen, { q0: [1, 2, 3, 4], q1: [1, 1, 1, 1, 1] });
    assert.equal(pages, 3);
  });

  it("refuses what AWS refuses, what it does not model, and callers of another Region; faults strike", async () => {
    const good = query("RequestCount", "Sum");
    const refused = async (queries: MetricDataQuery[], message: RegExp): Promise<void> =>
      assert.rejects(ask(queries), message);
    await refused([], /MetricDataQueries/);
    await refused([good, good], /unique/);
    await refused([{ Id: "Upper" }], /Id/);
    await refused([{ Id: "q0" }], /either Expression or MetricStat/);
    await refused([query("RequestCount", "Sum", { period: 10 })], /multiple of 60/);
    await refused([{ Id: "q0", Expression: "q1 * 2" }], /q1 \* 2/);
    served(1, 40);
    await test.cloud.metrics.look(M + 5_000);
    await refused([query("TargetResponseTime", "p99")], /p99/);
    await assert.rejects(ask([good], { NextToken: "nonsense" }), /NextToken/);
    test.cloud.faults.fail("GetMetricData", { code: "ThrottlingException", message: "Rate exceeded" });
    await refused([good], /Rate exceeded/);
    assert.deepEqual(await points(good), ["0:1"]);
    client.destroy();
    client = clientOf("us-east-1");
    await assert.rejects(ask([good]), /valid region/);
  });
});
