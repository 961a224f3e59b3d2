import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";

/** Who holds a stack's lock, as the engine's refusal tells it. */
export interface LockHolder {
  /** `user@host`, or nothing where the backend does not tell. */
  readonly who: string;
  readonly host?: string | undefined;
  readonly pid?: number | undefined;
}

/** What became of the process that held the lock. */
export type HolderEnd = "ended" | "not on this machine" | "not there any more" | "not pulumi";

/** Backends that keep the state in files or buckets name the process; Pulumi Cloud only says that there is one. */
const LOCKED = /currently locked by \d+ lock/;
const HOLDER = /created by (\S+)@(\S+) \(pid (\d+)\)/g;
const CONFLICT = /\[409\] Conflict|Another update is currently in progress/;

/** The holders of the lock that a refused operation names; undefined when it was refused for another reason. */
export function lockHolders(message: string): readonly LockHolder[] | undefined {
  if (LOCKED.test(message)) {
    const holders = [...message.matchAll(HOLDER)].map(([, user = "?", host = "?", pid]) => ({
      who: `${user}@${host}`,
      host,
      pid: Number(pid),
    }));
    return holders.length > 0 ? holders : [{ who: "a process that the backend does not name" }];
  }
  return CONFLICT.test(message) ? [{ who: "an update that Pulumi Cloud runs" }] : undefined;
}

/** An engine that is told to end finishes the step at hand; a check may hang, and the way back does not wait for it. */
const GRACE_MS = 2_000;
const POLL_MS = 50;

/**
 * Ends the update that holds the lock when it runs on this machine: asked once (SIGINT), then killed.
 * A process of another name is left alone: the number may have been given to somebody else since.
 */
export async function endHolder({ host, pid }: LockHolder): Promise<HolderEnd> {
  if (host === undefined || pid === undefined || host !== hostname()) return "not on this machine";
  if (!isAlive(pid)) return "not there any more";
  if (!(await isPulumi(pid))) return "not pulumi";
  for (const signal of ["SIGINT", "SIGKILL"] as const) {
    kill(pid, signal);
    const until = Date.now() + GRACE_MS;
    while (isAlive(pid) && Date.now() < until) await sleep(POLL_MS);
    if (!isAlive(pid)) return "ended";
  }
  return "ended";
}

/** Whether the holder was a process of this machine that is there no more: its lock belongs to nobody. */
export function isGone({ host, pid }: LockHolder): boolean {
  return pid !== undefined && host === hostname() && !isAlive(pid);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended by itself meanwhile, or belongs to another user: the lock is taken away all the same.
  }
}

/** Where the system tells no command lines (it does on Linux), a process under the number is taken for the holder. */
async function isPulumi(pid: number): Promise<boolean> {
  try {
    return (await readFile(`/proc/${pid}/cmdline`, "utf8")).split("\0").some((part) => /(^|\/)pulumi$/.test(part));
  } catch {
    return process.platform !== "linux";
  }
}
