import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import * as aws from "@pulumi/aws/provider";
import * as pulumi from "@pulumi/pulumi";
import { type PulumiFn } from "@pulumi/pulumi/automation";
import { TrafficSplit } from "../../components/trafficSplit";
import { scopeOf } from "../../migration/scope";
import { type Settings } from "../../migration/settings";
import { type Stage } from "../../migration/stages";
import { settingsOf } from "../migration/stackConfig";
import { REGION, startCloud, type TestCloud } from "./aws/fakes";
import { Plugin } from "./aws/plugin";
import { EngineRun, pluginSource } from "./providers/engineRun";

/**
 * Two gateway groups, each with its own rule and target groups, moved together by one value; and an update that fails
 * between the two. On the real engine, over the local AWS; the gate is a stand-in that counts when it is asked to prove.
 */

const GROUPS = { default: 20, partner: 21 } as const;

describe("two gateway groups on the real engine", function () {
  this.timeout(300_000);
  let test: TestCloud;
  let run: EngineRun;
  /** A's own target group of the second gateway group. */
  let partnerOfA: string;
  let verified: number;
  let passes: boolean;

  before(async () => {
    test = await startCloud();
    const plugin = new Plugin(test.cloud);
    const group = { name: "api7-partner-a", port: 9080, protocol: "HTTP", targetType: "ip", vpcId: test.world.vpcId };
    partnerOfA = String((await plugin.create("targetGroup", group)).outputs["arn"]);
    plugin.end();
    run = await EngineRun.start([pluginSource("aws")], { AWS_ENDPOINT_URL: test.cloud.endpoint });
  });
  after(async () => {
    run.remove();
    await test.stop();
  });
  beforeEach(() => {
    verified = 0;
    passes = true;
    test.cloud.faults.clear();
  });

  function settingsAt(stage: Stage): Settings {
    const { world } = test;
    return settingsOf("prod", {
      stage,
      "aws:region": REGION,
      "loadBalancer.listenerArn": world.listenerArn,
      "network.vpcId": world.vpcId,
      "gatewayGroups[0].clusterA.targetGroupArn": world.targetGroupAArn,
      "gatewayGroups[1].clusterA.targetGroupArn": partnerOfA,
      "clusterA.freeze": { mode: "announced" },
      "clusterB.identifier": "b",
      "monitoring.topicArn": undefined,
    });
  }

  /** @param recorded whether the gate let this very run pass; else a rule that rises has to be proved by itself */
  function program(stage: Stage, recorded = true): PulumiFn {
    return async () => {
      const provider = new aws.Provider("aws", { region: REGION });
      pulumi.runtime.registerStackTransformation(({ type, props, opts }) =>
        type.startsWith("aws:") ? { props, opts: { ...opts, provider } } : undefined,
      );
      const settings = settingsAt(stage);
      new TrafficSplit("traffic", {
        settings: { ...settings, stage },
        securityGroups: [],
        gate: {
          judge: () => undefined,
          moveContext: () => ({ trafficSteps: settings.trafficSteps }),
          passedInThisRun: () => recorded,
          stageBefore: () => Promise.resolve(undefined),
          verify: () => {
            verified += 1;
            return passes ? Promise.resolve() : Promise.reject(new Error("the gate does not hold"));
          },
        },
      });
      return Promise.resolve();
    };
  }

  /** B's share of each group, as the load balancer has it. */
  function shares(): Readonly<Record<string, number | undefined>> {
    return Object.fromEntries(
      Object.entries(GROUPS).map(([group, priority]) => {
        const action = test.edge.rules().find((rule) => rule.priority === priority)?.action;
        return [group, action?.type === "forward" ? action.forward.groups[1]?.weight : undefined] as const;
      }),
    );
  }

  /** Runs an update that has to fail; the text that the user reads. */
  async function failing(stage: Stage, recorded = true): Promise<string> {
    try {
      await run.up(program(stage, recorded));
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
    return assert.fail("the update did not fail");
  }

  /** One of both rules cannot be changed: which one the engine comes to first is its own affair. */
  async function failHalfWay(stage: Stage): Promise<{ readonly failed: keyof typeof GROUPS; readonly text: string }> {
    const before = shares();
    test.cloud.faults.fail("ModifyRule", { code: "Throttling", message: "Rate exceeded" });
    const text = await failing(stage);
    // The other one may or may not have been begun: whatever it is, it is one of both weights.
    const after = shares();
    const failed = /ListenerRule \(traffic-(default|partner)\)/.exec(text)?.[1] as keyof typeof GROUPS;
    assert.equal(after[failed], before[failed], "the rule that failed is where it was");
    return { failed, text };
  }

  /** `check -- live-weights` on the local AWS. */
  async function liveWeights(weightB: number): Promise<{ readonly code: number | null; readonly text: string }> {
    const child = spawn(
      process.execPath,
      ["--import", "tsx", "checks/cli.ts", "live-weights", "--weight-b", String(weightB)],
      {
        env: {
          ...process.env,
          AWS_ENDPOINT_URL: test.cloud.endpoint,
          AWS_ACCESS_KEY_ID: "AKIAREHEARSAL",
          AWS_SECRET_ACCESS_KEY: "none",
        },
      },
    );
    let text = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (text += chunk.toString()));
    child.stdin.end(JSON.stringify(scopeOf(settingsAt("traffic-25"))));
    const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
    return { code, text };
  }

  it("move together: one value, one update, the same share of B for both", async () => {
    await run.up(program("start"));
    assert.deepEqual(shares(), { default: 0, partner: 0 });
    assert.equal((await run.up(program("traffic-5"))).update, 2);
    assert.deepEqual(shares(), { default: 5, partner: 5 });
    assert.deepEqual(await run.preview(), { same: 7 });
    assert.equal((await liveWeights(5)).code, 0);
  });

  it("half way: the failed rule is named, the check names what is live, and the next update mends it, proved anew", async () => {
    const { failed, text } = await failHalfWay("traffic-25");
    assert.match(text, new RegExp(`ListenerRule \\(traffic-${failed}\\):\\s+error: .*ModifyRule.*Rate exceeded`));
    // The other rule is set in any case, so that both states of the test are the same: as if it had come first.
    const other = failed === "default" ? "partner" : "default";
    if (shares()[other] !== 25) {
      test.cloud.faults.clear();
      await run.stack.up({ target: [`**ListenerRule::traffic-${other}`] });
    }
    assert.deepEqual(shares(), { [failed]: 5, [other]: 25 });
    const seen = await liveWeights(25);
    assert.equal(seen.code, 1);
    assert.match(seen.text, new RegExp(`priority ${GROUPS[failed]}\\b[\\s\\S]*B has 5 %[\\s\\S]*expected +B has 25 %`));
    assert.doesNotMatch(seen.text, new RegExp(`priority ${GROUPS[other]}\\b`));

    // The gate has recorded the step already and does not run again: the rule that still rises is proved by itself.
    passes = false;
    assert.match(await failing("traffic-25", false), /the gate does not hold/);
    assert.deepEqual(shares(), { [failed]: 5, [other]: 25 });
    passes = true;
    verified = 0;
    assert.equal((await run.up(program("traffic-25", false))).update, 1);
    assert.equal(verified, 1);
    assert.deepEqual(shares(), { default: 25, partner: 25 });
    assert.equal((await liveWeights(25)).code, 0);
  });

  it("half way: a rollback brings both back, and asks for no proof", async () => {
    await failHalfWay("traffic-50");
    passes = false;
    await run.up(program("rollback", false));
    assert.deepEqual(shares(), { default: 0, partner: 0 });
    assert.equal(verified, 0);
  });

  it("half way back: the rule that failed is named, and the same update again brings it back too", async () => {
    await run.up(program("traffic-5"));
    const { failed } = await failHalfWay("rollback");
    assert.equal(shares()[failed], 5);
    passes = false;
    await run.up(program("rollback", false));
    assert.deepEqual(shares(), { default: 0, partner: 0 });
    assert.equal(verified, 0, "the way back is never proved");
  });

  it("a lost answer does no harm: the weights are there, and a refreshed update agrees", async () => {
    await run.up(program("start"));
    test.cloud.faults.fail("ModifyRule", { code: "InternalFailure", message: "lost", afterEffect: true });
    await failing("traffic-5");
    await run.refresh();
    await run.up(program("traffic-5", false));
    assert.deepEqual(shares(), { default: 5, partner: 5 });
  });
});
