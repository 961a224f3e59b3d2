import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, symlink } from "node:fs/promises";
import { resolve } from "node:path";
import {
  LocalWorkspace,
  type ConfigMap,
  type EngineEvent,
  type OutputMap,
  type PulumiFn,
  type Stack,
} from "@pulumi/pulumi/automation";
import { useOwnConnections, type Engine } from "./engine";

/** What one step of the engine did to one resource. */
export interface Change {
  /** The engine's word: `create`, `update`, `replace`, `delete`, `same`, ... */
  readonly op: string;
  readonly urn: string;
  readonly type: string;
  readonly name: string;
  /** Top-level properties that differ. */
  readonly diffs: readonly string[];
  /** When the engine reported the step done, by this process's clock. */
  readonly at: Date;
}

/** One preview or update that the engine carried out. */
export interface Operation {
  readonly seconds: number;
  /** Every step but `same` and `read`. */
  readonly changes: readonly Change[];
  readonly outputs: OutputMap;
}

/** The engine refused or failed; `message` holds its diagnostics. */
export class EngineRefusal extends Error {
  override readonly name = "EngineRefusal";
}

/** What a targeted or refreshing update can be told. */
export interface UpdateOptions {
  readonly target?: readonly string[];
  readonly refresh?: boolean;
  readonly signal?: AbortSignal;
  /** Gets the name of each resource whose step begins, while the update is running. */
  readonly onBegin?: (name: string) => void;
}

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
const QUIET_OPS = new Set(["same", "read", "refresh", "discard"]);

/**
 * One stack of the unchanged program on the real engine, over the Automation API.
 *
 * The project folder of a rehearsal is a folder of its own that links to the checkout, so that stack files and state
 * of a rehearsal never mix with a user's.
 */
export class MigrationStack {
  private constructor(
    private readonly stack: Stack,
    private readonly cli: { readonly path: string; readonly environment: Record<string, string> },
  ) {}

  static async open(options: {
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
    const repository = resolve(__dirname, "..");
    const workDir = resolve(options.home, "project");
    await mkdir(workDir, { recursive: true });
    await cp(resolve(repository, "Pulumi.yaml"), resolve(workDir, "Pulumi.yaml"));
    for (const entry of LINKED) await symlink(resolve(repository, entry), resolve(workDir, entry));
    useOwnConnections();
    const stack = await LocalWorkspace.createOrSelectStack(
      { projectName: PROJECT, stackName: options.name, program: options.program },
      { workDir, pulumiCommand: options.engine.command, envVars: options.environment },
    );
    await stack.setAllConfig(options.config);
    const migration = new MigrationStack(stack, { path: options.engine.path, environment: options.environment });
    await migration.configure(options.settings);
    return migration;
  }

  /** Sets plain settings of the project, or removes those given as undefined, without a call of the engine. */
  async configure(settings: Readonly<Record<string, unknown>>): Promise<void> {
    const { workspace, name } = this.stack;
    const file = await workspace.stackSettings(name);
    const config: Record<string, unknown> = { ...(file.config ?? {}) };
    for (const [key, value] of Object.entries(settings)) {
      const path = `${PROJECT}:${key}`;
      // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- a setting that is not given must not be in the file
      if (value === undefined) delete config[path];
      else config[path] = value;
    }
    await workspace.saveStackSettings(name, { ...file, config });
  }

  async preview(options: UpdateOptions = {}): Promise<Operation> {
    return this.run(options, async (engine) => {
      await this.stack.preview(engine);
      return {};
    });
  }

  async up(options: UpdateOptions = {}): Promise<Operation> {
    return this.run(options, async (engine) => (await this.stack.up(engine)).outputs);
  }

  /**
   * The way back: `up --skip-preview --refresh --target` on every weight-carrying rule and the gate. The stage must have
   * been set to `rollback` before.
   */
  async wayBack(targets: readonly string[], options: UpdateOptions = {}): Promise<Operation> {
    return this.up({ ...options, refresh: true, target: targets });
  }

  /** The plain command line in the project folder, as a user types it. */
  async plain(...args: readonly string[]): Promise<{ readonly code: number; readonly output: string }> {
    const { path, environment } = this.cli;
    const child = spawn(path, [...args, "--stack", this.stack.name, "--non-interactive", "--color", "never"], {
      cwd: this.stack.workspace.workDir,
      env: { ...process.env, ...environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => (output += text));
    }
    const [code] = (await once(child, "close")) as [number | null];
    return { code: code ?? -1, output };
  }

  async outputs(): Promise<OutputMap> {
    return this.stack.outputs();
  }

  /** Takes the lock away from an update that is no longer there. */
  async cancel(): Promise<void> {
    await this.stack.cancel();
  }

  private async run(
    options: UpdateOptions,
    operation: (engine: {
      onEvent: (event: EngineEvent) => void;
      color: "never";
      suppressProgress: boolean;
      target?: string[];
      refresh?: boolean;
      signal?: AbortSignal;
    }) => Promise<OutputMap>,
  ): Promise<Operation> {
    const changes: Change[] = [];
    const diagnostics: string[] = [];
    const planned = new Map<string, Change>();
    const started = performance.now();
    const onEvent = (event: EngineEvent): void => {
      const diagnostic = event.diagnosticEvent;
      if (diagnostic?.severity === "error") diagnostics.push(diagnostic.message);
      const pre = event.resourcePreEvent;
      // A preview ends each step with the pre-event alone; an update reports the outputs once the step is done.
      if (pre?.planning === true) note(pre.metadata);
      else if (pre !== undefined && !QUIET_OPS.has(pre.metadata.op)) options.onBegin?.(nameOf(pre.metadata.urn));
      const done = event.resOutputsEvent;
      if (done !== undefined && done.planning !== true) note(done.metadata);
    };
    const note = (metadata: { op: string; urn: string; type: string; diffs?: string[]; logical?: boolean }): void => {
      if (QUIET_OPS.has(metadata.op)) return;
      const change = {
        op: metadata.op,
        urn: metadata.urn,
        type: metadata.type,
        name: nameOf(metadata.urn),
        diffs: metadata.diffs ?? [],
        at: new Date(),
      };
      const key = `${change.op} ${change.urn}`;
      if (planned.has(key)) return;
      planned.set(key, change);
      changes.push(change);
    };
    try {
      const outputs = await operation({
        onEvent,
        color: "never",
        suppressProgress: true,
        ...(options.target === undefined ? {} : { target: [...options.target] }),
        ...(options.refresh === undefined ? {} : { refresh: options.refresh }),
        ...(options.signal === undefined ? {} : { signal: options.signal }),
      });
      return { seconds: (performance.now() - started) / 1000, changes, outputs };
    } catch (error) {
      const text = diagnostics.join("\n").trim();
      throw new EngineRefusal(text === "" ? messageOf(error) : text, { cause: error });
    }
  }
}

function nameOf(urn: string): string {
  return urn.split("::").at(-1) ?? "";
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
