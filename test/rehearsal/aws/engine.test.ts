import assert from "node:assert/strict";
import {
  DescribeRulesCommand,
  ElasticLoadBalancingV2Client,
  ModifyRuleCommand,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { type OutputMap } from "@pulumi/pulumi/automation";
import { EngineRun, pluginSource } from "../providers/engineRun";
import { PASSWORD, REGION, startCloud, type TestCloud } from "./fakes";
import { type Given, GIVEN, program } from "./program";

describe("the plugin aws on the real engine", function () {
  this.timeout(120_000);
  let test: TestCloud;
  let run: EngineRun;

  before(async () => {
    test = await startCloud();
    run = await EngineRun.start([pluginSource("aws")], { AWS_ENDPOINT_URL: test.cloud.endpoint });
  });
  after(async () => {
    run.remove();
    await test.stop();
  });

  it("smoke", async () => {
    console.log(await run.preview(program(test.world)));
    console.log(await run.up());
    console.log(await run.preview());
    console.log(await run.refresh());
    console.log(await run.preview(program(test.world, { weightB: 5 })));
    console.log(await run.up());
    console.dir(await run.stack.outputs(), { depth: 6 });
    console.dir((await run.stored("aws:rds/instance:Instance"))[0], { depth: 6 });
    console.log(JSON.stringify(test.edge.config.listeners[0]?.rules[0]));
    console.log(await run.destroy());
    console.log(test.log);
  });
});
