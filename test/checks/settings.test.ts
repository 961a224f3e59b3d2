import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Finding, readSettings } from "../../migration/settings";
import { readStackFile } from "../../checks/stackFile";

const ROOT = join(__dirname, "..", "..");
const SECRETS = `
  api7-migration:controlPlaneToken:
    secure: v1:AAAA:BBBB
  api7-migration:databaseADsn:
    secure: v1:CCCC:DDDD
`;

describe("check settings", function () {
  // Each is a process of its own, on a computer that may have other work.
  this.timeout(60_000);
  let folder: string;
  before(() => (folder = mkdtempSync(join(tmpdir(), "settings-"))));
  after(() => rmSync(folder, { recursive: true }));

  /** Pulumi.prod.yaml with its secrets encrypted, and with replacements. */
  function stackFile(replaced: Readonly<Record<string, string>> = {}, added = SECRETS): string {
    let text = readFileSync(join(ROOT, "Pulumi.prod.yaml"), "utf8");
    for (const [from, to] of Object.entries(replaced)) {
      assert.ok(text.includes(from), from);
      text = text.replace(from, to);
    }
    const path = join(folder, "Pulumi.prod.yaml");
    writeFileSync(path, text + added);
    return path;
  }

  function check(...words: readonly string[]): { code: number | null; stdout: string; stderr: string } {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ["--import", "tsx", "checks/cli.ts", "settings", ...words],
      { cwd: ROOT, encoding: "utf8" },
    );
    return { code: status, stdout, stderr };
  }

  async function findings(path: string): Promise<readonly Finding[]> {
    const { raw } = await readStackFile({ folder: ROOT, file: path });
    const outcome = readSettings(raw);
    return outcome.kind === "settings" ? outcome.warnings : outcome.findings;
  }

  it("takes a stack file whose secrets are encrypted", () => {
    const path = stackFile();
    const text = check("--file", path);
    assert.deepEqual(
      [text.code, JSON.parse(text.stdout)],
      [0, { stack: "prod", stage: "prepare", findings: 0, warnings: 0 }],
    );
    const json = check("--stack", "organization/api7-migration/prod", "--file", path, "--json");
    assert.deepEqual([json.code, json.stdout.trim(), json.stderr], [0, "[]", ""]);
  });

  it("tells three mistakes at once, with their lines, and exits 1", () => {
    const path = stackFile({
      "stage: prepare": "stage: trafic-25",
      "multiAz: true": "multiAZ: true",
      "copy: 1": "copy: 1x",
    });
    const json = check("--file", path, "--json");
    assert.equal(json.code, 1);
    assert.deepEqual(
      (JSON.parse(json.stdout) as Finding[]).map((finding) => [finding.path, finding.read, finding.remedy]),
      [
        ["databaseB.copy", '"1x"', "pulumi config set --path 'databaseB.copy' 1"],
        [
          "databaseB.multiAZ",
          "the key multiAZ",
          "pulumi config rm --path 'databaseB.multiAZ' && pulumi config set --path 'databaseB.multiAz' true",
        ],
        ["stage", '"trafic-25"', "pulumi config set stage traffic-25"],
      ],
    );
    for (const finding of JSON.parse(json.stdout) as object[]) {
      assert.deepEqual(Object.keys(finding), ["path", "read", "expected", "remedy"]);
    }
    const text = check("--file", path);
    assert.equal(text.code, 1);
    assert.equal(text.stdout, "");
    const lines = readFileSync(path, "utf8").split("\n");
    for (const word of ["trafic-25", "multiAZ", "copy: 1x"]) {
      const line = lines.findIndex((content) => content.includes(word)) + 1;
      assert.match(text.stderr, new RegExp(`Pulumi\\.prod\\.yaml:${line}  `));
    }
    assert.match(text.stderr, /3 findings/);
  });

  it("of this repository's own file says that the secrets are missing", () => {
    const { code, stdout } = check("--stack", "prod", "--json");
    assert.equal(code, 1);
    assert.deepEqual(
      (JSON.parse(stdout) as Finding[]).map(({ path, read }) => [path, read]),
      [
        ["controlPlaneToken", "nothing"],
        ["databaseADsn", "nothing"],
      ],
    );
  });

  it("exits 2 without a stack, a file, or YAML in it, and says what to do", () => {
    const broken = join(folder, "Pulumi.broken.yaml");
    writeFileSync(broken, "config: {a: [");
    const list = join(folder, "Pulumi.list.yaml");
    writeFileSync(list, "config: [a]\n");
    for (const [words, why] of [
      [[], /--stack NAME/],
      [["--stack", "nobody"], /pulumi stack init nobody/],
      [["--file", join(folder, "Pulumi.none.yaml")], /cannot be read/],
      [["--file", broken], /is not YAML/],
      [["--file", list], /KEY: VALUE/],
    ] as const) {
      const { code, stdout, stderr } = check(...words, "--json");
      assert.deepEqual([code, stdout], [2, ""]);
      assert.match(stderr, why);
    }
  });

  it("shows what is a warning only, and exits 0", () => {
    const { code, stdout, stderr } = check(
      "--file",
      stackFile({ "[5, 25, 50, 75, 100]": "[2, 25, 50, 75, 100]" }),
      "--json",
    );
    assert.deepEqual([code, stdout.trim()], [0, "[]"]);
    assert.match(stderr, /warning {2}.*trafficSteps\[0\]: read 2, expected a first step of 5 to 10/);
  });

  it("reads YAML as the engine does: dates without quotes, octal numbers, keys without a namespace, empty values", async () => {
    const dates = "  api7-migration:blackouts:\n    - { from: 2026-12-24, to: 2026-12-27T12:00, reason: x }\n";
    assert.deepEqual(
      (await findings(stackFile({}, SECRETS + dates))).map(({ path, read }) => [path, read]),
      [["blackouts[0].from", '"2026-12-24 00:00:00 +0000 UTC"']],
    );
    const octal = await readStackFile({ folder: ROOT, file: stackFile({ "soakHours: 48": "soakHours: 030" }) });
    assert.equal(octal.raw.values["api7-migration:soakHours"], "24");
    const short = await readStackFile({ folder: ROOT, file: stackFile({ "api7-migration:stage": "stage" }) });
    assert.equal(short.raw.values["api7-migration:stage"], "prepare");
    assert.equal(short.lineOf("stage"), readFileSync(short.path, "utf8").split("\n").indexOf("  stage: prepare") + 1);
    assert.deepEqual(
      await findings(stackFile({ "soakHours: 48": "soakHours:" })).then((all) => all.map(({ path }) => path)),
      ["soakHours"],
    );
  });

  it("takes the defaults of Pulumi.yaml for what the stack does not set", async () => {
    const { raw } = await readStackFile({
      folder: ROOT,
      file: stackFile({ "  api7-migration:standbyHours: 96\n": "" }),
    });
    assert.equal(raw.values["api7-migration:standbyHours"], "72");
  });

  it("says where a secret is that does not belong there, and never what it is", async () => {
    const path = stackFile({
      "BILLING_UPSTREAM: billing.internal.example.com": "BILLING_UPSTREAM: { secure: v1:EEEE }",
    });
    const all = await findings(path);
    assert.deepEqual(
      all.map((finding) => finding.path),
      ["gatewayGroups[0].clusterB.environment.BILLING_UPSTREAM"],
    );
    assert.ok(!JSON.stringify(all).includes("EEEE"));
  });

  it("refuses a secret that is in plain text, without showing it", async () => {
    const plain = SECRETS.replace("\n    secure: v1:CCCC:DDDD", " postgres://reader:hush@a/b");
    const all = await findings(stackFile({}, plain));
    assert.deepEqual(
      all.map(({ path, read }) => [path, read]),
      [["databaseADsn", "plain text"]],
    );
    assert.ok(!JSON.stringify(all).includes("hush"));
  });
});
