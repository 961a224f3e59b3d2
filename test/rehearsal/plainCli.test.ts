import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { stripVTControlCharacters } from "node:util";
import randomPackage from "@pulumi/random/package.json";
import { PlainProject, type Ended } from "./plainProject";

/** Uses what the migration uses: an exported async function, settings, two packages, a hook that can refuse a preview. */
const PROGRAM = `
import { local } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { RandomPassword } from "@pulumi/random";
import { greet } from "./greet";

export = async function program(): Promise<Record<string, unknown>> {
  await Promise.resolve();
  const config = new pulumi.Config();
  const guard = new pulumi.ResourceHook(
    "guard",
    ({ newInputs }) => {
      const { stdin } = newInputs as { stdin?: string };
      if (stdin?.startsWith("forbidden") === true) throw new Error("the guard refuses: " + stdin);
    },
    { onDryRun: true },
  );
  const password = new RandomPassword("password", { length: 12 });
  const said = new local.Command(
    "say",
    { create: "tee said.txt", update: "tee said.txt", stdin: config.require("text"), logging: "none" },
    { hooks: { beforeCreate: [guard], beforeUpdate: [guard] } },
  );
  const argv = JSON.stringify([process.argv, process.execArgv]);
  return {
    greeting: greet(config.requireObject<{ name: string }>("who").name),
    said: said.stdout,
    password: password.result,
    tokenLength: config.requireSecret("token").apply((token) => token.length),
    tokenInArguments: config.requireSecret("token").apply((token) => argv.includes(token)),
    where: [pulumi.getOrganization(), pulumi.getProject(), pulumi.getStack()].join("/"),
  };
};
`;
const GREET = `export function greet(name: string): string {\n  return "hello " + name;\n}\n`;

/** What a failed operation says at its end: the live lines above repeat parts of it. The SDK colours stacks in any case. */
function diagnostics({ stdout }: Ended): string {
  return stripVTControlCharacters(/^Diagnostics:\n([^]*?)(?=^\S)/m.exec(stdout)?.[1] ?? "");
}

function errors(ended: Ended): readonly string[] {
  return diagnostics(ended)
    .split("\n")
    .filter((line) => line.trim().startsWith("error:"))
    .map((line) => line.trim());
}

/** The command lines that name the folder: the language host's and the program's do. */
function processesOf(folder: string): readonly string[] {
  const lines = execFileSync("ps", ["-A", "-ww", "-o", "args="], { encoding: "utf8" }).split("\n");
  return lines.filter((line) => line.includes(folder));
}

async function until(holds: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 15_000;
  while (!holds()) {
    assert.ok(performance.now() < deadline, `${what}: not within 15 s`);
    await sleep(50);
  }
}

