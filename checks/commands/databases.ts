import { readFileSync } from "node:fs";
import { z } from "zod";
import { SECRET_VARIABLES, type MigrationScope } from "../../migration/gateRequest";
import { targetFromDsn, type DatabaseTarget } from "../clients/databaseTarget";
import { Systems } from "../context";
import { compareDatabases } from "../database/compare";
import { type Outcome } from "../gateInput";
import { BadInput, parseScope } from "../request";
import { CouldNotLook, Report, textOf } from "../result";
import { answer, secondsSince } from "./answer";
import { readStdin } from "./input";
import { ProgressLine } from "./progressLine";

const CHECK = "databases";
/** One statement reads a range of a table's pages; only what cannot be cut (a key-value table) takes longer than seconds. */
const STATEMENT_MS = 15 * 60_000;
const KEYS_SHOWN = 10;
/** The variable for database B's connection string; a command line can be read by every user of the machine. */
export const DATABASE_B_VARIABLE = "MIGRATION_DATABASE_B_DSN";

export interface DatabasesOptions {
  readonly a?: string | undefined;
  readonly b?: string | undefined;
  readonly json?: boolean | undefined;
  /** Connections to each server. */
  readonly connections?: number | undefined;
  /** File with a JSON list like the setting `volatile`. */
  readonly volatile?: string | undefined;
}

type Volatile = MigrationScope["volatile"];

/**
 * `check -- databases`: compares two databases row by row. Each is given by option or by environment variable; B may
 * also be found through RDS, by a scope on standard input. SIGINT and SIGTERM end it: what runs on the servers is
 * cancelled, and the exit code is 2. docs/proof.md says what `--json` prints.
 */
export async function databasesCommand(options: DatabasesOptions): Promise<Outcome> {
  const begin = performance.now();
  const ending = new AbortController();
  const stop = (signal: NodeJS.Signals): void => {
    ending.abort(new CouldNotLook(CHECK, `ended by ${signal}`, "run again"));
  };
  process.once("SIGINT", stop).once("SIGTERM", stop);
  const progress = new ProgressLine(process.stderr);
  try {
    const report = new Report(CHECK);
    const given = await report.look(() => read(options, ending.signal));
    if (!given) return answer(report.result(), {}, options);
    const { result, summary, notCompared } = await compareDatabases(given.a, given.b, {
      check: CHECK,
      volatile: given.volatile,
      connections: options.connections ?? given.proof?.connections,
      statementTimeoutMs: given.proof ? given.proof.statementTimeoutMinutes * 60_000 : STATEMENT_MS,
      keysShown: given.proof?.keysShown ?? KEYS_SHOWN,
      signal: ending.signal,
      onProgress: (state) => progress.update(state),
    });
    progress.end();
    const whole = { ...summary, seconds: secondsSince(begin) };
    const outcome = answer(result, whole, options);
    if (options.json !== true) return outcome;
    return { ...outcome, stdout: JSON.stringify({ ...result, ...whole, notCompared, summary: whole }) };
  } finally {
    progress.end();
    process.removeListener("SIGINT", stop).removeListener("SIGTERM", stop);
  }
}

interface Given {
  readonly a: DatabaseTarget;
  readonly b: DatabaseTarget;
  readonly volatile: Volatile;
  readonly proof?: MigrationScope["proof"];
}

async function read(options: DatabasesOptions, signal: AbortSignal): Promise<Given> {
  const a = options.a ?? process.env[SECRET_VARIABLES.databaseA] ?? "";
  if (a === "") throw missing("A", "--a", SECRET_VARIABLES.databaseA);
  const declared = options.volatile === undefined ? [] : readVolatile(options.volatile);
  const b = await sideB(options, signal);
  return { ...b, a: targetFromDsn("database A", a), volatile: [...declared, ...b.volatile] };
}

async function sideB(options: DatabasesOptions, signal: AbortSignal): Promise<Omit<Given, "a">> {
  const given = options.b ?? process.env[DATABASE_B_VARIABLE] ?? "";
  if (given !== "") return { b: targetFromDsn("database B", given), volatile: [] };
  let scope;
  try {
    scope = parseScope(await readStdin());
  } catch (error) {
    if (!(error instanceof BadInput)) throw error;
    throw missing("B", "--b", `${DATABASE_B_VARIABLE}, or a scope on standard input`);
  }
  return { b: await new Systems(scope, signal).databaseB(), volatile: scope.volatile, proof: scope.proof };
}

function missing(side: string, option: string, variable: string): CouldNotLook {
  return new CouldNotLook(`database ${side}`, "no connection string is given", `give ${option} DSN, or ${variable}`, {
    lasting: true,
  });
}

const NAME = z.string().trim().min(1);
const VOLATILE = z.array(z.strictObject({ table: NAME, columns: z.array(NAME).min(1).optional(), reason: NAME }));

/** @throws BadInput when the file is not such a list: a table that is left out by mistake would prove nothing */
function readVolatile(file: string): Volatile {
  const expected = 'expected a JSON list of {"table": ..., "columns": [...] (optional), "reason": ...}';
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw new BadInput(`--volatile ${file}: ${textOf(error)}; ${expected}`);
  }
  const list = VOLATILE.safeParse(parsed);
  if (list.success) return list.data;
  const issues = list.error.issues.map(({ path, message }) => `${path.map(String).join(".")}: ${message}`);
  throw new BadInput(`--volatile ${file}: ${issues.join("; ")}; ${expected}`);
}
