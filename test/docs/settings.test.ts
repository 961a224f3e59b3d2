import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { Ajv, type ValidateFunction } from "ajv";
import { parse } from "yaml";
import { docstringsOf } from "../../tools/docs/docstrings";
import { generatedFiles, JSON_SCHEMA, REFERENCE, settingsOfSources } from "../../tools/docs/generated";
import { pathText, settingsIn, stackFileOf } from "../../tools/docs/stackFile";
import { commandOf } from "../../tools/docs/markdown";
import { type Described, firstSentence, KEYS } from "../../tools/docs/settings";
import { PROJECT, SECRETS, STACKS, type StackName } from "../migration/stackConfig";

/** What is generated from the settings' schema, and what the stack files say of it. */

const ROOT = resolve(__dirname, "..", "..");
const read = (name: string): string => readFileSync(join(ROOT, name), "utf8");
const SETTINGS = settingsOfSources(ROOT);

function everything(entries: readonly Described[]): readonly Described[] {
  return entries.flatMap((entry) => [entry, ...everything(entry.children)]);
}

describe("what is generated from the settings", function () {
  // It asks two programs for their help, on a computer that may have other work.
  this.timeout(120_000);

  it("is not stale: npm run docs", async () => {
    for (const [name, content] of Object.entries(await generatedFiles(ROOT))) {
      assert.ok(read(name) === content, `${name} is stale: npm run docs`);
    }
  });

  it("tells every key, with its meaning in words", () => {
    assert.deepEqual(
      SETTINGS.map(({ path }) => path[0]),
      KEYS,
    );
    const reference = read(REFERENCE);
    for (const { path, meaning } of SETTINGS) {
      assert.ok(meaning.length > 20, `${String(path[0])} has no docstring in migration/settings/`);
      assert.ok(reference.includes(`\n## ${String(path[0])}\n`), String(path[0]));
    }
    for (const { path, allowed } of everything(SETTINGS)) assert.ok(allowed.length > 3, path.join("."));
    // A path below a list and one below a union, with all that a reader asks for.
    assert.match(
      reference,
      /### `databaseB\.copy`\n\nNumber of the copy[^#]*- Allowed: a whole number of copies from 1 to 999\n- Default: `1`\n- Changing it: Raising it takes a new snapshot and replaces database B[^\n]*\n- Set it: `pulumi config set [^\n]*databaseB\.copy'? 1`/,
    );
    assert.match(reference, /### `gatewayGroups\[0\]\.clusterB\.replicas`/);
    assert.match(reference, /### `loadBalancer\.clientCidrs` \(kind new\)/);
    assert.match(reference, /### `loadBalancer\.healthCheck\.intervalSeconds`\n/);
  });

  it("names the secrets, and shows none", () => {
    const secret = SETTINGS.filter((entry) => entry.secret).map(({ path }) => String(path[0]));
    for (const key of Object.keys(SECRETS)) assert.ok(secret.includes(key), key);
    for (const entry of SETTINGS.filter((one) => one.secret)) {
      assert.equal(
        commandOf(entry, [{ [String(entry.path[0])]: "visible" }]),
        `pulumi config set --secret ${String(entry.path[0])}`,
      );
    }
  });

  it("reads docstrings where they stand: at the field, at the constant, through imports and spreads", () => {
    const { fields } = docstringsOf(join(ROOT, "migration/settings/schema.ts"), "SCHEMA");
    assert.match(fields.get("databaseB")?.text ?? "", /^Database B/);
    assert.match(fields.get("clusterA")?.fields.get("identifier")?.text ?? "", /outlives its addresses/);
    assert.match(fields.get("windows")?.fields.get("weekly")?.fields.get("to")?.text ?? "", /^Local time of closing/);
    // A comment that a blank line parts from a constant is the file's.
    assert.equal(fields.get("charts")?.fields.get("controlPlane")?.text, "");
    assert.throws(() => docstringsOf(join(ROOT, "migration/settings/schema.ts"), "NOTHING"), /declares no NOTHING/);
  });
});

describe("Pulumi.yaml, beside the schema", () => {
  const { config } = parse(read("Pulumi.yaml")) as { config: Record<string, { description?: string; type?: string }> };
  it("declares exactly its keys, each with the first sentence of its meaning", () => {
    assert.deepEqual(Object.keys(config).sort(), [...KEYS].sort());
    for (const { path, meaning } of SETTINGS) {
      assert.equal(config[String(path[0])]?.description, firstSentence(meaning), "npm run docs");
    }
  });
});

describe("the JSON Schema for editors", () => {
  let valid: ValidateFunction;
  before(() => {
    valid = new Ajv({ allErrors: true, strict: false }).compile(JSON.parse(read(JSON_SCHEMA)) as object);
  });
  const withConfig = (stack: StackName, change: (config: Record<string, unknown>) => void): unknown => {
    const file = parse(read(`Pulumi.${stack}.yaml`)) as { config: Record<string, unknown> };
    change(file.config);
    return file;
  };

  for (const stack of STACKS) {
    it(`${stack}: takes the stack file, with its secrets as the engine writes them, and the file names it`, () => {
      assert.ok(read(`Pulumi.${stack}.yaml`).startsWith(`# yaml-language-server: $schema=${JSON_SCHEMA}\n`));
      assert.ok(valid(withConfig(stack, () => undefined)), JSON.stringify(valid.errors));
      const file = withConfig(stack, (config) => {
        for (const key of Object.keys(SECRETS)) config[`${PROJECT}:${key}`] = { secure: "v1:abc" };
        config["pulumi:tags"] = { team: "platform" };
      });
      assert.ok(valid({ ...(file as object), encryptionsalt: "v1:abc" }), JSON.stringify(valid.errors));
    });
  }

  const wrong: readonly (readonly [string, (config: Record<string, unknown>) => void, RegExp])[] = [
    ["a misspelled key", (config) => (config[`${PROJECT}:trafficStep`] = [5, 100]), /additionalProperties/],
    [
      "a misspelled field",
      (config) => ((config[`${PROJECT}:databaseB`] as Record<string, unknown>)["copies"] = 1),
      /copies/,
    ],
    ["a stage that is none", (config) => (config[`${PROJECT}:stage`] = "trafic-25"), /stage/],
    ["a number out of range", (config) => (config[`${PROJECT}:soakHours`] = 169), /maximum/],
    ["a text for a number", (config) => (config[`${PROJECT}:heartbeatSeconds`] = "50abc"), /heartbeatSeconds/],
    [
      "a key that is missing",
      (config) => Reflect.deleteProperty(config[`${PROJECT}:network`] as object, "vpcId"),
      /vpcId/,
    ],
    [
      "a field of another kind",
      (config) => ((config[`${PROJECT}:loadBalancer`] as Record<string, unknown>)["clientCidrs"] = ["10.0.0.0/8"]),
      /loadBalancer/,
    ],
  ];
  for (const [what, change, expected] of wrong) {
    it(`refuses ${what}`, () => {
      assert.ok(!valid(withConfig("prod", change)));
      assert.match(JSON.stringify(valid.errors), expected);
    });
  }

  it("tells an editor what each field means", () => {
    const schema = JSON.parse(read(JSON_SCHEMA)) as { properties: { config: { properties: Record<string, Node> } } };
    interface Node {
      readonly description?: string;
      readonly properties?: Record<string, Node>;
    }
    const { properties } = schema.properties.config;
    for (const key of KEYS) assert.ok((properties[`${PROJECT}:${key}`]?.description ?? "").length > 20, key);
    const copy = properties[`${PROJECT}:databaseB`]?.properties?.["copy"];
    assert.match(copy?.description ?? "", /replaces database B[^]*Allowed: a whole number of copies from 1 to 999/);
  });
});

describe("the stack files are complete", () => {
  for (const stack of STACKS) {
    const text = read(`Pulumi.${stack}.yaml`);
    const values = settingsIn(text);
    /** `KEY: default` at the end of the file. */
    const shown = new Map(
      [...text.matchAll(/^ {2}# {3}([\w.[\]]+): (.*)$/gm)].map(([, path = "", value = ""]) => [path, value] as const),
    );

    it(`${stack}: every key is set, or shown with what holds instead`, () => {
      const missing = everything(SETTINGS).filter(
        ({ path, only, children }) =>
          only === undefined && children.length === 0 && !isSet(values, path) && !shown.has(pathText(path)),
      );
      assert.deepEqual(
        missing.map(({ path }) => pathText(path)),
        [],
      );
    });

    it(`${stack}: what is shown is not set, exists, and is the default`, () => {
      assert.ok(shown.size > 50);
      for (const [path, value] of shown) {
        const entry = everything(SETTINGS).find((one) => pathText(one.path) === path);
        assert.ok(entry !== undefined, path);
        assert.ok(!isSet(values, entry.path), path);
        const none = entry.fallback === "none" || entry.fallback === "required";
        if (none) assert.match(value, /^\(.+\)$/, path);
        else assert.deepEqual(parse(value), JSON.parse(entry.fallback), path);
      }
    });

    it(`${stack}: shows no key of a kind that it did not choose`, () => {
      const other = stack === "prod" ? "loadBalancer.clientCidrs" : "loadBalancer.listenerArn";
      assert.ok(!shown.has(other));
    });
  }

  it("a key that the CLI put behind the end is kept, and no longer shown as not set", () => {
    const behind = `${read("Pulumi.prod.yaml")}  api7-migration:heartbeatSeconds: 20\n`;
    const again = stackFileOf(behind, SETTINGS);
    assert.equal(settingsIn(again)["heartbeatSeconds"], 20);
    assert.ok(!again.includes("#   heartbeatSeconds:"));
    assert.equal(stackFileOf(again, SETTINGS), again);
  });
});

/** Whether a path is set; 0 stands for some entry of a list. */
function isSet(value: unknown, path: readonly (string | number)[]): boolean {
  const [key, ...rest] = path;
  if (key === undefined) return value !== undefined;
  if (typeof key === "number") return Array.isArray(value) && value.some((entry) => isSet(entry, rest));
  return typeof value === "object" && value !== null && isSet((value as Record<string, unknown>)[key], rest);
}
