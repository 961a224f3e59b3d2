import assert from "node:assert/strict";
import { nearest } from "../../../rehearsal/providers/framework/nearest";
import { Provider } from "../../../rehearsal/providers/framework/provider";
import { loadSchema, type ProviderSchema } from "../../../rehearsal/providers/framework/schema";
import { plain } from "../../../rehearsal/providers/framework/values";
import { UNKNOWN, type Props, type ResourceContext, type ResourceType } from "../../../rehearsal/providers/framework";
import { definition } from "./frameworkFixture";

const THING = "things:index:Thing";

const context: ResourceContext = {
  signal: new AbortController().signal,
  config: {},
  dryRun: false,
  log: () => undefined,
  urn: "urn:pulumi:test::things::things:index:Thing::t",
};

function schemaOf(given: ProviderSchema | undefined): ProviderSchema {
  assert.ok(given);
  return given;
}

const things = (): Provider => new Provider(definition, schemaOf(definition.schema));

/** A provider of the types of a committed schema, which does nothing but check and diff. */
function checking(name: string, ...types: readonly Partial<ResourceType>[]): Provider {
  const schema = loadSchema(name);
  const served = Object.keys(schema.resources).map((token): ResourceType => {
    const rules = types.find((type) => type.token === token);
    return {
      token,
      replaceOn: [],
      create: () => Promise.reject(new Error("not here")),
      update: () => Promise.reject(new Error("not here")),
      delete: () => Promise.reject(new Error("not here")),
      ...rules,
    };
  });
  return new Provider({ name, version: schema.version, types: served }, schema);
}

