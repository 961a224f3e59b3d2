import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import { type AddressInfo } from "node:net";
import { judge as judgeSchema } from "../../migration/settings/judgeSchema";
import { metrics as metricsSchema } from "../../migration/settings/metricsSchema";
import { type GateAnswer } from "../../pilot/decide";
import { type World } from "../../rehearsal/cloud";
import { type LongRequest, type TrafficSample } from "../../rehearsal/cloud/traffic";
import { openConnections } from "../../rehearsal/connections";
import { answerText, verdictOfGate } from "../../rehearsal/gateLook";
import { judgedLines } from "../../rehearsal/summary";
import { judgingSettings, judgingText, thinServices, type Judging } from "../../rehearsal/judging";

const sample = (service: string, weight: number, kind: TrafficSample["kind"] = "plain"): TrafficSample => ({
  service,
  host: `${service}.example`,
  path: "/",
  headers: {},
  weight,
  kind,
});
const catalogue = [
  sample("orders", 30),
  sample("orders", 30),
  sample("pay", 39),
  sample("tiny", 1),
  sample("slow", 9, "slow"),
];
const world = {
  catalogue,
  services: ["orders", "pay", "unasked"],
  metrics: { a: "http://127.9.30.3:9090/", b: "http://127.9.30.4:9090/", periodSeconds: 2 },
} as unknown as World;

describe("with which limits a rehearsal judges", () => {
  const all: readonly Judging[] = ["wide", "production", "impatient", "none"];
  for (const judging of all) {
    it(`${judging}: settings that the program takes, and a line that says so`, () => {
      const { metrics, judge } = judgingSettings(world, judging);
      const source = metricsSchema.parse(metrics)?.source;
      assert.equal(source, judging === "none" ? "none" : "prometheus");
      judgeSchema.parse(judge ?? {});
      assert.match(judgingText(judging), judging === "none" ? /not judged/ : /judged with .*errors \+\d/);
    });
  }

  it("production and impatient have the margins, odds and hard stops that a stack has by default", () => {
    const usual = judgeSchema.parse({});
    for (const judging of ["production", "impatient"] as const) {
      const { judge } = judgingSettings(world, judging);
      const { margins, odds, hard, falseStopPercent, share } = judgeSchema.parse(judge);
      assert.deepEqual(
        { margins, odds, hard, falseStopPercent, share },
        {
          margins: usual.margins,
          odds: usual.odds,
          hard: usual.hard,
          falseStopPercent: usual.falseStopPercent,
          share: usual.share,
        },
      );
    }
    assert.equal(judgeSchema.parse(judgingSettings(world, "production")["judge"]).warmUpSeconds, usual.warmUpSeconds);
  });

  it("services are thin by their share of the plain traffic; those without any are", () => {
    assert.deepEqual(thinServices(world, 50), ["pay", "slow", "tiny", "unasked"]);
    assert.deepEqual(thinServices(world, 2), ["slow", "tiny", "unasked"]);
  });
});

describe("what the gate says as a whole", () => {
  const answer = (verdict: GateAnswer["verdict"], judge?: GateAnswer["judge"]): GateAnswer => ({
    verdict,
    judge,
    checks: [
      { name: "health", verdict: "holds", findings: [] },
      { name: "judge", verdict, findings: verdict === "holds" ? [] : ["B: back: errors", "another"] },
    ],
  });

  it("is the judge's back above all, else go only when everything holds", () => {
    assert.equal(verdictOfGate(answer("fails", "back")), "back");
    assert.equal(verdictOfGate(answer("fails", "go")), "hold");
    assert.equal(verdictOfGate(answer("unknown")), "hold");
    assert.equal(verdictOfGate(answer("holds", "go")), "go");
    assert.equal(answerText(answer("fails", "back")), "back | judge: B: back: errors");
    assert.equal(answerText(answer("holds", "go")), "go");
  });
});

describe("what a rehearsal tells at its end", () => {
  it("each verdict, each fault with what failed because of it, and what stayed open", () => {
    const lines = judgedLines({
      judged: [{ stage: "traffic-5", to: "traffic-25", verdict: "go", seconds: 21.4, looks: 4, judge: "go" }],
      faults: [
        {
          fault: "B with 5 % errors",
          at: "t",
          expected: "back",
          verdict: "back",
          check: "judge",
          reason: "errors",
          seconds: 12,
          requests: 900,
          failedRequests: 7,
          backSeconds: 2.1,
        },
      ],
      connections: [{ stage: "traffic-5", at: "t", longLived: { a: 19, b: 1 }, inFlight: { a: 30, b: null } }],
    });
    assert.deepEqual(lines, [
      "judged   traffic-5: go, the gate to traffic-25 opened after 21.4 s",
      "fault    B with 5 % errors: back by judge after 12.0 s, 7 of 900 requests failed",
      "open     traffic-5: WebSockets and streams A 19, B 1; in flight at the gateways A 30, B ?",
    ]);
  });
});

describe("connections that stay open", () => {
  let server: Server;
  let values: Readonly<Record<string, string>> | undefined;
  let url: string;

  before(async () => {
    server = createServer((request, response) => {
      const query = new URL(request.url ?? "/", "http://x").searchParams.get("query") ?? "";
      const value = values?.[query];
      const result = value === undefined ? [] : [{ metric: {}, value: [1, value] }];
      response.end(JSON.stringify({ status: "success", data: { resultType: "vector", result } }));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  });
  after(() => server.close());

  const long: readonly LongRequest[] = [
    { kind: "websocket", startedAt: "t", cluster: "a" },
    { kind: "stream", startedAt: "t", cluster: "b" },
    { kind: "stream", startedAt: "t", cluster: "b", endedAt: "t", ok: true },
    { kind: "slow", startedAt: "t", cluster: "b" },
  ];

  it("are counted by cluster, and what is in flight by the gateways' own metrics", async () => {
    const gauge = "apisix_nginx_http_current_connections";
    values = {
      [`sum(${gauge}{state="active"})`]: "12",
      [`sum(${gauge}{state="waiting"})`]: "4",
      [`count(${gauge}{state="active"})`]: "2",
    };
    const seen = await openConnections("traffic-5", { a: url, b: "http://127.0.0.1:1/", periodSeconds: 2 }, { long });
    assert.deepEqual([seen.stage, seen.longLived], ["traffic-5", { a: 1, b: 1 }]);
    // A server that is not there is no zero.
    assert.deepEqual(seen.inFlight, { a: 6, b: null });
    values = undefined;
    assert.equal((await openConnections("x", { a: url, b: url, periodSeconds: 2 }, { long })).inFlight.a, null);
  });
});
