import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { withProgress } from "./progress";
import { run } from "./run";
import { byHandCommand, installInCache, type Failed, type Found, type WayContext } from "./way";

/** The bytes of all files below a folder. What vanishes meanwhile counts as nothing. */
async function bytesBelow(folder: string): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const sizes = await Promise.all(
    entries.map(async (entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory() ? bytesBelow(path) : ((await stat(path).catch(() => undefined))?.size ?? 0);
    }),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

/**
 * What the installer said when it failed. The Automation API's error for a failed script is a report of many lines: the
 * exit code, the command line, what the script wrote, and all that once more with a stack. Only the script's words tell.
 */
function wordsOf(lines: readonly string[]): string {
  const trimmed = lines.map((line) => line.trim().replace(/^stderr: /, ""));
  const repeated = trimmed.findIndex((line) => line.startsWith("err?:"));
  const said = trimmed
    .slice(0, repeated === -1 ? undefined : repeated)
    .filter((line) => line !== "" && !/^(code|stdout): ?/.test(line));
  const words = said.filter((line) => !line.startsWith("Command failed with "));
  const [first] = said;
  return words.length > 0 ? words.slice(-3).join(" | ") : (first ?? "it said nothing");
}

/**
 * Runs `PulumiCommand.install` in a process of its own, since the call itself can neither be limited in time nor ended: it
 * fetches a script and runs it in a shell. Its temporary files go into `temp`, so that their growth shows the download.
 */
async function install(root: string, temp: string, context: WayContext): Promise<string | undefined> {
  const { env, limits, report } = context;
  let bytes = 0;
  let grownAt = performance.now();
  const measure = setInterval(() => {
    void Promise.all([bytesBelow(root), bytesBelow(temp)]).then(([inRoot, inTemp]) => {
      if (inRoot + inTemp !== bytes) {
        bytes = inRoot + inTemp;
        grownAt = performance.now();
      }
    });
  }, 500);
  try {
    const result = await withProgress(
      report,
      limits.reportSeconds,
      () => `the official installer is at work, ${(bytes / 1e6).toFixed(0)} MB so far`,
      () =>
        run(process.execPath, ["--import", require.resolve("tsx"), join(__dirname, "installerProcess.ts"), root], {
          env: { ...env, TMPDIR: temp },
          limitSeconds: limits.installerSeconds,
          giveUp: () =>
            performance.now() - grownAt >= limits.installerStallSeconds * 1000
              ? `made no progress for ${limits.installerStallSeconds} s and was stopped`
              : undefined,
        }),
    );
    return result.failure === undefined ? undefined : `it ${result.failure}: ${wordsOf(result.lastLines)}`;
  } finally {
    clearInterval(measure);
  }
}

/** The official installer of the Automation API, into the cache folder. It needs internet access. */
export async function byInstaller(context: WayContext): Promise<Found | Failed> {
  context.report(`getting the Pulumi CLI v${context.version} by the official installer`);
  const found = await installInCache(context, (root, temp) => install(root, temp, context));
  if (typeof found !== "string") {
    return found;
  }
  return {
    reason: found,
    remedy:
      `let this machine reach get.pulumi.com and github.com (HTTPS), or run where that is possible: ` +
      `${byHandCommand(context.version)}; then put the folder of \`pulumi\` on PATH`,
  };
}
