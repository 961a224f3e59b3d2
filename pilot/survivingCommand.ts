import { spawn } from "node:child_process";
import { mkdtemp, open, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, isAbsolute, join } from "node:path";
import { type PulumiCommand } from "@pulumi/pulumi/automation";

/** How the Automation API runs the command line; the SDK declares it internal. */
type Run = (
  args: string[],
  cwd: string,
  environment: Readonly<Record<string, string>>,
  onOutput?: (data: string) => void,
  onError?: (data: string) => void,
  signal?: AbortSignal,
) => Promise<{ readonly stdout: string; readonly stderr: string; readonly code: number }>;

/**
 * The Pulumi command line, whose updates outlive the process that began them.
 *
 * The Automation API reads an update's output through pipes: when the process at the other end is killed, the engine dies
 * of its next line, in the middle of a step, and leaves a lock and resources behind that its state does not know. With
 * files instead of pipes, and in a session of its own, it finishes the update that was begun. Everything else goes through
 * pipes as before: what the other commands print may be secret.
 */
export function surviving(command: PulumiCommand): PulumiCommand {
  const original = (command as unknown as { readonly run: Run }).run.bind(command);
  const run: Run = async (args, cwd, environment, onOutput, onError, signal) =>
    args[0] === "up"
      ? runDetached(command.command, args, cwd, environment, signal)
      : original(args, cwd, environment, onOutput, onError, signal);
  return Object.assign(Object.create(command) as PulumiCommand, { run });
}

async function runDetached(
  command: string,
  args: readonly string[],
  cwd: string,
  environment: Readonly<Record<string, string>>,
  signal: AbortSignal | undefined,
): ReturnType<Run> {
  const folder = await mkdtemp(join(tmpdir(), "pulumi-up-"));
  const [out, err] = [join(folder, "stdout"), join(folder, "stderr")];
  const files = await Promise.all([open(out, "w", 0o600), open(err, "w", 0o600)]);
  try {
    // As the SDK's own: the plugins beside the command line, never a question, and known as started by it.
    const beside = isAbsolute(command) ? [dirname(command)] : [];
    const child = spawn(command, [...args, "--non-interactive"], {
      cwd,
      env: {
        ...process.env,
        ...environment,
        PATH: [...beside, environment["PATH"] ?? process.env["PATH"] ?? ""].join(delimiter),
        PULUMI_AUTOMATION_API: "true",
      },
      detached: true,
      stdio: ["ignore", files[0].fd, files[1].fd],
    });
    const end = (): void => void child.kill("SIGINT");
    signal?.addEventListener("abort", end, { once: true });
    if (signal?.aborted === true) end();
    const code = await new Promise<number>((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", (exitCode, ending) => resolve(exitCode ?? (ending === null ? -1 : -2)));
    }).finally(() => signal?.removeEventListener("abort", end));
    const [stdout, stderr] = await Promise.all([readFile(out, "utf8"), readFile(err, "utf8")]);
    if (code !== 0) throw new Error(`code: ${code}\nstdout: ${stdout}\nstderr: ${stderr}`);
    return { stdout, stderr, code };
  } finally {
    await Promise.all(files.map(async (file) => file.close()));
    await rm(folder, { recursive: true, force: true });
  }
}
