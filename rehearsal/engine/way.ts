import { mkdir, mkdtemp, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { cliRoot, executableIn } from "./cache";
import { type Report } from "./progress";
import { run } from "./run";

/** The ways to the CLI, in the order in which they are tried. */
export const ENGINE_SOURCES = ["path", "cache", "installer", "go"] as const;

/** Where the CLI came from. */
export type EngineSource = (typeof ENGINE_SOURCES)[number];

/** Limits in time, in seconds. */
export interface Limits {
  /** For one answer to `pulumi version`. */
  readonly versionSeconds: number;
  /** The official installer is given up when it has written nothing for so long. */
  readonly installerStallSeconds: number;
  /** The official installer as a whole. */
  readonly installerSeconds: number;
  /** The build from Go modules, download included: about 3 minutes on 2 cores, more on a slow line. */
  readonly buildSeconds: number;
  /** The pause between two lines of progress. */
  readonly reportSeconds: number;
}

/** The limits in use. The silence of a long step is 5 s at most. */
export const LIMITS: Limits = {
  versionSeconds: 30,
  installerStallSeconds: 45,
  installerSeconds: 600,
  buildSeconds: 1800,
  reportSeconds: 5,
};

/** What every way works with. */
export interface WayContext {
  /** The version of the installed SDK, without "v". */
  readonly version: string;
  readonly env: NodeJS.ProcessEnv;
  readonly cacheFolder: string;
  readonly report: Report;
  readonly limits: Limits;
}

/** A CLI that fits: the executable is `<root>/bin/pulumi`. `path` is where it really is. */
export interface Found {
  readonly root: string;
  readonly path: string;
}

/** Why a way leads to no CLI, and what a user can do about it. */
export interface Failed {
  readonly reason: string;
  readonly remedy: string;
}

/** One way to the CLI. */
export type Way = (context: WayContext) => Promise<Found | Failed>;

/** The command with which a user gets the CLI by hand where there is internet access. */
export function byHandCommand(version: string): string {
  return `curl -fsSL https://get.pulumi.com | sh -s -- --version ${version}`;
}

/**
 * Why the executable is not the CLI of the wanted version; undefined when it is.
 *
 * Only the very version of the SDK fits: the two speak an internal protocol to each other, and the rehearsal's figures
 * should not depend on what a machine happens to have.
 */
export async function misfit(executable: string, context: WayContext): Promise<string | undefined> {
  const { version, env, limits } = context;
  const answer = await run(executable, ["version"], {
    env: { ...env, PULUMI_SKIP_UPDATE_CHECK: "true" },
    limitSeconds: limits.versionSeconds,
  });
  if (answer.failure !== undefined) {
    const said = answer.lastLines.at(-1);
    return `\`pulumi version\` ${answer.failure}${said === undefined ? "" : `: ${said}`}`;
  }
  if (answer.stdout.replace(/^v/, "") !== version) {
    return `\`pulumi version\` says ${JSON.stringify(answer.stdout)}, and the installed @pulumi/pulumi SDK needs "v${version}"`;
  }
  return undefined;
}

/** Left by processes that were killed: older than any installation may last. */
const ABANDONED_AFTER_MS = 3 * 3_600_000;

async function removeAbandoned(stagings: string): Promise<void> {
  for (const name of await readdir(stagings)) {
    const folder = join(stagings, name);
    const found = await stat(folder).catch(() => undefined);
    if (found !== undefined && Date.now() - found.mtimeMs > ABANDONED_AFTER_MS) {
      await rm(folder, { recursive: true, force: true });
    }
  }
}

/** Puts a finished root into its place, in one rename. A root there that fits is left alone, and is as good. */
async function publish(staged: string, root: string, trash: string, context: WayContext): Promise<void> {
  const tries = 5;
  for (let attempt = 1; ; attempt++) {
    try {
      await rename(staged, root);
      return;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if ((code !== "ENOTEMPTY" && code !== "EEXIST") || attempt === tries) {
        throw error;
      }
    }
    if ((await misfit(executableIn(root), context)) === undefined) {
      return;
    }
    // Broken: out of the way, also in one rename. Another process may have been faster.
    await rename(root, join(trash, `replaced-${attempt}`)).catch(() => undefined);
  }
}

/**
 * Makes the CLI in a folder of its own and moves it into the cache when it fits, so that no other process ever sees half a
 * CLI there.
 *
 * @param make puts the executable at `<root>/bin/pulumi`; it may use `temp` for its own files; a text is why it could not
 * @returns the cached CLI, or the reason why there is none
 */
export async function installInCache(
  context: WayContext,
  make: (root: string, temp: string) => Promise<string | undefined>,
): Promise<Found | string> {
  const root = cliRoot(context.cacheFolder, context.version);
  const stagings = join(dirname(root), "unfinished");
  await mkdir(stagings, { recursive: true });
  await removeAbandoned(stagings);
  const staging = await mkdtemp(join(stagings, `${process.pid}-`));
  try {
    const staged = join(staging, "root");
    const temp = join(staging, "temp");
    await mkdir(staged);
    await mkdir(temp);
    const failure = await make(staged, temp);
    if (failure !== undefined) {
      return failure;
    }
    const wrong = await misfit(executableIn(staged), context);
    if (wrong !== undefined) {
      return `what came of it does not fit: ${wrong}`;
    }
    await publish(staged, root, staging, context);
    return { root, path: executableIn(root) };
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}
