import assert from "node:assert/strict";
import { type LoadBalancerConfig, type RuleConfig } from "../../rehearsal/cloud/loadBalancer";
import { Counters } from "../../rehearsal/cloud/loadBalancer/counters";
import { HealthRecord, parseMatcher, type CheckResult } from "../../rehearsal/cloud/loadBalancer/healthCheck";
import { chooseGroup } from "../../rehearsal/cloud/loadBalancer/routing";
import { compileRules, findRule, wildcard } from "../../rehearsal/cloud/loadBalancer/rules";
import { Stickiness } from "../../rehearsal/cloud/loadBalancer/stickiness";
import { validateConfig } from "../../rehearsal/cloud/loadBalancer/validateConfig";
import { balancerConfig, forward, group, rule } from "./trafficFixture";

const action = forward({ a: 1 });

function matched(
  rules: readonly RuleConfig[],
  request: { host?: string; url?: string; method?: string; headers?: Record<string, string> },
): unknown {
  const { host = "api.example.com", url = "/", method = "GET", headers = {} } = request;
  const compiled = compileRules({ arn: "l", port: 1, rules: [rule("default", action), ...rules] });
  return findRule(compiled, { url, method, headers: { host, ...headers } }).config.priority;
}

describe("load balancer: wildcards", () => {
  for (const [pattern, value, fits] of [
    ["/orders", "/orders", true],
    ["/orders", "/orders/1", false],
    ["/orders/*", "/orders/", true],
    ["/orders/*", "/orders/1/items", true],
    ["/orders/?", "/orders/1", true],
    ["/orders/?", "/orders/12", false],
    ["/a.b", "/axb", false],
    ["/a(b)+[c]", "/a(b)+[c]", true],
    ["*", "", true],
    ["/*/x", "/a/b/x", true],
  ] as const) {
    it(`${pattern} ${fits ? "matches" : "does not match"} "${value}"`, () => {
      assert.equal(wildcard(pattern, { ignoreCase: false })(value), fits);
    });
  }
});

describe("load balancer: rules", () => {
  const cases: readonly (readonly [string, Partial<RuleConfig>, Parameters<typeof matched>[1], boolean])[] = [
    ["host", { hosts: ["api.example.com"] }, {}, true],
    ["host in other case, with port", { hosts: ["API.example.com"] }, { host: "api.EXAMPLE.com:8080" }, true],
    ["host wildcard", { hosts: ["*.example.com"] }, {}, true],
    ["host wildcard needs the dot", { hosts: ["*.example.com"] }, { host: "example.com" }, false],
    ["one of several hosts", { hosts: ["x.example.com", "api.*"] }, {}, true],
    ["path without query", { paths: ["/a"] }, { url: "/a?b=/c" }, true],
    ["path is case-sensitive", { paths: ["/a"] }, { url: "/A" }, false],
    ["method", { methods: ["POST", "PUT"] }, { method: "PUT" }, true],
    ["method of another name", { methods: ["POST", "PUT"] }, { method: "GET" }, false],
    ["header", { headers: [{ name: "X-Canary", values: ["on", "b*"] }] }, { headers: { "x-canary": "Beta" } }, true],
    [
      "header of another value",
      { headers: [{ name: "X-Canary", values: ["on"] }] },
      { headers: { "x-canary": "off" } },
      false,
    ],
    ["header that is missing", { headers: [{ name: "X-Canary", values: ["*"] }] }, {}, false],
    [
      "all headers",
      {
        headers: [
          { name: "a", values: ["1"] },
          { name: "b", values: ["2"] },
        ],
      },
      { headers: { a: "1" } },
      false,
    ],
    ["host and path", { hosts: ["api.example.com"], paths: ["/a*"] }, { url: "/b" }, false],
  ];
  for (const [title, conditions, request, fits] of cases) {
    it(`${title}: ${fits ? "matches" : "falls through to the default"}`, () => {
      assert.equal(matched([rule(5, action, conditions)], request), fits ? 5 : "default");
    });
  }

  it("the lowest priority number wins, wherever it stands", () => {
    const rules = [
      rule(20, action, { paths: ["/*"] }),
      rule(3, action, { paths: ["/a*"] }),
      rule(10, action, { paths: ["/a*"] }),
    ];
    assert.equal(matched(rules, { url: "/ab" }), 3);
    assert.equal(matched(rules, { url: "/b" }), 20);
  });
});