describe("the plain CLI, with the stand-in for the language host", function () {
  this.timeout(120_000);
  let project: PlainProject;

  before(async function () {
    // Where no CLI is at hand, it is built first.
    this.timeout(1_800_000);
    project = await PlainProject.create();
    project.write(
      "Pulumi.test.yaml",
      readFileSync(join(project.folder, "Pulumi.test.yaml"), "utf8") +
        "config:\n  plain:text: one\n  plain:who:\n    name: world\n",
    );
    await project.succeeds("config", "set", "--secret", "token", "a-very-secret-token");
  });
  beforeEach(() => {
    project.write("index.ts", PROGRAM);
    project.write("greet.ts", GREET);
    project.options({});
  });
  after(() => project.remove());

  it("previews: the plan, what is known already, and nothing done", async () => {
    const stdout = await project.succeeds("preview");
    assert.match(stdout, /\+ 3 to create/);
    assert.match(stdout, /greeting\s*: "hello world"/);
    assert.match(stdout, /said\s*: \[unknown\]/);
    assert.match(stdout, /where\s*: "organization\/plain\/test"/);
    assert.equal(existsSync(join(project.folder, "said.txt")), false);
  });

  it("updates, and tells the outputs, the secret ones only when asked", async () => {
    assert.match(await project.succeeds("up", "--yes", "--skip-preview"), /\+ 3 created/);
    assert.equal(readFileSync(join(project.folder, "said.txt"), "utf8"), "one");
    const shown = JSON.parse(await project.succeeds("stack", "output", "--json")) as Record<string, unknown>;
    assert.deepEqual(shown, {
      greeting: "hello world",
      said: "one",
      password: "[secret]",
      tokenLength: "[secret]",
      tokenInArguments: "[secret]",
      where: "organization/plain/test",
    });
    const all = JSON.parse(await project.succeeds("stack", "output", "--json", "--show-secrets")) as Record<
      string,
      unknown
    >;
    assert.equal((all["password"] as string).length, 12);
    assert.equal(all["tokenLength"], "a-very-secret-token".length);
    assert.equal(all["tokenInArguments"], false);
  });

  it("gives default providers the version of the installed package, and the history the runtime", async () => {
    const state = JSON.parse(await project.succeeds("stack", "export")) as {
      deployment: { resources: { urn: string; inputs?: Record<string, unknown> }[] };
    };
    const provider = state.deployment.resources.find(({ urn }) => urn.includes("pulumi:providers:random::"));
    assert.equal(provider?.inputs?.["version"], randomPackage.version);
    const [entry] = JSON.parse(await project.succeeds("stack", "history", "--json")) as {
      environment: Record<string, string>;
    }[];
    assert.equal(entry?.environment["runtime.version"], process.version);
    assert.equal(entry.environment["runtime.metadata.packagemanager"], "npm");
  });

  it("changes nothing when nothing has changed", async () => {
    assert.match(await project.succeeds("up", "--yes", "--skip-preview"), /3 unchanged/);
    await project.succeeds("preview", "--expect-no-changes");
  });

  it("refuses in preview and in update what a hook refuses, and says it once", async () => {
    await project.succeeds("config", "set", "text", "forbidden words");
    for (const operation of [["preview"], ["up", "--yes", "--skip-preview"]]) {
      const refused = await project.pulumi(...operation);
      assert.notEqual(refused.code, 0);
      assert.equal(diagnostics(refused).split("the guard refuses: forbidden words").length, 2, refused.stdout);
    }
    assert.equal(readFileSync(join(project.folder, "said.txt"), "utf8"), "one");
    await project.succeeds("config", "set", "text", "two");
    const changed = await project.succeeds("up", "--yes");
    assert.match(changed, /~ 1 to update/);
    assert.match(changed, /~ 1 updated/);
    assert.equal(readFileSync(join(project.folder, "said.txt"), "utf8"), "two");
  });

  it("compiles without a check of types; with one, it says a wrong type once", async () => {
    project.write("greet.ts", GREET.replace("name;", "name;\n}\nexport function wrong(): number {\n  return 'text';"));
    await project.succeeds("preview", "--expect-no-changes");
    project.options({ tsconfig: "tsconfig.json" });
    const refused = await project.pulumi("preview");
    assert.notEqual(refused.code, 0);
    assert.equal(errors(refused).length, 1, refused.stdout);
    assert.equal(
      diagnostics(refused).split("error TS2322: Type 'string' is not assignable to type 'number'").length,
      2,
      refused.stdout,
    );
  });

  it("says a thrown error once, with its place in the source", async () => {
    // Two frames only: Node up to the mending of nodejs/node#64011 never finishes to colour a frame of the SDK's own
    // files, as the SDK asks it to, and takes gigabytes meanwhile.
    const failure = "Error.stackTraceLimit = 2;\n  throw new Error('no such luck');\n  return";
    project.write("greet.ts", GREET.replace("return", failure));
    const failed = await project.pulumi("preview");
    assert.equal(failed.code, 1);
    assert.deepEqual(errors(failed), [
      `error: Running program '${join(project.folder, "index.ts")}' failed with an unhandled exception:`,
    ]);
    assert.equal(diagnostics(failed).split("Error: no such luck").length, 2, failed.stdout);
    assert.ok(diagnostics(failed).includes(`${join(project.folder, "greet.ts")}:3:`), failed.stdout);
  });

  it("says a RunError once, and nothing but its message", async () => {
    // Without frames, for the same reason.
    const failure = "throw Object.assign(new pulumi.RunError('no such luck'), { stack: undefined });\n  const config";
    project.write("index.ts", PROGRAM.replace("const config", failure));
    const failed = await project.pulumi("up", "--yes", "--skip-preview");
    assert.equal(failed.code, 1);
    assert.deepEqual(errors(failed), ["error: no such luck"]);
    assert.ok(!diagnostics(failed).includes(project.folder), failed.stdout);
  });

  it("says with which exit code a program ended that said nothing itself", async () => {
    project.write("index.ts", "process.exit(3);");
    const failed = await project.pulumi("preview");
    assert.notEqual(failed.code, 0);
    assert.deepEqual(errors(failed), ["error: an unhandled error occurred: Program exited with non-zero exit code: 3"]);
  });

  it("gives Node the arguments of the project, and refuses options that are none", async () => {
    const tsx = join(project.folder, "node_modules/tsx");
    symlinkSync(join(__dirname, "../../node_modules/tsx"), tsx);
    project.options({ typescript: false, nodeargs: "--import tsx" });
    await project.succeeds("preview", "--expect-no-changes");
    unlinkSync(tsx);
    project.options({ typescript: "no" });
    const refused = await project.pulumi("preview");
    assert.match(
      refused.stderr + refused.stdout,
      /the runtime option typescript must be a boolean, and Pulumi.yaml says "no"/,
    );
  });

  it("does without the plugin of a package that no resource uses, and names one that a resource needs", async () => {
    const unused = join(project.folder, "node_modules/@pulumi/unused");
    mkdirSync(unused);
    writeFileSync(
      join(unused, "package.json"),
      JSON.stringify({ name: "@pulumi/unused", version: "1.2.3", pulumi: { resource: true } }),
    );
    await project.succeeds("preview", "--expect-no-changes");
    rmSync(unused, { recursive: true });

    const plugin = join(project.home, "bin/pulumi-resource-random");
    renameSync(plugin, `${plugin}.away`);
    const refused = await project.pulumi("preview");
    renameSync(`${plugin}.away`, plugin);
    assert.notEqual(refused.code, 0);
    assert.match(refused.stderr + refused.stdout, new RegExp(`no resource plugin .*random.*${randomPackage.version}`));
  });

  for (const [signal, whose] of [
    ["SIGINT", "that is interrupted"],
    ["SIGKILL", "that is killed"],
  ] as const) {
    it(`leaves no process of an operation ${whose}`, async () => {
      const running = join(project.folder, "running");
      project.write(
        "index.ts",
        `require("node:fs").writeFileSync("running", ""); export = () => new Promise((end) => setTimeout(end, 60_000));`,
      );
      const { child, ended } = project.start("preview");
      await until(() => existsSync(running), "the program runs");
      // The language host and the program: what is looked for below is found while it is there.
      assert.ok(processesOf(project.home).length >= 2);
      child.kill(signal);
      const { code } = await ended;
      assert.notEqual(code, 0);
      await until(() => processesOf(project.home).length === 0, "no process is left");
      rmSync(running);
      await project.pulumi("cancel", "--yes");
    });
  }

  it("destroys without running the program", async () => {
    project.write("index.ts", "throw new Error('must not run');");
    assert.match(await project.succeeds("destroy", "--yes", "--skip-preview"), /- 3 deleted/);
  });
});
