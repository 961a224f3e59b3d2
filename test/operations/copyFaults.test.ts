import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { copyDatabase, type CopyOptions, type CopySummary } from "../../operations/copy/copy";
import { type CopyRequest } from "../../operations/copy/request";
import { refuseUnlessReady } from "../../operations/copy/refusals";
import { openSource } from "../../operations/copy/source";
import { openTarget } from "../../operations/copy/target";
import { findTools, type DumpTools } from "../../checks/clients/dumpTools";
import { connect, disconnect } from "../../operations/server";
import { CONTENT } from "./support/content";
import { TwoServers } from "./support/databases";
import { Wire } from "./support/proxy";

const MAJOR = 15;
/** Into the largest table: its 6 MB are the first that is dumped and restored. */
const IN_THE_MIDDLE = 2_000_000;

/** Whatever happens: a clear message, A unharmed, B empty, and the next run succeeds. */
describe("copy of a database, with faults in the middle", function () {
  this.timeout(120_000);
  let servers: TwoServers;
  let tools: DumpTools;
  let rowsOfA: string;

  before(async () => {
    servers = await TwoServers.start("127.91.3.1", "127.91.3.2");
    tools = await findTools(MAJOR);
    for (const statement of CONTENT.split(";\n")) await servers.run("a", [statement]);
    rowsOfA = await rowCounts("a");
  });
  after(async () => servers.stop());
  beforeEach(async () => servers.emptyB());
  const wires: Wire[] = [];
  afterEach(async () => {
    await Promise.all(wires.splice(0).map(async (wire) => wire.close()));
  });
  const wireTo = async (side: "a" | "b", from: "client" | "server", onStop: () => void): Promise<Wire> => {
    const { address: host, port } = servers[side];
    const wire = await Wire.open({ host, port, from, stopAfter: IN_THE_MIDDLE, onStop });
    wires.push(wire);
    return wire;
  };

  const request = (changes: Partial<CopyRequest> = {}): CopyRequest => ({
    stack: "test",
    copy: 1,
    major: MAJOR,
    jobs: 2,
    createRoles: true,
    limitHours: 1,
    ...changes,
  });
  const copy = (changes: Partial<CopyRequest> = {}, more: Partial<CopyOptions> = {}): Promise<CopySummary> =>
    copyDatabase({
      request: request(changes),
      a: servers.address("a"),
      b: servers.address("b"),
      environment: process.env,
      signal: new AbortController().signal,
      ...more,
    });

  async function rowCounts(side: "a" | "b"): Promise<string> {
    const [row] = await servers.run(side, [
      `select string_agg(n.nspname || '.' || c.relname || ' ' ||
         (xpath('/row/n/text()', query_to_xml(format('select count(*) as n from %I.%I', n.nspname, c.relname), false, true, '')))[1]::text,
         ', ' order by n.nspname, c.relname) as counts
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where c.relkind = 'r' and n.nspname in ('public', 'portal', 'Mixed Case')`,
    ]);
    return String(row?.["counts"]);
  }

  /** Nothing of the copy is left on A: no session, hence no lock and no snapshot; and no row is another. */
  async function assertAUnharmed(): Promise<void> {
    const sessions = "select count(*)::int as n from pg_stat_activity where application_name like 'api7-migration%'";
    // A server notices a killed client at its next write.
    for (let tries = 0; tries < 100 && (await servers.run("a", [sessions]))[0]?.["n"] !== 0; tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert.deepEqual(await servers.run("a", [sessions]), [{ n: 0 }]);
    assert.equal(await rowCounts("a"), rowsOfA);
  }

  async function assertBEmpty(): Promise<void> {
    const objects = await servers.run("b", [
      `select c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
       union all select p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname = 'public'
         and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
       union all select nspname from pg_namespace where nspname in ('portal', 'Mixed Case')
       union all select t.typname from pg_type t join pg_namespace n on n.oid = t.typnamespace where n.nspname = 'public'
         and not exists (select from pg_depend d where d.objid = t.oid and d.deptype = 'e')
       union all select lomowner::text from pg_largeobject_metadata
       union all select defaclrole::text from pg_default_acl
       union all select shobj_description(oid, 'pg_database') from pg_database where datname = 'api7ee' and shobj_description(oid, 'pg_database') is not null`,
    ]);
    assert.deepEqual(objects, []);
  }

  async function assertNextRunSucceeds(changes: Partial<CopyRequest> = {}): Promise<void> {
    await copy(changes);
    assert.equal(await rowCounts("b"), rowsOfA);
  }

  /** What the failed copy said. */
  async function failureOf(run: Promise<unknown>): Promise<string> {
    try {
      await run;
    } catch (error) {
      const { message, remedy } = error as Error & { remedy?: string };
      return `${message}\n${remedy ?? ""}`;
    }
    throw new assert.AssertionError({ message: "the copy succeeded" });
  }

  const ways = [
    ["streamed", {}],
    ["through a folder", { folder: true }],
  ] as const;
  const folderOf = (way: { readonly folder?: boolean }): Partial<CopyRequest> =>
    way.folder === true ? { folder: join(servers.home, "dumps") } : {};

  for (const [name, way] of ways) {
    it(`${name}: pg_dump is killed while it reads`, async () => {
      let pid = 0;
      const wire = await wireTo("a", "server", () => process.kill(pid, "SIGKILL"));
      const run = copy(folderOf(way), {
        a: servers.address("a", { host: "127.0.0.1", port: wire.port }),
        onProgress: (progress) => {
          if (progress.phase === "dump") ({ pid } = progress);
        },
      });
      const said = await failureOf(run);
      assert.match(said, /pg_dump failed \(ended by SIGKILL\)/);
      assert.match(said, /database A was only read; database B is empty again/);
      await assertAUnharmed();
      await assertBEmpty();
      await assertNextRunSucceeds(folderOf(way));
    });

    it(`${name}: pg_restore is killed while it writes`, async () => {
      let pid = 0;
      const wire = await wireTo("b", "client", () => process.kill(pid, "SIGKILL"));
      const run = copy(folderOf(way), {
        // The copy's own connections go another way: they have to tell what became of B.
        environment: { ...process.env, PATH: through(wire.port) },
        onProgress: (progress) => {
          if (progress.phase === "restore") ({ pid } = progress);
        },
      });
      const said = await failureOf(run);
      assert.match(said, /pg_restore failed \(ended by SIGKILL\)/);
      assert.match(said, /database B is empty again/);
      await assertAUnharmed();
      await assertBEmpty();
      await assertNextRunSucceeds(folderOf(way));
    });

    it(`${name}: server A dies while it is read`, async () => {
      let stopped: Promise<void> | undefined;
      const wire = await wireTo("a", "server", () => {
        stopped = servers.a.stop("immediate").then(async () => wire.close());
      });
      const said = await failureOf(
        copy(folderOf(way), { a: servers.address("a", { host: "127.0.0.1", port: wire.port }) }),
      );
      await stopped;
      assert.match(said, /pg_dump failed/);
      assert.match(said, /database B is empty again/);
      await servers.a.start();
      await assertAUnharmed();
      await assertBEmpty();
      await assertNextRunSucceeds(folderOf(way));
    });
  }

  /** A PATH whose pg_restore goes to B by another port. */
  function through(port: number): string {
    const script = `#!/bin/sh\ncase "$*" in *--list*) ;; *) export PGHOST=127.0.0.1 PGPORT=${port} ;; esac\nexec ${tools.pgRestore} "$@"\n`;
    return toolsWith(`wire-${port}`, { pg_restore: script });
  }

  /** A PATH with programs of one's own in the place of the real ones. */
  function toolsWith(name: string, programs: Readonly<Record<string, string>>): string {
    const folder = join(servers.home, name);
    mkdirSync(folder, { recursive: true });
    const real = { pg_dump: tools.pgDump, pg_restore: tools.pgRestore };
    for (const [program, path] of Object.entries(real)) {
      writeFileSync(join(folder, program), programs[program] ?? `#!/bin/sh\nexec ${path} "$@"\n`);
      chmodSync(join(folder, program), 0o755);
    }
    return [folder, process.env["PATH"] ?? ""].join(delimiter);
  }

  it("the whole process is killed: the next run ends what it left, and begins anew", async () => {
    const wire = await wireTo("b", "client", () => process.kill(-pidOfGroup, "SIGKILL"));
    const child = spawn(process.execPath, ["--import", "tsx", "operations/copyDatabase.ts"], {
      cwd: join(__dirname, "..", ".."),
      detached: true,
      env: {
        ...process.env,
        PATH: through(wire.port),
        MIGRATION_DATABASE_A_DSN: `postgres://api7ee:pw@${servers.a.address}:5432/api7ee`,
        MIGRATION_DATABASE_B_DSN: `postgres://api7ee:pw@${servers.b.address}:5432/api7ee`,
      },
      stdio: ["pipe", "ignore", "ignore"],
    });
    const pidOfGroup = child.pid ?? 0;
    const ended = new Promise((resolve) => child.once("close", (_code, signal) => resolve(signal)));
    child.stdin.end(JSON.stringify(request()));
    assert.equal(await ended, "SIGKILL");
    const [comment] = await servers.run("b", [
      "select shobj_description(oid, 'pg_database') as mark from pg_database where datname = 'api7ee'",
    ]);
    assert.match(String(comment?.["mark"]), /^\[api7-migration copy test: begun /);
    await assertNextRunSucceeds();
    await assertAUnharmed();
  });

  it("it is ended from outside: B is empty before the command ends", async () => {
    const ending = new AbortController();
    const wire = await wireTo("a", "server", () => ending.abort());
    const a = servers.address("a", { host: "127.0.0.1", port: wire.port });
    const said = await failureOf(copy({}, { a, signal: ending.signal }));
    assert.match(said, /the copy was ended from outside\n.*database B is empty again/);
    await assertAUnharmed();
    await assertBEmpty();
    await assertNextRunSucceeds();
  });

  it("another run is filling B", async () => {
    let second = "";
    await copy(
      {},
      {
        onStart: async () => {
          second = await failureOf(copy());
        },
      },
    );
    assert.match(second, /another run of the copy is filling it/);
    assert.equal(await rowCounts("b"), rowsOfA);
  });

  it("the password is wrong, on either side", async () => {
    for (const side of ["a", "b"] as const) {
      const said = await failureOf(copy({}, { [side]: servers.address(side, { password: "wrong" }) }));
      assert.match(said, new RegExp(`database ${side.toUpperCase()}: password authentication failed`));
      assert.match(said, /correct the password in the secret setting/);
    }
    await assertAUnharmed();
    await assertNextRunSucceeds();
  });

  it("the disk of the folder is full", async () => {
    // The programs may write files of 1 MiB at most, which the kernel refuses as it refuses a full disk's.
    const script = `#!/bin/sh\ntrap '' XFSZ\nulimit -f 2048\nexec ${tools.pgDump} "$@"\n`;
    const environment = { ...process.env, PATH: toolsWith("small-files", { pg_dump: script }) };
    const folder = join(servers.home, "full");
    const said = await failureOf(copy({ folder }, { environment }));
    assert.match(said, /pg_dump failed.*(File too large|No space left)/);
    assert.match(said, /make room on the disk/);
    assert.deepEqual(readdirSync(folder), [], "nothing of the dump is left on the full disk");
    await assertAUnharmed();
    await assertBEmpty();
    await assertNextRunSucceeds({ folder });
  });

  it("the folder has too little space, or cannot be written: refused before anything is touched", async () => {
    // 2^63 bytes of tables fit nowhere.
    const source = await openSource(servers.address("a"), "api7ee");
    const { client } = await openTarget(servers.address("b"), source.plan.locale);
    const plan = { ...source.plan, tables: [{ name: "public.huge", bytes: 2 ** 63 }], databaseBytes: 30 * 1024 ** 3 };
    const conditions = { plan, client, state: { kind: "empty" } as const };
    await assert.rejects(
      refuseUnlessReady({ ...conditions, request: request({ folder: servers.home }) }),
      /MiB are free, the dump may need 8796093022272 MiB/,
    );
    await assert.rejects(
      refuseUnlessReady({ ...conditions, request: request({ storageBytes: 20 * 1024 ** 3 }) }),
      /its storage has 20 GiB, the copy needs 60 GiB/,
    );
    await disconnect(client);
    await source.close();
    writeFileSync(join(servers.home, "a file"), "");
    assert.match(
      await failureOf(copy({ folder: join(servers.home, "a file", "dumps") })),
      /it cannot be written \(ENOTDIR\)/,
    );
  });

  it("the disk of server B is full", async () => {
    // New files of the server may have 16 MiB (as its log's have), and this table needs more.
    await servers.run("a", [
      "create table large (filling text)",
      "alter table large alter filling set storage plain",
      "insert into large select repeat(md5(i::text), 100) from generate_series(1, 6000) i",
    ]);
    await servers.b.stop();
    const small = await servers.limited("b", 16);
    await small.start();
    try {
      const said = await failureOf(copy());
      assert.match(said, /pg_restore failed.*could not extend file.*File too large/);
      assert.match(said, /make room on the disk/);
      await assertBEmpty();
    } finally {
      await small.stop();
      await servers.b.start();
    }
    await copy();
    await servers.run("a", ["drop table large"]);
    await assertAUnharmed();
    await assertNextRunSucceeds();
  });

  it("there are too few connections, on either side", async () => {
    for (const side of ["a", "b"] as const) {
      await servers[side].asAdmin("postgres", ["alter role api7ee connection limit 3"]);
      try {
        const said = await failureOf(copy({ jobs: 4 }));
        assert.match(
          said,
          new RegExp(
            `database ${side.toUpperCase()}: [012] connections are free \\(limited by the user's CONNECTION LIMIT\\), the copy takes 5`,
          ),
        );
        assert.match(said, /lower databaseB\.source\.jobs/);
      } finally {
        await servers[side].asAdmin("postgres", ["alter role api7ee connection limit -1"]);
      }
    }
    await assertAUnharmed();
    await assertBEmpty();
    await assertNextRunSucceeds();
  });

  it("somebody holds a lock on a table of A", async () => {
    const holder = await servers.client("a");
    try {
      await holder.query("set application_name = 'a long change'; begin");
      const take = async (): Promise<void> => {
        await holder.query("lock table route in access exclusive mode");
      };
      // Between what is looked at beforehand and pg_dump, and then before all of it.
      const [during, before] = [
        await failureOf(copy({}, { lockWaitMs: 200, onStart: take })),
        await failureOf(copy({}, { lockWaitMs: 200 })),
      ];
      assert.match(during, /pg_dump failed.*(statement timeout|could not obtain lock)/);
      assert.match(before, /database A: canceling statement due to lock timeout/);
      for (const said of [during, before]) {
        assert.match(
          said,
          /public\.route is locked by process \d+ \(application a long change, user api7ee, idle in transaction/,
        );
        assert.match(said, /wait until/);
      }
      // The holder was not disturbed.
      await holder.query("insert into route (name) values ('of the holder')");
      await holder.query("rollback");
    } finally {
      await holder.end();
    }
    await assertAUnharmed();
    await assertBEmpty();
    await assertNextRunSucceeds();
  });

  it("the versions differ: of the servers and the settings, or of the programs", async () => {
    const path = join(servers.home, "no tools");
    mkdirSync(path, { recursive: true });
    for (const program of ["pg_dump", "pg_restore"]) {
      writeFileSync(join(path, program), `#!/bin/sh\necho "${program} (PostgreSQL) 13.4"\n`);
      chmodSync(join(path, program), 0o755);
    }
    const said = await failureOf(findTools(99, { PATH: path }));
    assert.match(said, /only those in .*no tools \(13\.4\), neither on PATH nor in \/usr\/lib\/postgresql\/99\/bin/);
    assert.match(said, /apt-get install postgresql-client-99/);
    assert.match(await failureOf(findTools(98, { PATH: "" })), /there are none/);
    const source = await openSource(servers.address("a"), "api7ee");
    const client = await connect(servers.address("b"));
    await assert.rejects(
      refuseUnlessReady({ plan: { ...source.plan, major: 14 }, client, state: { kind: "empty" }, request: request() }),
      /database A is of major version 14, database B of 15, databaseB\.engineVersion says 15/,
    );
    await disconnect(client);
    await source.close();
  });

  it("B is used by others, belongs to somebody else, stores text otherwise, or lacks roles and extensions", async () => {
    const other = await servers.client("b");
    await other.query("set application_name = 'dashboard'");
    assert.match(await failureOf(copy()), /others are connected to it: api7ee \(dashboard\) from 127\./);
    await other.end();

    await servers.b.asAdmin("postgres", [
      "alter database api7ee owner to rdsadmin",
      "grant all on database api7ee to api7ee",
    ]);
    assert.match(await failureOf(copy()), /the user does not own it/);
    await servers.b.asAdmin("postgres", [
      "drop database api7ee",
      "create database api7ee owner api7ee template template0 encoding 'SQL_ASCII'",
    ]);
    const text = await failureOf(copy());
    assert.match(text, /it stores text otherwise than A: SQL_ASCII, .*, where A has UTF8/);
    await servers.emptyB();

    await servers.b.asAdmin("postgres", ["drop role if exists reader"]);
    assert.match(
      await failureOf(copy({ createRoles: false })),
      /A's grants name roles that it lacks: reader[^]*CREATE ROLE "reader" NOLOGIN/,
    );
    await assertBEmpty();
    await assertNextRunSucceeds();
  });
});
