import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Rehearsal } from "./rehearsal";

/** Kills as a lost machine or an out-of-memory killer does: `kill -9`, without a word. */

export const VICTIMS = ["pilot", "engine", "both"] as const;
export type Victim = (typeof VICTIMS)[number];

/** The process of the pilot that runs on the stack, by its lock; undefined when none does. */
export async function pilotPid(rehearsal: Rehearsal): Promise<number | undefined> {
  try {
    const { pid } = JSON.parse(await readFile(join(rehearsal.home, "record", "pilot.lock"), "utf8")) as { pid: number };
    return pid;
  } catch {
    return undefined;
  }
}

/** @returns what was killed, in words; undefined when nothing of it ran */
export async function killNow(rehearsal: Rehearsal, victim: Victim): Promise<string | undefined> {
  const pilot = await pilotPid(rehearsal);
  if (pilot === undefined) return undefined;
  const engines = await childrenNamed(pilot, "pulumi");
  const victims = victim === "pilot" ? [pilot] : victim === "engine" ? engines : [pilot, ...engines];
  const killed = victims.filter((pid) => kill(pid));
  if (killed.length === 0) return undefined;
  const engine = engines.length === 0 ? "no engine running" : "an engine running";
  return `${victim} (${killed.length} processes, ${engine})`;
}

/** Processes that this one started itself and whose executable has this name. Linux tells; elsewhere there are none. */
async function childrenNamed(parent: number, name: string): Promise<readonly number[]> {
  const found: number[] = [];
  for (const entry of await readdir("/proc").catch(() => [])) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const [stat, command] = await Promise.all([
        readFile(`/proc/${entry}/stat`, "utf8"),
        readFile(`/proc/${entry}/cmdline`, "utf8"),
      ]);
      // The name in parentheses may hold anything; the parent is the second field behind it.
      const ppid = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
      const executable = (command.split("\0")[0] ?? "").split("/").at(-1);
      if (ppid === parent && executable === name) found.push(Number(entry));
    } catch {
      // It ended while it was looked at.
    }
  }
  return found;
}

function kill(pid: number): boolean {
  try {
    process.kill(pid, "SIGKILL");
    return true;
  } catch {
    return false;
  }
}
