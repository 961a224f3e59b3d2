import assert from "node:assert/strict";
import { differencesOf, isInSealed } from "../../../migration/canonical/compare";
import { match } from "../../../migration/canonical/matching";
import { namingColumns } from "../../../migration/canonical/naming";
import { isSecret, leftOut, marksDeletion, tellsWriting } from "../../../migration/canonical/rules";
import { shown } from "../../../migration/canonical/show";
import { compared, facts, GROUP, ROUTE, RULE, SERVICE, side, SSL } from "./fixture";

const group = { id: "g1", short_id: "default", name: "Production" };

describe("canonical configuration: names", () => {
  const naming: readonly (readonly [string, Parameters<typeof namingColumns>[0], readonly string[]])[] = [
    ["the short id of a gateway group", GROUP, ["short_id"]],
    ["a unique key, references in it", SERVICE, ["gateway_group_id", "name"]],
    ["a name without a key, below what it belongs to", facts("upstream", ["id", "service_id", "name"], { references: [{ column: "service_id", table: "public.service" }] }), ["service_id", "name"]],
    ["a primary key that somebody chose", facts("system_setting", ["key", "value"], { key: ["key"] }), ["key"]],
    ["a primary key of several columns", facts("plugin_metadata", ["gateway_group_id", "plugin", "config"], { key: ["gateway_group_id", "plugin"] }), ["gateway_group_id", "plugin"]],
    ["never a number that the server gives", facts("thing", ["num", "title"], { key: ["num"], columns: [{ name: "num", type: "bigint", given: true }, { name: "title", type: "text", given: false }] }), ["title"]],
    ["nothing where only the content tells", RULE, []],
    ["nothing of a certificate but what it is for", facts("dataplane_certificate", ["id", "type", "gateway_group_id"]), ["gateway_group_id", "type"]],
  ]; // prettier-ignore
  for (const [what, table, expected] of naming) {
    it(what, () => assert.deepEqual(namingColumns(table), expected));
  }
});

describe("canonical configuration: what is left out", () => {
  const columns: readonly (readonly [string, string, boolean])[] = [
    ["created_at", "timestamp with time zone", true],
    ["update_time", "bigint", true],
    ["synced_at", "timestamp without time zone", true],
    ["updated_by", "text", true],
    ["config_version", "bigint", true],
    ["mod_revision", "bigint", true],
    ["expires_at", "timestamp with time zone", false],
    ["expires_at", "bigint", false],
    ["not_after", "timestamp with time zone", false],
    ["effective_at", "timestamp with time zone", false],
    ["scheduled_at", "timestamp with time zone", false],
    ["version", "text", false],
    ["format", "text", false],
    ["flat", "timestamp with time zone", false],
    ["updated_at", "text", false],
  ];
  for (const [name, type, left] of columns) {
    it(`${name} (${type}): ${left ? "left out" : "compared"}`, () =>
      assert.equal(leftOut({ name, type }) !== undefined, left));
  }
  it("knows marks of deletion, and times of writing", () => {
    assert.ok(marksDeletion({ name: "deleted_at" }) && !marksDeletion({ name: "deleted" }));
    assert.ok(tellsWriting({ name: "updated_at", type: "timestamp with time zone" }));
    assert.ok(!tellsWriting({ name: "created_at", type: "timestamp with time zone" }));
  });
});

