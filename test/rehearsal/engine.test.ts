import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { secret } from "@pulumi/pulumi";
import { LocalWorkspace } from "@pulumi/pulumi/automation";
import sdk from "@pulumi/pulumi/package.json";
import { cliRoot, executableIn, TOOLS_FOLDER } from "../../rehearsal/engine/cache";
import {
  EngineNotFoundError,
  ensureEngine,
  localEngineEnvironment,
  type EngineSource,
} from "../../rehearsal/engine/index";
import { FakeMachine, INSTALL_SCRIPT, WANTED } from "./engineFakes";

const CLI = ["--import", "tsx", resolve(__dirname, "../../rehearsal/engine/cli.ts")];
const execute = promisify(execFile);

describe("the engine", () => {
  let machine: FakeMachine;
  let lines: string[];

  beforeEach(() => {
    machine = new FakeMachine();
    lines = [];
  });
  afterEach(() => machine.remove());

  const ensure = (...ways: EngineSource[]) =>
    ensureEngine({
      env: machine.env,
      report: (line) => lines.push(line),
      ...(ways.length === 0 ? {} : { ways }),
    });
  const keptCli = () => executableIn(cliRoot(machine.cache, sdk.version));
  /** Nothing of an unfinished installation and no lock may be left. */
  const assertTidy = () => {
    const names = readdirSync(join(machine.cache, "pulumi-cli"));
    assert.deepEqual(
      names.filter((name) => name.includes("lock")),
      [],
    );
    assert.deepEqual(readdirSync(join(machine.cache, "pulumi-cli", "unfinished")), []);
  };

  describe("on PATH", () => {
    it("takes the CLI of the SDK's version, and writes nothing", async () => {
      const path = machine.pulumi(WANTED);
      const engine = await ensure();
      assert.equal(engine.path, path);
      assert.equal(engine.source, "path");
      assert.equal(engine.version, sdk.version);
      assert.equal(engine.command.command, path);
      assert.equal(engine.command.version?.version, sdk.version);
      assert.deepEqual(lines, []);
      assert.equal(existsSync(machine.cache), false);
    });

    it("gives a CLI outside a folder `bin` a root that PulumiCommand knows", async () => {
      const path = machine.pulumi(WANTED, join(machine.folder, "elsewhere", "pulumi"));
      const env = { ...machine.env, PATH: join(machine.folder, "elsewhere") };
      for (const round of ["first", "again"]) {
        const engine = await ensureEngine({ env });
        assert.equal(engine.path, path, round);
        assert.match(engine.command.command, /\/bin\/pulumi$/);
        assert.equal(realpathSync(engine.command.command), realpathSync(path));
      }
    });

    for (const version of ["v3.247.0", "v3.249.0", "v3.248.0-dev.1", "v4.0.0", ""]) {
      it(`passes over version ${JSON.stringify(version)}, says why, and takes the next that fits`, async () => {
        const other = machine.pulumi(version);
        const fitting = machine.pulumi(WANTED, join(machine.folder, "second", "bin", "pulumi"));
        const env = { ...machine.env, PATH: `${machine.bin}:${join(machine.folder, "second", "bin")}` };
        const engine = await ensureEngine({ env, report: (line) => lines.push(line) });
        assert.equal(engine.path, fitting);
        assert.deepEqual(lines, [
          `${other} is passed over: \`pulumi version\` says ${JSON.stringify(version)}, ` +
            `and the installed @pulumi/pulumi SDK needs "${WANTED}"`,
        ]);
      });
    }

    it("passes over one that cannot answer, and what is no executable file", async () => {
      const failing = machine.script(join(machine.bin, "pulumi"), `echo "no such luck" >&2; exit 3`);
      const plain = join(machine.folder, "plain");
      mkdirSync(join(plain, "folder", "pulumi"), { recursive: true });
      writeFileSync(join(plain, "pulumi"), "not executable");
      const env = { ...machine.env, PATH: `${machine.bin}:${plain}:${join(plain, "folder")}:` };
      await assert.rejects(ensureEngine({ env, ways: ["path"] }), (error: unknown) => {
        assert.ok(error instanceof EngineNotFoundError);
        assert.equal(
          error.attempts[0]?.reason,
          `${failing} is passed over: \`pulumi version\` ended with exit code 3: no such luck`,
        );
        return true;
      });
    });
  });

  describe("in the cache", () => {
    it("takes the CLI kept from an earlier run, in silence", async () => {
      machine.pulumi(WANTED, keptCli());
      const engine = await ensure();
      assert.equal(engine.source, "cache");
      assert.equal(engine.path, keptCli());
      assert.equal(engine.command.command, keptCli());
      assert.deepEqual(lines, []);
    });

    it("prefers a fitting CLI on PATH", async () => {
      machine.pulumi(WANTED, keptCli());
      machine.pulumi(WANTED);
      assert.equal((await ensure()).source, "path");
    });

    for (const [what, breakIt] of [
      ["of another version", () => machine.pulumi("v3.1.0", keptCli())],
      ["that fails", () => machine.script(keptCli(), "exit 1")],
      ["cut off while it was copied", () => machine.script(keptCli(), "case")],
    ] as const) {
      it(`replaces a kept CLI ${what}`, async () => {
        breakIt();
        machine.go();
        const engine = await ensure("cache", "go");
        assert.equal(engine.source, "go");
        assert.equal(engine.path, keptCli());
        assert.match(lines[0] ?? "", /is kept from an earlier run, but `pulumi version` .*; it will be replaced$/);
        assert.equal((await ensure("cache")).source, "cache");
        assertTidy();
      });
    }

    it("leaves a broken kept CLI where it is when no other can be made", async () => {
      machine.pulumi("v3.1.0", keptCli());
      await assert.rejects(ensure(), EngineNotFoundError);
      assert.ok(existsSync(keptCli()));
    });
  });

  describe("by the official installer", () => {
    it("installs the SDK's version into the cache and keeps it", async () => {
      machine.internet({ script: INSTALL_SCRIPT });
      machine.go();
      const engine = await ensure();
      assert.equal(engine.source, "installer");
      assert.equal(engine.path, keptCli());
      assert.deepEqual(machine.goBuilds, []);
      assert.equal((await ensure()).source, "cache");
      assertTidy();
    });

    it("does not take what it installed when that is another version", async () => {
      machine.internet({ script: INSTALL_SCRIPT.replace("v%s", "v3.300.0") });
      await assert.rejects(ensure("installer"), /what came of it does not fit: `pulumi version` says "v3\.300\.0"/);
      assert.equal(existsSync(keptCli()), false);
      assertTidy();
    });

    it("keeps what the install script said when it fails", async () => {
      machine.internet({ script: `echo "error: no space left on device" >&2; exit 1` });
      await assert.rejects(ensure("installer"), /official installer: .*no space left on device/);
      assertTidy();
    });

    it("gives way to the build, and says why it failed", async () => {
      machine.go();
      const engine = await ensure();
      assert.equal(engine.source, "go");
      assert.ok(
        lines.some((line) => /^official installer: it ended .*Failed to download \S+: fetch failed$/.test(line)),
        lines.join("\n"),
      );
      assertTidy();
    });
  });

  describe("built from tools/pulumi", () => {
    it("builds from the pinned module, with the version linked in, and keeps it", async () => {
      machine.go();
      const engine = await ensure("path", "cache", "go");
      assert.equal(engine.source, "go");
      assert.equal(engine.path, keptCli());
      assert.equal(machine.goBuilds.length, 1);
      const [build = ""] = machine.goBuilds;
      assert.ok(build.startsWith(`${TOOLS_FOLDER} CGO_ENABLED=0 build -mod=readonly `), build);
      assert.ok(build.includes(`-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=${WANTED} `), build);
      assert.ok(build.endsWith(" github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"), build);
      assert.equal((await ensure("path", "cache", "go")).source, "cache");
      assert.equal(machine.goBuilds.length, 1);
      assertTidy();
    });

    it("refuses a Go too old for go.mod, before it builds", async () => {
      machine.go("1.21.0");
      await assert.rejects(ensure("go"), /is "go version go1\.21\.0 .*needs Go 1\.\d+.*\n.*install Go 1\.\d+/);
      assert.deepEqual(machine.goBuilds, []);
    });

    it("keeps the errors of a failed build, not the names of packages", async () => {
      machine.go("1.99.0", `echo "go: example.org/module@v1.0.0: dial tcp: i/o timeout" >&2; exit 1`);
      await assert.rejects(
        ensure("go"),
        /built from tools\/pulumi: `go build` ended with exit code 1: go: example\.org\/module@v1\.0\.0: dial tcp: i\/o timeout\n/,
      );
      assert.equal(existsSync(keptCli()), false);
      assertTidy();
    });

    it("is ended by a signal with all it started, and the next run begins anew", async () => {
      machine.go("1.99.0", machine.sleep);
      const child = spawn(process.execPath, CLI, { env: machine.env, stdio: "ignore" });
      const ended = new Promise((done) => child.on("exit", (code, signal) => done(signal ?? code)));
      for (let i = 0; i < 150 && !machine.sleeperStarted; i++) {
        await sleep(100);
      }
      assert.ok(machine.sleeperStarted, "the build never began");
      child.kill("SIGTERM");
      assert.equal(await ended, "SIGTERM");
      for (let i = 0; i < 50 && !machine.sleeperIsGone; i++) {
        await sleep(20);
      }
      assert.ok(machine.sleeperIsGone, "the build went on");
      assert.equal(existsSync(keptCli()), false);
      machine.go();
      assert.equal((await ensure("cache", "go")).source, "go");
    });
  });

  describe("by no way", () => {
    it("names every way with its reason and its remedy", async () => {
      const other = machine.pulumi("v3.100.0");
      await assert.rejects(ensure(), (error: unknown) => {
        assert.ok(error instanceof EngineNotFoundError);
        assert.deepEqual(
          error.attempts.map((attempt) => attempt.source),
          ["path", "cache", "installer", "go"],
        );
        const said = error.message;
        assert.ok(said.startsWith(`No Pulumi CLI ${WANTED} could be had.`), said);
        for (const part of [
          `on PATH: ${other} is passed over: \`pulumi version\` says "v3.100.0"`,
          `To mend it: install the CLI of the SDK's version and put it first on PATH: ` +
            `curl -fsSL https://get.pulumi.com | sh -s -- --version ${sdk.version}\n`,
          `kept from an earlier run: none kept from an earlier run at ${keptCli()}`,
          `put an executable \`pulumi\` of version ${WANTED} for this machine at ${keptCli()}`,
          "official installer: it ended with exit code 1: Failed to download https://get.pulumi.com/install.sh: fetch failed",
          "let this machine reach get.pulumi.com and github.com (HTTPS)",
          "built from tools/pulumi: no `go` on PATH",
        ]) {
          assert.ok(said.includes(part), `missing: ${part}\nin:\n${said}`);
        }
        const goVersion = /^go (\S+)$/m.exec(readFileSync(join(TOOLS_FOLDER, "go.mod"), "utf8"))?.[1] ?? "no version";
        assert.ok(said.includes(`install Go ${goVersion} or newer`), said);
        return true;
      });
    });

    it("says so when the cache folder cannot be written", async () => {
      machine.go();
      writeFileSync(machine.cache, "a file where the folder should be");
      await assert.rejects(ensure(), (error: unknown) => {
        assert.ok(error instanceof EngineNotFoundError);
        assert.match(
          error.message,
          /built from tools\/pulumi: (ENOTDIR|EEXIST).*\n.*set API7_MIGRATION_CACHE to a folder/,
        );
        return true;
      });
    });
  });

  describe("at once", () => {
    it("is built once by two callers in one process", async () => {
      machine.go("1.99.0", "sleep 0.3");
      const engines = await Promise.all([ensure("cache", "go"), ensure("cache", "go")]);
      assert.deepEqual(
        engines.map((engine) => engine.path),
        [keptCli(), keptCli()],
      );
      assert.deepEqual(engines.map((engine) => engine.source).sort(), ["cache", "go"]);
      assert.equal(machine.goBuilds.length, 1);
      assertTidy();
    });

    it("is built once by two processes, whose standard output is the path alone", async () => {
      machine.go("1.99.0", "sleep 2");
      const both = await Promise.all([1, 2].map(() => execute(process.execPath, CLI, { env: machine.env })));
      for (const { stdout } of both) {
        assert.equal(stdout, `${keptCli()}\n`);
      }
      assert.equal(machine.goBuilds.length, 1);
      assert.match(both.map(({ stderr }) => stderr).join(""), /Pulumi CLI: built in \d+ s\n/);
      assertTidy();
    });
  });

  describe("of this machine", () => {
    it("is really had, in the SDK's version", async function () {
      // The build takes about 4 minutes on a bare machine of two cores; once kept, this is a matter of a second.
      this.timeout(45 * 60_000);
      const engine = await ensureEngine({ report: (line) => console.log(`      Pulumi CLI: ${line}`) });
      const { stdout } = await execute(engine.path, ["version"]);
      assert.equal(stdout.trim(), WANTED);
      assert.equal(engine.command.version?.version, sdk.version);
    });

    it("runs an inline program in the local environment, with secrets in the state", async function () {
      this.timeout(60_000);
      const home = join(machine.folder, "home");
      const state = join(machine.folder, "state");
      mkdirSync(state);
      const stack = await LocalWorkspace.createOrSelectStack(
        {
          stackName: "probe",
          projectName: "engine-test",
          program: () => Promise.resolve({ open: "seen", hidden: secret("not seen") }),
        },
        {
          pulumiCommand: (await ensureEngine({ ways: ["path", "cache"] })).command,
          pulumiHome: home,
          envVars: { ...localEngineEnvironment(home), PULUMI_BACKEND_URL: `file://${state}` },
        },
      );
      const { summary, outputs } = await stack.up();
      assert.equal(summary.result, "succeeded");
      assert.deepEqual(outputs["open"], { value: "seen", secret: false });
      assert.deepEqual(outputs["hidden"], { value: "not seen", secret: true });
      const kept = readFileSync(join(state, ".pulumi", "stacks", "engine-test", "probe.json"), "utf8");
      assert.ok(kept.includes("seen") && !kept.includes("not seen"));
    });
  });
});
