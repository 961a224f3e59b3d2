import assert from "node:assert/strict";
import { join } from "node:path";
import { local } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { type PulumiFn } from "@pulumi/pulumi/automation";
import { RandomPassword } from "@pulumi/random";
import { EngineRun, pluginSource } from "./engineRun";
import { gone, parentOf, readIfThere, until } from "./processes";

const COMMAND = "command:local:Command";
const PASSWORD = "random:index/randomPassword:RandomPassword";
const SECRET = { "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270" };

interface GateArgs extends Omit<local.CommandArgs, "environment"> {
  readonly environment?: Readonly<Record<string, string>>;
}

/** A gate as the program has one: its record goes from update to update, a password and a secret come with it. */
const gate =
  (args: GateArgs, length = 24): PulumiFn =>
  () => {
    const password = new RandomPassword("password", { length, special: false });
    const environment = { PASSWORD: password.result, TOKEN: pulumi.secret("hidden"), ...args.environment };
    const { stdout } = new local.Command("gate", { logging: "none", ...args, environment });
    return Promise.resolve({ record: stdout });
  };

describe("plugins command and random on the real engine, one stack's life", function () {
  this.timeout(60_000);
  let run: EngineRun;

  before(async () => {
    run = await EngineRun.start([pluginSource("command"), pluginSource("random")]);
  });
  after(() => run.remove());

  const record = async () => ((await run.stored(COMMAND))[0]?.outputs ?? {})["stdout"];
  const chained = { create: 'echo "$STAGE"', update: 'echo "$PULUMI_COMMAND_STDOUT, $STAGE"; cat' };

  it("creates, with the password and single variables secret, and stdout not", async () => {
    const created = gate({ ...chained, environment: { STAGE: "prepare" }, stdin: "" });
    assert.deepEqual(await run.up(created), { create: 3 });
    assert.deepEqual(await run.preview(), { same: 3 });
    assert.equal(await record(), "prepare");

    const [command] = await run.stored(COMMAND);
    const environment = command?.outputs?.["environment"] as Record<string, unknown>;
    assert.equal(environment["STAGE"], "prepare");
    for (const name of ["PASSWORD", "TOKEN"]) {
      assert.deepEqual({ ...(environment[name] as object), plaintext: 0 }, { ...SECRET, plaintext: 0 });
    }
    const [password] = await run.stored(PASSWORD);
    const result = password?.outputs?.["result"] as Record<string, string>;
    assert.deepEqual({ ...result, plaintext: 0 }, { ...SECRET, plaintext: 0 });
    assert.match(result["plaintext"] ?? "", /^"[a-zA-Z0-9]{24}"$/);
  });

  it("chains the output over updates, and keeps it when one fails", async () => {
    const frozen = gate({ ...chained, environment: { STAGE: "freeze" }, stdin: "request" });
    assert.deepEqual(await run.preview(frozen), { same: 2, update: 1 });
    assert.equal((await run.stack.preview()).changeSummary.update, 1);
    assert.deepEqual(await run.up(frozen), { same: 2, update: 1 });
    assert.equal(await record(), "prepare, freeze\nrequest");

    const failing = gate({ ...chained, update: "echo seen; echo why >&2; exit 4", environment: { STAGE: "restore" } });
    await assert.rejects(run.up(failing), /exit status 4: running "echo seen; echo why >&2; exit 4":\s+seen\s+why/);
    assert.equal(await record(), "prepare, freeze\nrequest");
  });

  it("is ended by an interrupt of the engine, with the command's own processes; the record stays", async () => {
    const { engine, plugin, command, child, update } = await hanging();
    process.kill(engine, "SIGINT");
    await assert.rejects(update, /cancelled|interrupt|signal/i);
    await Promise.all([engine, plugin, command, child].map(async (pid) => gone(pid)));
    assert.equal(await record(), "prepare, freeze\nrequest");
  });

  it("ends when the engine is killed, with the command's own processes; the record stays", async () => {
    const { engine, plugin, command, child, update } = await hanging();
    process.kill(engine, "SIGKILL");
    await assert.rejects(update);
    await Promise.all([engine, plugin, command, child].map(async (pid) => gone(pid)));
    // The lock of the killed engine is still there.
    await run.stack.cancel();
    assert.equal(await record(), "prepare, freeze\nrequest");
  });

  it("fails the step when the plugin is killed, and the next update goes on where the last one ended", async () => {
    const { plugin, command, update } = await hanging();
    process.kill(plugin, "SIGKILL");
    await assert.rejects(update, /error reading from server|Unavailable|EOF/i);
    process.kill(-command, "SIGKILL");
    assert.equal(await record(), "prepare, freeze\nrequest");

    await run.up(gate({ ...chained, environment: { STAGE: "restore" } }));
    assert.equal(await record(), "prepare, freeze\nrequest, restore");
  });

  it("is replaced by its triggers, and loses the output then; a password by any change", async () => {
    const triggered = gate({ ...chained, environment: { STAGE: "again" }, triggers: ["1"] });
    assert.deepEqual(await run.preview(triggered), { replace: 1, same: 2 });
    await run.up(triggered);
    assert.equal(await record(), "again");
    const { replace, update } = await run.preview(
      gate({ ...chained, environment: { STAGE: "again" }, triggers: ["1"] }, 25),
    );
    assert.deepEqual({ replace, update }, { replace: 1, update: 1 });
  });

  it("runs delete with the last output, and leaves no process behind", async () => {
    const file = join(run.folder, "deleted");
    const last = gate({ ...chained, environment: { STAGE: "end" }, delete: `echo "$PULUMI_COMMAND_STDOUT" > ${file}` });
    await run.up(last);
    await run.destroy();
    assert.match(readIfThere(file), /end\n$/);
    assert.deepEqual(run.processes(), []);
  });

  /** An update in a command that does not end; the process ids of everything that takes part in it. */
  async function hanging(): Promise<{
    readonly engine: number;
    readonly plugin: number;
    readonly command: number;
    readonly child: number;
    readonly update: Promise<unknown>;
  }> {
    const file = join(run.folder, `hanging-${Date.now()}`);
    const update = run.up(
      gate({
        ...chained,
        update: `sleep 300 & echo $! > ${file}; echo $$ >> ${file}; wait`,
        environment: { STAGE: file },
      }),
    );
    // Awaited by the test, after what it does to the processes.
    update.catch(() => undefined);
    await until(() => readIfThere(file).split("\n").length === 3, "the command's process ids", 30);
    const [child = 0, command = 0] = readIfThere(file).split("\n").map(Number);
    const plugin = parentOf(command);
    const engine = parentOf(plugin);
    assert.match(readIfThere(`/proc/${engine}/cmdline`), /pulumi/);
    return { engine, plugin, command, child, update };
  }
});
