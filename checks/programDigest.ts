import { createHash } from "node:crypto";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";

/** What a stack's updates run: the program, its checks and operations, and the exact libraries. */
const PARTS = ["index.ts", "components", "migration", "checks", "operations", "Pulumi.yaml", "package-lock.json"];

/**
 * SHA-256 over the program's files, by path and content: the same for the same program, wherever and whenever it lies.
 * @throws when a part of the program is missing
 */
export async function programDigest(folder: string): Promise<string> {
  const hash = createHash("sha256");
  for (const part of PARTS) {
    for (const path of await filesBelow(folder, part)) {
      const content = await readFile(join(folder, path));
      hash.update(`${path}\0${content.length}\0`).update(content);
    }
  }
  return hash.digest("hex");
}

/** Paths relative to the folder, in one order on every system. Links are followed: a rehearsal's folder is made of them. */
async function filesBelow(folder: string, path: string): Promise<readonly string[]> {
  if (!(await stat(join(folder, path))).isDirectory()) return [path];
  const names = (await readdir(join(folder, path))).sort();
  const found = await Promise.all(names.map(async (name) => filesBelow(folder, `${path}/${name}`)));
  return found.flat();
}
