import { createHash, randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";

/** A plugin's sources. */
export interface PluginSource {
  /** The package it stands for, as `aws`. */
  readonly name: string;
  /** The file that calls `serveProvider`. */
  readonly main: string;
  /** Its derived schema; left out when the definition brings its own. */
  readonly schema?: string;
}

export interface InstallOptions {
  /** Where the launchers go; made if need be. */
  readonly folder: string;
  /** Where bundles are kept, each under the digest of its content. */
  readonly cacheFolder: string;
  /** Gets a line for each plugin. */
  readonly report?: (line: string) => void;
}

export interface Installed {
  /** To be put in front of `PATH`: the engine finds its plugins there. */
  readonly pathFolder: string;
}

const PROVIDERS_FOLDER = resolve(__dirname, "..");

/**
 * Makes the stand-in plugins ready for the engine: one bundle and one launcher `pulumi-resource-<name>` for each folder
 * of `rehearsal/providers` that has a `main.ts`. A bundle starts in a third of the time of the sources (measured: 0.11 s,
 * dependencies included).
 *
 * @throws when a plugin's sources do not build; the message is the builder's
 */
export async function installPlugins(options: InstallOptions): Promise<Installed> {
  const folders = await readdir(PROVIDERS_FOLDER, { withFileTypes: true });
  const sources = folders
    .filter((entry) => entry.isDirectory() && existsSync(join(PROVIDERS_FOLDER, entry.name, "main.ts")))
    .map(({ name }): PluginSource => {
      const schema = join(PROVIDERS_FOLDER, "schema", `${name}.json`);
      return { name, main: join(PROVIDERS_FOLDER, name, "main.ts"), ...(existsSync(schema) && { schema }) };
    });
  return installFrom(sources, options);
}

/** As `installPlugins`, from any sources. */
export async function installFrom(sources: readonly PluginSource[], options: InstallOptions): Promise<Installed> {
  const pathFolder = resolve(options.folder);
  await mkdir(pathFolder, { recursive: true });
  await Promise.all(
    sources.map(async (source) => {
      const bundle = await bundlePlugin(source, options.cacheFolder);
      await writeLauncher(join(pathFolder, `pulumi-resource-${source.name}`), bundle.path);
      options.report?.(`plugin ${source.name}: ${bundle.fresh ? "bundled" : "taken from the cache"}`);
    }),
  );
  return { pathFolder };
}

async function bundlePlugin(
  { name, main, schema }: PluginSource,
  cacheFolder: string,
): Promise<{ readonly path: string; readonly fresh: boolean }> {
  // Loaded here only, so that a plugin that is bundled with this file does not need it.
  const { build } = await import("esbuild");
  const { outputFiles } = await build({
    entryPoints: [main],
    bundle: true,
    write: false,
    platform: "node",
    format: "cjs",
    target: "node20",
    logLevel: "silent",
    external: ["esbuild"],
  }).catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`The plugin "${name}" does not build from ${main}: ${why}`, { cause: error });
  });
  const code = outputFiles[0]?.contents ?? new Uint8Array();
  const described = schema === undefined ? undefined : await readFile(schema);

  const digest = createHash("sha256")
    .update(code)
    .update(described ?? "")
    .digest("hex")
    .slice(0, 32);
  const kept = resolve(cacheFolder, "plugins", `${name}-${digest}`);
  // `framework/schema.ts` looks for `../schema/<name>.json`, seen from the file it is part of.
  const path = join(kept, name, "main.js");
  if (existsSync(path)) {
    return { path, fresh: false };
  }
  // Written aside and moved as a whole: another process may do the same at the same time.
  const aside = `${kept}.${randomUUID()}`;
  await write(join(aside, name, "main.js"), code);
  if (described !== undefined) {
    await write(join(aside, "schema", `${name}.json`), described);
  }
  await rename(aside, kept).catch(async (error: unknown) => {
    await rm(aside, { recursive: true, force: true });
    if (!existsSync(path)) {
      throw error;
    }
  });
  return { path, fresh: true };
}

async function write(path: string, content: Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
}

/** A plugin is a program: a small script that becomes Node, so that signals and the end reach the plugin itself. */
async function writeLauncher(path: string, bundle: string): Promise<void> {
  const script = `#!/bin/sh\nexec ${quoted(process.execPath)} ${quoted(bundle)} "$@"\n`;
  // An engine may be starting this very file: never write into it, put another in its place.
  const aside = `${path}.${randomUUID()}`;
  await writeFile(aside, script, { mode: 0o755 });
  await rename(aside, path);
  const { mode } = await stat(path);
  if ((mode & 0o100) === 0) {
    throw new Error(`${path} is not executable: its file system does not allow programs. Choose another folder.`);
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