describe("load balancer: choice by weight", () => {
  const { forward: both } = forward({ a: 95, b: 5 }) as Extract<typeof action, { type: "forward" }>;
  it("cuts the unit interval at the weights", () => {
    assert.equal(chooseGroup(both, 0), "a");
    assert.equal(chooseGroup(both, 0.9499), "a");
    assert.equal(chooseGroup(both, 0.95), "b");
    assert.equal(chooseGroup(both, 0.99999), "b");
  });
  it("never chooses weight 0, first or last", () => {
    assert.equal(
      chooseGroup(
        {
          groups: [
            { arn: "a", weight: 0 },
            { arn: "b", weight: 7 },
          ],
        },
        0,
      ),
      "b",
    );
    assert.equal(
      chooseGroup(
        {
          groups: [
            { arn: "a", weight: 7 },
            { arn: "b", weight: 0 },
          ],
        },
        1 - Number.EPSILON / 2,
      ),
      "a",
    );
  });
  it("chooses nothing when all weights are 0", () => {
    assert.equal(chooseGroup({ groups: [{ arn: "a", weight: 0 }] }, 0.5), undefined);
  });
});

describe("load balancer: health of a target", () => {
  const thresholds = { healthyThreshold: 3, unhealthyThreshold: 2 };
  const walk = (...results: readonly CheckResult[]): string => {
    const record = new HealthRecord();
    results.forEach((result) => record.add(result, thresholds));
    return `${record.health} ${record.reason ?? ""}`.trim();
  };
  const bad = "Target.ResponseCodeMismatch";
  for (const [results, expected] of [
    [[], "initial Elb.InitialHealthChecking"],
    [["ok"], "healthy"],
    [[bad], "initial Elb.InitialHealthChecking"],
    [[bad, "ok"], "healthy"],
    [[bad, bad], `unhealthy ${bad}`],
    [["ok", bad], "healthy"],
    [["ok", bad, "ok", bad], "healthy"],
    [["ok", bad, "Target.Timeout"], "unhealthy Target.Timeout"],
    [["ok", bad, bad, "ok", "ok"], `unhealthy ${bad}`],
    [["ok", bad, bad, "ok", "ok", "ok"], "healthy"],
    [["ok", bad, bad, "ok", "ok", bad, "ok"], `unhealthy ${bad}`],
  ] as const satisfies readonly (readonly [readonly CheckResult[], string])[]) {
    it(`${results.join(", ") || "no check"}: ${expected}`, () => assert.equal(walk(...results), expected));
  }

  for (const [matcher, yes, no] of [
    ["200", [200], [201, 404]],
    ["200,204", [200, 204], [202]],
    ["200-299", [200, 299], [300, 199]],
    ["200-202, 301", [202, 301], [203]],
  ] as const) {
    it(`matcher ${matcher}`, () => {
      yes.forEach((status) => assert.ok(parseMatcher(matcher)(status), `${status}`));
      no.forEach((status) => assert.ok(!parseMatcher(matcher)(status), `${status}`));
    });
  }
  for (const matcher of ["", "2xx", "200-", "500", "299-200", "100"]) {
    it(`matcher "${matcher}" is refused`, () => assert.throws(() => parseMatcher(matcher), /health check matcher/));
  }
});

describe("load balancer: stickiness", () => {
  const stickiness = new Stickiness();
  const now = Date.UTC(2026, 0, 1);
  const cookie = (arn: string, seconds = 60): string => stickiness.cookies(arn, seconds, now)[0].split(";")[0] ?? "";

  it("names its group until it expires", () => {
    assert.equal(stickiness.groupOf(`x=1; ${cookie("b")}`, ["a", "b"], now + 59_999), "b");
    assert.equal(stickiness.groupOf(cookie("b"), ["a", "b"], now + 60_000), undefined);
  });
  it("says nothing about a group that is not listed any more", () => {
    assert.equal(stickiness.groupOf(cookie("b"), ["a", "c"], now), undefined);
  });
  it("cannot be forged, lengthened or taken from another load balancer", () => {
    const [expires = "", signature = ""] = cookie("b").slice("AWSALBTG=".length).split(".");
    assert.equal(stickiness.groupOf(`AWSALBTG=${expires}.x`, ["b"], now), undefined);
    assert.equal(stickiness.groupOf(`AWSALBTG=z${expires}.${signature}`, ["b"], now), undefined);
    assert.equal(new Stickiness().groupOf(cookie("b"), ["b"], now), undefined);
    assert.equal(stickiness.groupOf("AWSALBTG=", ["b"], now), undefined);
  });
});

