import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { once } from "node:events";
import { createInterface } from "node:readline";
import * as grpc from "@grpc/grpc-js";
import sdk from "@pulumi/pulumi/package.json";
import { LanguageRuntimeClient } from "@pulumi/pulumi/proto/language_grpc_pb";
import {
  InstallDependenciesRequest,
  ProgramInfo,
  RunRequest,
  type RunResponse,
} from "@pulumi/pulumi/proto/language_pb";
import { installLanguageHost, installStandIn, LANGUAGE_HOST } from "../../rehearsal/engine/languageHost";
import { serveMonitorProxy, type MonitorProxy } from "../../rehearsal/engine/languageHost/monitorProxy";
import { parseRuntimeOptions, splitArguments } from "../../rehearsal/engine/languageHost/options";
import { programArguments, programEnvironment, type ProgramRequest } from "../../rehearsal/engine/languageHost/program";
import { requiredPackages } from "../../rehearsal/engine/languageHost/requiredPackages";
import { FakeMonitor, MonitorCalls } from "./fakeMonitor";

const REPOSITORY = resolve(__dirname, "../..");

describe("the stand-in for the language host", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "language-host-test-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const write = (path: string, content: string | object, mode = 0o644): string => {
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content), { mode });
    return file;
  };

  describe("runtime options", () => {
    it("have the real host's defaults", () => {
      assert.deepEqual(parseRuntimeOptions({}), {
        typescript: true,
        tsconfig: undefined,
        nodeArguments: [],
        packageManager: undefined,
      });
    });

    it("are read, and others left alone", () => {
      const options = {
        typescript: false,
        tsconfig: "t.json",
        nodeargs: "--import tsx",
        packagemanager: "pnpm",
        other: 1,
      };
      assert.deepEqual(parseRuntimeOptions(options), {
        typescript: false,
        tsconfig: "t.json",
        nodeArguments: ["--import", "tsx"],
        packageManager: "pnpm",
      });
    });

    for (const [options, message] of [
      [{ typescript: "yes" }, 'the runtime option typescript must be a boolean, and Pulumi.yaml says "yes"'],
      [{ tsconfig: 1 }, "the runtime option tsconfig must be a string, and Pulumi.yaml says 1"],
      [{ nodeargs: ["--inspect"] }, 'the runtime option nodeargs must be a string, and Pulumi.yaml says ["--inspect"]'],
      [{ nodeargs: "--title 'a" }, "the runtime option nodeargs has a ' that is not closed: --title 'a"],
      [
        { packagemanager: "cargo" },
        'the runtime option packagemanager must be one of auto, npm, yarn, pnpm, bun, and Pulumi.yaml says "cargo"',
      ],
    ] as const) {
      it(`refuse ${JSON.stringify(options)}`, () => {
        assert.throws(() => parseRuntimeOptions(options), { message });
      });
    }

    for (const [line, words] of [
      ["", []],
      ["  a\tb\n c ", ["a", "b", "c"]],
      [`--title='a b' "c d"e`, ["--title=a b", "c de"]],
      [`a\\ b "c\\"d" 'e\\f'`, ["a b", 'c"d', "e\\f"]],
      [`'' ""`, ["", ""]],
    ] as const) {
      it(`split ${JSON.stringify(line)} into words`, () => {
        assert.deepEqual(splitArguments(line), words);
      });
    }
  });

  describe("required packages", () => {
    it("are the packages below node_modules with a resource plugin", () => {
      write("package.json", { name: "@pulumi/program", version: "1.0.0", pulumi: { resource: true } });
      write("node_modules/@pulumi/aws/package.json", {
        name: "@pulumi/aws",
        version: "7.1.0",
        pulumi: { resource: true },
      });
      write("node_modules/@pulumi/pulumi/package.json", { name: "@pulumi/pulumi", version: "3.248.0" });
      write("node_modules/@pulumi/off/package.json", {
        name: "@pulumi/off",
        version: "1.0.0",
        pulumi: { resource: false },
      });
      write("node_modules/thing/package.json", {
        name: "thing",
        version: "1.0.0",
        pulumi: { resource: true, name: "gadget", version: "v2.0.0", server: "https://plugins.example" },
      });
      write("node_modules/thing/node_modules/@pulumi/deep/package.json", {
        name: "@pulumi/deep",
        version: "0.1.0",
        pulumi: { resource: true, parameterization: { name: "deep", version: "0.1.0", value: "eA==" } },
      });
      const found = [...requiredPackages(folder)].sort((a, b) => a.name.localeCompare(b.name));
      assert.deepEqual(found, [
        { name: "aws", version: "v7.1.0", server: "" },
        {
          name: "deep",
          version: "v0.1.0",
          server: "",
          parameterization: { name: "deep", version: "0.1.0", value: "eA==" },
        },
        { name: "gadget", version: "v2.0.0", server: "https://plugins.example" },
      ]);
    });

    it("are found over links, each once, also over a link that leads back", () => {
      write("kept/random/package.json", { name: "@pulumi/random", version: "4.0.0", pulumi: { resource: true } });
      mkdirSync(join(folder, "program/node_modules/@pulumi"), { recursive: true });
      symlinkSync(join(folder, "kept/random"), join(folder, "program/node_modules/@pulumi/random"));
      symlinkSync(join(folder, "kept/random"), join(folder, "program/node_modules/@pulumi/again"));
      symlinkSync(join(folder, "program"), join(folder, "kept/random/back"));
      symlinkSync(join(folder, "nowhere"), join(folder, "program/node_modules/broken"));
      assert.deepEqual(requiredPackages(join(folder, "program")), [{ name: "random", version: "v4.0.0", server: "" }]);
    });

    it("leave out policy packs, and packages that do not say what they are", () => {
      const random = { name: "@pulumi/random", version: "4.0.0", pulumi: { resource: true } };
      write("policy/PulumiPolicy.yaml", "runtime: nodejs");
      write("policy/node_modules/@pulumi/random/package.json", random);
      write("node_modules/nameless/package.json", { version: "1.0.0", pulumi: { resource: true } });
      write("node_modules/foreign/package.json", { name: "foreign", version: "1.0.0", pulumi: { resource: true } });
      write("node_modules/unversioned/package.json", { name: "@pulumi/x", pulumi: { resource: true } });
      write("node_modules/broken/package.json", "{");
      assert.deepEqual(requiredPackages(folder), []);
    });

    it("of this project are the packages that package.json names", () => {
      const names = requiredPackages(REPOSITORY).map(({ name }) => name);
      assert.deepEqual(names.sort(), ["aws", "command", "kubernetes", "random"]);
    });
  });

  describe("the program's process", () => {
    const request: ProgramRequest = {
      organization: "organization",
      project: "plain",
      stack: "test",
      rootDirectory: "/p",
      programDirectory: "/p/src",
      entryPoint: ".",
      dryRun: true,
      parallel: 16,
      args: ["--for-the-program"],
      config: { "plain:stage": "freeze", "aws:config:region": "eu-central-1" },
      configSecretKeys: ["plain:password"],
    };
    const surroundings = { monitor: "127.0.0.1:1", engine: "127.0.0.1:2", syncFolder: "/tmp/x", tracing: undefined };
    const options = parseRuntimeOptions({});

    it("gets the arguments of the SDK's starter, the entry point behind them", () => {
      const text = programArguments(request, surroundings).join(" ");
      assert.equal(
        text,
        "--monitor 127.0.0.1:1 --engine 127.0.0.1:2 --sync /tmp/x --organization organization --project plain " +
          "--root-directory /p --stack test --pwd /p/src --parallel 16 --dry-run . --for-the-program",
      );
    });

    it("gets no option for what is empty, and no --dry-run in an update", () => {
      const args = programArguments({ ...request, dryRun: false, organization: "", args: [] }, surroundings);
      assert.equal(args.includes("--dry-run"), false);
      assert.equal(args.includes("--organization"), false);
      assert.equal(args.at(-1), ".");
      assert.ok(
        programArguments(request, { ...surroundings, tracing: "http://t" })
          .join(" ")
          .includes("--tracing http://t"),
      );
    });

    it("gets settings, secret keys and runtime options in the environment", () => {
      assert.deepEqual(programEnvironment(request, options), {
        PULUMI_CONFIG: '{"plain:config:stage":"freeze","aws:config:region":"eu-central-1"}',
        PULUMI_CONFIG_SECRET_KEYS: '["plain:password"]',
        PULUMI_NODEJS_TYPESCRIPT: "true",
      });
      const others = programEnvironment(request, parseRuntimeOptions({ typescript: false, tsconfig: "t.json" }));
      assert.equal(others["PULUMI_NODEJS_TSCONFIG_PATH"], "t.json");
      assert.equal("PULUMI_NODEJS_TYPESCRIPT" in others, false);
    });

    for (const key of ["stage", "a:b:c", "a:config:b:c"]) {
      it(`is refused with the setting ${JSON.stringify(key)}`, () => {
        assert.throws(() => programEnvironment({ ...request, config: { [key]: "x" } }, options), {
          message: `"${key}" is no key of a setting: it must be of the form NAMESPACE:NAME`,
        });
      });
    }
  });

  describe("the monitor's proxy", () => {
    let monitor: FakeMonitor;
    let proxy: MonitorProxy;
    let client: MonitorCalls;
    beforeEach(async () => {
      monitor = await FakeMonitor.start();
      proxy = await serveMonitorProxy(monitor.address);
      client = new MonitorCalls(proxy.address);
    });
    afterEach(() => {
      client.close();
      proxy.close();
      monitor.close();
    });

    it("hands requests and answers on, and marks registrations of resources", async () => {
      assert.equal(await client.supportsFeature("resourceHooks"), true);
      assert.equal(await client.supportsFeature("other"), false);
      assert.equal(await client.registerResource("thing"), "urn:of:thing");
      assert.deepEqual(monitor.runtimes, { supportsFeature: [], registerResource: ["nodejs"] });
    });

    it("hands errors back with their details", async () => {
      const error = await client.failure();
      assert.equal(error.code, grpc.status.INVALID_ARGUMENT);
      assert.equal(error.details, "no such token");
      assert.deepEqual(error.metadata.get("grpc-status-details-bin"), [Buffer.from("the details")]);
    });

    it("lets the engine know of a call that the program gives up", async () => {
      await client.callAndCancel();
      assert.equal(await monitor.cancelled, true);
    });
  });

  describe("as the engine starts it", () => {
    let child: ReturnType<typeof start>;
    let client: LanguageRuntimeClient;
    const start = (launcher: string, ...args: string[]) =>
      spawn(launcher, args, { stdio: ["pipe", "pipe", "inherit"], cwd: folder });
    const connect = async (...args: string[]): Promise<void> => {
      child = start(await installStandIn(folder), ...args);
      const [line] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
      assert.match(line, /^\d+$/);
      client = new LanguageRuntimeClient(`127.0.0.1:${line}`, grpc.credentials.createInsecure());
    };
    const runProgram = (request: RunRequest): Promise<RunResponse> =>
      new Promise((resolve, reject) => {
        client.run(request, (error, response) => (error === null ? resolve(response) : reject(error)));
      });
    const infoOf = (programDirectory: string): ProgramInfo =>
      new ProgramInfo().setProgramDirectory(programDirectory).setRootDirectory(programDirectory).setEntryPoint(".");
    afterEach(async () => {
      client.close();
      if (child.exitCode === null) {
        child.kill("SIGKILL");
        await once(child, "exit");
      }
    });

    it("answers calls it does not know with UNIMPLEMENTED, and ends with the engine", async () => {
      await connect("--logtostderr", "-v=9", "--tracing", "http://t", "127.0.0.1:1");
      const answer = client.installDependencies(new InstallDependenciesRequest());
      const [error] = (await once(answer, "error")) as [grpc.ServiceError];
      assert.equal(error.code, grpc.status.UNIMPLEMENTED);
      child.stdin.end();
      assert.deepEqual(await once(child, "exit"), [0, null]);
    });

    it("ends at an interrupt while the engine still holds its connection", async () => {
      await connect("127.0.0.1:1");
      await new Promise<void>((resolve, reject) => {
        client.waitForReady(Date.now() + 5_000, (error) => (error === undefined ? resolve() : reject(error)));
      });
      child.kill("SIGINT");
      assert.deepEqual(await once(child, "exit"), [0, null]);
    });

    it("says which program has no SDK, and leaves nothing behind", async () => {
      const before = readdirSync(tmpdir()).filter((name) => name.startsWith("pulumi-node-pipes"));
      await connect("127.0.0.1:1");
      const request = new RunRequest().setMonitorAddress("127.0.0.1:1").setInfo(infoOf(folder));
      const response = await runProgram(request);
      assert.equal(
        response.getError(),
        `the Pulumi SDK (@pulumi/pulumi/cmd/run) is not installed in ${folder}: run \`npm ci\` there`,
      );
      assert.equal(response.getBail(), false);
      const after = readdirSync(tmpdir()).filter((name) => name.startsWith("pulumi-node-pipes"));
      assert.deepEqual(
        after.filter((name) => !before.includes(name)),
        [],
      );
    });

    it("runs no program without the engine's address, nor under a debugger", async () => {
      await connect();
      const request = new RunRequest().setMonitorAddress("127.0.0.1:1").setInfo(infoOf(folder));
      await assert.rejects(runProgram(request), { details: /started without the engine's address/ });
      child.kill("SIGKILL");
      await once(child, "exit");
      client.close();
      await connect("127.0.0.1:1");
      assert.match((await runProgram(request.setAttachDebugger(true))).getError(), /cannot attach a debugger/);
    });
  });

  describe("installed for a CLI", () => {
    let lines: string[];
    beforeEach(() => {
      lines = [];
    });
    const realHost = (path: string, version: string): string =>
      write(path, `#!/bin/sh\n[ "$1" = --version ] && echo "${version}"\n`, 0o755);
    const install = (path: readonly string[]) =>
      installLanguageHost(join(folder, "stand-in"), {
        cli: write("cli/pulumi", "", 0o755),
        env: { PATH: [...path.map((entry) => join(folder, entry)), "/usr/bin", "/bin"].join(":") },
        report: (line) => lines.push(line),
      });

    it("takes the language host on PATH, and puts no stand-in in front of it", async () => {
      await install([]);
      const own = realHost(`bin/${LANGUAGE_HOST}`, `v${sdk.version}`);
      const found = await install(["bin"]);
      assert.deepEqual(found, { pathFolder: join(folder, "stand-in"), source: "own", path: own });
      assert.equal(existsSync(join(found.pathFolder, LANGUAGE_HOST)), false);
    });

    it("takes the language host beside the CLI, also over a link to the CLI", async () => {
      const own = realHost(`cli/${LANGUAGE_HOST}`, `v${sdk.version}`);
      assert.equal((await install([])).path, own);
      mkdirSync(join(folder, "link"));
      symlinkSync(write("cli/pulumi", "", 0o755), join(folder, "link/pulumi"));
      const cli = join(folder, "link/pulumi");
      const found = await installLanguageHost(join(folder, "stand-in"), { cli, env: { PATH: "/usr/bin:/bin" } });
      assert.equal(found.source, "own");
      assert.equal(found.path, own);
    });

    for (const version of ["v3.247.0", ""]) {
      it(`passes over a language host that says version ${JSON.stringify(version)}`, async () => {
        const other = realHost(`bin/${LANGUAGE_HOST}`, version);
        const found = await install(["bin"]);
        assert.equal(found.source, "stand-in");
        assert.deepEqual(lines, [
          `${other} is passed over: \`--version\` says ${JSON.stringify(version)}, and the SDK is "v${sdk.version}"`,
          `language host: a stand-in at ${found.path}`,
        ]);
      });
    }

    it("does not take a stand-in for the real one, and says its version", async () => {
      const first = await install([]);
      const second = await install(["stand-in"]);
      assert.deepEqual(second, first);
      assert.equal(second.source, "stand-in");
      const child = spawn(second.path, ["--version"], { stdio: ["ignore", "pipe", "inherit"] });
      const [version] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
      assert.equal(version, `v${sdk.version}`);
    });
  });
});
