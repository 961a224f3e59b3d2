import assert from "node:assert/strict";
import { createServer as createHttpServer } from "node:http";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { Client } from "pg";
import { targetFromDsn, targetFromParts, type DatabaseTarget } from "../../checks/clients/databaseTarget";
import { Snapshot } from "../../checks/clients/postgres";
import { compareDatabases } from "../../checks/database/compare";
import { CouldNotLook, type CheckResult } from "../../checks/result";
import { TestServer } from "./support/postgres";

const SCHEMA = `
  create table route (id int primary key, spec text);
  insert into route select n, 'x' from generate_series(1, 100) n;
  create table secret (id int primary key, value text);
  insert into secret values (1, 'hunter2')`;

describe("check: databases, with faults", () => {
  let server: TestServer;
  const closing: (() => Promise<unknown>)[] = [];

  before(async () => {
    server = await TestServer.start("127.241.2.1");
  });
  after(() => server.stop());
  beforeEach(() => server.fresh(SCHEMA));
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });

  async function compare(
    a: DatabaseTarget,
    b: DatabaseTarget,
    more: { readonly statementTimeoutMs?: number; readonly signal?: AbortSignal } = {},
  ): Promise<CheckResult> {
    const { result, summary } = await compareDatabases(a, b, {
      check: "databases",
      volatile: [],
      statementTimeoutMs: 20_000,
      keysShown: 3,
      signal: new AbortController().signal,
      ...more,
    });
    assert.equal(summary.equal, result.verdict === "holds");
    assert.ok(!JSON.stringify(result).includes("hunter2"));
    return result;
  }

  async function listen(listening: Server): Promise<number> {
    const sockets = new Set<Socket>();
    listening.on("connection", (socket) => sockets.add(socket));
    await new Promise<void>((resolve) => listening.listen(0, "127.0.0.1", resolve));
    closing.push(() => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => listening.close(resolve));
    });
    return (listening.address() as AddressInfo).port;
  }

  /** Holds a lock that every reader of the table waits for. */
  async function lock(table: string): Promise<Client> {
    const client = new Client({ connectionString: server.dsn("a") });
    client.on("error", () => undefined);
    await client.connect();
    await client.query(`begin; lock table ${table} in access exclusive mode`);
    closing.push(() => client.end());
    return client;
  }

  const unreachable: readonly (readonly [string, () => string, RegExp, RegExp])[] = [
    ["nothing listens", () => "postgres://u:hunter2@127.0.0.1:1/x", /ECONNREFUSED/, /server is up/],
    ["the password is wrong", () => server.dsn("a", "api7ee", "hunter2"), /28P01/, /correct the password/],
    ["the database is missing", () => server.dsn("nowhere"), /3D000/, /name of the database/],
    [
      "its certificate cannot be verified",
      () => `${server.dsn("a")}?sslmode=verify-full`,
      /VERIFY|SELF_SIGNED/,
      /PGSSLROOTCERT/,
    ],
    ["the string is empty", () => " ", /empty/, /postgres:\/\//],
    ["the string is no address", () => "postgres://u:hunter2/part@[x", /URL-encoded/, /postgres:\/\//],
    ["the string is something else", () => "hunter2", /neither a postgres/, /postgres:\/\//],
    ["the sslmode is none", () => `${server.dsn("a")}?sslmode=hunter2`, /sslmode is none of/, /postgres:\/\//],
  ];
  for (const [what, dsn, seen, remedy] of unreachable) {
    it(`knows nothing of A when ${what}`, async () => {
      let target: DatabaseTarget;
      try {
        target = targetFromDsn("database A", dsn());
      } catch (error) {
        assert.ok(error instanceof CouldNotLook);
        assert.match(error.seen, seen);
        assert.match(error.remedy, remedy);
        assert.ok(!JSON.stringify(error).includes("hunter2"));
        return;
      }
      const result = await compare(target, server.target("b"));
      assert.equal(result.verdict, "unknown");
      const [finding] = result.findings;
      assert.equal(finding?.subject, "database A");
      assert.match(finding.seen, seen);
      assert.match(finding.remedy, remedy);
    });
  }

  it("knows nothing of a server that is silent, and ends at its time limit", async () => {
    const port = await listen(createServer(() => undefined));
    const begin = Date.now();
    const silent = targetFromDsn("database B", `postgres://u@127.0.0.1:${port}/x`);
    const result = await compare(server.target("a"), silent, { signal: AbortSignal.timeout(300) });
    assert.equal(result.verdict, "unknown");
    assert.match(result.findings.map(({ seen }) => seen).join(), /time limit/);
    assert.ok(Date.now() - begin < 3_000);
  });

  it("knows nothing of a server that is no PostgreSQL", async () => {
    const port = await listen(createHttpServer((_request, response) => response.end("<html></html>")));
    const result = await compare(server.target("a"), targetFromDsn("database B", `postgres://u@127.0.0.1:${port}/x`));
    assert.equal(result.verdict, "unknown");
  });

  it("knows nothing of a table that it may not read, and compares the others", async () => {
    await server.asAdmin(
      "b",
      "create role reader login password 'pw'",
      "grant select on route to reader",
      "update route set spec = 'y' where id = 7",
    );
    closing.push(() => server.asAdmin("b", "drop owned by reader", "drop role reader"));
    const reader = targetFromDsn("database B", server.dsn("b", "reader"));
    const result = await compare(server.target("a"), reader);
    assert.equal(result.verdict, "fails");
    assert.deepEqual(result.findings.map(({ subject, unknown }) => [subject, unknown ?? false]).sort(), [
      ["database B, table public.secret", true],
      ["grant on table public.route to reader", false],
      ["table public.route", false],
    ]);
    assert.match(result.findings.find(({ unknown }) => unknown)?.remedy ?? "", /GRANT pg_read_all_data/);
  });

  it("does not take rows that a policy hides for rows that are not there", async () => {
    await server.asAdmin(
      "b",
      "alter table route enable row level security",
      "create role reader login password 'pw'",
      "grant pg_read_all_data to reader",
    );
    closing.push(() => server.asAdmin("b", "drop role reader"));
    const result = await compare(server.target("a"), targetFromDsn("database B", server.dsn("b", "reader")));
    assert.match(result.findings.map(({ seen }) => seen).join(), /row-level security/);
  });

  it("ends a query at its time limit, and says which table", async () => {
    await lock("secret");
    const result = await compare(server.target("a"), server.target("b"), { statementTimeoutMs: 400 });
    assert.equal(result.verdict, "unknown");
    const finding = result.findings.find(({ subject }) => subject === "database A, table public.secret");
    assert.match(finding?.seen ?? "", /57014/);
  });

  it("is not stuck when the server dies in the middle", async () => {
    await lock("secret");
    const comparing = compare(server.target("a"), server.target("b"));
    for (let tries = 0; tries < 200; tries += 1) {
      const waiting = await server.run("api7ee", "select 1 from pg_stat_activity where wait_event_type = 'Lock'");
      if (waiting.length > 0) break;
    }
    await server.server.stop("immediate");
    try {
      const result = await comparing;
      assert.equal(result.verdict, "unknown");
      // Both databases are on this server: whose connection is seen to end first is chance.
      assert.ok(
        result.findings.every(({ subject, unknown }) => unknown === true && /^database [AB]/.test(subject)),
        JSON.stringify(result.findings),
      );
    } finally {
      await server.server.start();
    }
  });

  it("is content with fewer connections than it would like", async () => {
    await server.run("api7ee", "alter role api7ee connection limit 3");
    closing.push(() => server.asAdmin("api7ee", "alter role api7ee connection limit -1"));
    const held = new Client({ connectionString: server.dsn("api7ee") });
    await held.connect();
    closing.push(() => held.end());
    const { signal } = new AbortController();
    const snapshot = await Snapshot.open(server.target("a"), { connections: 8, statementTimeoutMs: 1_000, signal });
    assert.equal(snapshot.width, 2);
    await snapshot.close();
  });

  it("encrypts the session when sslmode says so", async () => {
    const { signal } = new AbortController();
    for (const [mode, encrypted] of [
      ["require", true],
      ["disable", false],
    ] as const) {
      const target = targetFromDsn("database A", `${server.dsn("a")}?sslmode=${mode}`);
      const snapshot = await Snapshot.open(target, { connections: 1, statementTimeoutMs: 5_000, signal });
      const rows = await snapshot.query<{ ssl: boolean }>("select ssl from pg_stat_ssl where pid = pg_backend_pid()");
      await snapshot.close();
      assert.equal(rows[0]?.ssl, encrypted);
    }
  });

  it("sees one moment through all its connections, and leaves none behind", async () => {
    const { signal } = new AbortController();
    const snapshot = await Snapshot.open(server.target("a"), { statementTimeoutMs: 5_000, signal });
    assert.equal(snapshot.width, 2);
    await server.run("a", "delete from route where id > 50");
    const counts = await Promise.all(
      Array.from({ length: 9 }, () => snapshot.query<{ n: string }>("select count(*) as n from public.route")),
    );
    assert.deepEqual([...new Set(counts.map(([row]) => row?.n))], ["100"]);
    await assert.rejects(snapshot.query("delete from public.route"), /read-only/);
    await snapshot.close();
    const left = await server.run(
      "api7ee",
      "select 1 from pg_stat_activity where application_name = 'api7-migration checks' and state <> 'idle'",
    );
    assert.deepEqual(left, []);
  });
});

describe("connection strings", () => {
  const config = (dsn: string, environment: NodeJS.ProcessEnv = {}): DatabaseTarget["config"] =>
    targetFromDsn("x", dsn, environment).config;

  it("mean by sslmode what libpq means", () => {
    assert.equal(config("postgres://u:p@h/d").ssl, false);
    assert.equal(config("postgresql://u:p@h/d?sslmode=disable").ssl, false);
    for (const mode of ["allow", "prefer", "require"]) {
      assert.deepEqual(config(`postgres://u:p@h/d?sslmode=${mode}`).ssl, { rejectUnauthorized: false });
    }
    assert.deepEqual(config("postgres://u:p@h/d?sslmode=verify-full").ssl, { rejectUnauthorized: true });
    assert.throws(
      () => config("postgres://u:p@h/d?sslmode=verify-full", { PGSSLROOTCERT: "/nonexistent.pem" }),
      /nonexistent/,
    );
    assert.ok(!String(config("postgres://u:p@h/d?sslmode=require").connectionString).includes("sslmode"));
  });

  it("may be key=value pairs, quoted where needed", () => {
    const pairs = config(
      String.raw`host=db.example.com port=6432 dbname='my db' user=ada password='it\'s \\ it' sslmode=require`,
    );
    assert.deepEqual(pairs, {
      host: "db.example.com",
      port: 6432,
      database: "my db",
      user: "ada",
      password: String.raw`it's \ it`,
      ssl: { rejectUnauthorized: false },
    });
  });

  it("are made from RDS's parts, with any password", () => {
    const parts = { host: "h", port: 5432, database: "d", user: "u", password: "p@/#%", sslMode: "disable" };
    assert.deepEqual(targetFromParts("x", parts, {}).config, {
      host: "h",
      port: 5432,
      database: "d",
      user: "u",
      password: "p@/#%",
      ssl: false,
    });
  });
});
