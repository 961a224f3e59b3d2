import { mkdir } from "node:fs/promises";
import { PulumiCommand } from "@pulumi/pulumi/automation";
import sdk from "@pulumi/pulumi/package.json";
import { byGo } from "./byGo";
import { byInstaller } from "./byInstaller";
import { cacheFolder, cliFolder, cliRoot } from "./cache";
import { inCache } from "./inCache";
import { withLock } from "./lock";
import { onPath } from "./onPath";
import { type Report } from "./progress";
import { ENGINE_SOURCES, LIMITS, type EngineSource, type Failed, type Found, type Way, type WayContext } from "./way";

export { cacheFolder };
export { localEngineEnvironment } from "./environment";
export { useOwnConnections } from "./ownConnections";
export { type Report } from "./progress";
export { type EngineSource } from "./way";

/** A Pulumi CLI of the very version of the installed SDK. */
export interface Engine {
  /** The executable, as an absolute path. */
  readonly path: string;
  /** Its version without "v", as "3.248.0". */
  readonly version: string;
  /** The way on which it was found. */
  readonly source: EngineSource;
  /** For `LocalWorkspace`'s option `pulumiCommand`. */
  readonly command: PulumiCommand;
}

/** What `ensureEngine` can be told. */
export interface EngineOptions {
  /** Gets a line of progress; during long steps at least every 10 s. Default: none. */
  readonly report?: Report;
  /** Default: `cacheFolder(env)`. */
  readonly cacheFolder?: string;
  /** The environment in which executables are looked up and run. Default: this process's. */
  readonly env?: NodeJS.ProcessEnv;
  /** The ways to try, always in the order path, cache, installer, go. Default: all of them. */
  readonly ways?: readonly EngineSource[];
}

/** A way that led to no CLI. */
export interface Attempt extends Failed {
  readonly source: EngineSource;
}

const WAYS: Record<EngineSource, { readonly title: string; readonly find: Way }> = {
  path: { title: "on PATH", find: onPath },
  cache: { title: "kept from an earlier run", find: inCache },
  installer: { title: "official installer", find: byInstaller },
  go: { title: "built from tools/pulumi", find: byGo },
};

/** No way led to a CLI. The message names every way tried, its reason and its remedy. */
export class EngineNotFoundError extends Error {
  override readonly name = "EngineNotFoundError";

  constructor(
    version: string,
    readonly attempts: readonly Attempt[],
  ) {
    const ways = attempts.map(
      ({ source, reason, remedy }) => `  - ${WAYS[source].title}: ${reason}\n    To mend it: ${remedy}`,
    );
    super(`No Pulumi CLI v${version} could be had. One of these ways has to work:\n${ways.join("\n")}`);
  }
}

/** Longer than the installer and the build together may last. */
const LOCK_LIMITS = {
  waitSeconds: LIMITS.installerSeconds + LIMITS.buildSeconds + 120,
  staleSeconds: 60,
  reportSeconds: LIMITS.reportSeconds,
};

type FoundBy = Found & { readonly source: EngineSource };

/** What is thrown on a way is a trouble with files: of the cache folder, where everything is written. */
function failedBy(error: unknown, cache: string): Failed {
  return {
    reason: error instanceof Error ? error.message : String(error),
    remedy: `set API7_MIGRATION_CACHE to a folder where this user may write and run files (now: ${cache})`,
  };
}

async function firstOf(
  sources: readonly EngineSource[],
  context: WayContext,
  failed: (attempt: Attempt) => void,
): Promise<FoundBy | undefined> {
  for (const source of sources) {
    const outcome = await WAYS[source].find(context).catch((error: unknown) => failedBy(error, context.cacheFolder));
    if ("path" in outcome) {
      return { ...outcome, source };
    }
    failed({ source, ...outcome });
  }
  return undefined;
}

/** The ways that take minutes and write: by one process at a time. */
async function make(
  sources: readonly EngineSource[],
  context: WayContext,
  failed: (attempt: Attempt) => void,
): Promise<FoundBy | undefined> {
  const lock = `${cliRoot(context.cacheFolder, context.version)}.lock`;
  try {
    await mkdir(cliFolder(context.cacheFolder), { recursive: true });
    return await withLock(lock, LOCK_LIMITS, context.report, async () => {
      // While this process waited, another may have made it.
      const silent = { ...context, report: () => undefined };
      const kept = await firstOf(["cache"], silent, () => undefined);
      return (
        kept ??
        (await firstOf(sources, context, (attempt) => {
          context.report(`${WAYS[attempt.source].title}: ${attempt.reason}`);
          failed(attempt);
        }))
      );
    });
  } catch (error) {
    sources.forEach((source) => failed({ source, ...failedBy(error, context.cacheFolder) }));
    return undefined;
  }
}

/**
 * Finds or makes the Pulumi CLI of the same version as the installed `@pulumi/pulumi`: on `PATH`, in the cache folder, by
 * the official installer, or by a build from `tools/pulumi` (Linux and macOS). What was installed or built is kept in the
 * cache folder for the next run. Several processes may call this at once: one of them does the work.
 *
 * @throws EngineNotFoundError when no way leads to one
 */
export async function ensureEngine(options: EngineOptions = {}): Promise<Engine> {
  const env = options.env ?? process.env;
  const context: WayContext = {
    version: sdk.version,
    env,
    cacheFolder: options.cacheFolder ?? cacheFolder(env),
    report: options.report ?? (() => undefined),
    limits: LIMITS,
  };
  const wanted = ENGINE_SOURCES.filter((source) => options.ways?.includes(source) ?? true);
  const looking = wanted.filter((source) => source === "path" || source === "cache");
  const making = wanted.filter((source) => source === "installer" || source === "go");

  const attempts: Attempt[] = [];
  const failed = (attempt: Attempt): void => void attempts.push(attempt);
  const found =
    (await firstOf(looking, context, failed)) ??
    (making.length === 0 ? undefined : await make(making, context, failed));
  if (found === undefined) {
    throw new EngineNotFoundError(context.version, attempts);
  }
  const command = await PulumiCommand.get({ root: found.root });
  return { path: found.path, version: context.version, source: found.source, command };
}
