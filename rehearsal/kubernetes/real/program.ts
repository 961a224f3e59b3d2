import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * Runs a program and ends it when this process ends, however that happens: the wrapper's standard input closes then. The
 * programs know nothing of their parent themselves.
 */
const WRAPPER = `
exec 3<&0
"$@" </dev/null 3<&- &
child=$!
trap 'kill -TERM "$child" 2>/dev/null' TERM
(trap '' TERM; cat <&3 >/dev/null; kill -KILL "$child" 2>/dev/null) &
exec 3<&-
wait "$child"
code=$?
while kill -0 "$child" 2>/dev/null; do wait "$child"; code=$?; done
exit "$code"
`;

/** How long a program may take to end on SIGTERM, in milliseconds. */
const GRACE_MS = 8_000;
const SHOWN_BYTES = 1_500;

export interface ProgramStart {
  /** For messages: `kube-apiserver of cluster a`. */
  readonly title: string;
  readonly path: string;
  readonly args: readonly string[];
  /** File that gets both streams; appended to. */
  readonly logFile: string;
  /** Soft limit of the Go runtime's heap, in MiB: garbage is collected harder near it. */
  readonly memoryMiB: number;
}

/** One program of the control plane, running. */
export class RunningProgram {
  private readonly child: ChildProcess;
  private readonly exited: Promise<void>;
  private end: string | undefined;

  constructor(private readonly start: ProgramStart) {
    const log = openSync(start.logFile, "a", 0o600);
    this.child = spawn("/bin/sh", ["-c", WRAPPER, start.title, start.path, ...start.args], {
      stdio: ["pipe", log, log],
      env: { PATH: process.env["PATH"], HOME: process.env["HOME"], GOMEMLIMIT: `${start.memoryMiB}MiB` },
    });
    closeSync(log);
    this.child.stdin?.on("error", () => undefined);
    this.exited = Promise.race([once(this.child, "exit"), once(this.child, "error")]).then(() => {
      this.end ??= `ended with ${this.child.exitCode ?? this.child.signalCode ?? "an error at its start"}`;
      this.child.stdin?.destroy();
    });
  }

  /** Waits until `isReady` holds. @throws Error with the end of the log when the program ends before, or in vain */
  async ready(isReady: () => Promise<boolean>, seconds: number): Promise<void> {
    const until = Date.now() + seconds * 1000;
    while (this.end === undefined) {
      if (await isReady().catch(() => false)) return;
      if (Date.now() > until) break;
      await sleep(100);
    }
    throw new Error(
      `${this.start.title} ${this.end ?? `was not ready within ${seconds} s`}; its log ${this.start.logFile} ends with:\n` +
        (await this.lastOfLog()),
    );
  }

  /** In order: SIGTERM, and SIGKILL after some seconds. */
  async stop(): Promise<void> {
    if (this.end !== undefined) return;
    this.child.kill("SIGTERM");
    const late = setTimeout(() => this.child.stdin?.destroy(), GRACE_MS);
    await this.exited;
    clearTimeout(late);
  }

  /** At once, as when its machine is lost. */
  async kill(): Promise<void> {
    this.child.stdin?.destroy();
    await this.exited;
  }

  private async lastOfLog(): Promise<string> {
    const text = await readFile(this.start.logFile, "utf8").catch(() => "(no log)");
    return text.slice(-SHOWN_BYTES);
  }
}