describe("load balancer: counters", () => {
  it("put each latency into the bucket that holds it", () => {
    const counters = new Counters();
    for (const latencyMs of [0.4, 1, 1.01, 60_000, 60_001]) {
      counters.begin(false);
      counters.answered(200, latencyMs);
      counters.end();
    }
    const { latencyMs, requests, active } = counters.snapshot();
    const counted = latencyMs.le.map((le, i) => [le, latencyMs.count[i]] as const).filter(([, count]) => count !== 0);
    assert.deepEqual(counted, [
      [1, 2],
      [2, 1],
      [60_000, 1],
      [null, 1],
    ]);
    assert.deepEqual([requests, active], [5, 0]);
  });
  it("tell the classes apart; 101 is in none", () => {
    const counters = new Counters();
    [101, 200, 204, 302, 404, 500, 503].forEach((status) => counters.answered(status, 1));
    assert.deepEqual(counters.snapshot().responses, { "2xx": 2, "3xx": 1, "4xx": 1, "5xx": 2 });
  });
});

describe("load balancer: a configuration that AWS would refuse", () => {
  const good = balancerConfig("127.60.0.1", forward({ a: 95, b: 5 }), [group("a", []), group("b", [])]);
  const withGroup = (change: object): LoadBalancerConfig => ({
    ...good,
    targetGroups: [{ ...group("a", []), ...change }, group("b", [])],
  });
  const withRules = (...rules: readonly RuleConfig[]): LoadBalancerConfig => ({
    ...good,
    listeners: [{ arn: "l", port: 80, rules }],
  });
  const health = group("a", []).healthCheck;

  it("accepts the one that the others are made from", () => validateConfig(good));

  const cases: readonly (readonly [string, LoadBalancerConfig, RegExp])[] = [
    [
      "an address that others can reach",
      { ...good, address: "10.0.0.1" },
      /address is 10\.0\.0\.1, expected a loopback/,
    ],
    ["no idle timeout", { ...good, idleTimeoutSeconds: 0 }, /idleTimeoutSeconds is 0/],
    ["a group twice", { ...good, targetGroups: [group("a", []), group("a", [])] }, /targetGroups\.arn is a/],
    [
      "an unknown group",
      withRules(rule("default", forward({ c: 1 }))),
      /forward\.groups is c, expected one of the target groups \(a, b\)/,
    ],
    ["a weight above 999", withRules(rule("default", forward({ a: 1000 }))), /weight is 1000/],
    ["a weight below 0", withRules(rule("default", forward({ a: -1 }))), /weight is -1/],
    ["half a weight", withRules(rule("default", forward({ a: 0.5 }))), /weight is 0\.5/],
    ["six groups", withRules(rule("default", forward({ a: 1, b: 1, c: 1, d: 1, e: 1, f: 1 }))), /groups\.length is 6/],
    ["no default rule", withRules(rule(1, action, { paths: ["/"] })), /0 default rules, expected exactly one/],
    [
      "a default rule with conditions",
      withRules(rule("default", action, { paths: ["/"] })),
      /1 conditions, expected none/,
    ],
    ["a rule without conditions", withRules(rule("default", action), rule(1, action)), /no condition/],
    [
      "a priority twice",
      withRules(rule("default", action), rule(1, action, { paths: ["/"] }), rule(1, action, { paths: ["/b"] })),
      /priority is 1/,
    ],
    ["stickiness without a duration", withRules(rule("default", forward({ a: 1 }, 0))), /durationSeconds is 0/],
    [
      "a status that is none",
      withRules(rule("default", { type: "fixed-response", statusCode: 99, body: "", contentType: "" })),
      /statusCode is 99/,
    ],
    [
      "a health check each second",
      withGroup({ healthCheck: { ...health, intervalSeconds: 1 } }),
      /intervalSeconds is 1/,
    ],
    ["a health check without a path", withGroup({ healthCheck: { ...health, path: "status" } }), /path is status/],
    ["a matcher that is none", withGroup({ healthCheck: { ...health, matcher: "ok" } }), /matcher "ok"/],
    ["a delay of two hours", withGroup({ deregistrationDelaySeconds: 7200 }), /deregistrationDelaySeconds is 7200/],
    [
      "a target twice",
      withGroup({
        targets: [
          { id: "127.0.0.1", port: 80 },
          { id: "127.0.0.1", port: 80 },
        ],
      }),
      /targets is 127\.0\.0\.1:80/,
    ],
    ["a target that is a name", withGroup({ targets: [{ id: "pod-1", port: 80 }] }), /targets\.id is pod-1/],
  ];
  for (const [title, config, message] of cases) {
    it(title, () => assert.throws(() => validateConfig(config), message));
  }
});
