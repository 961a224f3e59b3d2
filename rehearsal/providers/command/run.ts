import { spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { LineLog, MAX_LOGGED_LINE_BYTES } from "./lineLog";

/** Which streams of a command are shown while it runs. */
export type Logging = "stdout" | "stderr" | "stdoutAndStderr" | "none";

export interface CommandOptions {
  /** Handed to the interpreter as its last argument. */
  readonly command: string;
  /** Program and arguments. */
  readonly interpreter: readonly string[];
  readonly dir: string;
  /** The whole environment of the process. */
  readonly environment: Readonly<NodeJS.ProcessEnv>;
  /** Absent or empty: the process reads from the null device. */
  readonly stdin?: string;
  readonly logging: Logging;
  readonly log: (line: string) => void;
  /** Ends the command with everything that it started. */
  readonly signal: AbortSignal;
}

export interface CommandOutput {
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a command as the real provider does (facts/pulumi.md 6, and pulumi-command 1.2.1, `local/commandOutputs.go`), and
 * waits until it ended and its streams are closed. Of each stream one line feed at the end is dropped.
 *
 * In two points it is better than the real one: a cancelled command takes its own children with it, and a logged line
 * that the real provider would wait on forever is an error.
 *
 * @throws when the command cannot be started, fails, is cancelled, or logs a line that is too long; the message holds the
 * command and both of its streams
 */
export async function runCommand(options: CommandOptions): Promise<CommandOutput> {
  const { command, signal } = options;
  const [file = "", ...args] = options.interpreter;
  const all: Buffer[] = [];
  const fail = (reason: string): Error =>
    new Error(`${reason}: running ${JSON.stringify(command)}:\n${Buffer.concat(all).toString("utf8")}`);
  if (signal.aborted) {
    throw fail("cancelled before it was started");
  }

  const child = start(file, [...args, command], options, fail);
  const lines = new LineLog(options.log);
  const ending = { tooLong: false, cancelled: false };
  const collect = (stream: NodeJS.ReadableStream | null, shown: boolean): Buffer[] => {
    const chunks: Buffer[] = [];
    stream?.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      all.push(chunk);
      if (shown && !ending.tooLong && !lines.add(chunk)) {
        ending.tooLong = true;
        killGroup(child);
      }
    });
    return chunks;
  };
  const stdout = collect(child.stdout, options.logging === "stdout" || options.logging === "stdoutAndStderr");
  const stderr = collect(child.stderr, options.logging === "stderr" || options.logging === "stdoutAndStderr");

  const cancel = (): void => {
    ending.cancelled = true;
    killGroup(child);
  };
  signal.addEventListener("abort", cancel);
  try {
    const end = await ended(child, fail, file, options.dir);
    if (ending.tooLong) {
      throw fail(
        `a line of more than ${MAX_LOGGED_LINE_BYTES} bytes with logging "${options.logging}", at which the real ` +
          `provider hangs; set logging to "none"`,
      );
    }
    lines.end();
    if (end !== "exit status 0") {
      throw fail(ending.cancelled ? `cancelled (${end})` : end);
    }
  } finally {
    signal.removeEventListener("abort", cancel);
  }
  return { stdout: output(stdout), stderr: output(stderr) };
}

function start(
  file: string,
  args: readonly string[],
  { dir, environment, stdin }: CommandOptions,
  fail: (reason: string) => Error,
): ChildProcess {
  const input = stdin === undefined || stdin === "" ? undefined : stdin;
  try {
    const child = spawn(file, args, {
      cwd: dir,
      env: environment,
      // A process group of its own, so that it can be ended with everything that it starts.
      detached: true,
      stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    });
    // A command need not read its input; one that does not closes the pipe.
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(input);
    return child;
  } catch (error) {
    // Some systems' refusals are thrown, others come as an event.
    throw fail(startFailure(error, file, dir));
  }
}

/** How a process ended, in the words of the real provider. */
async function ended(child: ChildProcess, fail: (reason: string) => Error, file: string, dir: string): Promise<string> {
  return new Promise((resolve, reject) => {
    child.once("error", (error) => reject(fail(startFailure(error, file, dir))));
    child.once("close", (code, signal) =>
      resolve(signal === null ? `exit status ${code ?? "unknown"}` : `signal: ${signal}`),
    );
  });
}

function startFailure(error: unknown, file: string, dir: string): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  switch (code) {
    case "E2BIG":
      return (
        `fork/exec ${file}: argument list too long (one environment variable or argument may have 128 KiB; the output ` +
        `of the run before is one of them)`
      );
    case "ENOENT":
      return existsSync(dir)
        ? `fork/exec ${file}: no such file or directory`
        : `chdir ${dir}: no such file or directory`;
    default:
      return `fork/exec ${file}: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) {
    return;
  }
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch (error) {
    // Already gone.
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) {
      throw error;
    }
  }
}

function output(chunks: readonly Buffer[]): string {
  return Buffer.concat(chunks).toString("utf8").replace(/\n$/, "");
}
