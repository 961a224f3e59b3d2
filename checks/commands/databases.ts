import { SECRET_VARIABLES } from "../../migration/gateRequest";
import { targetFromDsn, type DatabaseTarget } from "../clients/databaseTarget";
import { Systems } from "../context";
import { compareDatabases } from "../database/compare";
import { type Outcome } from "../gateInput";
import { BadInput, parseScope } from "../request";
import { CouldNotLook, Report } from "../result";
import { answer, secondsSince } from "./answer";
import { readStdin } from "./input";

const CHECK = "databases";
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
}

/**
 * `check -- databases`: compares two databases row by row. Each is given by option or by environment variable; B may
 * also be found through RDS, by a scope on standard input.
 */
export async function databasesCommand(options: DatabasesOptions): Promise<Outcome> {
  const begin = performance.now();
  const ending = new AbortController();
  const report = new Report(CHECK);
  const targets = await report.look(async () => {
    const a = options.a ?? process.env[SECRET_VARIABLES.databaseA] ?? "";
    if (a === "") throw missing("A", "--a", SECRET_VARIABLES.databaseA);
    return { a: targetFromDsn("database A", a), b: await targetB(options, ending.signal) };
  });
  if (!targets) return answer(report.result(), {}, options);
  const { result, summary } = await compareDatabases(targets.a, targets.b.target, {
    check: CHECK,
    volatile: targets.b.volatile,
    connections: options.connections,
    statementTimeoutMs: STATEMENT_MS,
    keysShown: KEYS_SHOWN,
    signal: ending.signal,
  });
  return answer(result, { ...summary, seconds: secondsSince(begin) }, options);
}

type Volatile = ReturnType<typeof parseScope>["volatile"];

async function targetB(
  options: DatabasesOptions,
  signal: AbortSignal,
): Promise<{ readonly target: DatabaseTarget; readonly volatile: Volatile }> {
  const given = options.b ?? process.env[DATABASE_B_VARIABLE] ?? "";
  if (given !== "") return { target: targetFromDsn("database B", given), volatile: [] };
  let scope;
  try {
    scope = parseScope(await readStdin());
  } catch (error) {
    if (!(error instanceof BadInput)) throw error;
    throw missing("B", "--b", `${DATABASE_B_VARIABLE}, or a scope on standard input`);
  }
  return { target: await new Systems(scope, signal).databaseB(), volatile: scope.volatile };
}

function missing(side: string, option: string, variable: string): CouldNotLook {
  return new CouldNotLook(`database ${side}`, "no connection string is given", `give ${option} DSN, or ${variable}`, {
    lasting: true,
  });
}
