import assert from "node:assert/strict";
import { diffInputs } from "../../../rehearsal/providers/framework/diff";
import { isAtOrBelow, parsePath, pathText, reachesInto } from "../../../rehearsal/providers/framework/paths";
import { projectLive } from "../../../rehearsal/providers/framework/projectLive";
import { Provider } from "../../../rehearsal/providers/framework/provider";
import { type ProviderSchema } from "../../../rehearsal/providers/framework/schema";
import { asSecret, containsUnknown, fromStruct, plain, toStruct } from "../../../rehearsal/providers/framework/values";
import { UNKNOWN, type Props } from "../../../rehearsal/providers/framework";
import { definition } from "./frameworkFixture";

const THING = "things:index:Thing";

function schemaOf(given: ProviderSchema | undefined): ProviderSchema {
  assert.ok(given);
  return given;
}

const things = (): Provider => new Provider(definition, schemaOf(definition.schema));

describe("provider framework: values", () => {
  it("takes secret wrappers off and drops what is null, at any depth", () => {
    const wrapped = { a: asSecret({ b: asSecret("x"), gone: null }), list: [asSecret(1), { c: asSecret(true) }] };
    assert.deepEqual(plain(wrapped), { a: { b: "x" }, list: [1, { c: true }] });
  });

  it("goes through a message and back unchanged", () => {
    const properties = {
      text: "ä\u0000\n",
      none: [],
      number: 1.5,
      deep: { list: [{ a: [1, [2]] }], empty: {} },
      yes: false,
    };
    assert.deepEqual(fromStruct(toStruct(properties)), properties);
    assert.deepEqual(fromStruct(toStruct({ given: 1, left: undefined, inner: { left: undefined } })), {
      given: 1,
      inner: {},
    });
    assert.deepEqual(fromStruct(undefined), {});
  });

  it("finds what is not known at any depth", () => {
    assert.equal(containsUnknown({ a: [{ b: UNKNOWN }] }), true);
    assert.equal(containsUnknown({ a: [{ b: "known" }] }), false);
  });
});

describe("provider framework: paths", () => {
  for (const [path, text] of [
    [["a", "b", 0, "c"], "a.b[0].c"],
    [["metadata", "annotations", "pulumi.com/patchForce"], 'metadata.annotations["pulumi.com/patchForce"]'],
    [["values", 'say "x"'], 'values["say \\"x\\""]'],
    [["values", "*"], 'values["*"]'],
  ] as const) {
    it(`writes ${text}, and reads it again`, () => {
      assert.equal(pathText(path), text);
      assert.deepEqual(parsePath(text), path);
    });
  }

  it("reads patterns in both notations", () => {
    assert.deepEqual(parsePath("a.*.b"), ["a", "*", "b"]);
    assert.deepEqual(parsePath("triggers[*]"), ["triggers", "*"]);
  });

  it("knows what lies at or below a place, and what reaches into a value", () => {
    assert.equal(isAtOrBelow(["a", 0, "b", "c"], ["a", "*", "b"]), true);
    assert.equal(isAtOrBelow(["a", 0, "c"], ["a", "*", "b"]), false);
    assert.equal(isAtOrBelow(["a"], ["a", "*", "b"]), false);
    assert.equal(reachesInto([{ b: 1 }], ["a"], ["a", "*", "b"]), true);
    assert.equal(reachesInto([{ c: 1 }], ["a"], ["a", "*", "b"]), false);
  });
});

describe("provider framework: diff", () => {
  const rules = { replaceOn: ["label", "groups.*.name", "mode.kind"], ignoreChanges: [] };
  const before: Props = {
    label: "x",
    size: 1,
    groups: [
      { name: "a", weight: 100 },
      { name: "b", weight: 0 },
    ],
    mode: { kind: "slow", speed: 1 },
    tags: { "a.b": "1" },
  };
  const table: readonly (readonly [what: string, now: Props, changes: readonly string[]])[] = [
    ["nothing", structuredClone(before), []],
    ["keys in another order", Object.fromEntries(Object.entries(before).reverse()), []],
    ["a number", { ...before, size: 2 }, ["update size"]],
    ["the type of a value alone", { ...before, size: "1" }, ["update size"]],
    ["a name that replaces", { ...before, label: "y" }, ["update! label"]],
    [
      "two weights",
      {
        ...before,
        groups: [
          { name: "a", weight: 95 },
          { name: "b", weight: 5 },
        ],
      },
      ["update groups[0].weight", "update groups[1].weight"],
    ],
    [
      "a name in a list",
      {
        ...before,
        groups: [
          { name: "c", weight: 100 },
          { name: "b", weight: 0 },
        ],
      },
      ["update! groups[0].name"],
    ],
    [
      "an element less, with a name that replaces",
      { ...before, groups: [{ name: "a", weight: 100 }] },
      ["delete! groups[1]"],
    ],
    ["an object less, with a kind that replaces", { ...before, mode: undefined }, ["delete! mode"]],
    ["an object's other property", { ...before, mode: { kind: "slow" } }, ["delete mode.speed"]],
    ["an addition", { ...before, note: "n" }, ["add note"]],
    ["a key with a dot", { ...before, tags: { "a.b": "2" } }, ['update tags["a.b"]']],
    ["something not known", { ...before, size: UNKNOWN }, ["update size"]],
    ["something not known that replaces", { ...before, label: UNKNOWN }, ["update! label"]],
    ["a whole object not known", { ...before, mode: UNKNOWN }, ["update! mode"]],
  ];
  for (const [what, now, changes] of table) {
    it(`sees ${what}`, () => {
      const seen = diffInputs(before, plain(now) as Props, rules);
      assert.deepEqual(
        seen.map(({ kind, replaces, path }) => `${kind}${replaces ? "!" : ""} ${path}`),
        changes,
      );
    });
  }

  it("does not count changes below ignored places", () => {
    const now = {
      ...before,
      size: 2,
      groups: [
        { name: "a", weight: 1 },
        { name: "b", weight: 99 },
      ],
      tags: {},
    };
    const seen = diffInputs(before, now, { ...rules, ignoreChanges: ["groups[*].weight", "tags"] });
    assert.deepEqual(
      seen.map(({ path }) => path),
      ["size"],
    );
  });
});

