import assert from "node:assert/strict";
import { targetFromDsn, type DatabaseTarget } from "../../checks/clients/databaseTarget";
import { compareDatabases, type CompareOptions, type CompareSummary } from "../../checks/database/compare";
import { type Progress } from "../../checks/database/progress";
import { type CheckResult } from "../../checks/result";
import { TestServer } from "./support/postgres";
import { findingOn } from "./support/scope";

/** Tables of every kind that a copy has to be proved for. */
const SCHEMA = `
  create schema portal;
  create type state as enum ('on', 'off');
  create domain share as numeric check (value between 0 and 100);
  create domain moment as timestamptz;
  create type span as (part interval, bytes bytea, factor double precision);
  create table odd (id int primary key, since moment, span span, kind regclass);
  insert into odd values (1, '2026-01-01T00:00:00Z', row('1 day 2 hours', '\\x00ff', 0.1::float8 + 0.2), 'pg_class');
  create table route (id text primary key, spec jsonb not null, paths text[] not null default '{}', state state not null default 'on');
  insert into route select 'r-' || n, jsonb_build_object('limit', n * 1.0, 'uri', '/' || n), array['/a', '/' || n] from generate_series(1, 500) n;
  create table limits (gateway text, plugin text, rate numeric, ratio double precision, part share, primary key (gateway, plugin));
  insert into limits values ('g', 'a', 1.0, 'NaN', 5), ('g', 'b', 2.50, '-0', 10), ('h', 'a', null, 'infinity', 20.0);
  create table secret (id int primary key, content bytea, at timestamptz, span interval, note text);
  insert into secret values (1, '\\x00ff', '2026-01-01T00:00:00Z', '1 day', null), (2, '', null, '24 hours', '');
  create table portal."User Log" ("Id" bigserial primary key, "Full name" text, upper_name text generated always as (upper("Full name")) stored);
  insert into portal."User Log" ("Full name") values ('ada'), ('grace');
  create table tag (name text, value text);
  insert into tag values ('a', '1'), ('a', '1'), ('b', null);
  create table event (id bigint generated always as identity, day date not null, text text) partition by range (day);
  create table event_2025 partition of event for values from ('2025-01-01') to ('2026-01-01');
  create table event_2026 partition of event for values from ('2026-01-01') to ('2027-01-01');
  insert into event (day, text) values ('2025-06-01', 'x'), ('2026-06-01', 'y');
  create table empty ();
  create view active as select id from route where state = 'on';
  create index route_spec on route using gin (spec);
  create function touch() returns trigger language plpgsql as 'begin return new; end';
  create trigger touch before update on route for each row execute function touch();
  create materialized view summary as select count(*) as routes from route;
  create unlogged table scratch (id int primary key, text text);
  insert into scratch values (1, 'x');
  create table parent (id int primary key, text text);
  create table child (more text) inherits (parent);
  insert into parent values (1, 'p');
  insert into child values (2, 'c', 'm');
  create table kinds (id int primary key, meta json, bits bit(8), place point, uid uuid, address inet, flags boolean[], many numrange, title varchar(9), fixed char(4), weight real, day date);
  insert into kinds values (1, '{"a": 1}', B'10000001', '(1,2)', '00000000-0000-0000-0000-000000000001', '10.0.0.1', '{t,null}', '[1,2)', 'x', 'y', 'NaN', '2026-01-01');
  comment on table limits is 'per plugin';
  select lo_from_bytea(4711, '\\x00ff10'), lo_from_bytea(4712, '');
  grant select on route to public;
  create sequence spare;
  select nextval('spare'), nextval('spare');
  create table gateway_instance (id text primary key, hostname text, last_heartbeat_time timestamptz);
  insert into gateway_instance values ('i1', 'a-1', now());
  create table audit_log (id bigserial primary key, text text);
  insert into audit_log (text) values ('login');
  create table token (id text primary key, hash text, last_used_at timestamptz);
  insert into token values ('t1', 'h', null);
  create table kine (id bigserial primary key, name varchar(630), created integer, deleted integer, create_revision bigint, prev_revision bigint, lease integer, value bytea, old_value bytea);
  insert into kine (name, created, deleted, create_revision, prev_revision, lease, value) values
    ('compact_rev_key', 1, 0, 0, 0, 0, ''), ('/routes/1', 1, 0, 1, 0, 0, 'old'), ('/routes/1', 0, 0, 1, 2, 0, 'new'),
    ('/routes/2', 1, 0, 4, 0, 0, 'x'), ('/routes/2', 0, 1, 4, 4, 0, null);
`;

