import assert from "node:assert/strict";
import { finishRestore, type FinishOptions } from "../../operations/finish/finish";
import { TwoServers } from "./support/databases";

/** B as a snapshot of A makes it: A's roles with A's passwords, and the master's password changed by RDS. */
describe("what follows a restore", function () {
  this.timeout(60_000);
  let servers: TwoServers;

  before(async () => {
    servers = await TwoServers.start("127.91.2.1", "127.91.2.2");
    for (const side of ["a", "b"] as const) {
      await servers.run(side, [
        "create role application login password 'pw'",
        "create role migration_reader login password 'pw'",
        "create role somebody login password 'pw'",
        "grant all on database api7ee to application",
      ]);
    }
  });
  after(async () => servers.stop());
  beforeEach(async () => {
    await servers.b.setPassword("api7ee", "new master");
    for (const role of ["application", "migration_reader", "somebody"]) await servers.b.setPassword(role, "pw");
  });

  const finish = (changes: Partial<FinishOptions> = {}): ReturnType<typeof finishRestore> =>
    finishRestore({
      a: servers.address("a", { user: "migration_reader" }),
      b: servers.address("b", { password: "new master" }),
      ownServer: true,
      application: { user: "application", password: "new application" },
      patienceSeconds: 0,
      signal: new AbortController().signal,
      ...changes,
    });
  const asMaster = (statements: readonly string[]): ReturnType<TwoServers["b"]["asAdmin"]> =>
    servers.b.asAdmin("api7ee", statements);

  it("rotates both passwords and takes A's from every other role", async () => {
    const summary = await finish();
    assert.deepEqual(summary.rotated, ["api7ee", "application"]);
    assert.deepEqual(summary.withdrawn, ["migration_reader", "somebody"]);
    assert.deepEqual(summary.refused, ["migration_reader", "api7ee", "application"]);
    for (const user of ["api7ee", "application", "migration_reader", "somebody"]) {
      await assert.rejects(servers.client("b", user), /password authentication failed/, user);
    }
    await servers.client("a", "somebody").then((client) => client.end());
  });

  it("lets the master user read what belongs to the application", async () => {
    await asMaster([
      "drop table if exists owned",
      "create table owned (id integer)",
      "alter table owned owner to application",
    ]);
    await finish();
    await asMaster(["set role api7ee; select * from owned; reset role"]);
  });

  it("does not hold while A's password opens B", async () => {
    // A given database: its roles are its owner's business, but the same password for both is a finding.
    await servers.b.setPassword("api7ee", "pw");
    const given = { ownServer: false, application: undefined, b: servers.address("b") };
    await assert.rejects(finish({ ...given, a: servers.address("a") }), (error: Error & { seen?: string }) => {
      assert.match(error.message, /user api7ee: the password of database A opens it/);
      return true;
    });
    await servers.b.setPassword("api7ee", "other");
    const summary = await finish({
      ...given,
      a: servers.address("a", { password: "pw of A", user: "reader of A" }),
      b: servers.address("b", { password: "other" }),
    });
    assert.deepEqual([summary.rotated, summary.withdrawn], [[], []]);
    assert.deepEqual(summary.refused, ["reader of A", "api7ee"]);
    await servers.client("b", "somebody").then((client) => client.end());
  });

  it("is no proof when B does not answer", async () => {
    await assert.rejects(finish({ b: servers.address("b", { password: "new master", port: 1 }) }), /ECONNREFUSED/);
    await assert.rejects(finish({ b: servers.address("b", { password: "wrong" }) }), /password authentication failed/);
  });

  it("names a role whose password it cannot take", async () => {
    await asMaster(["create role replica login replication password 'pw'"]);
    await assert.rejects(finish(), /role replica: it still has A's password/);
    await asMaster(["drop role replica"]);
  });

  it("raises sequences that are behind their tables, and takes statistics of every table", async () => {
    await asMaster([
      'create schema "Odd one"',
      'create table "Odd one"."T" (id serial primary key, "N" bigint generated always as identity, filling text)',
      'create table "Odd one".empty (id serial)',
      `insert into "Odd one"."T" (id, filling) select i, repeat('x', 100) from generate_series(1, 500) i`,
      'alter schema "Odd one" owner to application',
      'alter table "Odd one"."T" owner to application',
      'alter table "Odd one".empty owner to application',
    ]);
    const summary = await finish();
    assert.deepEqual(summary.sequences, { count: 3, raised: ['"Odd one"."T_id_seq"'] });
    await asMaster([`do $$ begin if nextval('"Odd one"."T_id_seq"') <> 501 then raise 'behind'; end if; end $$`]);
    await asMaster([
      `do $$ begin if (select reltuples from pg_class where relname = 'T') <> 500 then raise 'no statistics'; end if; end $$`,
    ]);
    await asMaster(["create table unowned (id integer)", "alter table unowned owner to somebody"]);
    await assert.rejects(finish(), /no statistics of public\.unowned/);
    await asMaster(["drop table unowned"]);
  });
});
