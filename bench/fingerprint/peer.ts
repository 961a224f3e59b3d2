import { execFileSync, spawn } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { existsSync, readFileSync } from "node:fs";

/** Programs that are measured from outside. */

/** `pg_dump | sha256sum`, in seconds. */
export async function dumpSeconds(pgDump: string, address: string, password: string): Promise<number> {
  const begin = performance.now();
  const child = spawn("bash", ["-o", "pipefail", "-c", '"$0" "$1" | sha256sum', pgDump, address], {
    env: { ...process.env, PGPASSWORD: password },
    stdio: ["ignore", "ignore", "inherit"],
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  if (code !== 0) throw new Error(`${pgDump} | sha256sum ended with ${code ?? "a signal"}; its message is above`);
  return (performance.now() - begin) / 1000;
}

export interface Ran {
  readonly exitCode: number | null;
  readonly stdout: string;
  /** The largest resident set of the process, in MB, as the system counts it. */
  readonly peakMegabytes: number;
}

const POLL_MS = 50;

/** Runs the check as users do, as a process of its own, and watches its memory. */
export async function runCheck(a: string, b: string): Promise<Ran> {
  const child = spawn(process.execPath, ["--import", "tsx", "checks/cli.ts", "databases", "--json"], {
    env: { ...process.env, MIGRATION_DATABASE_A_DSN: a, MIGRATION_DATABASE_B_DSN: b },
    stdio: ["ignore", "pipe", "ignore"],
  });
  let stdout = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  const state = { over: false };
  const closed = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      state.over = true;
      resolve(code);
    });
  });
  let peak = 0;
  while (!state.over) {
    peak = Math.max(peak, residentMegabytes(child.pid));
    await Promise.race([closed, delay(POLL_MS)]);
  }
  return { exitCode: await closed, stdout, peakMegabytes: Math.round(peak) };
}

function residentMegabytes(pid: number | undefined): number {
  if (pid === undefined) return 0;
  try {
    if (existsSync(`/proc/${pid}/status`)) {
      return Number(/^VmHWM:\s*(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1000;
    }
    return Number(execFileSync("ps", ["-o", "rss=", "-p", String(pid)], { encoding: "utf8" })) / 1000;
  } catch {
    // It ended between two looks.
    return 0;
  }
}
