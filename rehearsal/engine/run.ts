import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";

/** How a command is run. */
export interface RunOptions {
  readonly cwd?: string;
  readonly env: NodeJS.ProcessEnv;
  /** After so many seconds the command and all that it started are ended. */
  readonly limitSeconds: number;
  /** Gets every line of standard output and standard error as it comes. */
  readonly onLine?: (line: string) => void;
  /** Asked about every quarter of a second; a text ends the command and becomes its failure. */
  readonly giveUp?: () => string | undefined;
}

/** What came of a command. It never throws: a command that cannot be started has a `failure` too. */
export interface RunResult {
  /** Standard output without white space at its ends. */
  readonly stdout: string;
  /** The last lines of both streams, for messages. */
  readonly lastLines: readonly string[];
  /** Why it did not end with exit code 0; undefined when it did. */
  readonly failure: string | undefined;
}

const KEPT_LINES = 400;
const KILL_AFTER_MS = 2_000;
const ENDING_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
const running = new Set<ChildProcess>();

function endGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) {
    return;
  }
  try {
    // A negative id is the whole group: `sh` and its `curl`, `go` and its compilers.
    process.kill(-child.pid, signal);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Already gone; macOS says EPERM of a group in which only ended processes are left.
    if (code !== "ESRCH" && code !== "EPERM") {
      throw error;
    }
  }
}

// The commands have process groups of their own, so Ctrl-C in a terminal does not reach them: it is handed on.
function onEndingSignal(signal: NodeJS.Signals): void {
  for (const child of running) {
    endGroup(child, "SIGTERM");
  }
  if (process.listenerCount(signal) === 1) {
    process.removeListener(signal, onEndingSignal);
    process.kill(process.pid, signal);
  }
}

function onExit(): void {
  for (const child of running) {
    endGroup(child, "SIGKILL");
  }
}

function track(child: ChildProcess): void {
  if (running.size === 0) {
    ENDING_SIGNALS.forEach((signal) => process.on(signal, onEndingSignal));
    process.on("exit", onExit);
  }
  running.add(child);
}

function untrack(child: ChildProcess): void {
  running.delete(child);
  if (running.size === 0) {
    ENDING_SIGNALS.forEach((signal) => process.removeListener(signal, onEndingSignal));
    process.removeListener("exit", onExit);
  }
}

/** Runs one command to its end, with a limit in time, and leaves no process behind. */
export function run(file: string, args: readonly string[], options: RunOptions): Promise<RunResult> {
  return new Promise((resolve) => {
    const { cwd, env, limitSeconds, onLine, giveUp } = options;
    const child = spawn(file, args, {
      ...(cwd === undefined ? {} : { cwd }),
      env,
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    track(child);

    let stopped: string | undefined;
    let kill: NodeJS.Timeout | undefined;
    const stop = (reason: string): void => {
      if (stopped === undefined) {
        stopped = reason;
        endGroup(child, "SIGTERM");
        kill = setTimeout(() => {
          endGroup(child, "SIGKILL");
          // One that left the group may still hold the streams open: it is not waited for.
          child.stdout.destroy();
          child.stderr.destroy();
        }, KILL_AFTER_MS);
      }
    };
    const limit = setTimeout(() => stop(`took longer than ${limitSeconds} s and was stopped`), limitSeconds * 1000);
    const watch = setInterval(() => {
      const reason = giveUp?.();
      if (reason !== undefined) {
        stop(reason);
      }
    }, 250);

    const stdout: string[] = [];
    const lastLines: string[] = [];
    const take = (line: string): void => {
      lastLines.push(line);
      if (lastLines.length > KEPT_LINES) {
        lastLines.shift();
      }
      onLine?.(line);
    };
    createInterface({ input: child.stdout }).on("line", (line) => {
      stdout.push(line);
      take(line);
    });
    createInterface({ input: child.stderr }).on("line", take);

    let ended = false;
    const end = (failure: string | undefined): void => {
      if (ended) {
        return;
      }
      ended = true;
      clearTimeout(limit);
      clearTimeout(kill);
      clearInterval(watch);
      untrack(child);
      resolve({ stdout: stdout.join("\n").trim(), lastLines, failure: stopped ?? failure });
    };
    child.on("error", (error) => end(`could not be started: ${error.message}`));
    child.on("close", (code, signal) => {
      if (signal !== null) {
        end(`was ended by ${signal}`);
      } else {
        end(code === 0 ? undefined : `ended with exit code ${code ?? "unknown"}`);
      }
    });
  });
}
