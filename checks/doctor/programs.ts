import { execFile } from "node:child_process";
import { CouldNotLook, textOf } from "../result";

/** Longer than the Pulumi CLI takes to ask a bucket on another continent. */
const LIMIT_MS = 20_000;
const MAX_BYTES = 4 * 1024 * 1024;

export interface RunOptions {
  readonly folder: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
}

/**
 * Standard output of a program; undefined when there is none of this name on PATH.
 * @throws CouldNotLook when it ends with an error or takes longer than 20 s; what it printed is not repeated whole
 */
export function outputOf(program: string, words: readonly string[], options: RunOptions): Promise<string | undefined> {
  const { folder: cwd, environment: env, signal } = options;
  return new Promise((resolve, reject) => {
    const settings = { cwd, env, signal, timeout: LIMIT_MS, maxBuffer: MAX_BYTES };
    execFile(program, [...words], settings, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else if (error.code === "ENOENT") resolve(undefined);
      else reject(failed(`${program} ${words[0] ?? ""}`.trim(), error.killed === true, stderr || error.message));
    });
  });
}

function failed(subject: string, late: boolean, said: string): CouldNotLook {
  const seen = late ? `no answer within ${LIMIT_MS / 1000} s` : `it failed: ${textOf(said)}`;
  return new CouldNotLook(subject, seen, "run it by hand, mend what it says, then run the doctor again");
}
