import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Props, type ResourceContext } from "../../../rehearsal/providers/framework";
import { command } from "../../../rehearsal/providers/command/command";
import { gone, readIfThere, until } from "./processes";
import { LineLog, MAX_LOGGED_LINE_BYTES } from "../../../rehearsal/providers/command/lineLog";

describe("plugin command", () => {
  let folder: string;
  let lines: string[];
  let cancellation: AbortController;
  let ctx: ResourceContext;

  beforeEach(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), "command-")));
    lines = [];
    cancellation = new AbortController();
    ctx = {
      signal: cancellation.signal,
      config: {},
      dryRun: false,
      log: (severity, message) => lines.push(`${severity} ${message}`),
      urn: "urn:pulumi:s::p::command:local:Command::gate",
    };
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const create = async (inputs: Props) => (await command.create(inputs, ctx)).outputs;
  const update = async (olds: Props, news: Props) => command.update?.("id", olds, news, {}, ctx);

  it("captures both streams, without one line feed at the end", async () => {
    const { id, outputs } = await command.create({ create: "printf 'a\\n\\n'; printf 'ä' >&2" }, ctx);
    assert.match(id, /^gate[0-9a-f]{8}$/);
    assert.equal(outputs["stdout"], "a\n");
    assert.equal(outputs["stderr"], "ä");
    assert.equal(outputs["create"], "printf 'a\\n\\n'; printf 'ä' >&2");
  });

  it("hands stdin on, and an empty one where none is given", async () => {
    const stdin = "x".repeat(300_000);
    assert.equal((await create({ create: "cat | wc -c | tr -d ' '", stdin }))["stdout"], "300000");
    assert.equal((await create({ create: "cat", stdin: "" }))["stdout"], "");
    assert.equal((await create({ create: "cat" }))["stdout"], "");
    assert.equal((await create({ create: "echo unread", stdin }))["stdout"], "unread");
  });

  it("runs in the folder and with the interpreter that are given", async () => {
    assert.equal((await create({ create: "pwd", dir: folder }))["stdout"], folder);
    assert.equal((await create({ create: "pwd" }))["stdout"], realpathSync(process.cwd()));
    const interpreter = [process.execPath, "-e"];
    assert.equal((await create({ create: "console.log(1 + 1)", interpreter }))["stdout"], "2");
    assert.equal((await create({ create: "echo default", interpreter: [] }))["stdout"], "default");
  });

  it("adds the environment to the plugin's own, and lets nothing of it stay", async () => {
    const environment = { GREETING: "hello", HOME: "/nowhere" };
    const shown = await create({ create: 'echo "$GREETING $HOME $PATH"', environment });
    assert.equal(shown["stdout"], `hello /nowhere ${process.env["PATH"] ?? ""}`);
    assert.equal((await create({ create: 'echo "[$GREETING]"' }))["stdout"], "[]");
    assert.equal(process.env["GREETING"], undefined);
  });

  it("gives update and delete the output before, unless it is empty or not wanted", async () => {
    const before = { stdout: "out", stderr: "err" };
    const show = 'echo "$PULUMI_COMMAND_STDOUT/${PULUMI_COMMAND_STDERR-unset}"';
    assert.equal((await update(before, { create: "false", update: show }))?.["stdout"], "out/err");
    assert.equal((await update({ stdout: "o", stderr: "" }, { update: show }))?.["stdout"], "o/unset");
    const unwanted = { update: show, addPreviousOutputInEnv: false };
    assert.equal((await update(before, unwanted))?.["stdout"], "/unset");

    const file = join(folder, "deleted");
    await command.delete("id", { ...before, delete: `${show} > ${file}` }, ctx);
    assert.equal(readFileSync(file, "utf8"), "out/err\n");
    await command.delete("id", before, ctx);
  });

  it("runs create where no update is given, and nothing where there is neither", async () => {
    const before = { stdout: "old", stderr: "" };
    assert.equal(
      (await update(before, { create: 'echo "new after $PULUMI_COMMAND_STDOUT"' }))?.["stdout"],
      "new after old",
    );
    assert.deepEqual(await update(before, { delete: "false" }), { delete: "false", stdout: "old", stderr: "" });
    assert.deepEqual(await create({ delete: "false" }), { delete: "false", stdout: "", stderr: "" });
  });

  it("fails with the command and both streams in the order of their coming", async () => {
    const failing = "echo one; sleep 0.05; echo two >&2; exit 3";
    await assert.rejects(create({ create: failing }), {
      message: `exit status 3: running ${JSON.stringify(failing)}:\none\ntwo\n`,
    });
    await assert.rejects(update({}, { update: "kill -9 $$" }), /^Error: signal: SIGKILL: running "kill -9 \$\$":/);
    await assert.rejects(command.delete("id", { delete: "exit 1" }, ctx), /exit status 1: running "exit 1":/);
  });

  it("says what cannot be started", async () => {
    await assert.rejects(
      create({ create: "true", dir: join(folder, "none") }),
      /chdir .*none: no such file or directory/,
    );
    const interpreter = [join(folder, "none")];
    await assert.rejects(create({ create: "true", interpreter }), /fork\/exec .*none: no such file or directory/);
    writeFileSync(join(folder, "plain"), "");
    await assert.rejects(
      create({ create: "true", interpreter: [join(folder, "plain")] }),
      /fork\/exec .*plain.*EACCES/,
    );
  });

  it("fails as the system does when the output before is above 128 KiB", async () => {
    const fits = "x".repeat(128 * 1024 - "PULUMI_COMMAND_STDOUT=".length - 1);
    const news = { update: "echo ${#PULUMI_COMMAND_STDOUT}" };
    assert.equal((await update({ stdout: fits }, news))?.["stdout"], String(fits.length));
    await assert.rejects(update({ stdout: `${fits}x` }, news), /fork\/exec \/bin\/sh: argument list too long/);
  });

  it("shows the streams that logging names, line by line", async () => {
    const both = "echo out; sleep 0.05; printf 'err\\r\\nlast' >&2";
    for (const [logging, expected] of [
      [undefined, ["out", "err", "last"]],
      ["stdoutAndStderr", ["out", "err", "last"]],
      ["stdout", ["out"]],
      ["stderr", ["err", "last"]],
      ["none", []],
    ] as const) {
      lines.length = 0;
      const outputs = await create({ create: both, ...(logging !== undefined && { logging }) });
      assert.deepEqual(
        lines,
        expected.map((line) => `status ${line}`),
        logging,
      );
      assert.equal(outputs["stderr"], "err\r\nlast");
    }
  });

  it("refuses a logged line at which the real provider hangs, and takes it where it is not logged", async () => {
    const long = "head -c 70000 /dev/zero | tr '\\0' x";
    await assert.rejects(
      create({ create: `${long}; sleep 100` }),
      /a line of more than 65536 bytes with logging "stdoutAndStderr"/,
    );
    await assert.rejects(
      create({ create: `${long} >&2`, logging: "stderr" }),
      /with logging "stderr".*set logging to "none"/,
    );
    assert.equal(String((await create({ create: long, logging: "none" }))["stdout"]).length, 70_000);
    assert.equal(String((await create({ create: long, logging: "stderr" }))["stdout"]).length, 70_000);
  });

  it("cuts lines at the very limit, however the bytes come", () => {
    const longest = "y".repeat(MAX_LOGGED_LINE_BYTES - 1);
    const seen: string[] = [];
    const log = new LineLog((line) => seen.push(line));
    assert.equal(log.add(Buffer.from(longest.slice(0, 1000))), true);
    assert.equal(log.add(Buffer.from(`${longest.slice(1000)}\nshort`)), true);
    log.end();
    assert.deepEqual(seen, [longest, "short"]);
    assert.equal(new LineLog(() => undefined).add(Buffer.from(`${longest}y\n`)), false);
    assert.equal(new LineLog(() => undefined).add(Buffer.from(`${longest}y`)), false);
  });

  it("ends the command with everything that it started when it is cancelled", async () => {
    const file = join(folder, "pids");
    const running = create({ create: `sleep 60 & echo $! > ${file}; echo $$ >> ${file}; wait` });
    await until(() => readIfThere(file).split("\n").length === 3, "the command's process ids");
    cancellation.abort();
    await assert.rejects(running, /cancelled \(signal: SIGKILL\): running/);
    for (const pid of readIfThere(file).trim().split("\n")) {
      await gone(Number(pid));
    }
    await assert.rejects(create({ create: "true" }), /cancelled before it was started/);
  });

  it("refuses the collecting of files, and loggings that do not exist", async () => {
    const failures = await command.check?.({ assetPaths: ["a"], archivePaths: ["a"], logging: "all" }, undefined, ctx);
    assert.deepEqual(
      failures?.map(({ property }) => property),
      ["assetPaths", "archivePaths", "logging"],
    );
    assert.deepEqual(await command.check?.({ create: "true", logging: "none" }, undefined, ctx), []);
  });
});
