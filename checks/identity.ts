import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { hostname, userInfo } from "node:os";
import { promisify } from "node:util";
import type * as StsModule from "./clients/sts";

const load = createRequire(__filename);
const run = promisify(execFile);
/** The way back never waits: who runs it is recorded when it is known by then. */
const IDENTITY_MS = 2_000;
const GIT_MS = 1_500;

/** ARN of the AWS caller, else the account of the operating system. Never waits for more than 2 s, never fails. */
export async function callerIdentity(region: string | undefined): Promise<string> {
  const local = `os:${localUser()}@${hostname()}`;
  if (region === undefined) return local;
  const limit = AbortSignal.timeout(IDENTITY_MS);
  const asked = (load("./clients/sts") as typeof StsModule).callerArn(region, limit);
  return (await withinLimit(asked, IDENTITY_MS)) ?? local;
}

/** Commit of the program, `<hash>-dirty` when files differ from it, `-` outside a repository. Never fails. */
export async function programCommit(folder: string): Promise<string> {
  const git = (...words: readonly string[]): Promise<string> =>
    run("git", [...words], { cwd: folder, timeout: GIT_MS, maxBuffer: 1024 * 1024 }).then(({ stdout }) =>
      stdout.trim(),
    );
  const [head, changes] = await Promise.all([
    withinLimit(git("rev-parse", "HEAD"), GIT_MS),
    withinLimit(git("status", "--porcelain", "--untracked-files=no"), GIT_MS),
  ]);
  if (head === undefined || head === "") return "-";
  // What could not be told to be clean is not called so.
  return changes === "" ? head : `${head}-dirty`;
}

/** The promise's value; undefined when it fails or takes longer. */
export async function withinLimit<T>(promise: Promise<T>, limitMs: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), limitMs);
  });
  try {
    return await Promise.race([promise.catch(() => undefined), late]);
  } finally {
    clearTimeout(timer);
  }
}

function localUser(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? "unknown");
  }
}
