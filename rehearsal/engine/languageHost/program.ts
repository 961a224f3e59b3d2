import { spawn, type ChildProcess } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import { type RuntimeOptions } from "./options";

/** What the engine asks for when it has a program run. */
export interface ProgramRequest {
  readonly organization: string;
  readonly project: string;
  readonly stack: string;
  /** The folder of `Pulumi.yaml`. */
  readonly rootDirectory: string;
  /** The folder of the program, and its working directory. */
  readonly programDirectory: string;
  /** `main` of `Pulumi.yaml`, `.` where it has none. */
  readonly entryPoint: string;
  readonly dryRun: boolean;
  /** How many resources at once. */
  readonly parallel: number;
  /** Arguments for the program itself. */
  readonly args: readonly string[];
  /** Settings of the stack by key (`project:name`), secret ones in the clear. */
  readonly config: Readonly<Record<string, string>>;
  readonly configSecretKeys: readonly string[];
}

/** What the program's process needs beside the request. */
export interface ProgramSurroundings {
  readonly options: RuntimeOptions;
  /** Where the program reaches the resource monitor, as `127.0.0.1:34567`. */
  readonly monitor: string;
  /** Where it reaches the engine's log. */
  readonly engine: string;
  /** The folder for the pipes of synchronous invokes: see `service.ts`. */
  readonly syncFolder: string;
  /** The endpoint of `--tracing`, where the operator gave one. */
  readonly tracing: string | undefined;
  readonly env: NodeJS.ProcessEnv;
  /** Ends the program. */
  readonly signal: AbortSignal;
}

/** How a program ended, in the terms of the engine's protocol. */
export interface ProgramResult {
  /** For the operator; empty when the program succeeded, or has said itself what went wrong. */
  readonly error: string;
  /** The program failed and has already said why. */
  readonly bail: boolean;
}

/** The SDK's exit code for "failed, and the operator has been told why". */
const ALREADY_TOLD = 32;

/** A program that does not end after an interrupt is killed so much later. */
const KILL_AFTER_MS = 5_000;

/** The SDK's own starter of programs. `PULUMI_LANGUAGE_NODEJS_RUN_PATH` puts another in its place, as for the real host. */
const STARTER = "@pulumi/pulumi/cmd/run";

/**
 * Runs the program in the SDK's starter, by the `node` on `PATH`, and waits until it has ended and its output is handed
 * on. It never throws: whatever fails becomes the `error` of the result.
 */
export async function runProgram(request: ProgramRequest, surroundings: ProgramSurroundings): Promise<ProgramResult> {
  try {
    const { env, options } = surroundings;
    const own = env["PULUMI_LANGUAGE_NODEJS_RUN_PATH"];
    const starter = locate(own === undefined || own === "" ? STARTER : own, request.programDirectory);
    const args = [...options.nodeArguments, starter, ...programArguments(request, surroundings)];
    return await ended(args, { ...env, ...programEnvironment(request, options) }, surroundings.signal);
  } catch (error) {
    return failed(error instanceof Error ? error.message : String(error));
  }
}

function failed(error: string): ProgramResult {
  return { error, bail: false };
}

/** As `node` finds the module from the program's folder. */
function locate(module: string, programDirectory: string): string {
  try {
    return createRequire(join(programDirectory, "index.js")).resolve(module);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new Error(
      code === "MODULE_NOT_FOUND"
        ? `the Pulumi SDK (${module}) is not installed in ${programDirectory}: run \`npm ci\` there`
        : message,
    );
  }
}

/** The command line of the SDK's starter. What is empty is left out. */
export function programArguments(
  request: ProgramRequest,
  { monitor, engine, syncFolder, tracing }: Omit<ProgramSurroundings, "options" | "env" | "signal">,
): readonly string[] {
  const named: Readonly<Record<string, string>> = {
    monitor,
    engine,
    sync: syncFolder,
    organization: request.organization,
    project: request.project,
    "root-directory": request.rootDirectory,
    stack: request.stack,
    pwd: request.programDirectory,
    parallel: String(request.parallel),
    tracing: tracing ?? "",
  };
  return [
    ...Object.entries(named).flatMap(([name, value]) => (value === "" ? [] : [`--${name}`, value])),
    ...(request.dryRun ? ["--dry-run"] : []),
    // The first word that is no option ends the options: the entry point has to be the last of them.
    request.entryPoint,
    ...request.args,
  ];
}

/**
 * What the SDK reads from the environment. Settings travel here, the secret ones too, as in the real host: they are in no
 * command line.
 *
 * @throws Error when a key of the settings is not one
 */
export function programEnvironment(request: ProgramRequest, options: RuntimeOptions): Record<string, string> {
  const config = Object.entries(request.config).map(([key, value]) => [longKey(key), value] as const);
  return {
    PULUMI_CONFIG: JSON.stringify(Object.fromEntries(config)),
    PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(request.configSecretKeys),
    ...(options.typescript && { PULUMI_NODEJS_TYPESCRIPT: "true" }),
    ...(options.tsconfig !== undefined && { PULUMI_NODEJS_TSCONFIG_PATH: options.tsconfig }),
  };
}

/** Settings go to the SDK under their old form, `project:config:name`, which every version of it understands. */
function longKey(key: string): string {
  const [namespace, ...rest] = key.split(":");
  const name = rest.length === 2 && rest[0] === "config" ? rest[1] : rest[0];
  if (namespace === undefined || name === undefined || rest.length > 2 || (rest.length === 2 && rest[0] !== "config")) {
    throw new Error(`"${key}" is no key of a setting: it must be of the form NAMESPACE:NAME`);
  }
  return `${namespace}:config:${name}`;
}

async function ended(args: readonly string[], env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<ProgramResult> {
  if (signal.aborted) {
    return failed("the engine cancelled the operation before the program was started");
  }
  const child = spawn("node", args, { env, stdio: ["ignore", "pipe", "pipe"] });
  child.stdout.pipe(process.stdout, { end: false });
  child.stderr.pipe(process.stderr, { end: false });
  return new Promise((resolve) => {
    const stopWatching = endOnAbort(child, signal);
    child.once("error", (error: NodeJS.ErrnoException) => {
      stopWatching();
      resolve(
        failed(
          error.code === "ENOENT"
            ? "there is no `node` on PATH: install Node, or put its folder on PATH"
            : `the program could not be started: ${error.message}`,
        ),
      );
    });
    // `close` and not `exit`: nothing that the program wrote may come after the answer.
    child.once("close", (code) => {
      stopWatching();
      resolve(resultOf(code));
    });
  });
}

/** The program gets the chance to end in order. Returns what forgets the program. */
function endOnAbort(child: ChildProcess, signal: AbortSignal): () => void {
  let kill: NodeJS.Timeout | undefined;
  const interrupt = (): void => {
    child.kill("SIGINT");
    kill = setTimeout(() => child.kill("SIGKILL"), KILL_AFTER_MS);
  };
  signal.addEventListener("abort", interrupt, { once: true });
  return () => {
    signal.removeEventListener("abort", interrupt);
    clearTimeout(kill);
  };
}

/** @param code `null` when a signal ended the program, which counts as -1 */
function resultOf(code: number | null): ProgramResult {
  switch (code) {
    case 0:
      return { error: "", bail: false };
    case ALREADY_TOLD:
      return { error: "", bail: true };
    default:
      return failed(`Program exited with non-zero exit code: ${code ?? -1}`);
  }
}