describe("provider framework: strict inputs", () => {
  const listener = "aws:lb/listener:Listener";
  const forward = (...targetGroups: readonly unknown[]): Props => ({
    loadBalancerArn: "arn:lb",
    port: 8080,
    defaultActions: [{ type: "forward", forward: { targetGroups } }],
  });
  const table: readonly (readonly [provider: string, token: string, inputs: Props, failures: readonly string[]])[] = [
    ["aws", listener, forward({ arn: "arn:a", weight: 95 }, { arn: UNKNOWN, weight: 5 }), []],
    [
      "aws",
      listener,
      forward({ arn: "arn:a", wieght: 95 }),
      ['defaultActions[0].forward.targetGroups[0].wieght: is not a known property; did you mean "weight"?'],
    ],
    [
      "aws",
      listener,
      forward({ weight: "95" }),
      [
        "defaultActions[0].forward.targetGroups[0].weight: must be a number, and is a string",
        "defaultActions[0].forward.targetGroups[0].arn: is required and missing",
      ],
    ],
    [
      "aws",
      listener,
      { ...forward(), loadBalancerArn: undefined, prot: 1 },
      ['prot: is not a known property; did you mean "port"?', "loadBalancerArn: is required and missing"],
    ],
    [
      "aws",
      listener,
      { ...forward(), defaultActions: { type: "forward" } },
      ["defaultActions: must be an array, and is an object"],
    ],
    ["aws", listener, { ...forward(), defaultActions: UNKNOWN, port: UNKNOWN }, []],
    ["aws", listener, { ...forward(), tags: { team: 1 } }, ["tags.team: must be a string, and is a number"]],
    [
      "aws",
      "aws:rds/instance:Instance",
      { instanceClass: "db.t4g.medium", snapshotIdentifer: "s" },
      ['snapshotIdentifer: is not a known property; did you mean "snapshotIdentifier"?'],
    ],
    [
      "aws",
      "aws:cloudwatch/dashboard:Dashboard",
      { dashboardName: "d", dashboardBody: { widgets: [] } },
      ["dashboardBody: must be a string, and is an object"],
    ],
    [
      "kubernetes",
      "kubernetes:helm.sh/v3:Release",
      { chart: "c", valeus: {} },
      ['valeus: is not a known property; did you mean "values"?'],
    ],
    ["kubernetes", "kubernetes:helm.sh/v3:Release", { chart: "c", values: { any: [{ thing: null }] } }, []],
    [
      "kubernetes",
      "kubernetes:elbv2.k8s.aws/v1beta1:TargetGroupBinding",
      {
        apiVersion: "elbv2.k8s.aws/v1beta1",
        kind: "TargetGroupBinding",
        metadata: { name: "b", namepsace: "n" },
        spec: { targetGroupArn: "arn", serviceRef: { name: "s", port: true } },
      },
      [
        'metadata.namepsace: is not a known property; did you mean "namespace"?',
        'spec.targetGroupArn: is not a known property; did you mean "targetGroupARN"?',
        "spec.serviceRef.port: must be a number, and is a boolean",
      ],
    ],
    ["kubernetes", "kubernetes:apps/v1:DeploymentPatch", { spec: { replicas: 0 }, metadata: { name: "d" } }, []],
    [
      "kubernetes",
      "kubernetes:apps/v1:DeploymentPatch",
      { spec: { replica: 0 } },
      ['spec.replica: is not a known property; did you mean "replicas"?'],
    ],
    ["random", "random:index/randomPassword:RandomPassword", {}, ["length: is required and missing"]],
    ["command", "command:local:Command", { crate: "true" }, ['crate: is not a known property; did you mean "create"?']],
    [
      "command",
      "command:local:Command",
      { zzzzzz: 1 },
      [
        "zzzzzz: is not a known property; known here are: addPreviousOutputInEnv, archivePaths, assetPaths, create, " +
          "delete, dir, environment, interpreter, logging, stdin, triggers, update",
      ],
    ],
  ];
  for (const [provider, token, inputs, expected] of table) {
    it(`${token} ${JSON.stringify(inputs)}: ${expected.length} findings`, async () => {
      const { failures } = await checking(provider).check(token, plain(inputs) as Props, undefined, context);
      assert.deepEqual(
        failures.map(({ property, reason }) => `${property}: ${reason}`),
        expected,
      );
    });
  }

  it("refuses a resource type that is not served, and names the nearest one", async () => {
    await assert.rejects(
      checking("aws").check("aws:lb/listner:Listner", {}, undefined, context),
      /"aws" knows no resource type aws:lb\/listner:Listner\. Did you mean aws:lb\/listener:Listener\?/,
    );
    await assert.rejects(
      checking("random").check("random:index/randomPet:RandomPet", {}, undefined, context),
      /knows no resource type random:index\/randomPet:RandomPet\. It knows: random:index\/randomPassword:RandomPassword\./,
    );
  });

  it("refuses data sources that are not served", async () => {
    await assert.rejects(things().invoke("things:index:greeet", {}, context), /Did you mean things:index:greet\?/);
    await assert.rejects(checking("aws").invoke("aws:ec2/getVpc:getVpc", {}, context), /It knows: none\./);
  });

  it("does not start when a type has no schema", () => {
    const unknown = { ...definition, types: [{ ...definition.types[0], token: "things:index:Other" } as ResourceType] };
    assert.throws(() => new Provider(unknown, schemaOf(definition.schema)), /things:index:Other, and its schema/);
  });

  it("asks the type itself only when the schema holds, with the inputs before", async () => {
    const shrunk = { label: "a", size: 1 };
    const olds = { label: "a", size: 2 };
    assert.deepEqual((await things().check(THING, shrunk, olds, context)).failures, [
      { property: "size", reason: "must not shrink" },
    ]);
    assert.deepEqual((await things().check(THING, shrunk, undefined, context)).failures, []);
    const misspelled = await things().check(THING, { ...shrunk, sizee: 1 }, olds, context);
    assert.deepEqual(
      misspelled.failures.map(({ property }) => property),
      ["sizee"],
    );
  });

  it("fills in defaults, and nothing over a given value", async () => {
    assert.deepEqual((await things().check(THING, { label: "a" }, undefined, context)).inputs, {
      enabled: true,
      label: "a",
    });
    assert.deepEqual((await things().check(THING, { label: "a", enabled: false }, undefined, context)).inputs, {
      enabled: false,
      label: "a",
    });
  });

  it("suggests names only where they are near", () => {
    assert.equal(nearest("Wieght", ["name", "weight"]), "weight");
    assert.equal(nearest("colour", ["name", "weight"]), undefined);
    assert.equal(nearest("x", []), undefined);
  });
});
