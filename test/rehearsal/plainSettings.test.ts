import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { appendFileSync, cpSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { readStackFile } from "../../checks/stackFile";
import { type Finding, readSettings } from "../../migration/settings";
import { SECRETS } from "../migration/stackConfig";
import { PlainProject } from "./plainProject";

const REPOSITORY = join(__dirname, "..", "..");
/** The program, without what only its commands run. */
const PROGRAM = ["index.ts", "components", "migration", "package.json", "Pulumi.yaml"];

describe("wrong settings, with the plain CLI and the unchanged program", function () {
  this.timeout(180_000);
  let project: PlainProject;
  let stackFile: string;

  before(async function () {
    // Where no CLI is at hand, it is built first.
    this.timeout(1_800_000);
    project = await PlainProject.create();
    for (const name of PROGRAM) cpSync(join(REPOSITORY, name), join(project.folder, name), { recursive: true });
    rmSync(join(project.folder, "node_modules"), { recursive: true });
    symlinkSync(join(REPOSITORY, "node_modules"), join(project.folder, "node_modules"));
    stackFile = join(project.folder, "Pulumi.prod.yaml");
    await project.succeeds("stack", "init", "prod");
    appendFileSync(stackFile, readFileSync(join(REPOSITORY, "Pulumi.prod.yaml"), "utf8"));
    for (const secret of ["controlPlaneToken", "databaseADsn"]) {
      await project.succeeds("config", "set", "--secret", secret, SECRETS[secret] ?? "");
    }
  });
  after(() => project.remove());

  async function findings(): Promise<readonly Finding[]> {
    const outcome = readSettings((await readStackFile({ folder: project.folder, file: stackFile })).raw);
    return outcome.kind === "settings" ? [] : outcome.findings;
  }

  /** What `pulumi preview` says; it must have failed, and the state must hold nothing. */
  async function refused(): Promise<string> {
    const { code, stdout, stderr } = await project.pulumi("preview");
    assert.notEqual(code, 0);
    const { deployment } = JSON.parse(await project.succeeds("stack", "export")) as {
      deployment: { resources?: readonly unknown[] };
    };
    assert.equal(deployment.resources?.length ?? 0, 0);
    return stripVTControlCharacters(stdout + stderr);
  }

  it("tells three mistakes in one run, touches nothing, and the remedies mend them in a shell", async () => {
    assert.deepEqual(await findings(), []);
    await project.succeeds("config", "set", "stage", "trafic-25");
    await project.succeeds("config", "set", "heartbeatSeconds", "30s");
    await project.succeeds("config", "set", "--path", "databaseB.multiAZ", "true");
    const output = await refused();
    assert.match(output, /Settings of stack prod: 3 findings\. Nothing was touched\./);
    assert.match(output, /stage: read "trafic-25", expected .*\(traffic-25\?\)\s+pulumi config set stage traffic-25/);
    assert.match(output, /heartbeatSeconds: read "30s", expected a whole number of seconds from 10 to 300/);
    assert.match(output, /databaseB\.multiAZ: read the key multiAZ, expected multiAz\?/);

    for (const { remedy } of await findings()) shell(remedy);
    assert.deepEqual(await findings(), []);
  });

  it("leaves nothing to the engine to refuse: wrong kinds, and what is missing", async () => {
    await project.succeeds("config", "set", "trafficSteps", "5 and 100");
    await project.succeeds("config", "set", "monitoring", "all");
    await project.succeeds("config", "rm", "databaseADsn");
    await project.succeeds("config", "rm", "network");
    const output = await refused();
    // Of the network each field that must be given.
    assert.match(output, /Settings of stack prod: 7 findings/);
    for (const path of ["trafficSteps", "monitoring", "databaseADsn", "network"]) {
      assert.match(output, new RegExp(`${path}[.\\w]*: read`));
    }
  });

  /** A remedy as an operator pastes it. */
  function shell(line: string): void {
    const script = line.replaceAll("pulumi config", '"$PULUMI" --non-interactive config');
    execFileSync("sh", ["-ec", script], {
      cwd: project.folder,
      env: { ...project.env, PULUMI: project.cli },
      stdio: "pipe",
    });
  }
});
