import assert from "node:assert/strict";
import { type CheckContext, Systems } from "../../checks/context";
import { checkLiveWeights, readLiveWeights } from "../../checks/liveWeights";
import { type CheckResult } from "../../checks/result";
import { type MigrationScope } from "../../migration/gateRequest";
import { AwsFake, error, type FakeAction, type FakeRule } from "./support/awsFake";
import { findingOn, GROUP_A, GROUP_B, SCOPE } from "./support/scope";

const LISTENER = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener/app/api7-test/1/2";
const FOREIGN = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/other/3";

function forward(a: number, b: number, more: Partial<FakeAction> = {}): FakeAction {
  const targetGroups = [
    { arn: GROUP_A, weight: a },
    { arn: GROUP_B, weight: b },
  ];
  return { type: "forward", targetGroups, ...more };
}

describe("check: live weights", () => {
  let aws: AwsFake;

  beforeEach(async () => {
    aws = await AwsFake.start();
    aws.world.targetGroups.set("api7-test-default-b", GROUP_B);
  });
  afterEach(() => aws.stop());

  function hold(rules: readonly FakeRule[]): void {
    const listeners = [
      { arn: `${LISTENER}0`, port: 80, rules: [] },
      { arn: LISTENER, port: 443, rules },
    ];
    aws.world.loadBalancers = [{ name: "api7-test", arn: "arn:lb", listeners }];
  }

  function context(scope: MigrationScope = SCOPE): CheckContext {
    const { signal } = new AbortController();
    return { scope, signal, systems: new Systems(scope, signal, {}) };
  }

  const check = (allowed: readonly number[], scope?: MigrationScope): Promise<CheckResult> =>
    checkLiveWeights(context(scope), allowed);

  it("holds when the default action gives B what was recorded", async () => {
    hold([{ priority: "default", actions: [forward(95, 5)] }]);
    const result = await check([5]);
    assert.deepEqual(result.findings, []);
    assert.equal(result.verdict, "holds");
  });

  it("finds a rule by its priority, over several pages, beside actions of the owner", async () => {
    hold([
      { priority: 10, actions: [forward(100, 0)] },
      { priority: 20, actions: [{ type: "authenticate-oidc" }, forward(75, 25)] },
      { priority: "default", actions: [forward(0, 100)] },
    ]);
    const rule = { group: "default", listenerArn: LISTENER, priority: 20 };
    assert.equal((await check([25], { ...SCOPE, rules: [rule] })).verdict, "holds");
    assert.equal((await check([50], { ...SCOPE, rules: [rule] })).verdict, "fails");
  });

  it("counts the share, whatever the weights add up to", async () => {
    hold([{ priority: "default", actions: [forward(1, 1)] }]);
    assert.equal((await check([50])).verdict, "holds");
    assert.equal((await check([25, 50])).verdict, "holds");
  });

  it("refuses another share, and says how to record it", async () => {
    hold([{ priority: "default", actions: [forward(50, 50)] }]);
    const finding = findingOn(await check([5]), "default action");
    assert.match(finding.seen, /B has 50 %/);
    assert.match(finding.expected, /5 %/);
    assert.match(finding.remedy, /pulumi config set stage rollback/);
  });

  it("recognises 100/0 set by hand", async () => {
    hold([{ priority: "default", actions: [forward(100, 0)] }]);
    const finding = findingOn(await check([50]), "default action");
    assert.match(finding.remedy, /set by hand.*pulumi config set stage rollback/s);
  });

  it("takes a plain forward to A's group for everything on A", async () => {
    hold([{ priority: "default", actions: [{ type: "forward", plainTargetGroup: GROUP_A }] }]);
    assert.equal((await check([0])).verdict, "holds");
    assert.equal((await check([5])).verdict, "fails");
  });

  for (const [what, actions, seen] of [
    ["stickiness", [forward(95, 5, { stickiness: true })], /stickiness is on/],
    [
      "a foreign target group",
      [{ type: "forward", targetGroups: [...(forward(94, 5).targetGroups ?? []), { arn: FOREIGN, weight: 1 }] }],
      /other\/3/,
    ],
    ["all weights 0", [forward(0, 0)], /503/],
    ["no forward", [{ type: "fixed-response" }], /fixed-response/],
    ["no action at all", [], /none/],
  ] satisfies readonly (readonly [string, readonly FakeAction[], RegExp])[]) {
    it(`refuses ${what}`, async () => {
      hold([{ priority: "default", actions }]);
      const result = await check([5]);
      assert.equal(result.verdict, "fails");
      assert.match(findingOn(result, "default action").seen, seen);
    });
  }

  it("refuses a missing rule, listener or load balancer, except before the first entry", async () => {
    const rule = { group: "default", listenerArn: LISTENER, priority: 20 };
    const missing: readonly (readonly [MigrationScope, () => void])[] = [
      [SCOPE, () => (aws.world.loadBalancers = [])],
      [{ ...SCOPE, rules: [{ group: "default", loadBalancerName: "api7-test", port: 8443 }] }, () => hold([])],
      [{ ...SCOPE, rules: [rule] }, () => (aws.world.loadBalancers = [])],
      [{ ...SCOPE, rules: [rule] }, () => hold([{ priority: 10, actions: [forward(100, 0)] }])],
    ];
    for (const [scope, arrange] of missing) {
      arrange();
      const result = await check([0], scope);
      assert.equal(result.verdict, "fails");
      assert.match(result.findings[0]?.seen ?? "", /no such load balancer, listener or rule/);
      assert.equal((await check([], scope)).verdict, "holds");
    }
  });

  it("before the first entry, refuses a rule that gives B requests or belongs to somebody else", async () => {
    hold([{ priority: "default", actions: [forward(50, 50)] }]);
    assert.equal((await check([])).verdict, "fails");
    hold([{ priority: "default", actions: [{ type: "redirect" }] }]);
    assert.match(findingOn(await check([]), "default action").remedy, /another priority/);
    hold([{ priority: "default", actions: [forward(100, 0)] }]);
    assert.equal((await check([])).verdict, "holds");
  });

  it("finds what is wrong with one of several rules", async () => {
    hold([
      { priority: 10, actions: [forward(95, 5)] },
      { priority: 20, actions: [forward(100, 0)] },
    ]);
    const rules = [10, 20].map((priority) => ({ group: "default", listenerArn: LISTENER, priority }));
    const result = await check([5], { ...SCOPE, rules });
    assert.equal(result.findings.length, 1);
    assert.match(findingOn(result, "priority 20").seen, /0 %/);
  });

  for (const [what, fault, seen, remedy] of [
    ["no permission", error(403, "AccessDenied", "not authorized"), /AccessDenied/, /allow elasticloadbalancing:/],
    ["expired credentials", error(403, "ExpiredToken", "expired"), /ExpiredToken/, /log in to AWS/],
    ["an error of AWS", error(400, "ValidationError", "odd"), /odd/, /AWS can be reached/],
    ["HTML", { status: 400, body: "<html>proxy</html>" }, /DescribeLoadBalancers/, /AWS can be reached/],
  ] as const) {
    it(`knows nothing after ${what}`, async () => {
      aws.fault = () => fault;
      const result = await check([0]);
      assert.equal(result.verdict, "unknown");
      const [finding] = result.findings;
      assert.match(finding?.seen ?? "", seen);
      assert.match(finding?.remedy ?? "", remedy);
    });
  }

  it("reads what is live for the record of a rollback", async () => {
    hold([{ priority: "default", actions: [forward(50, 50)] }]);
    assert.deepEqual(await readLiveWeights(context()), { default: "50 %" });
    hold([{ priority: "default", actions: [forward(0, 0)] }]);
    assert.deepEqual(await readLiveWeights(context()), { default: "no %" });
    aws.world.loadBalancers = [];
    assert.deepEqual(await readLiveWeights(context()), { default: "missing" });
  });
});
