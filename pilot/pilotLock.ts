import { link, mkdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { hostname, userInfo } from "node:os";
import { join } from "node:path";

/** Who runs the pilot on a stack. */
export interface PilotHolder {
  readonly who: string;
  readonly host: string;
  readonly pid: number;
  readonly since: string;
}

/** Another pilot runs on the stack; the message says whose it is and what to do. */
export class PilotLocked extends Error {
  override readonly name = "PilotLocked";

  constructor(
    readonly holder: PilotHolder,
    path: string,
  ) {
    super(
      `${holder.who} runs the pilot on this stack: process ${holder.pid} on ${holder.host}, since ${holder.since}. ` +
        `One pilot at a time. End it there (Ctrl-C), or, if that machine is gone, remove ${path}`,
    );
  }
}

const BEAT_MS = 10_000;
/** A lock of another machine that has not been touched for so long belongs to nobody any more. */
const STALE_MS = 10 * BEAT_MS;

/**
 * Takes the pilot's lock of a stack: a file in the record folder. It keeps two pilots from stepping on each other; the
 * engine's own lock keeps two updates apart. A lock whose process is gone is taken over.
 *
 * @returns what gives it back
 * @throws PilotLocked
 */
export async function takePilotLock(folder: string, now: () => Date = () => new Date()): Promise<() => Promise<void>> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, "pilot.lock");
  const mine: PilotHolder = { who: userName(), host: hostname(), pid: process.pid, since: now().toISOString() };
  const partial = `${path}.${process.pid}`;
  await writeFile(partial, JSON.stringify(mine), { mode: 0o600 });
  for (;;) {
    try {
      // Linked whole: nobody ever reads a lock that says nothing yet.
      await link(partial, path);
      break;
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
      const holder = await readHolder(path);
      if (holder !== undefined && !(await isGone(holder, path))) {
        await rm(partial, { force: true });
        throw new PilotLocked(holder, path);
      }
      await rm(path, { force: true });
    }
  }
  await rm(partial, { force: true });
  const beat = setInterval(() => {
    const at = new Date();
    utimes(path, at, at).catch(() => undefined);
  }, BEAT_MS);
  beat.unref();
  return async () => {
    clearInterval(beat);
    const holder = await readHolder(path);
    if (holder?.pid === process.pid && holder.host === hostname()) await rm(path, { force: true });
  };
}

async function readHolder(path: string): Promise<PilotHolder | undefined> {
  try {
    return JSON.parse(await readFile(path, "utf8")) as PilotHolder;
  } catch {
    return undefined;
  }
}

async function isGone({ host, pid }: PilotHolder, path: string): Promise<boolean> {
  if (host === hostname()) {
    try {
      process.kill(pid, 0);
      return false;
    } catch (error) {
      return !(error instanceof Error && "code" in error && error.code === "EPERM");
    }
  }
  const { mtimeMs } = await stat(path);
  return Date.now() - mtimeMs > STALE_MS;
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return "somebody";
  }
}
