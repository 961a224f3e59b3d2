import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { Client } from "pg";
import { PostgresServers, type PostgresServer } from "../../rehearsal/cloud/postgres";
import { isReachable, reachableFolder, serverUser } from "../../rehearsal/cloud/postgres/serverUser";
import { segmentsBetween } from "../../rehearsal/cloud/postgres/backup";

const NETWORK = "127.130.1";
const MASTER = { masterUsername: "api7ee", masterPassword: "first-Password+1", databaseName: "api7ee" } as const;

function connectionString(server: PostgresServer, password: string, user: string = MASTER.masterUsername): string {
  return `postgres://${user}:${encodeURIComponent(password)}@${server.address}:${server.port}/${MASTER.databaseName}`;
}

async function query<Row extends object>(connection: string, text: string): Promise<readonly Row[]> {
  const client = new Client({ connectionString: connection });
  await client.connect();
  try {
    return (await client.query<Row>(text)).rows;
  } finally {
    await client.end();
  }
}

describe("PostgreSQL servers of the rehearsal", () => {
  const home = mkdtempSync(join(tmpdir(), "postgres-test-"));
  const servers = new PostgresServers({ home });
  let server: PostgresServer;

  before(async () => {
    server = await servers.create({ name: "a", address: `${NETWORK}.1`, ...MASTER });
  });

  after(async () => {
    await servers.stopAll();
    rmSync(home, { recursive: true, force: true });
  });

  it("are PostgreSQL 15, with a master user that owns the database and is no superuser", async () => {
    const [row] = await query<{ major: number; super: boolean; createdb: boolean; createrole: boolean; owner: string }>(
      connectionString(server, MASTER.masterPassword),
      `select current_setting('server_version_num')::int / 10000 as major, rolsuper as super, rolcreatedb as createdb,
         rolcreaterole as createrole, (select pg_get_userbyid(datdba) from pg_database where datname = current_database()) as owner
       from pg_roles where rolname = current_user`,
    );
    assert.deepEqual(row, { major: 15, super: false, createdb: true, createrole: true, owner: "api7ee" });
  });

  it("refuse a wrong password, the superuser over TCP, and listen on their own address only", async () => {
    await assert.rejects(query(connectionString(server, "wrong"), "select 1"), /password authentication failed/);
    await assert.rejects(
      query(connectionString(server, "x", "rdsadmin"), "select 1"),
      /pg_hba.conf rejects connection/,
    );
    const elsewhere = `postgres://api7ee:x@${NETWORK}.9:5432/api7ee`;
    await assert.rejects(query(elsewhere, "select 1"), /ECONNREFUSED/);
  });

  it("encrypt sessions with a certificate of their own authority", async () => {
    const ca = await servers.certificateAuthority();
    const text = "select ssl from pg_stat_ssl where pid = pg_backend_pid()";
    const client = new Client({ connectionString: connectionString(server, MASTER.masterPassword), ssl: { ca } });
    await client.connect();
    assert.deepEqual((await client.query(text)).rows, [{ ssl: true }]);
    await client.end();
    assert.deepEqual(await query(connectionString(server, MASTER.masterPassword), text), [{ ssl: false }]);
    const unknown = new Client({ connectionString: connectionString(server, MASTER.masterPassword), ssl: true });
    await assert.rejects(unknown.connect(), /certificate/);
  });

  it("change a password at once; the old one is refused, an open session stays", async () => {
    const open = new Client({ connectionString: connectionString(server, MASTER.masterPassword) });
    await open.connect();
    await server.setPassword("api7ee", "second Password'2");
    await assert.rejects(
      query(connectionString(server, MASTER.masterPassword), "select 1"),
      /password authentication failed/,
    );
    assert.equal((await query(connectionString(server, "second Password'2"), "select 1")).length, 1);
    assert.equal((await open.query("select 1")).rowCount, 1);
    await open.end();
    await server.setPassword("api7ee", MASTER.masterPassword);
    assert.doesNotMatch(readFileSync(join(server.dataFolder, "..", "log"), "utf8"), /second Password/);
  });

  it("refuse a password that RDS would not take, before anything is made", async () => {
    const o = { ...MASTER, name: "bad", address: `${NETWORK}.8`, masterPassword: "pässword" };
    await assert.rejects(servers.create(o), /printable ASCII/);
    await assert.rejects(servers.create({ name: "a", address: `${NETWORK}.8`, ...MASTER }), /named a exists already/);
  });

  it("restore a snapshot taken while rows are written: consistent, with all that was committed before", async () => {
    const master = connectionString(server, MASTER.masterPassword);
    await query(
      master,
      `create table pair_a (n int primary key, filler text); create table pair_b (n int primary key);
       insert into pair_a select n, repeat('x', 500) from generate_series(1, 20000) n; insert into pair_b select n from generate_series(1, 20000) n`,
    );
    let written = 20_000;
    const stop = new AbortController();
    const writer = (async (): Promise<void> => {
      const client = new Client({ connectionString: master });
      await client.connect();
      while (!stop.signal.aborted) {
        const n = written + 1;
        await client.query(
          `begin; insert into pair_a values (${n}, repeat('y', 500)); insert into pair_b values (${n}); commit`,
        );
        written = n;
      }
      await client.end();
    })();
    await delay(100);
    const before = written;
    const folder = join(home, "snapshot");
    const { bytes } = await servers.snapshot(server, folder);
    const after = written;
    await delay(50);
    stop.abort();
    await writer;
    assert.ok(bytes > 20_000 * 500, `the copy has ${bytes} bytes`);
    assert.ok(after > before, "rows were written during the snapshot");

    const restored = await servers.restore({ name: "b", address: `${NETWORK}.2`, folder });
    const [counts] = await query<{ a: number; b: number; max: number }>(
      connectionString(restored, MASTER.masterPassword),
      `select (select count(*)::int from pair_a) as a, (select count(*)::int from pair_b) as b, (select max(n) from pair_a) as max`,
    );
    assert.ok(counts);
    assert.equal(counts.a, counts.b);
    assert.equal(counts.a, counts.max, "no row in the middle is missing");
    assert.ok(counts.a >= before, `${counts.a} rows, ${before} were committed before the snapshot began`);
    assert.ok(counts.a <= written);

    // The two are separate servers: what one gets, the other does not.
    await query(connectionString(restored, MASTER.masterPassword), "delete from pair_a");
    const [a] = await query<{ n: number }>(master, "select count(*)::int as n from pair_a");
    assert.equal(a?.n, written);
    await restored.remove();
    assert.equal(existsSync(restored.dataFolder), false);
    assert.ok(existsSync(join(folder, "backup_label")), "the snapshot outlives its restored server");
  });

  it("refuse to restore a folder without a finished backup", async () => {
    const folder = mkdtempSync(join(home, "unfinished-"));
    await assert.rejects(servers.restore({ name: "c", address: `${NETWORK}.3`, folder }), /not a finished snapshot/);
  });

  it("recover what was committed after an immediate stop", async () => {
    const master = connectionString(server, MASTER.masterPassword);
    await query(master, "create table kept (n int); insert into kept values (1)");
    await server.stop("immediate");
    assert.equal(server.running, false);
    assert.throws(() => server.adminConnectionString(), /is stopped/);
    await assert.rejects(query(master, "select 1"), /ECONNREFUSED/);
    await server.start();
    assert.equal((await query(master, "select n from kept")).length, 1);
  });

  it("say why when the address is taken, and leave nothing behind", async () => {
    await assert.rejects(
      servers.create({ name: "twin", address: server.address, ...MASTER }),
      /Address already in use/,
    );
    assert.equal(existsSync(join(home, "twin")), false);
  });

  it("find another place when a folder above theirs is closed to the server account", () => {
    const closed = mkdtempSync(join(home, "closed-"));
    const folder = reachableFolder(join(closed, "servers"), serverUser());
    // Under our own account nothing is closed to us.
    if (serverUser().uid === undefined) assert.equal(folder, join(closed, "servers"));
    else {
      assert.ok(!folder.startsWith(closed), folder);
      assert.ok(isReachable(folder, serverUser()));
      rmSync(folder, { recursive: true });
    }
  });

  it("end when their owner is killed without warning", async () => {
    const owner = join(home, "owner.ts");
    const script = `
      const { PostgresServers } = require(${JSON.stringify(join(__dirname, "../../rehearsal/cloud/postgres"))});
      const { readFileSync } = require("node:fs");
      new PostgresServers({ home: ${JSON.stringify(join(home, "owned"))} })
        .create({ name: "o", address: "${NETWORK}.4", masterUsername: "u", masterPassword: "p", databaseName: "d" })
        .then((server) => console.log(readFileSync(server.dataFolder + "/postmaster.pid", "utf8").split("\\n")[0]));
      setTimeout(() => undefined, 60000);`;
    const child = spawn(process.execPath, ["--import", "tsx", "--input-type=commonjs", "-e", script, owner], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [line] = (await once(createInterface(child.stdout), "line")) as [string];
    const pid = Number.parseInt(line, 10);
    assert.ok(isAlive(pid));
    child.kill("SIGKILL");
    for (let wait = 0; wait < 100 && isAlive(pid); wait += 1) await delay(50);
    assert.equal(isAlive(pid), false);
  });
});

describe("the write-ahead log's segments", () => {
  it("are counted across the end of a high part", () => {
    assert.deepEqual(segmentsBetween("0000000100000000000000FE", "000000010000000100000001"), [
      "0000000100000000000000FE",
      "0000000100000000000000FF",
      "000000010000000100000000",
      "000000010000000100000001",
    ]);
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
