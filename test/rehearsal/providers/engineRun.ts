import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { LocalWorkspace, type OpType, type PulumiFn, type Stack } from "@pulumi/pulumi/automation";
import { ensureEngine, localEngineEnvironment, useOwnConnections } from "../../../rehearsal/engine";
import { installFrom, type PluginSource } from "../../../rehearsal/providers/framework/install";

/** How many resources an operation did what with. */
export type Changes = Partial<Record<OpType, number>>;

/** A resource as the state file has it; secrets are encrypted, with Pulumi's secret signature. */
export interface StoredResource {
  readonly urn: string;
  readonly type: string;
  readonly id?: string;
  readonly inputs?: Readonly<Record<string, unknown>>;
  readonly outputs?: Readonly<Record<string, unknown>>;
  readonly initErrors?: readonly string[];
}

const PROVIDERS = join(__dirname, "../../../rehearsal/providers");

/** The sources of a plugin of the rehearsal. */
export function pluginSource(name: string): PluginSource {
  return {
    name,
    main: join(PROVIDERS, name, "main.ts"),
    schema: join(PROVIDERS, "schema", `${name}.json`),
  };
}

/** A stack of the real engine in a folder of its own, with plugins built from their sources and a program that can change. */
export class EngineRun {
  /** What the next operation runs. */
  program: PulumiFn = () => Promise.resolve();

  private constructor(
    readonly folder: string,
    readonly stack: Stack,
  ) {}

  static async start(
    plugins: readonly PluginSource[],
    environment: Readonly<Record<string, string>> = {},
  ): Promise<EngineRun> {
    const folder = mkdtempSync(join(tmpdir(), "providers-"));
    mkdirSync(join(folder, "state"));
    const { pathFolder } = await installFrom(plugins, {
      folder: join(folder, "bin"),
      cacheFolder: join(folder, "cache"),
    });
    const engine = await ensureEngine();
    const started: { run?: EngineRun } = {};
    useOwnConnections();
    const stack = await LocalWorkspace.createOrSelectStack(
      { projectName: "things", stackName: "test", program: () => started.run?.program() ?? Promise.resolve() },
      {
        pulumiCommand: engine.command,
        envVars: {
          ...localEngineEnvironment(join(folder, "home")),
          PULUMI_BACKEND_URL: `file://${join(folder, "state")}`,
          PATH: [pathFolder, process.env["PATH"]].join(delimiter),
          THINGS_HOME: join(folder, "things"),
          ...environment,
        },
      },
    );
    started.run = new EngineRun(folder, stack);
    return started.run;
  }

  async preview(program = this.program): Promise<Changes> {
    this.program = program;
    return (await this.stack.preview()).changeSummary;
  }

  async up(program = this.program): Promise<Changes> {
    this.program = program;
    return (await this.stack.up()).summary.resourceChanges ?? {};
  }

  async refresh(): Promise<Changes> {
    return (await this.stack.refresh()).summary.resourceChanges ?? {};
  }

  async destroy(): Promise<Changes> {
    return (await this.stack.destroy()).summary.resourceChanges ?? {};
  }

  /** The resources of a type in the state, secrets encrypted. */
  async stored(type: string): Promise<readonly StoredResource[]> {
    const exported = await this.stack.exportStack();
    const { resources = [] } = exported.deployment as { readonly resources?: readonly StoredResource[] };
    return resources.filter((resource) => resource.type === type);
  }

  /** Command lines of processes that have to do with this run's folder, as plugins have. */
  processes(): readonly string[] {
    return readdirSync("/proc")
      .filter((pid) => /^\d+$/.test(pid))
      .flatMap((pid) => {
        try {
          return [readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ")];
        } catch {
          // It ended meanwhile.
          return [];
        }
      })
      .filter((line) => line.includes(this.folder));
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
