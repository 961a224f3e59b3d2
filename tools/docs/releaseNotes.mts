import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * `node tools/docs/releaseNotes.mts v1.2.3 [FOLDER]`: the notes of a release, from CHANGELOG.md, on standard output. Plain Node
 * runs it, so that a release needs no package.
 */

/**
 * The section of a version.
 * @throws when tag and package.json do not agree, or the change log has no section, or an empty one
 */
function notesOf(changelog: string, tag: string, version: string): string {
  if (tag !== `v${version}`) throw new Error(`The tag is ${tag}, but package.json has version ${version}.`);
  const heading = new RegExp(`^## \\[${version.replaceAll(".", "\\.")}\\] - \\d{4}-\\d\\d-\\d\\d$`, "m").exec(
    changelog,
  );
  if (heading === null) {
    throw new Error(
      `CHANGELOG.md has no section ## [${version}] - YYYY-MM-DD. Give the changes of Unreleased that name.`,
    );
  }
  const [section = ""] = changelog.slice(heading.index + heading[0].length).split(/^(?:## |\[[^\]]+\]: )/m);
  if (section.trim() === "") throw new Error(`The section ${version} of CHANGELOG.md is empty.`);
  return `${section.trim()}\n`;
}

const [tag = "", folder = join(fileURLToPath(new URL(".", import.meta.url)), "..", "..")] = process.argv.slice(2);
const read = (name: string): string => readFileSync(join(folder, name), "utf8");
try {
  const { version } = JSON.parse(read("package.json")) as { readonly version: string };
  process.stdout.write(notesOf(read("CHANGELOG.md"), tag, version));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
