import assert from "node:assert/strict";
import { readFileSync, utimesSync, writeFileSync } from "node:fs";
import { homedir, hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { join, resolve } from "node:path";
import sdk from "@pulumi/pulumi/package.json";
import { byGo, isGoAtLeast, readGoModule } from "../../rehearsal/engine/byGo";
import { byInstaller } from "../../rehearsal/engine/byInstaller";
import { TOOLS_FOLDER } from "../../rehearsal/engine/cache";
import { cacheFolder, localEngineEnvironment } from "../../rehearsal/engine/index";
import { withLock } from "../../rehearsal/engine/lock";
import { run } from "../../rehearsal/engine/run";
import { LIMITS, type Limits, type WayContext } from "../../rehearsal/engine/way";
import { FakeMachine } from "./engineFakes";

describe("the engine's parts", () => {
  let machine: FakeMachine;
  let lines: string[];

  beforeEach(() => {
    machine = new FakeMachine();
    lines = [];
  });
  afterEach(() => machine.remove());

  const context = (limits: Partial<Limits> = {}): WayContext => ({
    version: sdk.version,
    env: machine.env,
    cacheFolder: machine.cache,
    report: (line) => lines.push(line),
    limits: { ...LIMITS, ...limits },
  });

  describe("the cache folder", () => {
    const cases: readonly (readonly [string, NodeJS.ProcessEnv, string])[] = [
      ["the project's own variable", { API7_MIGRATION_CACHE: "/own", XDG_CACHE_HOME: "/xdg", HOME: "/home/u" }, "/own"],
      ["a relative one counts from here", { API7_MIGRATION_CACHE: "own" }, resolve("own")],
      ["XDG", { API7_MIGRATION_CACHE: "", XDG_CACHE_HOME: "/xdg", HOME: "/home/u" }, "/xdg/api7-migration"],
      ["a relative XDG is ignored", { XDG_CACHE_HOME: "xdg", HOME: "/home/u" }, "/home/u/.cache/api7-migration"],
      ["the home folder", { HOME: "/home/u" }, "/home/u/.cache/api7-migration"],
      ["no variable at all", {}, join(homedir(), ".cache/api7-migration")],
    ];
    for (const [what, env, folder] of cases) {
      it(`follows ${what}`, () => assert.equal(cacheFolder(env), folder));
    }
  });

  it("gives the engine an environment that keeps it on this machine", () => {
    assert.deepEqual(localEngineEnvironment("/out/home"), {
      PULUMI_HOME: "/out/home",
      PULUMI_CONFIG_PASSPHRASE: "rehearsal",
      PULUMI_SKIP_UPDATE_CHECK: "true",
      PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
      PULUMI_DISABLE_REGISTRY_RESOLVE: "true",
    });
  });

  describe("tools/pulumi", () => {
    it("pins the version of the installed SDK, with its hashes", () => {
      const pinned = readGoModule(readFileSync(join(TOOLS_FOLDER, "go.mod"), "utf8"));
      assert.equal(pinned.cliVersion, sdk.version);
      assert.equal(pinned.sdkVersion, sdk.version);
      const sums = readFileSync(join(TOOLS_FOLDER, "go.sum"), "utf8");
      for (const module of ["pkg", "sdk"]) {
        assert.ok(sums.includes(`github.com/pulumi/pulumi/${module}/v3 v${sdk.version} h1:`), module);
      }
    });

    it("is refused when it pins another version than the SDK's", async () => {
      machine.go();
      const outcome = await byGo({ ...context(), version: "3.999.0" });
      assert.ok("reason" in outcome);
      assert.match(outcome.reason, /go\.mod pins v3\.248\.0 and v3\.248\.0, and the SDK is 3\.999\.0/);
      assert.match(outcome.remedy, /go get -tool \S+@v3\.999\.0/);
      assert.deepEqual(machine.goBuilds, []);
    });

    it("is refused without a pinned version", () => {
      assert.throws(
        () => readGoModule("module x\n\ngo 1.25\n"),
        /no requirement of github\.com\/pulumi\/pulumi\/pkg\/v3/,
      );
      assert.throws(() => readGoModule("module x\n"), /no line `go VERSION`/);
    });

    for (const [has, wants, enough] of [
      ["1.25.11", "1.25.11", true],
      ["1.26", "1.25.11", true],
      ["1.26rc1", "1.25.11", true],
      ["2.0", "1.25.11", true],
      ["1.25.9", "1.25.11", false],
      ["1.25", "1.25.11", false],
      ["1.9.12", "1.25.11", false],
    ] as const) {
      it(`Go ${has} ${enough ? "serves" : "does not serve"} for ${wants}`, () => {
        assert.equal(isGoAtLeast(has, wants), enough);
      });
    }
  });

  describe("progress and limits", () => {
    it("promises a line every 10 s at least", () => assert.ok(LIMITS.reportSeconds <= 10));

    it("is shown while the build is at work, with counts and elapsed seconds", async () => {
      machine.go("1.99.0", "sleep 0.5");
      assert.ok("path" in (await byGo(context({ reportSeconds: 0.1 }))));
      const shown = lines.filter((line) =>
        line.endsWith(": 1 modules fetched, 1 packages compiled, last example.org/module/package (0 s)"),
      );
      assert.ok(shown.length >= 2, lines.join("\n"));
    });

    it("ends a build that lasts too long", async () => {
      machine.go("1.99.0", machine.sleep);
      const outcome = await byGo(context({ buildSeconds: 1 }));
      assert.ok("reason" in outcome);
      assert.match(outcome.reason, /^`go build` took longer than 1 s and was stopped/);
      assert.ok(machine.sleeperIsGone);
    });

    it("ends an installer that hangs, with all it started", async () => {
      machine.internet({ script: machine.sleep });
      const start = performance.now();
      const outcome = await byInstaller(context({ installerStallSeconds: 4, reportSeconds: 1 }));
      assert.ok("reason" in outcome);
      assert.match(outcome.reason, /^it made no progress for 4 s and was stopped/);
      assert.match(outcome.remedy, /curl -fsSL \S+ \| sh -s -- --version 3\.248\.0; then put/);
      assert.ok(performance.now() - start < 15_000);
      assert.ok(machine.sleeperIsGone);
      assert.ok(
        lines.some((line) => line.startsWith("the official installer is at work, 0 MB so far (")),
        lines.join("\n"),
      );
    });

    it("lets an installer go on as long as something comes in", async () => {
      const steps = "for i in 1 2 3 4; do echo chunk >> $TMPDIR/archive; sleep 1; done; exit 7";
      machine.internet({ script: steps });
      const outcome = await byInstaller(context({ installerStallSeconds: 4 }));
      assert.ok("reason" in outcome);
      assert.match(outcome.reason, /exit code 7/);
    });

    it("ends an installer that trickles for too long", async () => {
      machine.internet({ script: `while true; do echo chunk >> $TMPDIR/archive; sleep 0.2; done` });
      const outcome = await byInstaller(context({ installerSeconds: 3 }));
      assert.ok("reason" in outcome);
      assert.match(outcome.reason, /^it took longer than 3 s and was stopped/);
    });

    it("ends even what ignores the request to end", async () => {
      const result = await run("/bin/sh", ["-c", `trap "" TERM; ${machine.sleep}; wait; wait`], {
        env: process.env,
        limitSeconds: 3,
      });
      assert.equal(result.failure, "took longer than 3 s and was stopped");
      // The kernel may take a moment on a busy computer.
      for (let look = 0; look < 20 && !machine.sleeperIsGone; look += 1) await sleep(100);
      assert.ok(machine.sleeperIsGone);
    });

    it("does not wait for what left the group and holds the streams open", async () => {
      const leaving = `require("child_process").spawn("sleep", ["12"], { detached: true, stdio: "inherit" })`;
      const start = performance.now();
      const result = await run(process.execPath, ["-e", leaving], { env: process.env, limitSeconds: 1 });
      assert.equal(result.failure, "took longer than 1 s and was stopped");
      assert.ok(performance.now() - start < 9_000);
    });

    it("tells what cannot be started", async () => {
      const result = await run(join(machine.folder, "missing"), [], { env: {}, limitSeconds: 5 });
      assert.match(result.failure ?? "", /^could not be started: .*ENOENT/);
    });
  });

  describe("the lock", () => {
    const limits = { waitSeconds: 1, staleSeconds: 60, reportSeconds: 0.4 };
    const file = () => join(machine.folder, "lock");
    const hold = (pid: number, host: string) => writeFileSync(file(), JSON.stringify({ token: "other", pid, host }));
    const take = () =>
      withLock(
        file(),
        limits,
        (line) => lines.push(line),
        () => Promise.resolve("done"),
      );

    it("is waited for while its holder lives, then given up, naming the holder and the file", async () => {
      hold(process.pid, hostname());
      await assert.rejects(take(), (error: unknown) => {
        assert.ok(error instanceof Error);
        assert.ok(
          error.message.startsWith(`process ${process.pid} on ${hostname()} has held ${file()} for`),
          error.message,
        );
        assert.match(error.message, /delete that file/);
        return true;
      });
      assert.match(lines[0] ?? "", /^waiting for process \d+ on .* \(\d s\)$/);
      assert.equal((JSON.parse(readFileSync(file(), "utf8")) as { token: string }).token, "other");
    });

    it("of an ended process of this machine is taken over", async () => {
      const ended = await run("/bin/sh", ["-c", "echo $$"], { env: process.env, limitSeconds: 5 });
      hold(Number(ended.stdout), hostname());
      assert.equal(await take(), "done");
    });

    it("of another machine is taken over only when it was not touched for long", async () => {
      hold(1, "another-host");
      await assert.rejects(take(), /process 1 on another-host has held/);
      const longAgo = new Date(Date.now() - 61_000);
      utimesSync(file(), longAgo, longAgo);
      assert.equal(await take(), "done");
    });

    it("is given back when the work fails", async () => {
      const failing = withLock(
        file(),
        limits,
        () => undefined,
        () => Promise.reject(new Error("broken")),
      );
      await assert.rejects(failing, /^Error: broken$/);
      assert.equal(await take(), "done");
    });

    it("is touched while the work goes on, so that nobody takes it for stale", async () => {
      const short = { ...limits, staleSeconds: 0.5, waitSeconds: 10 };
      const order: string[] = [];
      const work = (name: string, ms: number) => () =>
        new Promise<void>((done) => {
          order.push(`${name} begins`);
          setTimeout(() => {
            order.push(`${name} ends`);
            done();
          }, ms);
        });
      await Promise.all([
        withLock(file(), short, () => undefined, work("a", 1200)),
        new Promise((go) => setTimeout(go, 100)).then(() => withLock(file(), short, () => undefined, work("b", 10))),
      ]);
      assert.deepEqual(order, ["a begins", "a ends", "b begins", "b ends"]);
    });
  });
});
