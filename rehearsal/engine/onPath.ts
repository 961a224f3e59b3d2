import { createHash } from "node:crypto";
import { mkdir, readlink, rename, stat, symlink } from "node:fs/promises";
import { basename, delimiter, dirname, join, resolve } from "node:path";
import { cliFolder, executableIn } from "./cache";
import { byHandCommand, misfit, type Failed, type Found, type WayContext } from "./way";

/** Every executable file of this name in the folders of `PATH`, in order. */
export async function executablesOnPath(name: string, env: NodeJS.ProcessEnv): Promise<readonly string[]> {
  const found: string[] = [];
  for (const folder of (env["PATH"] ?? "").split(delimiter)) {
    const file = resolve(folder, name);
    // An empty entry means the working directory: nobody wants a CLI from there.
    const status = folder === "" ? undefined : await stat(file).catch(() => undefined);
    if (status?.isFile() === true && (status.mode & 0o111) !== 0 && !found.includes(file)) {
      found.push(file);
    }
  }
  return found;
}

/**
 * A root for an executable that lies in a folder not called `bin`: `PulumiCommand.get` knows `<root>/bin/pulumi` only. A
 * link in the cache folder stands for it there.
 */
async function rootOf(executable: string, context: WayContext): Promise<string> {
  const folder = dirname(executable);
  if (basename(folder) === "bin") {
    return dirname(folder);
  }
  const key = createHash("sha256").update(executable).digest("hex").slice(0, 12);
  const root = join(cliFolder(context.cacheFolder), `link-${key}`);
  const link = executableIn(root);
  await mkdir(dirname(link), { recursive: true });
  if ((await readlink(link).catch(() => undefined)) !== executable) {
    // Made aside and renamed, since two processes may do this at once.
    const fresh = `${link}-${process.pid}-${Math.random().toString(36).slice(2)}`;
    await symlink(executable, fresh);
    await rename(fresh, link);
  }
  return root;
}

/** The first `pulumi` on `PATH` that fits. Each one passed over is reported with the reason. */
export async function onPath(context: WayContext): Promise<Found | Failed> {
  const remedy = `install the CLI of the SDK's version and put it first on PATH: ${byHandCommand(context.version)}`;
  const reasons: string[] = [];
  for (const executable of await executablesOnPath("pulumi", context.env)) {
    const wrong = await misfit(executable, context);
    if (wrong === undefined) {
      return { root: await rootOf(executable, context), path: executable };
    }
    const reason = `${executable} is passed over: ${wrong}`;
    context.report(reason);
    reasons.push(reason);
  }
  return { reason: reasons.length === 0 ? "no `pulumi` on PATH" : reasons.join("; "), remedy };
}
