import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, constants, copyFile, lstat, mkdir, readdir, readlink, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { moveInto, type Binaries } from "./binaries";
import { cacheFolder, giveTo, type ServerUser } from "./serverUser";

const run = promisify(execFile);

/** The local superuser's name, as on RDS. It can log in through the private socket only. */
export const SUPERUSER = "rdsadmin";

/** Copies at a time: enough to keep one core busy, few enough to leave the thread pool to others. */
const COPIES_AT_A_TIME = 8;

/** Who may connect: the superuser through the private socket, everybody else over TCP with a password. */
const HOST_BASED_AUTHENTICATION = `local all ${SUPERUSER} trust
local all all reject
host all ${SUPERUSER} all reject
host all all 127.0.0.0/8 scram-sha-256
`;

/**
 * Makes `folder` an empty cluster by copying one that `initdb` made once and that is kept in the cache folder.
 * Encoding UTF8, locale C (so that no copy depends on the collations of the computer's C library).
 */
export async function newCluster(folder: string, binaries: Binaries, user: ServerUser): Promise<void> {
  const template = join(cacheFolder(), `cluster-${binaries.version}-1`);
  if (!existsSync(template)) await makeTemplate(template, binaries, user);
  await copyTree(template, folder, () => true);
  await giveTo(user, folder);
}

async function makeTemplate(template: string, binaries: Binaries, user: ServerUser): Promise<void> {
  const partial = `${template}.${process.pid}.${Date.now()}`;
  await mkdir(partial, { mode: 0o700 });
  await giveTo(user, partial);
  const options = ["--encoding=UTF8", "--locale=C", "--auth-local=trust", "--auth-host=scram-sha-256", "--no-sync"];
  await run(binaries.initdb, ["-D", partial, `--username=${SUPERUSER}`, ...options], { ...user, cwd: "/" });
  await writeFile(join(partial, "pg_hba.conf"), HOST_BASED_AUTHENTICATION);
  moveInto(partial, template);
}

/**
 * Copies files while a server may be writing them: a file that disappears meanwhile is left out, as pg_basebackup does
 * (its removal is in the log that is replayed). Modes of folders are private, as PostgreSQL demands.
 * @param wanted is asked with the path relative to `from`, "" excluded; a folder that is not wanted is left out whole.
 * @returns the bytes copied.
 */
export async function copyTree(from: string, to: string, wanted: (path: string) => boolean): Promise<number> {
  const files: { readonly from: string; readonly to: string }[] = [];
  await listFiles(from, to, "", wanted, files);
  let bytes = 0;
  const worker = async (): Promise<void> => {
    for (let file = files.pop(); file; file = files.pop()) bytes += await copyOne(file.from, file.to);
  };
  await Promise.all(Array.from({ length: COPIES_AT_A_TIME }, worker));
  return bytes;
}

async function listFiles(
  from: string,
  to: string,
  prefix: string,
  wanted: (path: string) => boolean,
  files: { readonly from: string; readonly to: string }[],
): Promise<void> {
  await mkdir(to, { recursive: true });
  await chmod(to, 0o700);
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const path = prefix + entry.name;
    if (!wanted(path)) continue;
    const pair = { from: join(from, entry.name), to: join(to, entry.name) };
    if (entry.isDirectory()) await listFiles(pair.from, pair.to, `${path}/`, wanted, files);
    else files.push(pair);
  }
}

async function copyOne(from: string, to: string): Promise<number> {
  try {
    const stat = await lstat(from);
    if (stat.isSymbolicLink()) await symlink(await readlink(from), to);
    else await copyFile(from, to, constants.COPYFILE_FICLONE);
    return stat.size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return 0;
    throw error;
  }
}
