import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { type z } from "zod";
import { SCHEMA } from "../../migration/settings/schema";
import { isTextSetting } from "../../migration/settings/schemaWalk";
import { PROJECT } from "./stackConfig";

/** Pulumi.yaml and the settings' schema describe the same keys, and only the schema refuses any. */

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
const NOT_GIVEN: readonly unknown[] = ["", {}, []];

describe("Pulumi.yaml", () => {
  it("is the project that the settings are read from", () => assert.equal(project.name, PROJECT));

  it("declares every top-level key, and no other", () => {
    assert.deepEqual(Object.keys(project.config).sort(), Object.keys(SCHEMA).sort());
  });

  for (const [key, schema] of Object.entries(SCHEMA) as [string, z.ZodType][]) {
    const declared = project.config[key];
    it(`${key}: has a description, and the schema's default`, () => {
      assert.ok(declared !== undefined);
      assert.ok((declared.description ?? "").length > 10, "no description");
      assert.notEqual(declared.default, undefined, "without a default the engine holds everything, a rollback too");
      if (key === "stage") {
        assert.equal(declared.default, "prepare");
        return;
      }
      const given = NOT_GIVEN.some((nothing) => JSON.stringify(nothing) === JSON.stringify(declared.default));
      const optional = schema.safeParse(undefined);
      if (optional.success && !given) assert.deepEqual(schema.safeParse(declared.default).data, optional.data);
      if (!optional.success) assert.ok(given, "a setting that must be given has no default");
    });

    it(`${key}: leaves nothing for the engine to refuse before the program has told everything`, () => {
      assert.equal(declared?.type, isTextSetting(schema) ? "string" : undefined);
      assert.equal(declared?.secret, undefined);
    });
  }
});
