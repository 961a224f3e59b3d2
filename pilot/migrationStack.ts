import { spawn } from "node:child_process";
import { once } from "node:events";
import { dirname } from "node:path";
import {
  LocalWorkspace,
  PulumiCommand,
  type ConfigMap,
  type EngineEvent,
  type OutputMap,
  type Stack,
  type UpdateSummary,
} from "@pulumi/pulumi/automation";
import { setInStackFile } from "./stackFile";
import { type StackState } from "./stackState";
import { surviving } from "./survivingCommand";

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

/** The gate and everything that carries weights, whatever the names: so the way back need not ask the state first. */
export const WAY_BACK_TARGETS: readonly string[] = [
  "**StageGate$command:local:Command::**",
  "**TrafficSplit$aws:lb/listenerRule:ListenerRule::**",
  "**TrafficSplit$aws:lb/listener:Listener::**",
];

const QUIET_OPS = new Set(["same", "read", "refresh", "discard"]);

/** How the engine is run for a stack. */
export interface EngineAccess {
  /** Path of the `pulumi` executable. */
  readonly path: string;
  /** Variables for the engine and its children, beside this process's own. */
  readonly environment: Readonly<Record<string, string>>;
}

/**
 * One stack of the program on the real engine, over the Automation API: of a project folder with its own language host,
 * or with the program inline.
 */
export class MigrationStack {
  private constructor(
    private readonly stack: Stack,
    private readonly engine: EngineAccess,
  ) {}

  /** The stack as it is; nothing of it is changed. */
  static over(stack: Stack, engine: EngineAccess): MigrationStack {
    return new MigrationStack(stack, engine);
  }

  /**
   * A stack of a project folder, as `pulumi --stack NAME` in that folder finds it.
   *
   * @throws when there is no such folder, backend or stack
   */
  static async ofProject(folder: string, name: string, engine?: EngineAccess): Promise<MigrationStack> {
    const command = await PulumiCommand.get(engine === undefined ? undefined : { root: dirname(dirname(engine.path)) });
    const stack = await LocalWorkspace.selectStack(
      { stackName: name, workDir: folder },
      { pulumiCommand: surviving(command), ...(engine === undefined ? {} : { envVars: engine.environment }) },
    );
    return new MigrationStack(stack, engine ?? { path: "pulumi", environment: {} });
  }

  /** How the engine is run, for processes that work on the same stack. */
  get access(): EngineAccess {
    return this.engine;
  }

  get name(): string {
    return this.stack.name;
  }

  /** The project folder: where `Pulumi.yaml` and the stack files are. */
  get folder(): string {
    return this.stack.workspace.workDir;
  }

  /** Sets plain settings in the stack's file, or removes those given as undefined, without a call of the engine. */
  async configure(settings: Readonly<Record<string, unknown>>): Promise<void> {
    await setInStackFile(this.folder, this.name, settings);
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
   *
   * @param targets URNs, or the patterns that fit every stack of the program
   */
  async wayBack(targets: readonly string[] = WAY_BACK_TARGETS, options: UpdateOptions = {}): Promise<Operation> {
    return this.up({ ...options, refresh: true, target: targets });
  }

  /** The plain command line in the project folder, as a user types it. */
  async plain(...args: readonly string[]): Promise<{ readonly code: number; readonly output: string }> {
    const child = spawn(this.engine.path, [...args, "--stack", this.name, "--non-interactive", "--color", "never"], {
      cwd: this.folder,
      env: { ...process.env, ...this.engine.environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => (output += text));
    }
    const [code] = (await once(child, "close")) as [number | null];
    return { code: code ?? -1, output };
  }

  /** The stack's state as the engine keeps it; secrets are encrypted. */
  async state(): Promise<StackState> {
    const exported = await this.stack.exportStack();
    return exported.deployment as StackState;
  }

  /** Every setting with its value, secrets decrypted: never to be printed. Defaults of Pulumi.yaml included. */
  async config(): Promise<ConfigMap> {
    return this.stack.getAllConfig();
  }

  /** What was done on this stack, newest first, as `pulumi stack history` knows it. */
  async history(count: number): Promise<readonly UpdateSummary[]> {
    return this.stack.history(count, 1, false);
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
