import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import { ROOT } from "./pages";

/** What surrounds the code: licence, change log, release notes, and the settings of tools that no other test opens. */

const read = (name: string): string => readFileSync(join(ROOT, name), "utf8");
const json = (name: string): unknown => JSON.parse(read(name).replace(/^\s*\/\/.*$/gm, ""));

interface Manifest {
  readonly version: string;
  readonly license: string;
  readonly engines: { readonly node: string };
}

describe("the repository", () => {
  const manifest = json("package.json") as Manifest;

  it("has the Apache License 2.0, word for word, and says so", () => {
    // Of https://www.apache.org/licenses/LICENSE-2.0.txt
    const digest = createHash("sha256").update(read("LICENSE")).digest("hex");
    assert.equal(digest, "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30");
    const lock = json("package-lock.json") as { readonly packages: Readonly<Record<string, Manifest>> };
    assert.deepEqual([manifest.license, lock.packages[""]?.license], ["Apache-2.0", "Apache-2.0"]);
  });

  it("has a change log whose newest section is the work at hand or this version", () => {
    const [newest] = /^## \[[^\]]+\].*$/m.exec(read("CHANGELOG.md")) ?? [];
    assert.match(newest ?? "", new RegExp(`^## \\[(Unreleased|${manifest.version.replaceAll(".", "\\.")})\\]`));
  });

  it("has updates only for places that are there", () => {
    interface Updates {
      readonly version: number;
      readonly updates: readonly { readonly "package-ecosystem": string; readonly directory: string }[];
    }
    const files: Readonly<Record<string, string>> = {
      npm: "package.json",
      "github-actions": ".github/workflows",
      docker: "Dockerfile",
    };
    const { version, updates } = parse(read(".github/dependabot.yml")) as Updates;
    assert.equal(version, 2);
    assert.deepEqual(updates.map((update) => update["package-ecosystem"]).sort(), Object.keys(files).sort());
    for (const { "package-ecosystem": ecosystem, directory } of updates) {
      assert.ok(existsSync(join(ROOT, directory, files[ecosystem] ?? "?")), `${ecosystem} in ${directory}`);
    }
  });

  it("has a dev container with a Node that is supported, PostgreSQL's programs, and no root", () => {
    interface Container {
      readonly build: { readonly dockerfile: string };
      readonly remoteUser: string;
      readonly postCreateCommand: string;
      readonly postStartCommand: string;
    }
    const container = json(".devcontainer/devcontainer.json") as Container;
    const dockerfile = read(join(".devcontainer", container.build.dockerfile));
    const [, major = "0"] = /^FROM node:(\d+)-/m.exec(dockerfile) ?? [];
    assert.ok(Number(major) >= Number(/\d+/.exec(manifest.engines.node)?.[0]));
    const [, tools] = /^major=(\d+)$/m.exec(read("tools/postgresqlClient.sh")) ?? [];
    assert.ok(dockerfile.includes(`postgresql-client-${tools ?? "?"}`));
    assert.equal(container.remoteUser, "node");
    assert.match(container.postCreateCommand, /^npm ci$/);
    assert.match(container.postStartCommand, /check -- doctor/);
  });

  it("gives editors the schema for every stack file", () => {
    const settings = json(".vscode/settings.json") as Readonly<
      Record<string, Readonly<Record<string, readonly string[]>>>
    >;
    const [[schema, patterns] = ["", []]] = Object.entries(settings["yaml.schemas"] ?? {});
    assert.ok(existsSync(join(ROOT, schema)));
    assert.deepEqual(patterns, ["Pulumi.*.yaml"]);
    const stacks = readdirSync(ROOT).filter((name) => /^Pulumi\..+\.yaml$/.test(name));
    assert.ok(stacks.length >= 2);
    for (const name of stacks)
      assert.match(read(name), /^# yaml-language-server: \$schema=docs\/Pulumi\.stack\.schema\.json$/m);
  });
});

describe("the notes of a release", () => {
  const log = `# Change log

## [Unreleased]

- not yet

## [1.2.0] - 2026-05-01

### Added

- one thing

## [1.1.0] - 2026-04-01

## [1.0.0] - 2026-03-01

- first
`;
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "release-"));
    writeFileSync(join(folder, "CHANGELOG.md"), log);
  });
  after(() => rmSync(folder, { recursive: true }));

  function notes(tag: string, version: string): { readonly code: number | null; readonly said: string } {
    writeFileSync(join(folder, "package.json"), JSON.stringify({ version }));
    const words = ["--import", "tsx", "tools/docs/releaseNotes.mts", tag, folder];
    const { status, stdout, stderr } = spawnSync(process.execPath, words, { cwd: ROOT, encoding: "utf8" });
    return { code: status, said: stdout + stderr };
  }

  it("are the section of the version, and nothing of the others", () => {
    assert.deepEqual(notes("v1.2.0", "1.2.0"), { code: 0, said: "### Added\n\n- one thing\n" });
    assert.deepEqual(notes("v1.0.0", "1.0.0"), { code: 0, said: "- first\n" });
  });

  it("are refused for a tag that is not the version's, without a section, and when it is empty", () => {
    const refused = (tag: string, version: string, said: RegExp): void => {
      const outcome = notes(tag, version);
      assert.equal(outcome.code, 1);
      assert.match(outcome.said, said);
    };
    refused("v1.2.1", "1.2.0", /package\.json has version 1\.2\.0/);
    refused("v2.0.0", "2.0.0", /no section ## \[2\.0\.0\]/);
    refused("v1.1.0", "1.1.0", /is empty/);
    // A dot stands for itself.
    refused("v1x2x0", "1x2x0", /no section/);
  });
}).timeout(60_000);
