import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { copyDatabase, type CopySummary } from "../../operations/copy/copy";
import { type Progress } from "../../operations/copy/progress";
import { type CopyRequest } from "../../operations/copy/request";
import { findTools } from "../../checks/clients/dumpTools";
import { libpqEnvironment } from "../../operations/server";
import { CONTENT } from "./support/content";
import { TwoServers } from "./support/databases";

const MAJOR = 15;
const MARK = /^\[api7-migration copy test: complete \d{4}-.*\]$/;

describe("copy of a database by pg_dump and pg_restore", function () {
  this.timeout(120_000);
  let servers: TwoServers;
  let folder: string;

  before(async () => {
    servers = await TwoServers.start("127.91.1.1", "127.91.1.2");
    folder = join(servers.home, "dumps");
    for (const statement of CONTENT.split(";\n")) await servers.run("a", [statement]);
  });
  after(async () => servers.stop());
  beforeEach(async () => {
    await servers.emptyB();
    rmSync(folder, { recursive: true, force: true });
  });

  const request = (changes: Partial<CopyRequest> = {}): CopyRequest => ({
    stack: "test",
    copy: 1,
    major: MAJOR,
    jobs: 2,
    createRoles: true,
    limitHours: 1,
    ...changes,
  });
  const copy = (
    changes: Partial<CopyRequest> = {},
    more: Partial<Parameters<typeof copyDatabase>[0]> = {},
  ): Promise<CopySummary> =>
    copyDatabase({
      request: request(changes),
      a: servers.address("a"),
      b: servers.address("b"),
      environment: process.env,
      signal: new AbortController().signal,
      ...more,
    });

  /** The schema and every row of one side as pg_dump writes it: what this program did not make itself. */
  async function dumpOf(side: "a" | "b"): Promise<readonly string[]> {
    const { pgDump } = await findTools(MAJOR);
    const args = ["--no-owner", "--no-publications", "--inserts"];
    const environment = libpqEnvironment(servers.address(side), process.env);
    const text = execFileSync(pgDump, args, { env: environment, encoding: "utf8", maxBuffer: 256 * 1024 ** 2 });
    // The comment of an extension belongs to whoever made it there. Rows have no order.
    return text.split("\n").filter((line) => line !== "" && !/^(COMMENT ON EXTENSION|--|\\(un)?restrict)/.test(line));
  }

  async function assertEqual(): Promise<void> {
    const [a, b] = [(await dumpOf("a")).toSorted(), (await dumpOf("b")).toSorted()];
    const [inA, inB] = [new Set(a), new Set(b)];
    assert.deepEqual(
      { onlyA: a.filter((line) => !inB.has(line)).slice(0, 5), onlyB: b.filter((line) => !inA.has(line)).slice(0, 5) },
      { onlyA: [], onlyB: [] },
    );
    assert.equal(b.length, a.length);
  }

  for (const way of ["streamed", "through a folder"] as const) {
    it(`carries everything over, ${way}, and marks what it filled`, async () => {
      const seen: Progress[] = [];
      const summary = await copy(way === "streamed" ? {} : { folder }, {
        onProgress: (progress) => seen.push(progress),
      });
      await assertEqual();
      assert.deepEqual(summary.leftOut, ["publication changes"]);
      assert.match(summary.digest, /^[0-9a-f]{64}$/);
      const [comment] = await servers.run("b", [
        "select shobj_description(oid, 'pg_database') as text from pg_database where datname = 'api7ee'",
      ]);
      assert.match(String(comment?.["text"]), MARK);
      const [path] = await servers.run("b", ["show search_path"]);
      assert.equal(path?.["search_path"], '"$user", public, portal');

      for (const phase of ["dump", "restore"] as const) {
        const tables = seen.filter((progress) => progress.phase === phase);
        assert.equal(tables.at(-1)?.begun, summary.tables, `every table is told while ${phase}`);
        assert.equal(tables.at(-1)?.percent, 100);
        assert.ok(tables.some(({ subject }) => subject === 'Mixed Case.Quoted "Table"'));
      }
      assert.ok(seen.some(({ phase, subject }) => phase === "indexes" && subject.includes("developer_route_id_fkey")));
    });
  }

  it("keeps the dump as the safety copy, closed to others, and replaces it by the next one", async () => {
    await copy({ folder });
    const kept = join(folder, "api7-test-a-1");
    assert.deepEqual(readdirSync(folder), ["api7-test-a-1"]);
    assert.ok(existsSync(join(kept, "toc.dat")));
    await copy({ folder });
    assert.deepEqual(readdirSync(folder), ["api7-test-a-1"]);
  });

  it("makes a missing database with A's encoding and collation", async () => {
    await servers.dropB();
    await copy();
    await assertEqual();
  });

  it("fills anew what an earlier run of its own filled, and leaves nothing of it", async () => {
    await copy();
    await servers.run("b", ["create table leftover (id integer)", "create schema of_before", "delete from audit"]);
    await copy();
    await assertEqual();
  });

  it("touches nothing of a database that it did not fill", async () => {
    await servers.run("b", ["create table precious (id integer)", "insert into precious values (1)"]);
    await assert.rejects(copy(), /is not empty.*table public\.precious/);
    await servers.run("b", ["comment on database api7ee is '[api7-migration copy other: complete 2026-01-01]'"]);
    await assert.rejects(copy(), /is not empty/);
    assert.deepEqual(await servers.run("b", ["select id from precious"]), [{ id: 1 }]);
  });
});
