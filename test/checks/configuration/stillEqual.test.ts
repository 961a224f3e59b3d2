import assert from "node:assert/strict";
import { Systems, type CheckContext } from "../../../checks/context";
import { type CheckResult } from "../../../checks/result";
import { checkStillEqual, gotSinceComplete } from "../../../checks/stillEqual";
import { type DeclaredDifference } from "../../../migration/canonical/accepted";
import { type MigrationScope } from "../../../migration/gateRequest";
import { EMPTY_RECORD } from "../../../migration/record";
import { findingOn, SCOPE } from "../support/scope";
import { lines, SeededPair } from "./seeded";

const ROUTE = `(select id from route where service_id = (select id from service where name = 'orders-core') order by name limit 1)`;
const SECRET = "s3cr3t-key-of-a-consumer";

/** One object of each kind as somebody makes it by hand: other ids, other times, other places in the tables. */
function byHand(id: string, priority = 0): readonly string[] {
  return [
    `insert into upstream (id, gateway_group_id, name, nodes) values ('u-${id}', 'default', 'hand', '[{"host": "h", "port": 1}]')`,
    `insert into service (id, gateway_group_id, name, upstream_id) values ('s-${id}', 'default', 'by-hand', 'u-${id}')`,
    `insert into route (id, gateway_group_id, service_id, name, paths, priority, plugins)
     values ('r-${id}', 'default', 's-${id}', 'hand route', '{/hand}', ${priority}, '{"traffic-split": {"rules": [{"upstream_id": "u-${id}"}]}}')`,
    `insert into consumer (id, gateway_group_id, username) values ('c-${id}', 'default', 'hand')`,
    `insert into credential (id, consumer_id, name, plugin, config, fingerprint)
     values ('k-${id}', 'c-${id}', 'key', 'key-auth', '{"key": "${SECRET}"}', digest('${SECRET}', 'sha256'))`,
    `insert into global_rule (id, gateway_group_id, plugins) values ('g-${id}', 'default', '{"cors": {}}')`,
  ];
}

