import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Client } from "pg";
import { type DatabaseTarget } from "../../checks/clients/databaseTarget";
import { Snapshot } from "../../checks/clients/postgres";
import { compareDatabases, type Comparison, type CompareOptions } from "../../checks/database/compare";
import { readTables } from "../../checks/database/catalog";
import { fingerprintTable } from "../../checks/database/fingerprint";
import { rowSource } from "../../checks/database/rowSource";
import { TestServer } from "./support/postgres";

/** Rows for several pieces of a table: more than 2,048 pages. */
const LARGE = `
  create table large (id int primary key, text text);
  insert into large select n, repeat(md5(n::text), 20) from generate_series(1, 30000) n;
  create table route (id int primary key, spec text);
  insert into route select n, 'x' from generate_series(1, 100) n`;
const POLLS = 400;
const POLL_MS = 25;

describe("check: databases, on two servers", () => {
  let a: TestServer;
  let b: TestServer;
  const closing: (() => Promise<unknown>)[] = [];

  before(async function () {
    this.timeout(90_000);
    [a, b] = await Promise.all([TestServer.start("127.241.3.1"), TestServer.start("127.241.3.2")]);
    await Promise.all([a.fresh(LARGE), b.fresh(LARGE)]);
  });
  after(() => Promise.all([a.stop(), b.stop()]));
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  const sideA = (): DatabaseTarget => a.target("a");
  const sideB = (): DatabaseTarget => ({ ...b.target("a"), label: "database B" });

  function compare(more: Partial<CompareOptions> = {}): Promise<Comparison> {
    return compareDatabases(sideA(), sideB(), {
      check: "databases",
      volatile: [],
      statementTimeoutMs: 60_000,
      keysShown: 3,
      signal: new AbortController().signal,
      ...more,
    });
  }

  async function holds(): Promise<void> {
    const { result } = await compare();
    assert.deepEqual(result.findings, []);
  }

  async function session(server: TestServer, application: string): Promise<Client> {
    const client = new Client({ connectionString: server.dsn("a"), application_name: application });
    client.on("error", () => undefined);
    await client.connect();
    closing.push(() => client.end().catch(() => undefined));
    return client;
  }

  /** Looks until the server shows such sessions of the check. */
  async function until(server: TestServer, condition: string, shown: boolean): Promise<void> {
    for (let poll = 0; poll < POLLS; poll += 1) {
      const rows = await server.run(
        "api7ee",
        `select 1 from pg_stat_activity where application_name = 'api7-migration checks' and ${condition}`,
      );
      if (rows.length > 0 === shown) return;
      await delay(POLL_MS);
    }
    assert.fail(`after ${(POLLS * POLL_MS) / 1000} s still ${shown ? "no" : "a"} session where ${condition}`);
  }

  it("reads a large table in pieces, and finds the one row that differs, wherever it is stored", async () => {
    await holds();
    await b.run("a", "update large set text = text || '.' where id = 17");
    const { result, summary } = await compare();
    assert.equal(summary.rows, 30_100);
    assert.match(result.findings[0]?.seen ?? "", /1 changed, 0 only in A, 0 only in B; 1 of them: 17 \(changed\)/);
    await b.run("a", "update large set text = left(text, -1) where id = 17");
    await holds();
  });

  it("counts every differing row when all of them differ", async () => {
    await b.run("a", "update large set text = reverse(text)");
    const { result } = await compare();
    assert.match(result.findings[0]?.seen ?? "", /30000 changed, 0 only in A, 0 only in B; 3 of them: 1 .*10 .*100 /);
    await b.run("a", "update large set text = reverse(text)", "vacuum full large");
    await holds();
  });

  it("ends when A is killed in the middle, says so once, and holds again afterwards", async () => {
    const blocker = await session(a, "migrate");
    await blocker.query("begin; lock table large in access exclusive mode");
    const comparing = compare();
    await until(a, "wait_event_type = 'Lock'", true);
    await a.server.stop("immediate");
    try {
      const { result, summary } = await comparing;
      assert.equal(result.verdict, "unknown");
      assert.equal(summary.equal, false);
      assert.deepEqual(
        result.findings.map(({ subject }) => subject),
        ["database A"],
      );
    } finally {
      await a.server.start();
    }
    await holds();
  });

  it("names the table that is locked on A, and who locks it; A's other sessions go on", async () => {
    const blocker = await session(a, "schema migration");
    await blocker.query("begin; lock table route in access exclusive mode");
    const { rows } = await blocker.query<{ pid: number }>("select pg_backend_pid() as pid");
    const { result } = await compare();
    assert.equal(result.verdict, "unknown");
    const text = JSON.stringify(result.findings);
    assert.match(
      text,
      new RegExp(`public\\.route is locked by process ${rows[0]?.pid} \\(application schema migration, user api7ee`),
    );
    await blocker.query("rollback");
    await holds();
  }).timeout(60_000);

  it("ends a statement at its time limit, and says what to raise", async () => {
    const { result } = await compare({ statementTimeoutMs: 1 });
    assert.equal(result.verdict, "unknown");
    assert.match(JSON.stringify(result.findings), /57014|statement timeout|Query read timeout/);
    await holds();
  });

  it("says when the server has no connection left, and works with one", async () => {
    await a.asAdmin("api7ee", "alter role api7ee connection limit 0");
    try {
      const { result } = await compare();
      assert.equal(result.verdict, "unknown");
      assert.match(result.findings[0]?.seen ?? "", /too many connections for role .*53300/);
      assert.match(result.findings[0]?.remedy ?? "", /CONNECTION LIMIT/);
      await a.asAdmin("api7ee", "alter role api7ee connection limit 1");
      const narrow = await compare({ connections: 4 });
      assert.deepEqual(
        narrow.result.findings.filter(({ subject }) => !subject.startsWith("role ")),
        [],
      );
      assert.match(narrow.result.notes.join("\n"), /database A gave 1 of 4 connections/);
    } finally {
      await a.asAdmin("api7ee", "alter role api7ee connection limit -1");
    }
    await holds();
  });

  it("cancels what runs on the servers when it is ended", async () => {
    const ending = new AbortController();
    const snapshot = await Snapshot.open(sideA(), {
      connections: 2,
      statementTimeoutMs: 60_000,
      signal: ending.signal,
    });
    const sleeping = [0, 1].map(() => snapshot.query("select pg_sleep(50)"));
    const ended = Promise.allSettled(sleeping);
    await until(a, "wait_event = 'PgSleep'", true);
    ending.abort();
    assert.deepEqual(
      (await ended).map(({ status }) => status),
      ["rejected", "rejected"],
    );
    await until(a, "true", false);
    await snapshot.close();
  });

  it("leaves no lock behind a statement, so that a change of A's schema does not wait for the proof", async () => {
    const { signal } = new AbortController();
    const snapshot = await Snapshot.open(sideA(), { statementTimeoutMs: 60_000, signal });
    try {
      await snapshot.query("select count(*) from public.route");
      const changing = await session(a, "schema migration");
      await changing.query(
        "set lock_timeout = '10s'; alter table route add column more int; alter table route drop column more",
      );
    } finally {
      await snapshot.close();
    }
    await Promise.all([a.fresh(LARGE), b.fresh(LARGE)]);
  });

  it("reads a table again that was rewritten in the middle", async () => {
    const { signal } = new AbortController();
    const snapshot = await Snapshot.open(sideA(), { connections: 1, statementTimeoutMs: 60_000, signal });
    try {
      const table = (await readTables(snapshot)).find(({ name }) => name === "large");
      const plan = table && rowSource(table, []);
      assert.ok(table && plan && "source" in plan);
      const before = await fingerprintTable(snapshot, table, plan.source);
      let rewritten = 0;
      // Between the first piece and the second one every row moves to another page.
      const query: Snapshot["query"] = async (text, values, subject) => {
        if (text.includes("t.ctid >= ") && rewritten === 0) {
          rewritten += 1;
          await a.run("a", "create index by_text on large (text)", "cluster large using by_text", "drop index by_text");
        }
        return snapshot.query(text, values, subject);
      };
      const interrupted = Object.create(snapshot, { query: { value: query } }) as Snapshot;
      const during = await fingerprintTable(interrupted, table, plan.source);
      assert.equal(rewritten, 1);
      assert.equal(during.digest, before.digest);
    } finally {
      await snapshot.close();
    }
  });

  it("cannot write, whatever it is told", async () => {
    const { signal } = new AbortController();
    const snapshot = await Snapshot.open(sideA(), { connections: 1, statementTimeoutMs: 60_000, signal });
    await assert.rejects(snapshot.query("update public.route set spec = 'y'"), /read-only/);
    await snapshot.close();
  });

  describe("as a command", () => {
    let folder: string;
    before(() => {
      folder = mkdtempSync(join(tmpdir(), "databases-command-"));
    });
    after(() => rmSync(folder, { recursive: true, force: true }));

    interface Ran {
      readonly code: number | null;
      readonly stdout: string;
      readonly stderr: string;
    }

    function check(
      options: readonly string[],
      began: (kill: (signal: NodeJS.Signals) => void) => void = () => undefined,
      dsnA = a.dsn("a"),
    ): Promise<Ran> {
      const child = spawn(process.execPath, ["--import", "tsx", "checks/cli.ts", "databases", ...options], {
        env: { ...process.env, MIGRATION_DATABASE_A_DSN: dsnA, MIGRATION_DATABASE_B_DSN: b.dsn("a") },
        stdio: ["ignore", "pipe", "pipe"],
      });
      let [stdout, stderr] = ["", ""];
      child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
      child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
      began((signal) => child.kill(signal));
      return new Promise((resolve, reject) => {
        child.once("error", reject);
        child.once("close", (code) => resolve({ code, stdout, stderr }));
      });
    }

    function volatileFile(content: unknown): string {
      const file = join(folder, "volatile.json");
      writeFileSync(file, JSON.stringify(content));
      return file;
    }

    it("prints with --json what docs/proof.md says, and leaves out what --volatile declares", async () => {
      await b.run("a", "delete from route where id = 7");
      const different = await check(["--json"]);
      assert.equal(different.code, 1, different.stderr);
      const printed = JSON.parse(different.stdout) as Readonly<Record<string, unknown>>;
      assert.deepEqual(
        [printed["verdict"], printed["equal"], printed["tables"], printed["rows"]],
        ["fails", false, 2, 30_100],
      );
      assert.ok(typeof printed["seconds"] === "number" && Array.isArray(printed["findings"]));
      assert.deepEqual(printed["notCompared"], []);

      const file = volatileFile([{ table: "route", reason: "made anew every night" }]);
      const declared = await check(["--json", "--connections", "1", "--volatile", file]);
      assert.equal(declared.code, 0, declared.stdout);
      const { notCompared } = JSON.parse(declared.stdout) as Readonly<Record<string, unknown>>;
      assert.deepEqual(notCompared, [{ table: "public.route", reason: "made anew every night" }]);
      await b.run("a", "insert into route values (7, 'x')");
    }).timeout(60_000);

    it("refuses a list of volatile tables without a reason", async () => {
      const { code, stderr } = await check(["--volatile", volatileFile([{ table: "route" }])]);
      assert.equal(code, 2);
      assert.match(stderr, /--volatile .*0\.reason/);
    }).timeout(60_000);

    it("never prints a password", async () => {
      for (const dsn of [a.dsn("a", "api7ee", "hunter2"), "postgres://u:hunter2@127.0.0.1:1/x"]) {
        const { code, stdout, stderr } = await check([], undefined, dsn);
        assert.deepEqual([code, stdout], [2, ""]);
        assert.match(stderr, /COULD NOT LOOK {2}databases: database A/);
        assert.ok(!stderr.includes("hunter2"));
      }
    }).timeout(60_000);

    it("ends by SIGINT with exit code 2, and leaves nothing running on the servers", async () => {
      const blocker = await session(a, "blocker");
      await blocker.query("begin; lock table large in access exclusive mode");
      const ran = await check([], (kill) => {
        void until(a, "wait_event_type = 'Lock'", true).then(() => kill("SIGINT"));
      });
      assert.equal(ran.code, 2, ran.stderr);
      assert.match(ran.stderr, /ended by SIGINT/);
      await until(a, "true", false);
      await until(b, "true", false);
    }).timeout(60_000);
  });
});
