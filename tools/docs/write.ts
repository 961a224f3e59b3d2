import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { generatedFiles } from "./generated";

/** `npm run docs`: writes everything that is made from the settings' schema. */
async function write(): Promise<void> {
  const root = resolve(__dirname, "..", "..");
  for (const [name, content] of Object.entries(await generatedFiles(root))) {
    writeFileSync(join(root, name), content);
    process.stdout.write(`${name}\n`);
  }
}

void write();
