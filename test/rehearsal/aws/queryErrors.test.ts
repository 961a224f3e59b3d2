import assert from "node:assert/strict";
import {
  DescribeListenersCommand,
  DescribeLoadBalancersCommand,
  DescribeRulesCommand,
  ElasticLoadBalancingV2Client,
  ModifyListenerCommand,
  ModifyRuleCommand,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { DescribeDBInstancesCommand, DescribeDBSnapshotsCommand, RDSClient } from "@aws-sdk/client-rds";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { REGION, startCloud, type TestCloud } from "./fakes";

describe("local AWS: errors of the Query API", () => {
  let test: TestCloud;
  let elb: ElasticLoadBalancingV2Client;
  let rds: RDSClient;
  let sts: STSClient;

  beforeEach(async () => {
    test = await startCloud();
    // As the checks use it: everything comes from the environment.
    process.env["AWS_ENDPOINT_URL"] = test.cloud.endpoint;
    const client = {
      region: REGION,
      credentials: { accessKeyId: "AKIAREHEARSAL", secretAccessKey: "none" },
      maxAttempts: 1,
    };
    elb = new ElasticLoadBalancingV2Client(client);
    rds = new RDSClient(client);
    sts = new STSClient(client);
  });
  afterEach(async () => {
    for (const client of [elb, rds, sts]) client.destroy();
    delete process.env["AWS_ENDPOINT_URL"];
    await test.stop();
  });

  describe("answers errors with AWS's codes:", () => {
    const send: Readonly<Record<string, readonly [string, number, () => Promise<unknown>]>> = {
      "an unknown listener": [
        "ListenerNotFoundException",
        400,
        async () => elb.send(new DescribeListenersCommand({ ListenerArns: ["arn"] })),
      ],
      "an unknown load balancer": [
        "LoadBalancerNotFoundException",
        400,
        async () => elb.send(new DescribeLoadBalancersCommand({ Names: ["none"] })),
      ],
      "an unknown rule": [
        "RuleNotFoundException",
        400,
        async () => elb.send(new ModifyRuleCommand({ RuleArn: "arn" })),
      ],
      "a default rule": [
        "OperationNotPermittedException",
        400,
        async () => {
          const { Rules } = await elb.send(new DescribeRulesCommand({ ListenerArn: test.world.listenerArn }));
          await elb.send(new ModifyRuleCommand({ RuleArn: Rules?.[0]?.RuleArn }));
        },
      ],
      "a weight out of range": [
        "ValidationError",
        400,
        async () => {
          const TargetGroups = [{ TargetGroupArn: test.world.targetGroupAArn, Weight: 1000 }];
          const DefaultActions = [{ Type: "forward" as const, ForwardConfig: { TargetGroups } }];
          await elb.send(new ModifyListenerCommand({ ListenerArn: test.world.listenerArn, DefaultActions }));
        },
      ],
      "an unknown group": [
        "TargetGroupNotFoundException",
        400,
        async () => {
          const DefaultActions = [{ Type: "forward" as const, TargetGroupArn: `${test.world.targetGroupAArn}0` }];
          await elb.send(new ModifyListenerCommand({ ListenerArn: test.world.listenerArn, DefaultActions }));
        },
      ],
      "a redirect, which is not modelled": [
        "NotModelledLocally",
        501,
        async () => {
          const DefaultActions = [{ Type: "redirect" as const }];
          await elb.send(new ModifyListenerCommand({ ListenerArn: test.world.listenerArn, DefaultActions }));
        },
      ],
      "an unknown instance": [
        "DBInstanceNotFoundFault",
        404,
        async () => rds.send(new DescribeDBInstancesCommand({ DBInstanceIdentifier: "none" })),
      ],
      "an unknown snapshot": [
        "DBSnapshotNotFoundFault",
        404,
        async () => rds.send(new DescribeDBSnapshotsCommand({ DBSnapshotIdentifier: "none" })),
      ],
    };
    for (const [what, [name, status, run]] of Object.entries(send)) {
      it(what, async () => {
        await assert.rejects(run(), (error: { name: string; $metadata: { httpStatusCode: number } }) => {
          assert.deepEqual([error.name, error.$metadata.httpStatusCode], [name, status]);
          return true;
        });
      });
    }
  });

  describe("refuses a request", () => {
    const SIGNED =
      "AWS4-HMAC-SHA256 Credential=AKIA/20260101/eu-central-1/elasticloadbalancing/aws4_request, SignedHeaders=host, Signature=" +
      "0".repeat(64);
    const LISTENERS = "Action=DescribeListeners&Version=2015-12-01";
    const cases: Readonly<Record<string, readonly [string, string | undefined, number, string, RegExp]>> = {
      "without credentials": [LISTENERS, undefined, 403, "MissingAuthenticationToken", /missing Authentication Token/],
      "with credentials of another form": [LISTENERS, "Bearer x", 400, "IncompleteSignature", /Signature Version 4/],
      "of another Region": [
        LISTENERS,
        SIGNED.replace("eu-central-1", "eu-west-1"),
        403,
        "SignatureDoesNotMatch",
        /valid region, not .*eu-west-1/,
      ],
      "of another service": [
        LISTENERS,
        SIGNED.replace("elasticloadbalancing", "rds"),
        403,
        "SignatureDoesNotMatch",
        /correct service/,
      ],
      "for an action that is not there": [
        "Action=DeleteEverything&Version=2015-12-01",
        SIGNED,
        400,
        "InvalidAction",
        /operation DeleteEverything/,
      ],
      "for a service that is not there": ["Action=A&Version=2016-11-15", SIGNED, 400, "InvalidAction", /2016-11-15/],
      "with a parameter that is not known": [`${LISTENERS}&Nmae=x`, SIGNED, 400, "ValidationError", /Nmae/],
      "with a parameter of another form": [`${LISTENERS}&PageSize=two`, SIGNED, 400, "ValidationError", /PageSize/],
      "without what the action needs": [LISTENERS, SIGNED, 400, "ValidationError", /listener ARNs or a load balancer/],
      "that contradicts itself": ["Action=A&Action=B", SIGNED, 404, "MalformedQueryString", /Action/],
    };
    for (const [what, [body, authorization, status, code, message]] of Object.entries(cases)) {
      it(what, async () => {
        const headers = authorization === undefined ? {} : { authorization };
        const response = await fetch(test.cloud.endpoint, { method: "POST", body, headers });
        const text = await response.text();
        assert.equal(response.status, status, text);
        assert.ok(text.includes(`<Code>${code}</Code>`), text);
        assert.match(text, message);
        assert.match(text, /<RequestId>[0-9a-f-]{36}<\/RequestId>/);
      });
    }

    it("that is no POST", async () => {
      assert.equal((await fetch(test.cloud.endpoint)).status, 405);
    });
  });

  describe("faults", () => {
    const identity = async () => sts.send(new GetCallerIdentityCommand({}));

    it("hit as many calls as they are set for, one after another", async () => {
      test.cloud.faults.fail("GetCallerIdentity", { code: "Throttling", message: "Rate exceeded", times: 2 });
      test.cloud.faults.fail("GetCallerIdentity", { code: "AccessDenied", message: "not you", httpStatus: 403 });
      await assert.rejects(identity(), { name: "Throttling", message: "Rate exceeded" });
      await assert.rejects(identity(), { name: "Throttling" });
      await assert.rejects(identity(), { name: "AccessDenied" });
      assert.equal((await identity()).Account, "123456789012");
    });

    it("are repeated over by the SDK where AWS's own failures are", async () => {
      const patient = new STSClient({ region: REGION, credentials: { accessKeyId: "a", secretAccessKey: "b" } });
      test.cloud.faults.fail("GetCallerIdentity", { code: "ServiceUnavailable", message: "later" });
      assert.equal((await patient.send(new GetCallerIdentityCommand({}))).Account, "123456789012");
      patient.destroy();
    });

    it("let the action happen when only its answer is to be lost", async () => {
      const DefaultActions = [
        { Type: "fixed-response" as const, FixedResponseConfig: { StatusCode: "503", ContentType: "text/plain" } },
      ];
      const modify = new ModifyListenerCommand({ ListenerArn: test.world.listenerArn, DefaultActions });
      test.cloud.faults.fail("ModifyListener", { code: "InternalFailure", message: "lost", afterEffect: true });
      await assert.rejects(elb.send(modify), { name: "InternalFailure" });
      assert.equal(test.edge.config.listeners[0]?.rules[0]?.action.type, "fixed-response");
    });

    it("slow a call down", async () => {
      test.cloud.faults.slow("GetCallerIdentity", { delayMs: 120 });
      const before = Date.now();
      await identity();
      assert.ok(Date.now() - before >= 115);
    });

    it("are cleared, and refused for an action that is not there", async () => {
      test.cloud.faults.fail("GetCallerIdentity", { code: "Throttling", message: "x", times: 9 });
      test.cloud.faults.clear();
      await identity();
      assert.throws(
        () => test.cloud.faults.fail("ModifyListner", { code: "a", message: "b" }),
        /no action ModifyListner.*ModifyListener/,
      );
    });
  });
});
