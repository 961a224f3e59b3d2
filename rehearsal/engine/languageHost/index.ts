import { randomUUID } from "node:crypto";
import { mkdir, open, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import sdk from "@pulumi/pulumi/package.json";
import { executablesOnPath } from "../onPath";
import { type Report } from "../progress";
import { run } from "../run";
import { LIMITS } from "../way";

/** The name under which the engine looks for the language host of Node programs: on `PATH`, then beside the CLI. */
export const LANGUAGE_HOST = "pulumi-language-nodejs";

/** What `installLanguageHost` can be told. */
export interface LanguageHostOptions {
  /** The CLI that will be used: the language host beside it counts as its own. Default: only `PATH` is looked at. */
  readonly cli?: string;
  /** The environment in which the CLI will run. Default: this process's. */
  readonly env?: NodeJS.ProcessEnv;
  /** Gets a line for each language host passed over, and one for the one taken. Default: none. */
  readonly report?: Report;
}

/** A language host that the CLI will find. */
export interface LanguageHost {
  /** To be put in front of `PATH`. Nothing is in it when the CLI has its own language host. */
  readonly pathFolder: string;
  /** `own`: the real one, that came with the CLI. */
  readonly source: "own" | "stand-in";
  /** The executable that the engine will start. */
  readonly path: string;
}

/** The second line of the launcher, by which a stand-in is told from a real language host. */
const MARK = "# Stand-in for the Pulumi language host of Node programs, see rehearsal/engine/languageHost.";

/**
 * Sees to it that `pulumi preview` and `pulumi up` can run a Node program: takes the language host that the CLI has of its
 * own where its version is the SDK's, else puts a stand-in (`main.ts`) into the folder, bundled and with a launcher.
 *
 * @param folder where the stand-in goes; made if need be. With an own language host nothing is put there, and a stand-in of
 *   an earlier run is taken away
 * @throws Error when the stand-in does not build, or the folder allows no programs
 */
export async function installLanguageHost(folder: string, options: LanguageHostOptions = {}): Promise<LanguageHost> {
  const { cli, env = process.env, report = () => undefined } = options;
  const pathFolder = resolve(folder);
  const own = await ownLanguageHost(cli, env, report);
  if (own === undefined) {
    const path = await installStandIn(pathFolder);
    report(`language host: a stand-in at ${path}`);
    return { pathFolder, source: "stand-in", path };
  }
  // One of an earlier run would be found first.
  await rm(join(pathFolder, LANGUAGE_HOST), { force: true });
  await mkdir(pathFolder, { recursive: true });
  report(`language host: ${own}`);
  return { pathFolder, source: "own", path: own };
}

/** The one that the engine would start, in the engine's order. One that does not fit is passed over with all after it. */
async function ownLanguageHost(
  cli: string | undefined,
  env: NodeJS.ProcessEnv,
  report: Report,
): Promise<string | undefined> {
  const onPath = await realOnes(await executablesOnPath(LANGUAGE_HOST, env));
  const beside =
    cli === undefined ? [] : await executablesOnPath(LANGUAGE_HOST, { PATH: dirname(await realpath(cli)) });
  const candidate = onPath[0] ?? (await realOnes(beside))[0];
  if (candidate === undefined) {
    return undefined;
  }
  const answer = await run(candidate, ["--version"], { env, limitSeconds: LIMITS.versionSeconds });
  if (answer.failure === undefined && answer.stdout.replace(/^v/, "") === sdk.version) {
    return candidate;
  }
  const said = answer.failure ?? `says ${JSON.stringify(answer.stdout)}`;
  report(`${candidate} is passed over: \`--version\` ${said}, and the SDK is "v${sdk.version}"`);
  return undefined;
}

async function realOnes(executables: readonly string[]): Promise<readonly string[]> {
  const standIns = await Promise.all(executables.map(isStandIn));
  return executables.filter((_, i) => standIns[i] === false);
}

async function isStandIn(executable: string): Promise<boolean> {
  // The beginning is enough, and the real one has a hundred megabytes.
  const file = await open(executable);
  try {
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(256) });
    return buffer.subarray(0, bytesRead).includes(MARK);
  } finally {
    await file.close();
  }
}

/**
 * Builds the stand-in into a folder, whatever else there is.
 *
 * @returns the launcher's path
 * @throws Error when it does not build, or the folder allows no programs
 */
export async function installStandIn(folder: string): Promise<string> {
  const { build } = await import("esbuild");
  const { outputFiles } = await build({
    entryPoints: [join(__dirname, "main.ts")],
    bundle: true,
    write: false,
    platform: "node",
    format: "cjs",
    target: "node20",
    logLevel: "silent",
  });
  const bundle = join(resolve(folder), `${LANGUAGE_HOST}.cjs`);
  const launcher = join(resolve(folder), LANGUAGE_HOST);
  await mkdir(dirname(launcher), { recursive: true });
  await put(bundle, outputFiles[0]?.contents ?? "", 0o644);
  // The shell becomes Node, so that signals and the end reach the language host itself.
  const command = `exec ${quoted(process.execPath)} ${quoted(bundle)} "$@"`;
  await put(launcher, `#!/bin/sh\n${MARK}\n${command}\n`, 0o755);
  if (((await stat(launcher)).mode & 0o100) === 0) {
    throw new Error(`${launcher} is not executable: its file system does not allow programs. Choose another folder.`);
  }
  return launcher;
}

/** In one rename: an engine may be starting the file that is there. */
async function put(path: string, content: string | Uint8Array, mode: number): Promise<void> {
  const aside = `${path}.${randomUUID()}`;
  await writeFile(aside, content, { mode });
  await rename(aside, path);
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
