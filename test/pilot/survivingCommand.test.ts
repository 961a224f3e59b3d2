import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { PulumiCommand } from "@pulumi/pulumi/automation";
import { surviving } from "../../pilot/survivingCommand";

type Run = (
  args: string[],
  cwd: string,
  environment: object,
) => Promise<{ stdout: string; stderr: string; code: number }>;

/** Stands for the command line: writes as an update does, to its end, and then a mark that it got there. */
const FAKE = `#!/bin/sh
case "$1" in
  version) echo v3.248.0 ;;
  up)
    trap 'echo interrupted; exit 130' INT
    echo "begun $*" ; echo $$ > "$MARKS/pid"
    for i in 1 2 3 4 5 6; do sleep 0.2; echo "line $i" || exit 141; done
    echo done > "$MARKS/end"
    exit "\${CODE:-0}" ;;
  *) echo "plain $*" ;;
esac
`;

describe("an update of the pilot's", function () {
  this.timeout(120_000);
  let folder: string;
  let root: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "surviving-"));
    root = join(folder, "cli");
    await mkdir(join(root, "bin"), { recursive: true });
    await writeFile(join(root, "bin", "pulumi"), FAKE);
    await chmod(join(root, "bin", "pulumi"), 0o755);
  });
  afterEach(async () => rm(folder, { recursive: true, force: true }));

  async function run(args: readonly string[], environment: object = {}): ReturnType<Run> {
    const command = surviving(await PulumiCommand.get({ root }));
    return (command as unknown as { readonly run: Run }).run([...args], folder, { MARKS: folder, ...environment });
  }

  it("answers with its output and its code, as the command line's own", async () => {
    const { stdout, code } = await run(["up", "--yes"]);
    assert.equal(code, 0);
    assert.match(stdout, /^begun up --yes --non-interactive\n(line \d\n){6}$/);
    await assert.rejects(run(["up"], { CODE: "255" }), /code: 255[\s\S]*line 6/);
    assert.match((await run(["stack", "export"])).stdout, /^plain stack export/);
  });

  it("goes on to its end when the process that began it is killed", async () => {
    const script = join(folder, "begin.ts");
    await writeFile(
      script,
      `import { PulumiCommand } from ${JSON.stringify(resolve("node_modules/@pulumi/pulumi/automation/index.js"))};
       import { surviving } from ${JSON.stringify(resolve("pilot/survivingCommand.ts"))};
       void PulumiCommand.get({ root: ${JSON.stringify(root)} }).then((command) =>
         (surviving(command) as any).run(["up"], ${JSON.stringify(folder)}, { MARKS: ${JSON.stringify(folder)} }));`,
    );
    const child = spawn(process.execPath, ["--import", "tsx", script], { cwd: resolve("."), stdio: "ignore" });
    const begun = await until(join(folder, "pid"));
    child.kill("SIGKILL");
    await once(child, "exit");
    assert.equal((await until(join(folder, "end"))).trim(), "done", `process ${begun} did not go on`);
  });
});

/** Content of a file once it is there. */
async function until(path: string): Promise<string> {
  for (let left = 300; left > 0; left -= 1) {
    const text = await readFile(path, "utf8").catch(() => "");
    if (text !== "") return text;
    await sleep(100);
  }
  throw new Error(`${path} did not come`);
}
