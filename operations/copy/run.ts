import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { type Readable, type Writable } from "node:stream";
import { redact } from "../../checks/result";

/** One of PostgreSQL's programs at work. */
export interface Tool {
  readonly pid: number;
  /** Nothing when its input is not piped. */
  readonly input: Writable | null;
  readonly output: Readable | null;
  /** @throws ToolFailure when it fails, is killed or cannot be started */
  readonly done: Promise<void>;
}

export interface ToolOptions {
  readonly program: string;
  /** Never a secret. */
  readonly args: readonly string[];
  /** The whole environment. */
  readonly environment: NodeJS.ProcessEnv;
  readonly stdin: "ignore" | "pipe";
  readonly stdout: "ignore" | "pipe";
  /** Each line that it says. */
  readonly onLine: (line: string, pid: number) => void;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/** A program failed; the message is what it said, without statements and data. */
export class ToolFailure extends Error {
  override readonly name = "ToolFailure";
}

/** What may be repeated of a program's last words. */
const SAID_LINES = 4;
/** Time to end in order, so that the servers are told; then it is killed. */
const GRACE_MS = 5_000;

export function runTool(options: ToolOptions): Tool {
  const name = options.program.split("/").at(-1) ?? options.program;
  const child = spawn(options.program, [...options.args], {
    env: options.environment,
    stdio: [options.stdin, options.stdout, "pipe"],
    // A group of its own: the programs start workers, which have to end with them.
    detached: true,
  });
  const stopWatching = watch(child.pid);
  const said: string[] = [];
  const lines = createInterface({ input: child.stderr ?? failNoStream(name) });
  lines.on("line", (line) => {
    options.onLine(line, child.pid ?? 0);
    if (isWorthSaying(line)) said.push(redact(line.replace(/^pg_\w+: /, "")).slice(0, 400));
  });
  let grace: NodeJS.Timeout | undefined;
  const stop = (): void => {
    signalGroup(child.pid, "SIGTERM");
    grace = setTimeout(() => signalGroup(child.pid, "SIGKILL"), GRACE_MS);
  };
  if (options.signal.aborted) stop();
  options.signal.addEventListener("abort", stop, { once: true });
  // Workers that outlive their leader would hold its streams, and their sessions.
  child.once("exit", () => signalGroup(child.pid, "SIGKILL"));
  const done = ended(child, name, said).finally(() => {
    clearTimeout(grace);
    stopWatching();
    options.signal.removeEventListener("abort", stop);
  });
  // Whoever waits gets the failure; a failure before anybody waits is not one of the process.
  done.catch(() => undefined);
  return { pid: child.pid ?? 0, input: child.stdin, output: child.stdout, done };
}

/** Ends the group once its input is closed without a word, which is what the kernel does when this process is killed. */
const WATCHDOG = `trap '' INT TERM HUP
read -r word && [ "$word" = done ] && exit 0
kill -TERM -- "-$1" 2>/dev/null
sleep 5
kill -KILL -- "-$1" 2>/dev/null`;

function watch(pid: number | undefined): () => void {
  if (pid === undefined) return () => undefined;
  const watchdog = spawn("/bin/sh", ["-c", WATCHDOG, "watchdog", String(pid)], {
    cwd: "/",
    env: { PATH: "/usr/bin:/bin" },
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  watchdog.on("error", () => undefined);
  watchdog.stdin.on("error", () => undefined);
  watchdog.unref();
  return () => watchdog.stdin.end("done\n");
}

function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    // Already gone.
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

/**
 * Errors and hints alone: a detail, a context or a "Command was" repeats rows, and rows hold private keys.
 */
function isWorthSaying(line: string): boolean {
  return /^pg_\w+: (error|fatal|hint|warning):/.test(line) || /^(HINT|FATAL|ERROR): /.test(line);
}

function ended(child: ChildProcess, name: string, said: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once("error", (error) => reject(new ToolFailure(`${name} could not be started: ${error.message}`)));
    child.once("close", (code, signal) => {
      if (code === 0) {
        resolve();
        return;
      }
      const how = signal === null ? `exit code ${code ?? "unknown"}` : `ended by ${signal}`;
      const words = said.length === 0 ? "it said nothing" : said.slice(0, SAID_LINES).join("; ");
      reject(new ToolFailure(`${name} failed (${how}): ${words}`));
    });
  });
}

function failNoStream(name: string): never {
  throw new ToolFailure(`${name} was started without a stream for its messages`);
}
