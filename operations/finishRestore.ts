import { readStdin } from "../checks/commands/input";
import { failureText } from "./failure";
import { finishRestore } from "./finish/finish";
import { parseFinishRequest } from "./finish/request";
import { databaseA, databaseB, readInput, secretOf } from "./secrets";

/**
 * `node --import tsx operations/finishRestore.ts`: `{databaseB, applicationUser, copy}` on standard input, secrets in the
 * environment; prints `{rotated, withdrawn, refused, sequences}`. Exit code 0, or 1 with the reason.
 */

const LIMIT_MS = 60 * 60_000;
/** RDS resets a master password within a minute or two. */
const PATIENCE_SECONDS = 180;

async function main(): Promise<number> {
  try {
    const { request: text, secrets } = readInput(await readStdin());
    const { databaseB: server, applicationUser: user } = parseFinishRequest(text);
    const application =
      user === undefined
        ? undefined
        : { user, password: secretOf(secrets, "databaseBApplicationPassword", "the application user's new password") };
    const summary = await finishRestore({
      a: databaseA(secrets),
      b: databaseB(secrets, server),
      ownServer: server !== undefined,
      application,
      patienceSeconds: PATIENCE_SECONDS,
      signal: AbortSignal.timeout(LIMIT_MS),
    });
    process.stdout.write(`${JSON.stringify(summary)}\n`);
    return 0;
  } catch (error) {
    process.stderr.write(`${failureText("what follows a restore", error)}\n`);
    return 1;
  }
}

void main().then((code) => process.exit(code));
