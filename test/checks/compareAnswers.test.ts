import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo } from "node:net";
import { checkAnswers } from "../../checks/compareAnswers";
import { type CheckResult } from "../../checks/result";
import { type AnswerComparison } from "../../migration/inspection";
import { type FakeAction } from "./support/awsFake";
import { Surroundings, TABLES } from "./support/inspection";
import { TestServer } from "./support/postgres";
import { findingOn, GROUP_A, GROUP_B } from "./support/scope";

const VALUE = "made-up-value-0001";
type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** A real server stands for the load balancer: the header picks which cluster answers. */
describe("check: compare answers", function () {
  this.timeout(60_000);
  let server: TestServer;
  let around: Surroundings;
  let balancer: Server;
  let clusters: { a: Handler; b: Handler };
  let asked: string[];

  before(async () => {
    server = await TestServer.start("127.241.25.1");
  });
  after(() => server.stop());
  beforeEach(async () => {
    around = await Surroundings.start(server);
    asked = [];
    clusters = { a: echo, b: echo };
    balancer = createServer((request, response) => {
      const header = request.headers["x-api7-migration"];
      asked.push(
        `${String(header).at(-1) ?? ""} ${request.method ?? ""} ${request.headers.host ?? ""}${request.url ?? ""}`,
      );
      if (header === `${VALUE}-a`) clusters.a(request, response);
      else if (header === `${VALUE}-b`) clusters.b(request, response);
      else response.writeHead(500).end();
    });
    await new Promise<void>((resolve) => balancer.listen(0, "127.0.0.1", resolve));
    around.aws.world.targetGroups.set("api7-test-default-b", GROUP_B);
    rules(["a", GROUP_A], ["b", GROUP_B]);
    await server.fresh(TABLES);
    await server.run(
      "b",
      `insert into route values ('r1', 'g-1', 'orders', '{/orders}', '{GET,POST}', '{shop.example.com}', '{}')`,
    );
  });
  afterEach(async () => {
    balancer.closeAllConnections();
    await new Promise((resolve) => balancer.close(resolve));
    await around.stop();
  });

  const echo: Handler = ({ method, url, headers }, response) => {
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ method, url, key: headers["apikey"] ?? null }));
  };
  const says =
    (status: number, body: string, headers: Readonly<Record<string, string>> = {}): Handler =>
    (_, response) => {
      response.writeHead(status, headers).end(body);
    };

  /** The listener's test rules, by the cluster in the header and the group that gets everything. */
  function rules(...list: readonly (readonly ["a" | "b", string])[]): void {
    const { port } = balancer.address() as AddressInfo;
    const forward = (arn: string): readonly FakeAction[] => [
      {
        type: "forward",
        targetGroups: [GROUP_A, GROUP_B].map((group) => ({ arn: group, weight: group === arn ? 100 : 0 })),
      },
    ];
    const listener = {
      arn: "arn:listener",
      port,
      rules: [
        ...list.map(([cluster, arn], index) => ({
          priority: index + 1,
          header: { name: "x-api7-migration", value: `${VALUE}-${cluster}` },
          actions: forward(arn),
        })),
        { priority: "default" as const, actions: forward(GROUP_A) },
      ],
    };
    around.aws.world.loadBalancers = [{ name: "api7-test", arn: "arn:lb", listeners: [listener] }];
  }

  function check(more: Partial<AnswerComparison> = {}): Promise<CheckResult> {
    const answers: AnswerComparison = {
      headerName: "x-api7-migration",
      headerValue: VALUE,
      routes: 10,
      requests: [],
      differences: [],
      ...more,
    };
    const context = around.context({ answers });
    const [rule] = context.scope.rules;
    const scope = {
      ...context.scope,
      rules: rule === undefined ? [] : [{ group: rule.group, listenerArn: "arn:listener" }],
    };
    return checkAnswers({ ...context, scope });
  }

  it("holds when both answer the same, with the test credentials", async () => {
    const result = await check();
    assert.deepEqual(result.findings, []);
    assert.deepEqual(asked, ["a GET shop.example.com/orders", "b GET shop.example.com/orders"]);
    assert.equal(result.evidence["compared"], 1);
    assert.ok(!JSON.stringify(result).includes("test-key"));
  });

  it("refuses another status, header or body, by the request's name, and shows no body", async () => {
    clusters.b = says(404, '{"error_msg":"404 Route Not Found"}', { "content-type": "text/plain" });
    const result = await check();
    assert.equal(result.verdict, "fails");
    const finding = findingOn(result, "GET shop.example.com/orders");
    assert.match(finding.seen, /status: A 200, B 404, and \d+ more parts \(header content-type/);
    assert.ok(!finding.seen.includes("Route Not Found"));
  });

  it("does not hold B to what A itself does not keep", async () => {
    let count = 0;
    clusters.a = clusters.b = (_, response) => response.end(JSON.stringify({ now: (count += 1), fixed: 1 }));
    const result = await check();
    assert.deepEqual(result.findings, []);
    assert.equal(asked.length, 3);
    clusters.b = (_, response) => response.end(JSON.stringify({ now: (count += 1), fixed: 2 }));
    assert.match(findingOn(await check(), "GET shop.example.com/orders").seen, /body fixed/);
  });

  it("takes differences that are declared, with their reasons", async () => {
    clusters.b = (request, response) => {
      response.setHeader("x-served-by", "b");
      echo(request, response);
    };
    const differences = [{ request: "GET shop.example.com/*", part: "header x-served-by", reason: "B says who it is" }];
    const result = await check({ differences });
    assert.equal(result.verdict, "holds");
    assert.match(result.notes.join(), /B says who it is/);
  });

  it("never sends what writes, unless it may be carried out twice", async () => {
    const request = { host: "shop.example.com", path: "/pay", method: "POST", headers: {}, body: "{}" };
    const held = await check({ routes: 0, requests: [{ ...request, replayable: false }] });
    assert.equal(held.verdict, "unknown");
    assert.match(held.notes.join(), /POST shop\.example\.com\/pay is not sent/);
    assert.deepEqual(asked, []);
    clusters.b = says(402, "");
    assert.equal((await check({ routes: 0, requests: [{ ...request, replayable: true }] })).verdict, "fails");
    // A is not asked once more to see whether it is steady.
    assert.deepEqual(asked, ["a POST shop.example.com/pay", "b POST shop.example.com/pay"]);
  });

  it("refuses test rules that are missing, or lead elsewhere: A would be compared with itself", async () => {
    rules(["a", GROUP_A]);
    assert.match(findingOn(await check(), "test rule of cluster B").seen, /no rule/);
    rules(["a", GROUP_A], ["b", GROUP_A]);
    assert.equal((await check()).verdict, "fails");
    assert.deepEqual(asked, []);
  });

  it("says so when nothing is to be compared", async () => {
    const result = await checkAnswers(around.context());
    assert.equal(result.verdict, "holds");
    assert.match(result.notes.join(), /compareAnswers is not given/);
  });

  it("knows nothing when no route can be asked for, the load balancer is silent, or database B is out of reach", async () => {
    const closed = await check({ address: "127.0.0.1:1" });
    assert.equal(closed.verdict, "unknown");
    clusters.b = (_, response) => response.destroy();
    assert.equal((await check()).verdict, "unknown");
    around.aws.world.loadBalancers = [];
    assert.equal((await check()).verdict, "unknown");
    await server.run("b", "delete from route");
    assert.match(findingOn(await check(), "compared requests").seen, /no route/);
    around.aws.world.instances.delete("api7-test-b-1");
    assert.equal((await check()).verdict, "unknown");
  });
});
