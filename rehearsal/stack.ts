import { cp, mkdir, symlink } from "node:fs/promises";
import { resolve } from "node:path";
import { LocalWorkspace, type ConfigMap, type PulumiFn } from "@pulumi/pulumi/automation";
import { MigrationStack } from "../pilot/migrationStack";
import { useOwnConnections, type Engine } from "./engine";

export { EngineRefusal, MigrationStack, type Change, type Operation } from "../pilot/migrationStack";

const PROJECT = "api7-migration";
/** What the program's commands need in the folder they run in. */
const LINKED = [
  "index.ts",
  "components",
  "checks",
  "operations",
  "migration",
  "node_modules",
  "package.json",
  "tsconfig.json",
  "tsconfig.pulumi.json",
];

/**
 * A new stack of the unchanged program, inline.
 *
 * The project folder of a rehearsal is a folder of its own that links to the checkout, so that stack files and state
 * of a rehearsal never mix with a user's.
 */
export async function openStack(options: {
  readonly name: string;
  readonly home: string;
  readonly engine: Engine;
  readonly environment: Record<string, string>;
  readonly program: PulumiFn;
  /** Secrets and the settings of other namespaces. */
  readonly config: ConfigMap;
  /** Plain settings of the project. */
  readonly settings: Readonly<Record<string, unknown>>;
}): Promise<MigrationStack> {
  const { name, engine, environment, program } = options;
  const repository = resolve(__dirname, "..");
  const workDir = resolve(options.home, "project");
  await mkdir(workDir, { recursive: true });
  await cp(resolve(repository, "Pulumi.yaml"), resolve(workDir, "Pulumi.yaml"));
  for (const entry of LINKED) await symlink(resolve(repository, entry), resolve(workDir, entry));
  useOwnConnections();
  const stack = await LocalWorkspace.createOrSelectStack(
    { projectName: PROJECT, stackName: name, program },
    { workDir, pulumiCommand: engine.command, envVars: environment },
  );
  await stack.setAllConfig(options.config);
  const migration = MigrationStack.over(stack, { path: engine.path, environment });
  await migration.configure(options.settings);
  return migration;
}
