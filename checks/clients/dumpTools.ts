import { execFile } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { CouldNotLook } from "../result";

/** PostgreSQL's own programs, of the major version of the servers. */
export interface DumpTools {
  readonly pgDump: string;
  readonly pgRestore: string;
  /** As they say, `15.18`. */
  readonly version: string;
}

const run = promisify(execFile);
const ASK_MS = 10_000;

/** Where distributions keep the programs of one major version beside others. */
const PLACES: readonly ((major: number) => string)[] = [
  (major) => `/usr/lib/postgresql/${major}/bin`,
  (major) => `/usr/pgsql-${major}/bin`,
  (major) => `/opt/homebrew/opt/postgresql@${major}/bin`,
  (major) => `/usr/local/opt/postgresql@${major}/bin`,
];

/**
 * `pg_dump` and `pg_restore` of this major version: from `PATH`, else from where distributions keep them. An older
 * `pg_dump` refuses the server, and a newer one writes what the server does not understand.
 * @throws CouldNotLook naming the package, and what was found instead
 */
export async function findTools(major: number, environment: NodeJS.ProcessEnv = process.env): Promise<DumpTools> {
  const onPath = (environment["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  const others: string[] = [];
  for (const folder of [...onPath, ...PLACES.map((place) => place(major))]) {
    const [pgDump, pgRestore] = [join(folder, "pg_dump"), join(folder, "pg_restore")];
    if (!isProgram(pgDump) || !isProgram(pgRestore)) continue;
    const versions = [await versionOf(pgDump, environment), await versionOf(pgRestore, environment)];
    const [version = ""] = versions;
    if (versions.every((found) => majorOf(found) === major)) return { pgDump, pgRestore, version };
    others.push(`${folder} (${version === "" ? "of unknown version" : version})`);
  }
  const seen = others.length === 0 ? "there are none" : `only those in ${[...new Set(others)].join(", ")}`;
  throw new CouldNotLook(
    `pg_dump and pg_restore of PostgreSQL ${major}`,
    `${seen}, neither on PATH nor in ${PLACES[0]?.(major) ?? ""}`,
    `install them where this runs: apt-get install postgresql-client-${major} (Debian, Ubuntu), dnf install ` +
      `postgresql${major} (Amazon Linux, Fedora), brew install postgresql@${major}`,
    { lasting: true },
  );
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Empty when the program cannot be asked. */
async function versionOf(program: string, environment: NodeJS.ProcessEnv): Promise<string> {
  try {
    const { stdout } = await run(program, ["--version"], { env: environment, timeout: ASK_MS });
    return /\d+(\.\d+)*/.exec(stdout)?.[0] ?? "";
  } catch {
    return "";
  }
}

/** `15` of `15.18`; NaN of anything else. */
export function majorOf(version: string): number {
  return Number.parseInt(version, 10);
}