describe("check: still equal", function () {
  this.timeout(60_000);
  let pair: SeededPair;

  before(async () => {
    pair = await SeededPair.start("127.241.21.1");
  });
  after(() => pair.stop());
  beforeEach(() => pair.copy());

  const onA = (...statements: readonly string[]): Promise<unknown> => pair.server.run("a", ...statements);
  const onB = (...statements: readonly string[]): Promise<unknown> => pair.server.run("b", ...statements);

  function context(
    scope: Partial<MigrationScope> = {},
    dsn: { readonly a?: string; readonly b?: string } = {},
  ): CheckContext {
    const { signal } = new AbortController();
    const databaseB = { ...SCOPE.databaseB, instanceIdentifier: undefined };
    const whole: MigrationScope = { ...SCOPE, databaseB, ...scope };
    const environment = {
      MIGRATION_DATABASE_A_DSN: dsn.a ?? pair.server.dsn("a"),
      MIGRATION_DATABASE_B_DSN: dsn.b ?? pair.server.dsn("b"),
    };
    return { scope: whole, signal, systems: new Systems(whole, signal, environment) };
  }

  function check(declared: readonly DeclaredDifference[] = [], looking = context()): Promise<CheckResult> {
    return checkStillEqual(looking, { declared, record: EMPTY_RECORD, readEvidence: undefined });
  }

  it("holds right after the copy, and names what it does not compare", async () => {
    const result = await check();
    assert.deepEqual(result.findings, []);
    assert.equal(result.evidence["tables"], 21);
    const left = result.evidence["notCompared"] as readonly { readonly table: string; readonly reason: string }[];
    assert.ok(left.some(({ table, reason }) => table === "public.gateway_instance" && reason !== ""));
  });

  it("names a late change on A: object, field, both values, and what would permit it", async () => {
    await onA(`update route set priority = 7 where id = ${ROUTE}`);
    const finding = findingOn(await check(), "public.route default/orders-core/");
    assert.match(finding.seen, /priority: A "7", B "0"/);
    assert.match(finding.remedy, /emergencyChange\.by .* add to `differences`: \{"object":"public\.route /);
    findingOn(await check(), "public.kine /gateway_groups/default/routes/");
  });

  it("takes the same change made twice by hand for the same: other ids, other times, references followed", async () => {
    await onA(...byHand("11111111-aaaa"));
    // In another order, and after another revision of the key-value table.
    await onB(`update route set priority = 1 where id = ${ROUTE}`, `update route set priority = 0 where id = ${ROUTE}`);
    await onB(...byHand("99999999-bbbb"));
    assert.deepEqual(lines(await pair.compare()), []);
    assert.deepEqual((await check()).findings, []);
  });

  it("names it when the two were not the same", async () => {
    await onA(...byHand("11111111-aaaa", 1));
    await onB(...byHand("99999999-bbbb", 2));
    assert.deepEqual(lines(await pair.compare()), [
      "public.kine /gateway_groups/default/routes/<public.route default/by-hand/hand route> value.priority: 1 -> 2",
      "public.route default/by-hand/hand route priority: 1 -> 2",
    ]);
  });

  it("takes an object that was deleted and made again for the same", async () => {
    await onB(
      `create temp table kept as select * from route where id = ${ROUTE}`,
      `delete from route where id in (select id from kept)`,
      `update kept set id = 'made-again'`,
      `insert into route select * from kept`,
    );
    assert.deepEqual(lines(await pair.compare()), []);
  });

  it("names a reference that leads nowhere on one side, in a row that is equal on both", async () => {
    // Nothing in the database holds a service to its upstream.
    const upstream = `(select upstream_id from service where name = 'orders-core')`;
    await onB(`update upstream set id = 'other-upstream' where id = ${upstream}`);
    const found = lines(await pair.compare());
    assert.ok(
      found.some((line) =>
        line.startsWith("public.service default/orders-core upstream_id: <public.upstream default/"),
      ),
      found.join("\n"),
    );
  });

  it("follows ids into rows without a key", async () => {
    await pair.both(
      "create table link (upstream_id text)",
      "insert into link select id from upstream order by name limit 1",
    );
    const first = "(select id from upstream order by name limit 1)";
    await onB(`update upstream set id = 'other' where id = ${first}`);
    const found = lines(await pair.compare()).filter((line) => line.startsWith("public.link "));
    assert.equal(found.length, 1, found.join("\n"));
  });

  it("takes an id of one letter for an id, and JSON in a text for JSON", async () => {
    await pair.both("create table note (id text primary key, name text, body text)");
    await onA('insert into note values (\'n\', \'one\', \'{"of":"n", "by": "e"}\')');
    await onB('insert into note values (\'e\', \'one\', \'{"by": "e", "of": "e"}\')');
    // What `e` stands for on A nobody knows, so that "by" is not the same.
    assert.deepEqual(lines(await pair.compare()), ["public.note one body.by: e -> <public.note one>"]);
  });

  it("names a whole object by its side, and a rename by its field", async () => {
    await onA(
      "delete from plugin_metadata where plugin = 'syslog'",
      "update consumer set username = 'renamed' where username = 'consumer-0001'",
    );
    const result = await check();
    assert.match(findingOn(result, "public.plugin_metadata default/syslog").seen, /^only in B/);
    assert.match(findingOn(result, "public.consumer default/renamed").seen, /username: A "renamed", B "consumer-0001"/);
  });

  it("accepts a declared difference with these values, and no other", async () => {
    await onB(`update upstream set nodes = '[{"host": "b.example", "port": 1}]' where name = 'orders-core-upstream'`);
    const differing = (await pair.compare()).differences;
    const declared = differing.map(({ object, field, a, b }) => ({
      object,
      field,
      from: a,
      to: b,
      reason: "B's own backend",
    }));
    assert.ok(
      differing.some(
        ({ object, field, b }) =>
          object === "public.upstream default/orders-core/orders-core-upstream" &&
          field === "nodes[0].host" &&
          b === "b.example",
      ),
    );
    const accepted = await check(declared);
    assert.deepEqual(accepted.findings, []);
    assert.ok(accepted.notes.some((note) => note.includes("B's own backend")));
    await onB(`update upstream set nodes = '[{"host": "c.example", "port": 1}]' where name = 'orders-core-upstream'`);
    const moved = await check(declared);
    assert.match(findingOn(moved, "public.upstream default/orders-core/orders-core-upstream").seen, /c\.example/);
    assert.ok(moved.notes.some((note) => note.startsWith("declared in `differences`, and not there: public.upstream")));
  });

  it("does not report what the program itself writes on B", async () => {
    const address = "https://api7ee3-dp-manager.api7.svc.cluster.local:7943";
    await onA(
      `update system_setting set value = '["https://dp-manager.a.example:7943"]' where key = 'dp_manager_address'`,
    );
    await onB(`update system_setting set value = '["${address}"]' where key = 'dp_manager_address'`);
    await onB("update alert_policy set enabled = false");
    await onB(`insert into dataplane_certificate (id, certificate, private_key, expiry, type, gateway_group_id)
      values ('issued', 'c', 'k', now(), 'Endpoint', 'default')`);
    const result = await check();
    assert.deepEqual(result.findings, []);
    assert.equal((result.evidence["accepted"] as readonly unknown[]).length, 10);
    // The same fields with other values, or on the other side, are nobody's.
    await onB(`update system_setting set value = '["https://elsewhere:7943"]' where key = 'dp_manager_address'`);
    await onB("update alert_policy set enabled = true");
    await onA("update alert_policy set enabled = false where id = 'policy-1'");
    assert.deepEqual(
      (await check()).findings.map(({ subject }) => subject),
      ["public.alert_policy default/policy 1", "public.system_setting dp_manager_address"],
    );
  });

  it("gives no alarm while volatile tables are written all the time, and still finds a change beside them", async () => {
    const churn = [
      "update gateway_instance set last_heartbeat_time = clock_timestamp(), status = 'LostConnection'",
      `insert into audit_log (username, client_ip, method, path, status) values ('x', '10.0.0.1', 'GET', '/', 200)`,
      "update token set last_used_at = clock_timestamp()",
      `update "user" set last_login_at = clock_timestamp()`,
      "insert into core_usage (instances, cores) values (2, 8)",
      "update api_call_statistics set calls = calls + 1",
      `insert into kine (name, created, deleted, create_revision, prev_revision, value)
       select '/gateway_groups/default/dir' || random(), 1, 0, 0, 0, 'init_dir'`,
      "update kine set old_value = value where name = 'compact_rev_key'",
    ];
    let on = true;
    const writing = Promise.all(
      ["a", "b"].map(async (name) => {
        while (on) await pair.server.run(name, ...churn);
      }),
    );
    try {
      for (let look = 0; look < 3; look += 1) assert.deepEqual((await check()).findings, []);
      await onA("update token set name = 'renamed'");
      findingOn(await check(), "public.token admin/renamed");
    } finally {
      on = false;
      await writing;
    }
  });

  it("compares tables that nobody knows, without given ids, times, revisions and rows marked as deleted", async () => {
    await pair.both(
      `create table strange (num bigserial primary key, label text, body jsonb, amount numeric, synced_at timestamptz default clock_timestamp(),
         expires_at timestamptz, revision bigint default floor(random() * 1e9), deleted_at timestamptz)`,
      `create table loose (word text, bytes bytea)`,
      `create table child (id bigserial primary key, strange_id bigint references strange, title text)`,
    );
    await onA(
      "insert into strange (label, body) values ('x', '{}'), ('y', '{}')",
      "insert into child (strange_id, title) values (1, 'of x'), (2, 'of y')",
    );
    await onB("insert into strange (label, body, deleted_at) values ('gone', '{}', now())");
    await onB(
      "insert into strange (label, body) values ('y', '{}'), ('x', '{}')",
      "insert into child (strange_id, title) values (2, 'of y'), (3, 'of x')",
    );
    await pair.both("insert into loose values ('a', '\\x00'), ('a', '\\x00'), ('b', null)");
    assert.deepEqual(lines(await pair.compare()), []);
    await onB(
      "update strange set expires_at = '2027-01-01Z', body = '{\"n\": 12345678901234567891}' where label = 'x'",
    );
    await onA("update strange set body = '{\"n\": 12345678901234567890}' where label = 'x'");
    await onB("insert into loose values ('a', '\\x00')", "update child set strange_id = 2 where title = 'of x'");
    assert.deepEqual(
      lines(await pair.compare()).map((line) =>
        line.replace(/sha256:\w+/, "HASH").replace(/(public\.loose) \w+/, "$1 ROW"),
      ),
      [
        // What an object belongs to is part of its name where nothing else makes the name unique.
        "public.child x/of x *: HASH -> null",
        "public.child y/of x *: null -> HASH",
        "public.loose ROW *: null -> HASH",
        "public.strange x body.n: number 12345678901234567890 -> number 12345678901234567891",
        "public.strange x expires_at: null -> 2027-01-01 00:00:00+00",
      ],
    );
  });

  it("names tables and columns that only one side has", async () => {
    await onA("create table extra (id int primary key)", "alter table consumer add column note text");
    const seen = (await check()).findings.map((finding) => finding.seen);
    assert.deepEqual(seen.sort(), ["table public.consumer has other columns in B", "table public.extra is only in A"]);
  });

  it("compares secrets and never shows them", async () => {
    await onA(`update credential set config = '{"key": "${SECRET}"}' where id = (select min(id) from credential)`);
    await onA(`update ssl set key = 'PRIVATE-${SECRET}' where name = 'partners.shop.example'`);
    await onA(
      `update service set plugins = '{"jwt-auth": {"secret": "${SECRET}"}, "x": {"url": "redis://u:${SECRET}@h"}}' where name = 'orders-core'`,
    );
    await onA(`update "user" set password_hash = '\\x${Buffer.from(SECRET).toString("hex")}'`);
    await onA(`update secret_provider set config = '{"token": "${SECRET}"}'`);
    const result = await check();
    for (const subject of ["credential", "ssl", "service", '"user"', "secret_provider"]) {
      assert.ok(
        result.findings.some((finding) => finding.subject.startsWith(`public.${subject}`)),
        subject,
      );
    }
    const text = JSON.stringify(result);
    assert.ok(!text.includes(SECRET) && !text.includes(Buffer.from(SECRET).toString("hex")), text);
  });

  it("says so when too much differs, and when a side does not answer", async () => {
    await pair.both("create table many (id text primary key, title text)");
    await onA("insert into many select n, 'title ' || n from generate_series(1, 5001) n");
    const many = await check();
    assert.equal(many.verdict, "unknown");
    assert.match(findingOn(many, "configuration of A and B").seen, /too much differs .* more than 5000 rows/);
    for (const side of ["a", "b"] as const) {
      const result = await check([], context({}, { [side]: "postgres://api7ee:pw@127.241.21.9:5432/x" }));
      assert.equal(result.verdict, "unknown");
      assert.match(result.findings[0]?.subject ?? "", new RegExp(`database ${side.toUpperCase()}`));
    }
  });

  it("lists what B got since complete, and holds", async () => {
    await onB("insert into consumer (id, gateway_group_id, username) values ('new', 'default', 'newcomer')");
    const result = await gotSinceComplete(context(), []);
    assert.equal(result.verdict, "holds");
    assert.ok(
      result.notes.some((note) => note.startsWith("public.consumer default/newcomer *: A null, B")),
      result.notes.join("\n"),
    );
    const dead = await gotSinceComplete(context({}, { a: "postgres://api7ee:pw@127.241.21.9:5432/x" }), []);
    assert.equal(dead.verdict, "unknown");
  });
});
