import { readStdin } from "../checks/commands/input";
import { failureText } from "./failure";

/**
 * An operation as a process: its request on standard input, secrets in the environment, what it did as one JSON object
 * on standard output. Exit code 0, or 1 with the reason on standard error.
 * @param name for the failure's first line
 */
export async function runOperation(
  name: string,
  limitSeconds: number,
  operate: (stdin: string, environment: NodeJS.ProcessEnv, signal: AbortSignal) => Promise<object>,
): Promise<never> {
  let code = 0;
  try {
    const done = await operate(await readStdin(), process.env, AbortSignal.timeout(limitSeconds * 1000));
    process.stdout.write(`${JSON.stringify(done)}\n`);
  } catch (error) {
    process.stderr.write(`${failureText(name, error)}\n`);
    code = 1;
  }
  // Connections to what does not answer would hold the process.
  process.exit(code);
}
