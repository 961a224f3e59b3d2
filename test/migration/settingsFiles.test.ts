import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { SCHEMA } from "../../migration/settings/schema";
import { PROJECT, SECRETS } from "./stackConfig";

/** Pulumi.yaml and the settings' schema describe the same keys: the engine refuses a stack by the one, we by the other. */

interface Declared {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly secret?: boolean;
}

const ROOT = join(__dirname, "..", "..");
const project = parse(readFileSync(join(ROOT, "Pulumi.yaml"), "utf8")) as {
  name: string;
  main: string;
  config: Record<string, Declared>;
};
/** How Pulumi.yaml says that a setting is not given: without a default the engine would ask for it. */
const NOT_GIVEN: readonly unknown[] = ["", {}];

describe("Pulumi.yaml", () => {
  it("is the project that the settings are read from", () => assert.equal(project.name, PROJECT));

  it("declares every top-level key, and no other", () => {
    assert.deepEqual(Object.keys(project.config).sort(), Object.keys(SCHEMA).sort());
  });

  for (const [key, schema] of Object.entries(SCHEMA)) {
    const declared = project.config[key];
    it(`${key}: has a description, and the schema's default`, () => {
      assert.ok(declared !== undefined);
      assert.ok((declared.description ?? "").length > 10);
      const optional = schema.safeParse(undefined);
      if (declared.default === undefined) {
        assert.equal(optional.success, false, "has a default in the schema, so the engine must not ask for it");
        return;
      }
      if (key === "stage") {
        assert.equal(declared.default, "prepare");
        return;
      }
      assert.equal(optional.success, true);
      const given = NOT_GIVEN.some((nothing) => JSON.stringify(nothing) === JSON.stringify(declared.default));
      const meant = given ? schema.safeParse(undefined) : schema.safeParse(declared.default);
      assert.deepEqual(meant.data, optional.data);
    });
  }

  it("asks for exactly the secrets to be encrypted that must be given", () => {
    const secret = Object.entries(project.config).filter(([, declared]) => declared.secret === true);
    const needed = Object.entries(SCHEMA).filter(
      ([key, schema]) => key in SECRETS && !schema.safeParse(undefined).success,
    );
    assert.deepEqual(secret.map(([key]) => key).sort(), needed.map(([key]) => key).sort());
  });

  it("gives each key the type that its value has", () => {
    for (const stack of ["staging", "prod"]) {
      const file = parse(readFileSync(join(ROOT, `Pulumi.${stack}.yaml`), "utf8")) as {
        config: Record<string, unknown>;
      };
      for (const [key, value] of Object.entries(file.config)) {
        if (!key.startsWith(`${PROJECT}:`)) continue;
        const kind = Array.isArray(value) ? "array" : typeof value === "number" ? "integer" : typeof value;
        const { type } = project.config[key.slice(PROJECT.length + 1)] ?? {};
        // Without a type where fractions are allowed: Pulumi.yaml knows whole numbers only.
        if (type !== undefined) assert.equal(type, kind, `${stack} ${key}`);
      }
    }
  });
});
