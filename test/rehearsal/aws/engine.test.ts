import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import {
  DescribeRulesCommand,
  ElasticLoadBalancingV2Client,
  ModifyRuleCommand,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { EngineRun, pluginSource } from "../providers/engineRun";
import { PASSWORD, REGION, startCloud, type TestCloud } from "./fakes";
import { GIVEN, program } from "./program";

const RESOURCES = 16;

describe("the plugin aws on the real engine", function () {
  this.timeout(120_000);
  let test: TestCloud;
  let run: EngineRun;
  let sdk: ElasticLoadBalancingV2Client;

  before(async () => {
    test = await startCloud();
    run = await EngineRun.start([pluginSource("aws")], { AWS_ENDPOINT_URL: test.cloud.endpoint });
    const credentials = { accessKeyId: "AKIAREHEARSAL", secretAccessKey: "none" };
    sdk = new ElasticLoadBalancingV2Client({ endpoint: test.cloud.endpoint, region: REGION, credentials });
  });
  after(async () => {
    sdk.destroy();
    run.remove();
    await test.stop();
  });

  const output = async (name: string): Promise<unknown> => (await run.stack.outputs())[name]?.value as unknown;
  /** The weights of A and B as the load balancer has them. */
  const weights = (): readonly number[] | undefined => {
    const action = test.edge.config.listeners[0]?.rules.find(({ priority }) => priority === GIVEN.priority)?.action;
    return action?.type === "forward" ? action.forward.groups.map(({ weight }) => weight) : undefined;
  };
  const setByHand = async (weightB: number): Promise<void> => {
    const [a = "", b = ""] = (await output("groupArns")) as readonly string[];
    const RuleArn = (await output("ruleArn")) as string;
    const TargetGroups = [
      { TargetGroupArn: a, Weight: 100 - weightB },
      { TargetGroupArn: b, Weight: weightB },
    ];
    const Actions = [{ Type: "forward" as const, ForwardConfig: { TargetGroups } }];
    await sdk.send(new ModifyRuleCommand({ RuleArn, Actions }));
  };

  it("makes everything, and then expects no change", async () => {
    assert.deepEqual(await run.preview(program(test.world)), { create: RESOURCES });
    assert.deepEqual(await run.up(), { create: RESOURCES });
    assert.deepEqual(await run.preview(), { same: RESOURCES });
    assert.deepEqual(await run.refresh(), { same: RESOURCES });
    assert.deepEqual(weights(), [100, 0]);
    assert.equal(await output("endpoint"), `${test.network}.1.2:5432`);
    assert.deepEqual(await output("tagsAll"), { cluster: "a", project: "api7" });
    assert.match(((await output("groupNames")) as readonly string[])[0] ?? "", /^split-a-[0-9a-f]{7}$/);
    // State lives in the cloud: no plugin outlives its operation.
    assert.deepEqual(run.processes(), []);
  });

  it("updates weights in place, and nothing else", async () => {
    assert.deepEqual(await run.up(program(test.world, { weightB: 5 })), { same: RESOURCES - 1, update: 1 });
    assert.deepEqual(weights(), [95, 5]);
    const RuleArns = [(await output("ruleArn")) as string];
    const { Rules } = await sdk.send(new DescribeRulesCommand({ RuleArns }));
    assert.deepEqual(
      Rules?.[0]?.Actions?.[0]?.ForwardConfig?.TargetGroups?.map(({ Weight }) => Weight),
      [95, 5],
    );
  });

  it("finds weights set by hand in a refresh only, and puts them right", async () => {
    await setByHand(50);
    assert.deepEqual(await run.preview(), { same: RESOURCES });
    assert.deepEqual(await run.refresh(), { same: RESOURCES - 1, update: 1 });
    assert.deepEqual(weights(), [50, 50]);
    assert.deepEqual(await run.up(), { same: RESOURCES - 1, update: 1 });
    assert.deepEqual(weights(), [95, 5]);
  });

  it("previews replacements with everything that hangs on them", async () => {
    // Other target groups, so the rule and the alarm follow; another snapshot, so another database.
    const changes = await run.preview(program(test.world, { weightB: 5, port: 9081, snapshot: "api7-a-copy-2" }));
    assert.deepEqual(changes, { same: RESOURCES - 6, replace: 4, update: 2 });
    assert.deepEqual(weights(), [95, 5]);
  });

  it("fails a step with AWS's own words, and goes on from there", async () => {
    test.cloud.faults.fail("ModifyRule", { code: "Throttling", message: "Rate exceeded" });
    await assert.rejects(
      run.up(program(test.world, { weightB: 25 })),
      /modifying LB Listener Rule: operation error Elastic Load Balancing v2: ModifyRule, .*api error Throttling: Rate exceeded/,
    );
    assert.deepEqual(weights(), [95, 5]);
    assert.deepEqual(await run.up(), { same: RESOURCES - 1, update: 1 });
    assert.deepEqual(weights(), [75, 25]);
  });

  it("loses nothing when a plugin is killed in the middle of a change", async () => {
    test.cloud.faults.slow("ModifyRule", { delayMs: 4000 });
    const update = assert.rejects(run.up(program(test.world, { weightB: 50 })));
    let killed = 0;
    for (let tries = 0; killed === 0 && tries < 400; tries++) {
      await delay(25);
      if (test.cloud.faults.armed("ModifyRule") === 0) killed = killPlugins(run.folder);
    }
    assert.ok(killed > 0, "no plugin was found");
    await update;
    test.cloud.faults.clear();
    await run.refresh();
    await run.up();
    assert.deepEqual(weights(), [50, 50]);
  });

  it("changes a database in place, its password too, and says what waits", async () => {
    const name = test.cloud.databaseServer("api7-b")?.name ?? "";
    assert.equal(test.servers.passwords.get(name), GIVEN.password);
    const changes = {
      weightB: 50,
      password: "third-Password-3",
      multiAz: false,
      applyImmediately: false,
      protection: true,
    };
    const lines: string[] = [];
    run.program = program(test.world, changes);
    await run.stack.up({ onOutput: (line) => lines.push(line) });
    assert.equal(test.servers.passwords.get(name), "third-Password-3");
    assert.match(lines.join(""), /MultiAZ of api7-b will change in the maintenance window/);
    assert.ok(!lines.join("").includes("third-Password-3"));
    assert.deepEqual(await run.refresh(), { same: RESOURCES - 1, update: 1 });
    const now = await run.up(program(test.world, { ...changes, applyImmediately: true }));
    assert.deepEqual(now, { same: RESOURCES - 1, update: 1 });
  });

  it("keeps a protected database, and takes a final snapshot of one that goes", async () => {
    await assert.rejects(run.destroy(), /Cannot delete protected DB Instance/);
    assert.equal(test.cloud.databaseServer("api7-b")?.running, true);
    await run.up(program(test.world, { weightB: 50, password: PASSWORD }));
    await run.destroy();
    assert.equal(test.cloud.databaseServer("api7-b"), undefined);
    assert.ok([...test.servers.folders.keys()].some((folder) => folder.includes("api7-b-final")));
    assert.deepEqual(
      test.edge.config.listeners[0]?.rules.map(({ priority }) => priority),
      ["default"],
    );
    assert.equal(test.balancers[1]?.stopped, true);
  });
});

/** Kills the plugins of a run with no chance to tidy up. Answers how many. */
function killPlugins(folder: string): number {
  const found = readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(`${folder}/cache/plugins/aws-`);
    } catch {
      return false;
    }
  });
  for (const pid of found) process.kill(Number(pid), "SIGKILL");
  return found.length;
}