describe("check: databases", () => {
  let server: TestServer;

  before(async () => {
    server = await TestServer.start("127.241.1.1");
    await server.asAdmin("api7ee", "create role operator", "grant operator to api7ee");
  });
  after(() => server.stop());
  beforeEach(() => server.fresh(SCHEMA));

  async function compare(
    more: Partial<CompareOptions> = {},
  ): Promise<{ readonly result: CheckResult; readonly summary: CompareSummary }> {
    return compareDatabases(server.target("a"), server.target("b"), {
      check: "databases",
      volatile: [],
      statementTimeoutMs: 20_000,
      keysShown: 3,
      signal: new AbortController().signal,
      ...more,
    });
  }

  it("holds for a copy, and says what it compared and what it did not", async () => {
    const { result, summary } = await compare();
    assert.deepEqual(result.findings, []);
    assert.equal(result.verdict, "holds");
    assert.equal(summary.equal, true);
    // odd, route, limits, secret, User Log, tag, two partitions, empty, token, kine by key, gateway_instance, the
    // materialized view, scratch, parent, child, kinds, and the large objects.
    assert.equal(summary.tables, 18);
    assert.equal(summary.rows, 1 + 500 + 3 + 2 + 2 + 3 + 2 + 0 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 2);
    assert.match(summary.digest, /^[0-9a-f]{64}$/);
    const notes = result.notes.join("\n");
    for (const table of ["gateway_instance", "audit_log", "token columns last_used_at", "kine"]) {
      assert.match(notes, new RegExp(`not compared: public\\.${table}`));
    }
    assert.equal((await compare()).summary.digest, summary.digest);
  });

  it("gives the same digest on a server with other settings for times and floats", async () => {
    const { summary } = await compare();
    const settings = [
      "timezone to 'Asia/Tokyo'",
      "datestyle to 'German'",
      "intervalstyle to 'iso_8601'",
      "bytea_output to 'escape'",
      "extra_float_digits to 0",
    ];
    for (const setting of settings)
      await server.run("api7ee", `alter database a set ${setting}`, `alter database b set ${setting}`);
    const again = await compare();
    assert.deepEqual(again.result.findings, []);
    assert.equal(again.summary.digest, summary.digest);
  });

  const rows: readonly (readonly [string, string, string, RegExp])[] = [
    ["a changed jsonb value", `update route set spec = spec || '{"limit": 7}' where id = 'r-17'`, "public.route", /1 changed, 0 only in A, 0 only in B.*r-17 \(changed\)/],
    ["jsonb 1.0 that became 1.00", `update route set spec = '{"limit": 1.00, "uri": "/1"}' where id = 'r-1'`, "public.route", /1 changed.*r-1 /],
    ["numeric 1.0 that became 1.00", "update limits set rate = 1.00 where plugin = 'a' and gateway = 'g'", "public.limits", /1 changed.*\(g,a\)/],
    ["-0 that became 0", "update limits set ratio = 0 where plugin = 'b'", "public.limits", /1 changed/],
    ["NaN that became null", "update limits set ratio = null where ratio = 'NaN'", "public.limits", /1 changed/],
    ["a changed value of a domain", "update limits set part = 20 where part = 20.0", "public.limits", /1 changed/],
    ["a domain's time of day", "update odd set since = since + interval '1 microsecond'", "public.odd", /1 changed/],
    ["a value inside a composite type", "update odd set span.factor = 0.3", "public.odd", /1 changed/],
    ["a changed enumeration", "update route set state = 'off' where id = 'r-2'", "public.route", /r-2 \(changed\)/],
    ["the order inside an array", "update route set paths = array['/3', '/a'] where id = 'r-3'", "public.route", /r-3 \(changed\)/],
    ["a changed byte", "update secret set content = '\\x00fe' where id = 1", "public.secret", /1 \(changed\)/],
    ["null that became the empty text", "update secret set note = '' where id = 1", "public.secret", /1 \(changed\)/],
    ["one day that became 24 hours", "update secret set span = '24 hours' where id = 1", "public.secret", /1 \(changed\)/],
    ["a lost row", "delete from route where id = 'r-500'", "public.route", /499 rows in B, 500 in A.*1 only in A.*r-500 \(only in A\)/],
    ["an added row", "insert into route values ('r-501', '{}')", "public.route", /1 only in B.*r-501 \(only in B\)/],
    ["two rows with swapped values", "update route set spec = case id when 'r-1' then (select spec from route where id = 'r-2') else (select spec from route where id = 'r-1') end where id in ('r-1', 'r-2')", "public.route", /2 changed/],
    ["a changed key", "update route set id = 'r-x' where id = 'r-9'", "public.route", /1 only in A, 1 only in B/],
    ["a quoted name's generated column", `update portal."User Log" set "Full name" = 'Ada' where "Id" = 1`, 'portal."User Log"', /1 changed.*1 \(changed\)/],
    ["a row in a partition", "update event set text = 'z' where day = '2026-06-01'", "public.event_2026", /1 (changed|only)/],
    ["one of two equal rows without a key", "delete from tag where ctid in (select ctid from tag where name = 'a' limit 1)", "public.tag", /2 rows in B, 3 in A/],
    ["a changed row without a key", "update tag set value = '2' where name = 'b'", "public.tag", /1 only in A, 1 only in B/],
    ["the newest value of a key", "insert into kine (name, created, deleted, create_revision, prev_revision, lease, value) values ('/routes/1', 0, 0, 1, 3, 0, 'newer')", "public.kine", /\/routes\/1 \(changed\)/],
    ["a key that was deleted", "insert into kine (name, created, deleted, create_revision, prev_revision, lease) values ('/routes/1', 0, 1, 1, 3, 0)", "public.kine", /\/routes\/1 \(only in A\)/],
    ["a parent's own row", "update only parent set text = 'q' where id = 1", "public.parent", /1 changed.*1 \(changed\)/],
    ["a row of a child", "update child set more = 'n'", "public.child", /1 changed|1 only in A, 1 only in B/],
    ["an unlogged table that a snapshot emptied", "truncate scratch", "public.scratch", /0 rows in B, 1 in A.*1 \(only in A\)/],
    ["a space in json", `update kinds set meta = '{"a":1}'`, "public.kinds", /1 changed/],
    ["a changed bit", "update kinds set bits = B'10000000'", "public.kinds", /1 changed/],
    ["a moved point", "update kinds set place = '(2,1)'", "public.kinds", /1 changed/],
    ["another address of a network", "update kinds set address = '10.0.0.1/31'", "public.kinds", /1 changed/],
    ["null inside an array", "update kinds set flags = '{t,f}'", "public.kinds", /1 changed/],
    ["another end of a range", "update kinds set many = '[1,2]'", "public.kinds", /1 changed/],
    ["NaN of a real", "update kinds set weight = 0", "public.kinds", /1 changed/],
    ["a gateway instance's name beside its heartbeat", "update gateway_instance set hostname = 'b-1', last_heartbeat_time = now() + interval '1 h'", "public.gateway_instance", /i1 \(changed\)/],
    ["a token's hash beside a volatile column", "update token set hash = 'other'", "public.token", /t1 \(changed\)/],
  ]; // prettier-ignore
  it("names a row without a key by its place and hash", async () => {
    await server.run("b", "delete from tag where name = 'b'");
    assert.match(
      findingOn((await compare()).result, "public.tag").seen,
      /row at ctid \(0,3\) with hash [0-9a-f]+ \(only in A\)/,
    );
  });

  it("finds a large object's changed byte, and one that is missing", async () => {
    await server.run("b", "select lo_put(4711, 1, '\\xfe')", "select lo_unlink(4712)");
    const { seen } = findingOn((await compare()).result, "large objects");
    assert.match(seen, /1 changed, 1 only in A, 0 only in B; 2 of them: 4711 \(changed\), 4712 \(only in A\)/);
  });

  it("does not mind a hole in a large object that a dump fills", async () => {
    for (const database of ["a", "b"])
      await server.run(database, "select lo_from_bytea(4713, ''), lo_put(4713, 900000, '\\x01')");
    await server.run("b", "select lo_put(4713, 1000, decode(repeat('00', 5000), 'hex'))");
    assert.deepEqual((await compare()).result.findings, []);
    await server.run("b", "select lo_put(4713, 300000, '\\x02')");
    assert.match(findingOn((await compare()).result, "large objects").seen, /4713 \(changed\)/);
  });

  it("finds a materialized view that was refreshed on one side only", async () => {
    await server.run(
      "b",
      "insert into route values ('extra', '{}')",
      "refresh materialized view summary",
      "delete from route where id = 'extra'",
    );
    const finding = findingOn((await compare()).result, "materialized view public.summary");
    assert.match(finding.remedy, /REFRESH MATERIALIZED VIEW public\.summary/);
  });

  it("finds equal what is stored in another order, vacuumed, clustered or analyzed", async () => {
    await server.run(
      "b",
      "create table moved as select * from route order by md5(id)",
      "truncate route",
      "insert into route select * from moved",
      "drop table moved",
      "update secret set note = note",
      "cluster route using route_pkey",
      "vacuum full limits",
      "vacuum analyze",
    );
    await server.run("a", "update route set paths = paths", "vacuum route");
    assert.deepEqual((await compare()).result.findings, []);
  });

  it("holds for two empty databases, and says that there was nothing; an empty copy does not hold", async () => {
    await server.run(
      "api7ee",
      "drop database b",
      "create database b",
      "drop database if exists c",
      "create database c",
    );
    const target = (database: string): DatabaseTarget => targetFromDsn(`database ${database}`, server.dsn(database));
    const options = {
      check: "databases",
      volatile: [],
      statementTimeoutMs: 20_000,
      keysShown: 3,
      signal: new AbortController().signal,
    };
    const empty = await compareDatabases(target("b"), target("c"), options);
    assert.deepEqual([empty.result.verdict, empty.summary.tables], ["holds", 0]);
    assert.match(empty.result.notes.join("\n"), /0 tables: both databases are empty/);
    const { result } = await compare();
    assert.equal(result.verdict, "fails");
    assert.equal(findingOn(result, "table public.route").seen, "missing in B");
    // What belongs to a missing table goes with it.
    assert.ok(
      !result.findings.some(({ subject }) => /^(column|index|owner|grant)/.test(subject)),
      JSON.stringify(result.findings.map(({ subject }) => subject)),
    );
    await server.run("api7ee", "drop database c");
  });

  for (const [what, statement, table, seen] of rows) {
    it(`finds ${what}`, async () => {
      await server.run("b", statement);
      const { result, summary } = await compare();
      assert.equal(result.verdict, "fails");
      assert.equal(summary.equal, false);
      assert.equal(result.findings.length, 1, JSON.stringify(result.findings, undefined, 1));
      assert.match(findingOn(result, `table ${table}`).seen, seen);
    });
  }

  it("names the first keys, and counts the rest", async () => {
    await server.run("b", "update route set state = 'off' where id like 'r-4%'");
    const { seen } = findingOn((await compare()).result, "public.route");
    assert.match(
      seen,
      /111 changed, 0 only in A, 0 only in B; 3 of them: r-4 \(changed\), r-40 \(changed\), r-400 \(changed\)$/,
    );
  });

  it("does not show values, only keys", async () => {
    await server.run("b", "update secret set note = 'hunter2' where id = 1");
    assert.ok(!JSON.stringify(await compare()).includes("hunter2"));
  });

  const objects: readonly (readonly [string, string, string])[] = [
    ["a table that is missing", "drop table limits", "table public.limits"],
    ["a table too many", "create table extra (id int)", "table public.extra"],
    ["a column's type", "alter table secret alter column id type bigint", "column public.secret.id"],
    ["a column's default", "alter table route alter column state set default 'off'", "column public.route.state"],
    ["a column that may be null", "alter table route alter column spec drop not null", "column public.route.spec"],
    ["a generated column's expression", `alter table portal."User Log" drop column upper_name, add column upper_name text generated always as (lower("Full name")) stored`, 'column portal."User Log".upper_name'],
    ["a missing index", "drop index route_spec", "index public.route_spec"],
    ["another index", "drop index route_spec; create index route_spec on route using gin (spec jsonb_path_ops)", "index public.route_spec"],
    ["a constraint", "alter table secret add constraint small check (id < 100)", "constraint public.secret.small"],
    ["a function's body", "create or replace function touch() returns trigger language plpgsql as 'begin return old; end'", "function public.touch()"],
    ["a trigger that is off", "alter table route disable trigger touch", "trigger public.route.touch"],
    ["a missing trigger", "drop trigger touch on route", "trigger public.route.touch"],
    ["a view", "create or replace view active as select id from route", "view public.active"],
    ["an enumeration's labels", "alter type state add value 'paused'", "enumeration public.state"],
    ["a domain", "alter domain share add constraint even check (value <> 13)", "constraint public.share.even"],
    ["a schema", "create schema other", "schema other"],
    ["a sequence's step", "alter sequence spare increment by 10", "sequence public.spare"],
    ["an extension", "create extension pgcrypto", "extension pgcrypto"],
    ["row security", "alter table tag enable row level security", "table public.tag"],
    ["a comment", "comment on table limits is 'other'", "comment pg_class public.limits"],
    ["an option of a table", "alter table tag set (fillfactor = 50)", "table public.tag"],
    ["a missing grant", "revoke select on route from public", "grant on table public.route to public"],
    ["another owner", "alter schema portal owner to operator", "owner schema portal"],
    ["a default privilege", "alter default privileges grant select on tables to public", "default privileges of api7ee in every schema for r"],
    ["a policy", "create policy mine on tag using (name <> 'x')", "policy public.tag.mine"],
    ["a rule", "create rule keep as on delete to tag do instead nothing", "rule public.tag.keep"],
    ["a composite type", "alter type span add attribute more int", "type public.span"],
    ["an inherited table that is its own", "alter table child no inherit parent", "parent public.parent of public.child"],
    ["a materialized view's query", "drop materialized view summary; create materialized view summary as select count(*) + 0 as routes from route", "materialized view public.summary"],
    ["a time zone of the database", "alter database b set timezone to 'Asia/Tokyo'", "database setting TimeZone"],
    ["a search path of the role in the database", "alter role api7ee in database b set search_path to portal", "role setting search_path of api7ee in this database"],
    ["a setting of the database", "alter database b set search_path to portal", "database setting search_path"],
  ]; // prettier-ignore
  for (const [what, statements, subject] of objects) {
    it(`finds ${what}`, async () => {
      await server.run("b", statements);
      const { result } = await compare();
      assert.equal(result.verdict, "fails");
      const finding = result.findings.find((one) => one.subject === subject);
      assert.ok(finding, JSON.stringify(result.findings.map((one) => one.subject)));
      assert.notEqual(finding.remedy, "");
    });
  }

  it("finds an extension in another version", async () => {
    await server.run("a", "create extension pg_trgm version '1.5'");
    await server.run("b", "create extension pg_trgm version '1.6'");
    assert.match(findingOn((await compare()).result, "extension pg_trgm").seen, /1\.6/);
  });

  it("finds another encoding and collation", async () => {
    await server.run("api7ee", "drop database b", "create database b template template0 encoding 'SQL_ASCII'");
    await server.run("b", SCHEMA);
    const { result } = await compare();
    assert.match(findingOn(result, "database database").seen, /SQL_ASCII/);
  });

  it("finds a sequence that is behind, and lets one be ahead", async () => {
    await server.run("b", "select setval('spare', 40)", `select setval('portal."User Log_Id_seq"', 900)`);
    assert.deepEqual((await compare()).result.findings, []);
    await server.run("a", "select setval('spare', 41)");
    const finding = findingOn((await compare()).result, "sequence public.spare");
    assert.match(finding.seen, /B is at 40, A at 41/);
  });

  it("finds a sequence that was never used in B", async () => {
    await server.run("b", "select setval('spare', 1, false)");
    assert.match(findingOn((await compare()).result, "sequence public.spare").seen, /B is at 0, A at 2/);
  });

  it("does not mind what goes on in A: heartbeats, audit, sequences of runtime data, revisions, new leases", async () => {
    await server.run(
      "a",
      "update gateway_instance set last_heartbeat_time = now() + interval '1 minute'",
      "insert into gateway_instance values ('i2', 'a-2', now())",
      "insert into audit_log (text) select 'again' from generate_series(1, 5)",
      "update token set last_used_at = now()",
      "insert into kine (name, created, deleted, create_revision, prev_revision, lease, value) values ('/routes/1', 0, 0, 1, 3, 0, 'new')",
      "insert into kine (name, created, deleted, create_revision, prev_revision, lease, value) values ('/instances/1', 1, 0, 9, 0, 77, 'x')",
      "insert into kine (name, created, deleted, create_revision, prev_revision, lease, value) values ('/routes/', 1, 0, 9, 0, 0, 'init_dir')",
      `insert into kine (name, created, deleted, create_revision, prev_revision, lease, value) values ('/services/', 1, 0, 9, 0, 0, '"init_dir"')`,
      "delete from kine where name = '/routes/2'",
      "update kine set prev_revision = 12 where name = 'compact_rev_key'",
    );
    const { result } = await compare();
    assert.deepEqual(result.findings, []);
    assert.match(
      result.notes.join("\n"),
      /sequence public\.audit_log_id_seq: B is at 1, A at 6; A went on with runtime data only/,
    );
  });

  it("compares the columns of runtime tables all the same", async () => {
    await server.run("b", "alter table audit_log add column ip inet");
    assert.match(findingOn((await compare()).result, "column public.audit_log.ip").seen, /only in B/);
  });

  it("leaves out what the settings declare, and shows the reason", async () => {
    await server.run("b", "update limits set rate = 9", "delete from tag");
    const volatile = [
      { table: "limits", columns: ["rate"], reason: "counted by each gateway" },
      { table: "public.tag", reason: "made anew every night" },
    ];
    const { result } = await compare({ volatile });
    assert.deepEqual(result.findings, []);
    assert.match(result.notes.join("\n"), /public\.limits columns rate \(counted by each gateway\)/);
    assert.match(result.notes.join("\n"), /public\.tag \(made anew every night\)/);
    assert.equal((await compare({ volatile: volatile.slice(0, 1) })).result.verdict, "fails");
  });

  it("compares the other columns of a table that it knows as runtime data when the settings declare single ones", async () => {
    await server.run("b", "update audit_log set text = 'changed'");
    const { result } = await compare({ volatile: [{ table: "audit_log", columns: ["id"], reason: "numbered anew" }] });
    assert.match(findingOn(result, "public.audit_log").seen, /1 only in A, 1 only in B/);
  });

  it("tells of a declared table or column that does not exist", async () => {
    const volatile = [
      { table: "limts", reason: "mistyped" },
      { table: "limits", columns: ["rat"], reason: "mistyped" },
    ];
    const notes = (await compare({ volatile })).result.notes.join("\n");
    assert.match(notes, /there is no table limts/);
    assert.match(notes, /there is no column rat in table limits/);
  });

  it("gives no false alarm while A's runtime data is written all the time, and finds a change beside it", async () => {
    const state: { writing: boolean } = { writing: true };
    const writer = (async () => {
      for (let n = 0; state.writing; n += 1) {
        await server.run(
          "a",
          "update gateway_instance set last_heartbeat_time = clock_timestamp()",
          `insert into gateway_instance values ('n${n}', 'a-n', now())`,
          "insert into audit_log (text) values ('again')",
          "update token set last_used_at = clock_timestamp()",
        );
      }
    })();
    try {
      assert.deepEqual((await compare()).result.findings, []);
      await server.run("b", "update token set hash = 'other'");
      const { result } = await compare();
      assert.deepEqual(
        result.findings.map(({ subject }) => subject),
        ["table public.token"],
      );
    } finally {
      state.writing = false;
      await writer;
    }
  });

  it("does not take another default of the server for a difference of the database, but tells it", async () => {
    await server.run("api7ee", "alter role api7ee set timezone to 'Asia/Tokyo'");
    try {
      const { result } = await compare();
      assert.deepEqual(result.findings, []);
    } finally {
      await server.run("api7ee", "alter role api7ee reset timezone");
    }
  });

  it("tells how far it has come", async () => {
    const seen: Progress[] = [];
    const { summary } = await compare({ onProgress: (progress) => seen.push(progress) });
    const last = seen.at(-1);
    const { tables, rows } = summary;
    assert.deepEqual([last?.tables, last?.tablesDone, last?.rowsA, last?.rowsB], [tables, tables, rows, rows]);
  });

  it("compares a copy whose enumerations and tables have other internal numbers, as a dump makes it", async () => {
    await server.run("api7ee", "drop database b", "create database b");
    await server.run(
      "b",
      "create table gone (id int); drop table gone",
      "create type gone as enum ('a'); drop type gone",
      SCHEMA,
    );
    await server.run("b", "truncate gateway_instance, audit_log");
    assert.deepEqual((await compare()).result.findings, []);
  });

  it("works over a single connection to each server", async () => {
    const { result } = await compare({ connections: 1 });
    assert.equal(result.verdict, "holds");
  });
});
