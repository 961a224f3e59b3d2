import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { hashToken } from "../../rehearsal/cloud/gateways/common/credentials";
import { PostgresServers } from "../../rehearsal/cloud/postgres";
import { seedDatabase, type Seeded } from "../../rehearsal/cloud/seed";
import { buildConfiguration } from "../../rehearsal/cloud/seed/configuration";

const ADDRESS = "127.132.1.1";
const CONNECTION = `postgres://api7ee:rehearsal@${ADDRESS}:5432/api7ee`;
const UPSTREAM = { host: "127.132.30.1", port: 8080 } as const;

describe("the control plane's seeded database", () => {
  const home = mkdtempSync(join(tmpdir(), "seed-test-"));
  const servers = new PostgresServers({ home });
  const client = new Client({ connectionString: CONNECTION });
  let seeded: Seeded;
  let seconds: number;

  before(async () => {
    await servers.create({
      name: "a",
      address: ADDRESS,
      masterUsername: "api7ee",
      masterPassword: "rehearsal",
      databaseName: "api7ee",
    });
    const started = performance.now();
    seeded = await seedDatabase({ connectionString: CONNECTION, upstream: UPSTREAM, version: "3.9.18" });
    seconds = (performance.now() - started) / 1000;
    await client.connect();
  });

  after(async () => {
    await client.end();
    await servers.stopAll();
    rmSync(home, { recursive: true, force: true });
  });

  async function number(text: string): Promise<number> {
    return (await client.query<{ n: number }>(`select (${text})::int as n`)).rows[0]?.n ?? NaN;
  }

  it("has the size of an installation in use, within ten seconds", async () => {
    assert.equal(await number("select count(*) from route"), 10_200);
    assert.equal(await number("select count(*) from service"), 200);
    assert.equal(await number("select count(*) from consumer"), 1000);
    assert.equal(await number("select count(*) from credential"), 1000);
    assert.ok(seconds < 10, `seeding took ${seconds} s`);
    assert.ok(seeded.tables >= 28, `${seeded.tables} tables`);
    assert.ok(seeded.rows > 30_000, `${seeded.rows} rows`);
  });

  it("has what a copy must carry over: sequences, triggers, functions, partitions, a second schema, an extension, special types", async () => {
    const present = {
      sequences: "select count(*) from pg_sequences where last_value > 1",
      triggers: "select count(*) from pg_trigger where not tgisinternal",
      functions:
        "select count(*) from pg_proc where pronamespace = 'public'::regnamespace and prolang = (select oid from pg_language where lanname = 'plpgsql')",
      partitions: "select count(*) from pg_inherits where inhparent = 'audit_log'::regclass",
      extensions: "select count(*) from pg_extension where extname <> 'plpgsql'",
      views: "select count(*) from pg_views where schemaname = 'public'",
      enums: "select count(*) from pg_type where typtype = 'e'",
      secondSchema: "select count(*) from portal.application",
    };
    for (const [what, query] of Object.entries(present)) assert.ok((await number(query)) > 0, what);
    const types = await client.query<{ type: string }>(
      "select distinct format_type(atttypid, null) as type from pg_attribute a join pg_class c on c.oid = a.attrelid where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace and attnum > 0",
    );
    const found = new Set(types.rows.map(({ type }) => type));
    for (const type of ["jsonb", "numeric", "bytea", "timestamp with time zone", "text[]", "inet", "resource_status"])
      assert.ok(found.has(type), type);
  });

  it("publishes every served row as a key, and follows changes in the same transaction", async () => {
    const keys = (kind: string): string =>
      `select count(*) from kine where name like '/gateway_groups/default/${kind}/%'`;
    assert.equal(await number(keys("routes")), 10_200);
    assert.equal(await number(`${keys("consumers")} and name like '%/credentials/%'`), 1000);
    await client.query("begin");
    const { rows } = await client.query<{ id: string }>(
      "delete from route where id = (select min(id) from route) returning id",
    );
    const key = `/gateway_groups/default/routes/${rows[0]?.id ?? ""}`;
    const last = `select deleted from kine where name = '${key}' order by id desc limit 1`;
    assert.equal(await number(last), 1);
    await client.query("rollback");
    assert.equal(await number(last), 0);
  });

  it("deletes a consumer's credentials from the keys with the consumer, and stops publishing what is disabled", async () => {
    await client.query("begin");
    await client.query("delete from consumer where username = 'consumer-0001'");
    assert.equal(
      await number(
        "select count(*) from kine where name like '/gateway_groups/default/consumers/consumer-0001%' and deleted = 1",
      ),
      2,
    );
    await client.query("update route set status = 'disabled' where id = (select max(id) from route)");
    assert.equal(await number("select deleted from kine order by id desc limit 1"), 1);
    await client.query("update route set status = 'enabled' where id = (select max(id) from route)");
    assert.equal(await number("select created from kine order by id desc limit 1"), 1);
    await client.query("rollback");
  });

  it("keeps secrets as hashes or sealed, and an authority of its own", async () => {
    const { rows } = await client.query<{ salt: Buffer; hash: Buffer }>("select salt, hash from token");
    assert.equal(rows.length, 1);
    const [row] = rows;
    assert.ok(row);
    assert.deepEqual(hashToken(seeded.token, row.salt).hash, row.hash);
    assert.match(seeded.token, /^a7ee-/);
    const root = await client.query<{ certificate: string; private_key: string }>(
      "select certificate, private_key from dataplane_certificate where type = 'Root'",
    );
    assert.equal(root.rows.length, 1);
    assert.ok(new X509Certificate(root.rows[0]?.certificate ?? "").ca);
    assert.doesNotMatch(root.rows[0]?.private_key ?? "", /PRIVATE KEY/);
  });

  it("has Redis-backed plugins, key-auth, rewriting and real certificates", async () => {
    assert.ok(
      (await number(
        'select count(*) from service where plugins @> \'{"limit-count": {"policy": "redis", "allow_degradation": true}}\'',
      )) > 0,
    );
    assert.ok((await number("select count(*) from service where plugins ? 'key-auth'")) > 0);
    assert.ok((await number("select count(*) from route where plugins ? 'proxy-rewrite'")) > 100);
    const { rows } = await client.query<{ cert: string; snis: string[] }>("select cert, snis from ssl");
    assert.equal(rows.length, 3);
    for (const { cert, snis } of rows)
      assert.ok(new X509Certificate(cert).checkHost(snis[0]?.replace("*", "any") ?? ""));
  });

  it("describes very unequal traffic of every kind", () => {
    const plain = seeded.catalogue.filter(({ kind }) => kind === "plain");
    const byService = new Map<string, number>();
    for (const { service, weight } of plain) byService.set(service, (byService.get(service) ?? 0) + weight);
    const total = [...byService.values()].reduce((sum, weight) => sum + weight, 0);
    assert.equal(Math.round(total), 100);
    assert.equal(Math.max(...byService.values()), 60);
    assert.ok([...byService.values()].filter((weight) => weight < 0.11).length >= 5);
    for (const kind of ["slow", "stream", "websocket", "upload"])
      assert.equal(seeded.catalogue.filter((sample) => sample.kind === kind).length, 10);
  });

  it("is the same for the same number, and another for another", () => {
    const build = (seed: number): string =>
      JSON.stringify(buildConfiguration({ seed, routes: 1000, upstream: UPSTREAM }));
    assert.equal(build(1), build(1));
    assert.notEqual(build(1), build(2));
  });

  it("refuses a database that has tables already, and too few routes, and leaves the database as it was", async () => {
    const again = { connectionString: CONNECTION, upstream: UPSTREAM, version: "3.9.18" };
    await assert.rejects(seedDatabase(again), /already exists/);
    await assert.rejects(seedDatabase({ ...again, routes: 10 }), /at least 1000/);
    assert.equal(await number("select count(*) from route"), 10_200);
  });
});
