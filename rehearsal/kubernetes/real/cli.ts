import { ensurePrograms } from "./programs";

/**
 * `node --import tsx rehearsal/kubernetes/real/cli.ts`: gets the programs of the real tier ready and prints their paths;
 * progress goes to standard error. For those who want the build of some minutes done beforehand.
 */
async function main(): Promise<void> {
  const programs = await ensurePrograms({ report: (line) => process.stderr.write(`Kubernetes: ${line}\n`) });
  for (const [name, path] of Object.entries(programs)) process.stdout.write(`${name} ${path}\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
