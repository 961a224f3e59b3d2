import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadSchema } from "../../../rehearsal/providers/framework/schema";
import { Declarations } from "../../../rehearsal/providers/schema/declarations";
import { TYPES, deriveSchema, schemaPath, schemaText } from "../../../rehearsal/providers/schema/derive";

const TARGET_GROUP_BINDING = "kubernetes:elbv2.k8s.aws/v1beta1:TargetGroupBinding";

describe("plugin schemas", () => {
  for (const provider of Object.keys(TYPES)) {
    it(`of ${provider} are what the installed SDK says`, async function () {
      // The SDK's file of nested types has 6 MB.
      this.timeout(30_000);
      assert.equal(
        await schemaText(deriveSchema(provider)),
        readFileSync(schemaPath(provider), "utf8"),
        "derive them anew: node --import tsx rehearsal/providers/schema/derive.ts",
      );
    });

    it(`of ${provider} describe the listed types, and every nested one`, () => {
      const schema = loadSchema(provider);
      const byHand = provider === "kubernetes" ? [TARGET_GROUP_BINDING] : [];
      assert.deepEqual(Object.keys(schema.resources).sort(), [...(TYPES[provider] ?? []), ...byHand].sort());
      const references = JSON.stringify(schema).matchAll(/"ref":"([^"]+)"/g);
      for (const [, name = ""] of references) {
        assert.ok(schema.types[name], name);
      }
    });
  }

  it("know required, nested, union and map properties", () => {
    const aws = loadSchema("aws");
    const { inputs, outputs } = aws.resources["aws:lb/listener:Listener"] ?? { inputs: {}, outputs: [] };
    assert.deepEqual(inputs["loadBalancerArn"], { type: "string", required: true });
    assert.deepEqual(inputs["port"], { type: "number" });
    assert.deepEqual(inputs["tags"], { type: "map", values: { type: "string" } });
    assert.deepEqual(inputs["defaultActions"], {
      type: "array",
      items: { type: "object", ref: "lb.ListenerDefaultAction" },
      required: true,
    });
    assert.equal(inputs["arn"], undefined);
    assert.ok(outputs.includes("arn"));

    const kubernetes = loadSchema("kubernetes");
    assert.deepEqual(kubernetes.types["core.v1.ServicePort"]?.targetPort, {
      type: "union",
      of: [{ type: "number" }, { type: "string" }],
    });
    assert.deepEqual(kubernetes.resources["kubernetes:core/v1:Secret"]?.inputs.apiVersion, { type: "string" });
    const release = kubernetes.resources["kubernetes:helm.sh/v3:Release"];
    assert.ok(release);
    assert.deepEqual(release.inputs["values"], { type: "map", values: { type: "any" } });
    assert.deepEqual(release.inputs["valueYamlFiles"], {
      type: "array",
      items: { type: "union", of: [{ type: "asset" }, { type: "archive" }] },
    });
    assert.deepEqual(kubernetes.config["helmReleaseSettings"], { type: "object", ref: "HelmReleaseSettings" });
    assert.deepEqual(loadSchema("command").config, {});
  });

  it("say of what is written by hand that it is, and of nothing else", () => {
    const { resources } = loadSchema("kubernetes");
    const byHand = Object.entries(resources).filter(([, resource]) => resource.byHand !== undefined);
    assert.deepEqual(
      byHand.map(([token]) => token),
      [TARGET_GROUP_BINDING],
    );
  });

  it("are refused where there is none", () => {
    assert.throws(() => loadSchema("azure"), /azure\.json/);
  });

  describe("from declarations of another form", () => {
    let folder: string;
    before(() => {
      folder = mkdtempSync(join(tmpdir(), "declarations-"));
      mkdirSync(join(folder, "types"));
      writeFileSync(join(folder, "types/input.d.ts"), "export declare namespace a { interface Known { b: string; } }");
    });
    after(() => rmSync(folder, { recursive: true }));

    const configOf = (member: string) => {
      writeFileSync(join(folder, "provider.d.ts"), `export interface ProviderArgs { ${member} }`);
      return new Declarations(folder).config();
    };

    it("take the forms that SDKs have", () => {
      assert.deepEqual(configOf("x?: pulumi.Input<pulumi.Input<inputs.a.Known>[] | undefined>"), {
        x: { type: "array", items: { type: "object", ref: "a.Known" } },
      });
      assert.deepEqual(configOf('x: pulumi.Input<"a" | "b">'), { x: { type: "string", required: true } });
    });

    for (const member of [
      "x: Map<string, string>",
      "x: [string, string]",
      "x: { a: string; b: string }",
      "x: undefined",
      "x: inputs.a.Unknown",
      "x(): void",
    ]) {
      it(`refuse ${member}`, () => {
        assert.throws(() => configOf(member), /form not known|no property|no interface/);
      });
    }

    it("refuse a missing interface or class", () => {
      writeFileSync(join(folder, "thing.d.ts"), "export interface ThingArgs { a?: string }");
      assert.throws(() => new Declarations(folder).resource("thing", "Thing"), /thing\.d\.ts: no class Thing/);
      assert.throws(() => new Declarations(folder).resource("thing", "Other"), /thing\.d\.ts: no interface OtherArgs/);
    });
  });
});
