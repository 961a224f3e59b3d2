import { ensureEngine } from "./index";

/**
 * `node --import tsx rehearsal/engine/cli.ts`: gets the Pulumi CLI ready and prints its path; progress goes to standard
 * error. For those who want the build of some minutes done beforehand.
 */
async function main(): Promise<void> {
  const engine = await ensureEngine({ report: (line) => process.stderr.write(`Pulumi CLI: ${line}\n`) });
  process.stdout.write(`${engine.path}\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
