import { ensureEngine } from "../rehearsal/engine";

/**
 * Before all tests: the Pulumi CLI, so that no test pays for its build within its own time limit. A moment when it is
 * there, about three minutes when it has to be built; the progress goes to standard error.
 */
export async function mochaGlobalSetup(): Promise<void> {
  await ensureEngine({ report: (line) => process.stderr.write(`${line}\n`) });
}
