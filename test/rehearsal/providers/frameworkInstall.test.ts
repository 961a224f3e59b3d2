import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as grpc from "@grpc/grpc-js";
import { ResourceProviderClient } from "@pulumi/pulumi/proto/provider_grpc_pb";
import { GetSchemaRequest } from "@pulumi/pulumi/proto/provider_pb";
import sdk from "@pulumi/random/package.json";
import { installPlugins } from "../../../rehearsal/providers/framework";
import { installFrom, type PluginSource } from "../../../rehearsal/providers/framework/install";
import { empty } from "../../../rehearsal/providers/framework/messages";
import { pluginSource } from "./engineRun";

const RANDOM = pluginSource("random");

describe("provider framework: plugins as programs", () => {
  let home: string;
  let lines: string[];
  let started: ChildProcess[];

  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), "plug's in "));
    lines = [];
    started = [];
  });
  afterEach(() => {
    started.forEach((plugin) => plugin.kill("SIGKILL"));
    rmSync(home, { recursive: true });
  });

  const options = () => ({
    folder: join(home, "bin"),
    cacheFolder: join(home, "cache"),
    report: (line: string) => lines.push(line),
  });
  const install = async (...sources: readonly PluginSource[]) => installFrom(sources, options());
  /** A plugin as the engine starts it, and the one line that it prints. */
  const start = async (...args: readonly string[]) => {
    const plugin = spawn(join(home, "bin/pulumi-resource-random"), args, { stdio: ["pipe", "pipe", "pipe"] });
    started.push(plugin);
    const errors: string[] = [];
    plugin.stderr.on("data", (chunk: Buffer) => errors.push(chunk.toString()));
    const ended = once(plugin, "close") as Promise<[code: number | null]>;
    const line = await Promise.race([
      once(plugin.stdout, "data").then(([chunk]) => String(chunk)),
      ended.then(() => ""),
    ]);
    return { plugin, line, errors, ended };
  };

  it("are one for each provider of the rehearsal", async () => {
    const { pathFolder } = await installPlugins(options());
    const providers = join(__dirname, "../../../rehearsal/providers");
    const expected = readdirSync(providers).filter((name) => existsSync(join(providers, name, "main.ts")));
    assert.ok(expected.includes("command") && expected.includes("random"));
    assert.deepEqual(readdirSync(pathFolder).sort(), expected.map((name) => `pulumi-resource-${name}`).sort());
    for (const launcher of readdirSync(pathFolder)) {
      assert.equal(statSync(join(pathFolder, launcher)).mode & 0o777, 0o755);
    }
  });

  it("are bundled once, and anew when their sources or schema change", async () => {
    const schema = join(home, "schema.json");
    const main = join(home, "main.ts");
    mkdirSync(home, { recursive: true });
    writeFileSync(schema, "{}");
    writeFileSync(main, "console.log(1);");
    const source = { name: "own", main, schema };
    await install(source);
    await install(source);
    writeFileSync(schema, '{"a": 1}');
    await install(source);
    writeFileSync(main, "console.log(2);");
    await install(source);
    await install(source);
    assert.deepEqual(lines, [
      "plugin own: bundled",
      "plugin own: taken from the cache",
      "plugin own: bundled",
      "plugin own: bundled",
      "plugin own: taken from the cache",
    ]);
    assert.equal(readdirSync(join(home, "cache/plugins")).length, 3);
  });

  it("are installed by several at once", async () => {
    await Promise.all([install(RANDOM), install(RANDOM), install(RANDOM)]);
    assert.equal(readdirSync(join(home, "cache/plugins")).length, 1);
    assert.deepEqual(readdirSync(join(home, "bin")), ["pulumi-resource-random"]);
    assert.match((await start("127.0.0.1:1")).line, /^\d+\n$/);
  });

  it("say which one does not build, and why", async () => {
    const main = join(home, "main.ts");
    writeFileSync(main, 'import { missing } from "./missing";\nmissing();\n');
    await assert.rejects(
      install({ name: "broken", main }),
      /plugin "broken" does not build from .*main\.ts: [^]*Could not resolve "\.\/missing"/,
    );
  });

  it("want a folder and a cache where they can be written", async () => {
    // A file in the place of the folder stops root, too.
    writeFileSync(join(home, "cache"), "");
    await assert.rejects(install(RANDOM), /ENOTDIR|EEXIST/);
  });

  it("print one line with their port, answer there, and take a cancel without ending", async () => {
    await install(RANDOM);
    const { plugin, line } = await start("--logtostderr", "127.0.0.1:1");
    const client = new ResourceProviderClient(`127.0.0.1:${line.trim()}`, grpc.credentials.createInsecure());
    const version = async () =>
      new Promise<string>((resolve, reject) => {
        client.getPluginInfo(empty(), (error, info) => (error ? reject(error) : resolve(info.getVersion())));
      });
    assert.equal(await version(), sdk.version);
    await new Promise<void>((resolve, reject) => {
      client.cancel(empty(), (error) => (error ? reject(error) : resolve()));
    });
    assert.equal(await version(), sdk.version);
    await new Promise<void>((resolve) => {
      client.getSchema(new GetSchemaRequest(), (error) => {
        assert.equal(error?.code, grpc.status.UNIMPLEMENTED);
        resolve();
      });
    });
    client.close();
    assert.equal(plugin.exitCode, null);
  });

  for (const [how, end] of [
    ["their standard input ends", (plugin: ChildProcess) => plugin.stdin?.end()],
    ["they are interrupted", (plugin: ChildProcess) => plugin.kill("SIGINT")],
    ["they are terminated", (plugin: ChildProcess) => plugin.kill("SIGTERM")],
  ] as const) {
    it(`end at once when ${how}`, async () => {
      await install(RANDOM);
      const { plugin, ended } = await start("127.0.0.1:1");
      const from = performance.now();
      end(plugin);
      assert.deepEqual(await ended, [0, null]);
      assert.ok(performance.now() - from < 2000);
    });
  }

  it("say so when there is no engine's address, or no schema", async () => {
    await install(RANDOM);
    const bare = await start();
    await bare.ended;
    assert.match(bare.errors.join(""), /"random" wants the engine's address as its last argument/);

    await install({ name: RANDOM.name, main: RANDOM.main });
    const lost = await start("127.0.0.1:1");
    await lost.ended;
    assert.match(lost.errors.join(""), /no such file or directory.*random\.json/);
  });
});
