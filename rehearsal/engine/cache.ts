import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";

/** The folder with the go.mod and go.sum that pin the Pulumi CLI's Go module. */
export const TOOLS_FOLDER = resolve(__dirname, "../../tools/pulumi");

/**
 * The folder that keeps what is expensive to make and does not belong into the clone: the Pulumi CLI, plugin bundles,
 * PostgreSQL. It is not created here.
 *
 * In this order: `API7_MIGRATION_CACHE` (a relative path counts from the working directory),
 * `$XDG_CACHE_HOME/api7-migration` (only when absolute, as the XDG base directory specification asks),
 * `~/.cache/api7-migration`. An empty variable counts as unset.
 */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  const own = env["API7_MIGRATION_CACHE"];
  if (own !== undefined && own !== "") {
    return resolve(own);
  }
  const xdg = env["XDG_CACHE_HOME"];
  if (xdg !== undefined && isAbsolute(xdg)) {
    return join(xdg, "api7-migration");
  }
  const home = env["HOME"];
  return join(home === undefined || home === "" ? homedir() : home, ".cache", "api7-migration");
}

/** The folder of all kept CLIs, their locks and unfinished installations. */
export function cliFolder(cache: string): string {
  return join(cache, "pulumi-cli");
}

/**
 * The root of the kept CLI of this version: the executable is `<root>/bin/pulumi`, as `PulumiCommand.get({root})` has it.
 *
 * The name holds a digest of go.mod and go.sum, so that a changed dependency gives another CLI, and the platform,
 * because home folders are shared between machines of several kinds.
 */
export function cliRoot(cache: string, version: string): string {
  const digest = createHash("sha256");
  for (const file of ["go.mod", "go.sum"]) {
    digest.update(readFileSync(join(TOOLS_FOLDER, file)));
  }
  const key = digest.digest("hex").slice(0, 12);
  return join(cliFolder(cache), `v${version}-${key}-${process.platform}-${process.arch}`);
}

/** The executable under a root. */
export function executableIn(root: string): string {
  return join(root, "bin", "pulumi");
}
