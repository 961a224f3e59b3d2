import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { goldenNames, goldenOf, STACKS } from "./golden";
import { valueFilesOf } from "./values";

/** Rewrites every golden: `npm run golden`. The difference is what a change of the program or the settings does. */
async function main(): Promise<void> {
  for (const stack of STACKS) {
    const folder = join(__dirname, stack);
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder);
    for (const name of goldenNames(stack)) await writeFile(join(folder, `${name}.json`), await goldenOf(stack, name));
    for (const [name, text] of Object.entries(await valueFilesOf(stack))) await writeFile(join(folder, name), text);
    process.stdout.write(`test/golden/${stack}: ${goldenNames(stack).length} goldens\n`);
  }
}

void main();