describe("canonical configuration: comparison", () => {
  it("objects with other ids are the same, their references too", () => {
    const a = side([[GROUP, [], [group]], [SERVICE, [{ id: "s1", gateway_group_id: "g1", name: "x", plugins: {} }]], [ROUTE, [{ id: "r1", service_id: "s1", name: "y", body: { to: ["s1"] } }]]]); // prettier-ignore
    const b = side([[GROUP, [], [group]], [SERVICE, [{ id: "s9", gateway_group_id: "g1", name: "x", plugins: {} }]], [ROUTE, [{ id: "r7", service_id: "s9", name: "y", body: { to: ["s9"] } }]]]); // prettier-ignore
    assert.deepEqual(compared(a, b), []);
  });

  it("ids that were exchanged are found, although each row alone looks the same", () => {
    const services = (x: string, y: string) => [
      { id: x, gateway_group_id: "g1", name: "x", plugins: { one: 1 } },
      { id: y, gateway_group_id: "g1", name: "y", plugins: { two: 2 } },
    ];
    const route = { id: "r1", service_id: "s1", name: "r", body: null };
    const a = side([
      [GROUP, [], [group]],
      [SERVICE, services("s1", "s2")],
      [ROUTE, [route]],
    ]);
    const b = side([
      [GROUP, [], [group]],
      [SERVICE, services("s2", "s1")],
      [ROUTE, [route]],
    ]);
    assert.deepEqual(compared(a, b), [
      "public.route default/x/r service_id: <public.service default/x> -> <public.service default/y>",
    ]);
  });

  it("numbers are followed only in columns that refer", () => {
    const rows = (id: string) => [{ id, gateway_group_id: "g1", name: "x", plugins: { count: id } }];
    const a = side([[GROUP, [], [group]], [SERVICE, rows("17")], [ROUTE, [{ id: "1", service_id: "17", name: "r", body: "17" }]]]); // prettier-ignore
    const b = side([[GROUP, [], [group]], [SERVICE, rows("18")], [ROUTE, [{ id: "2", service_id: "18", name: "r", body: "17" }]]]); // prettier-ignore
    assert.deepEqual(compared(a, b), ["public.service default/x plugins.count: 17 -> 18"]);
  });

  it("names that occur twice go by their content, then by their id", () => {
    const a = side([[SSL, [{ id: "1", name: "n", snis: ["a"] }, { id: "2", name: "n", snis: ["b"] }, { id: "3", name: "n", snis: ["c"] }]]]); // prettier-ignore
    const b = side([[SSL, [{ id: "3", name: "n", snis: ["c2"] }, { id: "8", name: "n", snis: ["b"] }, { id: "9", name: "n", snis: ["a"] }]]]); // prettier-ignore
    assert.deepEqual(compared(a, b), ["public.ssl n snis[0]: c -> c2"]);
  });

  it("objects without names go by their content, else by their id", () => {
    const a = side([
      [
        RULE,
        [
          { id: "1", plugins: { p: 1 } },
          { id: "2", plugins: { q: 1 } },
        ],
      ],
    ]);
    const b = side([
      [
        RULE,
        [
          { id: "2", plugins: { q: 2 } },
          { id: "7", plugins: { p: 1 } },
        ],
      ],
    ]);
    assert.deepEqual(compared(a, b), ["public.global_rule 2 plugins.q: 1 -> 2"]);
  });

  it("a renamed object is one object, and what belongs to it is not new", () => {
    const service = (name: string) => [{ id: "s1", gateway_group_id: "g1", name, plugins: {} }];
    const a = side([
      [GROUP, [], [group]],
      [SERVICE, service("new")],
    ]);
    const b = side([
      [GROUP, [], [group]],
      [SERVICE, service("old")],
    ]);
    assert.deepEqual(compared(a, b), ["public.service default/new name: new -> old"]);
  });

  it("paths of a key-value table are compared by what their ids mean", () => {
    const kine = facts("kine", ["name", "value"], { key: ["name"], keyValue: true });
    const both = (id: string, value: number) => side([[SSL, [{ id, name: "n", snis: [] }]], [kine, [{ name: `/g/ssls/${id}`, value: { id, value } }]]]); // prettier-ignore
    assert.deepEqual(compared(both("abc", 1), both("xyz", 1)), []);
    assert.deepEqual(compared(both("abc", 1), both("xyz", 2)), [
      "public.kine /g/ssls/<public.ssl n> value.value: 1 -> 2",
    ]);
  });

  it("inside JSON the smallest part that differs is named; a missing key is not a null", () => {
    const a = side([[RULE, [{ id: "1", plugins: { x: { y: [1, { z: 2 }] }, gone: null, same: true } }]]]);
    const b = side([[RULE, [{ id: "1", plugins: { x: { y: [1, { z: 3 }] }, same: true } }]]]);
    assert.deepEqual(compared(a, b), [
      "public.global_rule 1 plugins.gone: (null) -> null",
      "public.global_rule 1 plugins.x.y[1].z: 2 -> 3",
    ]);
  });

  it("a circle of names ends", () => {
    const node = facts("node", ["id", "parent_id", "name"], { uniqueKeys: [["parent_id", "name"]], references: [{ column: "parent_id", table: "public.node" }] }); // prettier-ignore
    const rows = (name: string) => [{ id: "1", parent_id: "2", name }, { id: "2", parent_id: "1", name: "b" }]; // prettier-ignore
    assert.deepEqual(compared(side([[node, rows("a")]]), side([[node, rows("c")]])).length, 1);
  });
});

describe("canonical configuration: secrets", () => {
  it("are shown by a hash that is another one for each object", () => {
    const place = (object: string) => ({ table: "credential", object, path: ["config", "key"] });
    const value = shown(place("x"), "hunter2");
    assert.match(String(value), /^sha256:[0-9a-f]{12}$/);
    assert.notEqual(value, shown(place("y"), "hunter2"));
    assert.equal(value, shown(place("x"), "hunter2"));
  });

  const secret: readonly (readonly [string, readonly string[], boolean])[] = [
    ["credential", ["config", "x"], true],
    ["credential", ["name"], false],
    ["consumer", ["plugins", "key-auth", "key"], true],
    ["route", ["plugins", "limit-count", "redis_password"], true],
    ["service", ["plugins", "openid-connect", "client_secret"], true],
    ["ssl", ["key"], true],
    ["route", ["priority"], false],
    ["upstream", ["nodes", "0", "host"], false],
  ];
  for (const [table, path, expected] of secret) {
    it(`${table} ${path.join(".")}: ${expected ? "secret" : "plain"}`, () =>
      assert.equal(isSecret(table, path), expected));
  }

  it("are seen by their form wherever they stand, and inside of what is shown whole", () => {
    const place = { table: "route", object: "x", path: ["plugins"] };
    for (const value of [
      "redis://u:p@h",
      "-----BEGIN X-----",
      "a7ee-abc",
      { deep: [{ password: "p" }] },
      "x".repeat(200),
    ]) {
      assert.match(String(shown(place, value)), /^sha256:/, JSON.stringify(value).slice(0, 40));
    }
    assert.equal(shown(place, { count: 5 }), '{"count":5}');
    assert.equal(shown(place, false), false);
  });

  it("that are encrypted each time anew are told as such", () => {
    const table = facts("gateway_group", ["id", "short_id", "encrypted_admin_key"]);
    const rows = (key: string) => side([[table, [{ id: "g", short_id: "d", encrypted_admin_key: key }]]]);
    const [difference] = differencesOf(match(rows("a"), rows("b")));
    assert.ok(difference && isInSealed(difference));
    assert.match(String(difference.a), /^sha256:/);
  });

  it("name nothing: a key that is one is shown by its hash", () => {
    const table = facts("api_key", ["key", "note"], { key: ["key"] });
    assert.ok(
      !compared(side([[table, [{ key: "hunter2", note: "a" }]]]), side([[table, []]]))
        .join()
        .includes("hunter2"),
    );
  });
});
