import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** The text of a file, empty where there is none. */
export function readIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** Waits until something holds, at most for some seconds. */
export async function until(holds: () => boolean, what: string, seconds = 10): Promise<void> {
  for (let waited = 0; !holds(); waited += 0.02) {
    assert.ok(waited < seconds, `not seen within ${seconds} s: ${what}`);
    await sleep(20);
  }
}

/** Waits until a process has ended; one that ended and that nobody waited for yet counts as gone. */
export async function gone(pid: number, seconds = 10): Promise<void> {
  await until(
    () => /^$|^State:\s+[ZX]/m.test(readIfThere(`/proc/${pid}/status`)),
    `the end of process ${pid}`,
    seconds,
  );
}

/** The process that started another one. */
export function parentOf(pid: number): number {
  const [, parent] = /^PPid:\s+(\d+)/m.exec(readIfThere(`/proc/${pid}/status`)) ?? [];
  assert.ok(parent, `process ${pid} is gone`);
  return Number(parent);
}
