import { PulumiCommand } from "@pulumi/pulumi/automation";

/**
 * A process of its own for the official installer: `node --import tsx installerProcess.ts ROOT` puts the CLI of the SDK's
 * own version at `ROOT/bin/pulumi` (that version is the default of `PulumiCommand.install`).
 */
async function main(root: string | undefined): Promise<void> {
  if (root === undefined) {
    throw new Error("the folder to install into is missing: installerProcess.ts ROOT");
  }
  await PulumiCommand.install({ root });
}

main(process.argv[2]).catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
});
