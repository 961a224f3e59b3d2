import { readStdin } from "../checks/commands/input";
import { copyDatabase } from "./copy/copy";
import { progressPrinter } from "./copy/progress";
import { parseCopyRequest } from "./copy/request";
import { failureText } from "./failure";
import { databaseA, databaseB, readInput } from "./secrets";

/**
 * `node --import tsx operations/copyDatabase.ts`: copies database A into database B by `pg_dump` and `pg_restore`. The
 * request (`copy/request.ts`) on standard input, connection strings in the environment; progress on standard error, a
 * summary `{source, tables, bytes, digest, ...}` on standard output. Exit code 0, or 1 with the reason.
 */
async function main(): Promise<number> {
  const ending = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => ending.abort());
  let end: () => void = () => undefined;
  try {
    const { request: text, secrets } = readInput(await readStdin());
    const request = parseCopyRequest(text);
    const limit = AbortSignal.timeout(request.limitHours * 3_600_000);
    const begin = performance.now();
    let printer: ReturnType<typeof progressPrinter> | undefined;
    const summary = await copyDatabase({
      request,
      a: databaseA(secrets),
      b: databaseB(secrets, request.databaseB),
      environment: process.env,
      signal: AbortSignal.any([ending.signal, limit]),
      onStart: ({ tables }) => {
        printer = progressPrinter(process.stderr, tables.length);
        end = printer.end;
      },
      onProgress: (progress) => printer?.show(progress),
    });
    end();
    const seconds = Math.round(performance.now() - begin) / 1000;
    process.stdout.write(`${JSON.stringify({ ...summary, seconds })}\n`);
    return 0;
  } catch (error) {
    end();
    process.stderr.write(`${failureText("copy of the database", error)}\n`);
    return 1;
  }
}

void main().then((code) => process.exit(code));
