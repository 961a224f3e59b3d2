import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

/** The command lines as they describe themselves. */

export interface CommandLine {
  /** As it is typed: `npm run --silent check --`. */
  readonly typed: string;
  /** Path of its program. */
  readonly script: string;
}

export const CHECK: CommandLine = { typed: "npm run --silent check --", script: "checks/cli.ts" };
export const PILOT: CommandLine = { typed: "npm run pilot --", script: "pilot/main.ts" };
export const ROLLBACK: CommandLine = { typed: "npm run rollback --", script: "pilot/rollbackMain.ts" };

export interface Described {
  /** Without its alias. */
  readonly name: string;
  readonly description: string;
}

const LIMIT_MS = 120_000;

/** What `--help` of a program, or of one of its commands, prints. */
export async function helpOf(root: string, { script }: CommandLine, command?: string): Promise<string> {
  const words = ["--import", "tsx", join(root, script), ...(command === undefined ? [] : [command]), "--help"];
  const env = { ...process.env, NO_COLOR: "1" };
  return (await promisify(execFile)(process.execPath, words, { cwd: root, env, timeout: LIMIT_MS })).stdout;
}

/** The commands that a help text lists, in its order. */
export function commandsIn(help: string): readonly Described[] {
  return entriesIn(help, "Commands:").flatMap(({ term, text }) => {
    const [name = ""] = term.split(/[ |]/);
    return name === "help" ? [] : [{ name, description: text }];
  });
}

/** The long options that a help text lists, without `--help`. */
export function optionsIn(help: string): readonly Described[] {
  return entriesIn(help, "Options:").flatMap(({ term, text }) => {
    const name = /--[a-z-]+/.exec(term)?.[0] ?? "";
    return name === "--help" ? [] : [{ name, description: text }];
  });
}

/** Terms and their descriptions; a description goes on in deeper lines. */
function entriesIn(help: string, heading: string): readonly { readonly term: string; readonly text: string }[] {
  const lines = help.split("\n");
  const entries: { term: string; text: string }[] = [];
  for (const line of lines.slice(lines.indexOf(heading) + 1)) {
    if (line.trim() === "") break;
    const begun = /^ {2}(\S.*?)(?: {2,}(.*))?$/.exec(line);
    if (begun !== null) entries.push({ term: begun[1] ?? "", text: begun[2] ?? "" });
    else {
      const last = entries.at(-1);
      if (last !== undefined) last.text = `${last.text} ${line.trim()}`.trim();
    }
  }
  return lines.includes(heading) ? entries : [];
}