describe("provider framework: the provider's own settings", () => {
  const reasons = (config: Props): string[] =>
    things()
      .checkConfig(config)
      .failures.map(({ property, reason }) => `${property}: ${reason}`);

  it("decodes nested settings, and leaves out what is the engine's", async () => {
    const config = await things().configure({
      version: "1.0.0",
      region: "here",
      retries: "3",
      endpoints: '[{"url":"http://127.0.0.1:1"}]',
    });
    assert.deepEqual(config, { region: "here", retries: 3, endpoints: [{ url: "http://127.0.0.1:1" }] });
  });

  it("refuses settings not known, at any depth, and wrong types", async () => {
    assert.deepEqual(reasons({ regoin: "x" }), ['regoin: is not a known property; did you mean "region"?']);
    assert.deepEqual(reasons({ endpoints: '[{"ulr":"x"}]' }), [
      'endpoints[0].ulr: is not a known property; did you mean "url"?',
      "endpoints[0].url: is required and missing",
    ]);
    assert.deepEqual(reasons({ retries: '"three"' }), ["retries: must be a number, and is a string"]);
    assert.deepEqual(reasons({ tags: "{" }), ["tags: must be a JSON text, as the SDK sends it, and is another text"]);
    assert.deepEqual(reasons({ region: "nowhere" }), ["region: there is no such region"]);
    assert.deepEqual(reasons({ endpoints: UNKNOWN, region: UNKNOWN }), []);
    await assert.rejects(things().configure({ regoin: "x" }), /provider "things" do not hold: regoin is not a known/);
  });

  it("replaces the provider only where its definition says so", () => {
    const olds = { region: "a", retries: "1" };
    const changes = (news: Props, provider = things()) =>
      provider.diffConfig(olds, news, []).changes.map(({ path, replaces }) => [path, replaces]);
    assert.deepEqual(changes({ ...olds, version: "2.0.0" }), []);
    assert.deepEqual(changes({ region: "b", retries: "2" }), [
      ["region", true],
      ["retries", false],
    ]);

    const replaceProviderOn = (before: Props, now: Props) => (now["retries"] === before["retries"] ? [] : ["retries"]);
    const deciding = new Provider({ ...definition, replaceProviderOn }, schemaOf(definition.schema));
    assert.deepEqual(changes({ region: "b", retries: "1" }, deciding), [["region", false]]);
    assert.deepEqual(changes({ region: "b", retries: "2" }, deciding), [
      ["region", false],
      ["retries", true],
    ]);
  });
});

describe("provider framework: previews and states", () => {
  it("leaves computed outputs of a new resource out", () => {
    assert.deepEqual(things().previewCreate(THING, { label: "a" }), { label: "a" });
  });

  it("keeps outputs that an update does not change, and shows the new inputs", () => {
    const olds = { label: "a", size: 1, note: "none", arn: "arn:a", revision: 1, token: "t" };
    assert.deepEqual(things().previewUpdate(THING, olds, { label: "a", size: 1 }, { label: "a", enabled: true }), {
      note: "none",
      arn: "arn:a",
      token: asSecret("t"),
      label: "a",
      enabled: true,
    });
  });

  it("replaces on every change where a type knows no update", () => {
    const { changes } = things().diff("things:index:Fixed", { value: "a" }, { value: "b" }, []);
    assert.deepEqual(changes, [{ path: "value", property: "value", kind: "update", replaces: true }]);
  });

  it("takes of live objects what the program gave, of maps and lists everything", () => {
    const { resources, types } = schemaOf(definition.schema);
    const given = { label: "a", mode: { kind: "slow" }, tags: { a: "1" }, groups: [{ name: "g" }] };
    const live = {
      label: "a",
      note: "filled in",
      mode: { kind: "fast", speed: 50 },
      tags: { a: "1", byHand: "2" },
      groups: [
        { name: "g", weight: 1 },
        { name: "h", weight: 2 },
      ],
    };
    assert.deepEqual(projectLive(live, given, resources[THING]?.inputs ?? {}, types), {
      label: "a",
      mode: { kind: "fast" },
      tags: { a: "1", byHand: "2" },
      groups: [{ name: "g" }, { name: "h", weight: 2 }],
    });
  });
});
