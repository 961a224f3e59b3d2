import { randomUUID } from "node:crypto";
import { readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { secondsSince, type Report } from "./progress";

/** The holder of a lock, as the lock file names it. */
interface Holder {
  readonly token: string;
  readonly pid: number;
  readonly host: string;
}

/** How long and how often a lock is waited for. */
export interface LockLimits {
  /** A waiting process gives up after so many seconds. */
  readonly waitSeconds: number;
  /** A lock that its holder has not touched for so many seconds is nobody's. */
  readonly staleSeconds: number;
  /** The pause between two lines of progress while waiting. */
  readonly reportSeconds: number;
}

const POLL_MS = 250;

async function readHolder(file: string): Promise<Holder | undefined> {
  try {
    return JSON.parse(await readFile(file, "utf8")) as Holder;
  } catch {
    // Gone, or just being written: its age decides.
    return undefined;
  }
}

function isDead(holder: Holder): boolean {
  if (holder.host !== hostname()) {
    return false;
  }
  try {
    process.kill(holder.pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}

async function isStale(file: string, holder: Holder | undefined, staleSeconds: number): Promise<boolean> {
  if (holder !== undefined && isDead(holder)) {
    return true;
  }
  const found = await stat(file).catch(() => undefined);
  return found !== undefined && Date.now() - found.mtimeMs > staleSeconds * 1000;
}

async function tryTake(file: string, token: string): Promise<boolean> {
  const holder: Holder = { token, pid: process.pid, host: hostname() };
  try {
    await writeFile(file, JSON.stringify(holder), { flag: "wx" });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") {
      return false;
    }
    throw error;
  }
}

async function take(file: string, token: string, limits: LockLimits, report: Report): Promise<void> {
  const start = performance.now();
  let reportedMs = start;
  while (!(await tryTake(file, token))) {
    const holder = await readHolder(file);
    if (await isStale(file, holder, limits.staleSeconds)) {
      await rename(file, `${file}.${token}`).catch(() => undefined);
      await rm(`${file}.${token}`, { force: true });
      continue;
    }
    const who = holder === undefined ? "another process" : `process ${holder.pid} on ${holder.host}`;
    const now = performance.now();
    if (now - start >= limits.waitSeconds * 1000) {
      throw new Error(
        `${who} has held ${file} for more than ${limits.waitSeconds} s. If it is no longer at work, delete that file.`,
      );
    }
    if (now - reportedMs >= limits.reportSeconds * 1000) {
      reportedMs = now;
      report(`waiting for ${who}, which is getting the same Pulumi CLI (${secondsSince(start)} s)`);
    }
    await sleep(POLL_MS);
  }
}

/**
 * Runs `body` while holding the lock file, so that a build of minutes is not done twice at once.
 *
 * It saves work; it is not what keeps the cache right: in rare cases (a laptop asleep for longer than `staleSeconds`) two
 * holders are possible, and the rename that ends an installation is what makes that harmless.
 *
 * @throws Error when the lock cannot be had within `limits.waitSeconds`, or its folder cannot be written
 */
export async function withLock<T>(
  file: string,
  limits: LockLimits,
  report: Report,
  body: () => Promise<T>,
): Promise<T> {
  const token = randomUUID();
  await take(file, token, limits, report);
  const touch = setInterval(
    () => {
      const now = new Date();
      // Taken over by another process: the file may be gone for a moment.
      utimes(file, now, now).catch(() => undefined);
    },
    (limits.staleSeconds * 1000) / 10,
  );
  try {
    return await body();
  } finally {
    clearInterval(touch);
    if ((await readHolder(file))?.token === token) {
      await rm(file, { force: true });
    }
  }
}
