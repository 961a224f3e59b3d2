import { access, constants, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { cacheFolder } from "../../engine";
import { withLock } from "../../engine/lock";
import { executablesOnPath } from "../../engine/onPath";
import { type Report } from "../../engine/progress";
import { run } from "../../engine/run";
import { build, BuildFailed } from "./build";
import { keptPath, PROGRAMS, programs, type Program, type ProgramName } from "./parts";

/** The programs of the real tier, ready to run: absolute paths. */
export type Programs = Readonly<Record<ProgramName, string>>;

export interface ProgramOptions {
  /** Gets a line of progress; during a build at least every 5 s. */
  readonly report?: Report;
  /** Default: the project's cache folder. */
  readonly cacheFolder?: string;
  /** Where executables are looked up and run. Default: this process's environment. */
  readonly env?: NodeJS.ProcessEnv;
  /** `false` answers only what is there already. Default: true. */
  readonly mayBuild?: boolean;
  /** Only these. Default: all. */
  readonly only?: readonly ProgramName[];
}

const VERSION_SECONDS = 30;
/** Longer than all builds one after the other on a busy machine. */
const LOCK_LIMITS = { waitSeconds: 7200, staleSeconds: 60, reportSeconds: 5 };

/** Some programs cannot be had. The message names each, every way tried, and what mends it. */
export class ProgramsNotFoundError extends Error {
  override readonly name = "ProgramsNotFoundError";

  constructor(readonly missing: readonly { readonly program: ProgramName; readonly why: string }[]) {
    const lines = missing.map(({ program, why }) => `  - ${program}: ${why}`);
    super(`The real Kubernetes tier lacks ${missing.length} of its programs:\n${lines.join("\n")}`);
  }
}

/** Why the executable is not what the real tier needs; undefined when it is. */
async function misfit(path: string, program: Program, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  if (program.versionCall === undefined || program.fits === undefined) {
    return undefined;
  }
  const answer = await run(path, program.versionCall, { env, limitSeconds: VERSION_SECONDS });
  if (answer.failure !== undefined) {
    return `\`${program.name} ${program.versionCall.join(" ")}\` ${answer.failure}`;
  }
  return program.fits.test(answer.stdout)
    ? undefined
    : `it says ${JSON.stringify(answer.stdout.split("\n")[0])}, and ${program.version} is wanted`;
}

async function onPath(program: Program, env: NodeJS.ProcessEnv): Promise<{ path?: string; why: string }> {
  if (program.fits === undefined) {
    return { why: "not looked for on PATH, since it does not tell its version there" };
  }
  const passedOver: string[] = [];
  for (const path of await executablesOnPath(program.name, env)) {
    const wrong = await misfit(path, program, env);
    if (wrong === undefined) {
      return { path, why: "" };
    }
    passedOver.push(`${path} is passed over: ${wrong}`);
  }
  return { why: passedOver.length === 0 ? "none on PATH" : passedOver.join("; ") };
}

async function kept(program: Program, cache: string, env: NodeJS.ProcessEnv): Promise<{ path?: string; why: string }> {
  const path = keptPath(cache, program);
  try {
    await access(path, constants.X_OK);
  } catch {
    return { why: `none kept at ${path}` };
  }
  const wrong = await misfit(path, program, env);
  return wrong === undefined ? { path, why: "" } : { why: `${path} is kept from an earlier run, but ${wrong}` };
}

/**
 * Finds or makes every program of the real tier: on `PATH` in a fitting version, kept in the cache folder, or built from
 * the Go modules that `tools/kubernetes` pins (once, about 12 minutes on two idle cores). Several processes may call this
 * at once: one of them builds.
 *
 * @throws ProgramsNotFoundError naming each missing program, the ways tried and the remedy
 */
export async function ensurePrograms(options: ProgramOptions = {}): Promise<Programs> {
  const env = options.env ?? process.env;
  const cache = options.cacheFolder ?? cacheFolder(env);
  const report = options.report ?? (() => undefined);
  const mayBuild = options.mayBuild ?? true;
  const wanted = programs().filter(({ name }) => (options.only ?? PROGRAMS).includes(name));
  const found = new Map<ProgramName, string>();
  const missing: { program: ProgramName; why: string }[] = [];
  const toBuild: { program: Program; why: string }[] = [];

  for (const program of wanted) {
    const there = await onPath(program, env);
    const before = there.path === undefined ? await kept(program, cache, env) : there;
    if (before.path !== undefined) {
      found.set(program.name, before.path);
    } else {
      toBuild.push({ program, why: `${there.why}; ${before.why}` });
    }
  }
  if (toBuild.length > 0 && mayBuild) {
    const minutes = Math.ceil(toBuild.reduce((sum, { program }) => sum + program.minutes, 0));
    report(
      `building ${toBuild.map(({ program }) => program.name).join(", ")} from Go modules: once, about ${minutes} minutes on ` +
        "two idle cores, 3 GB of memory and 6 GB of disk",
    );
    await mkdir(join(cache, "kubernetes"), { recursive: true });
    await withLock(join(cache, "kubernetes", "build.lock"), LOCK_LIMITS, report, async () => {
      for (const { program, why } of toBuild) {
        // While this process waited, another may have built it.
        const done = await kept(program, cache, env);
        try {
          const path = done.path ?? keptPath(cache, program);
          if (done.path === undefined) await build(program, path, { env, report });
          const wrong = await misfit(path, program, env);
          if (wrong !== undefined)
            throw new BuildFailed(`what came of the build does not fit: ${wrong}`, "report this");
          found.set(program.name, path);
        } catch (error) {
          missing.push({
            program: program.name,
            why: `${why}; ${error instanceof Error ? error.message : String(error)}`,
          });
        }
      }
    });
  } else {
    missing.push(
      ...toBuild.map(({ program, why }) => ({
        program: program.name,
        why: `${why}. To mend it: node --import tsx rehearsal/kubernetes/real/cli.ts, which builds it`,
      })),
    );
  }
  if (missing.length > 0) {
    throw new ProgramsNotFoundError(missing);
  }
  return Object.fromEntries(found) as Programs;
}
