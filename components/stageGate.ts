import { spawn } from "node:child_process";
import { join } from "node:path";
import * as command from "@pulumi/command/local";
import * as pulumi from "@pulumi/pulumi";
import { type GateRequest } from "../migration/gateRequest";
import { moveContextOf } from "../migration/moveContext";
import { judgeMove, type MoveContext, type Plan } from "../migration/moves";
import { planFor } from "../migration/plan";
import { type WayBackRequest } from "../migration/scope";
import {
  canonicalJson,
  EMPTY_RECORD,
  lastEntry,
  type MigrationRecord,
  parseRecord,
  stateOf,
} from "../migration/record";
import { type MoveKind, type MoveVerdict, type Stage, trafficShare } from "../migration/stages";
import { refusal } from "./failure";
import { type Host } from "./host";
import { settled } from "./outputs";
import { CHECKS } from "./proof";
import { type CommandSecrets, secretEnvironment } from "./secrets";

export interface StageGateArgs {
  /** Whole, or at `rollback` as much as the settings allow. */
  readonly request: WayBackRequest & Partial<GateRequest>;
  /** Those that are known: on the way back any of them may be missing. */
  readonly secrets: Partial<CommandSecrets>;
  readonly host: Host;
}

/** A traffic gate ends within 30 s; a check of databases may take minutes. Then the way up is held. */
const VERIFY_MAXIMUM_MS = 10 * 60 * 1000;
/** A proof of the copy reads every row of both databases. */
const COPY_MAXIMUM_MS = 4 * 60 * 60 * 1000;
/** The way back waits no longer than this for the gate's first word; the engine usually has it within milliseconds. */
const FIRST_WORD_MS = 2_000;
/** Moves for which the gate proves the stage before. */
const PROVING: readonly MoveKind[] = ["up", "override", "leave-rollback"];

/**
 * The stage gate: one command that proves the stage before, and whose standard output is the migration's record.
 *
 * It depends on nothing but settings and the generated password, so that it can run with everything of B dead. An
 * illegal move is refused by its hooks, in preview too.
 *
 * Nothing depends on it by `dependsOn`: a dependency that is there on the way up and not on the way back makes the engine
 * fail a targeted update with "Duplicate resource URN" whenever a resource that is not targeted still has it in the
 * state. Instead the program waits for {@link passed} before it declares what must not come before the gate.
 */
export class StageGate extends pulumi.ComponentResource {
  readonly command: command.Command;
  /** The record as text: append-only JSON, not secret. */
  readonly record: pulumi.Output<string>;

  private readonly request: StageGateArgs["request"];
  private readonly host: Host;
  private readonly environment: Readonly<Record<string, pulumi.Output<string>>>;
  /** The record as the gate last printed it, once {@link passed} was waited for. */
  private recordText: string | undefined;
  /** The record that an update of the gate began with, in preview too. */
  private previousText: string | undefined;
  /** Resolves when an update of the gate begins: its old record is known then. */
  private readonly begun: Promise<void>;

  constructor(name: string, args: StageGateArgs, options?: pulumi.ComponentResourceOptions) {
    super("api7-migration:components:StageGate", name, {}, options);
    this.request = args.request;
    this.host = args.host;

    const { stage } = args.request;
    let begin: () => void = () => undefined;
    this.begun = new Promise((resolve) => (begin = resolve));
    this.environment = secretEnvironment(args.secrets);
    const hook = new pulumi.ResourceHook(
      `${name}-legal-move`,
      (step) => {
        const before: unknown = step.oldOutputs?.["stdout"];
        this.previousText = typeof before === "string" ? before : undefined;
        begin();
        const verdict = judgeGateStep(step, args.request);
        if (!verdict.allowed) throw refusal(verdict);
      },
      { onDryRun: true },
    );
    this.command = new command.Command(
      name,
      {
        create: `${CHECKS} gate`,
        update: `${CHECKS} gate`,
        stdin: canonicalJson(args.request),
        environment: this.environment,
        logging: command.Logging.None,
      },
      {
        parent: this,
        // Losing the gate is losing the record. Only `abandon` ends a migration, so that the stack can be destroyed.
        protect: stage !== "abandon",
        hooks: { beforeCreate: [hook], beforeUpdate: [hook] },
      },
    );
    this.record = this.command.stdout;
    this.registerOutputs({ record: this.record });
  }

  /**
   * Resolves when the gate let this run pass, or was left out of it (`--target`).
   * @throws when it did not
   */
  async passed(): Promise<void> {
    const stdout = await settled(this.record);
    // A failed gate has no output. The engine would end the run, but not with `--continue-on-error`.
    if (!stdout.known && !pulumi.runtime.isDryRun())
      throw new Error(`The gate for ${this.request.stage} did not pass.`);
    this.recordText = stdout.value;
    const recorded = stateOf(parsed(stdout.value) ?? EMPTY_RECORD)?.stage;
    // Left out by `--target`. The rules of a traffic step run the checks themselves; the other stages have nobody else.
    if (recorded !== undefined && recorded !== this.request.stage && !goesWithoutGate(this.request.stage)) {
      throw new Error(
        `The stage gate was left out of this update (--target): the record stands at ${recorded}, not at ` +
          `${this.request.stage}.\nRun the whole update: pulumi up`,
      );
    }
  }

  /**
   * The stage that stood before this run, for what must not wait for the gate. Undefined on a new stack, and when the
   * engine has not asked the gate within {@link FIRST_WORD_MS}.
   */
  async stageBefore(): Promise<Stage | undefined> {
    const unchanged = settled(this.record).then(
      ({ value }) => {
        this.previousText ??= value;
      },
      () => undefined,
    );
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<void>((resolve) => (timer = setTimeout(resolve, FIRST_WORD_MS)));
    await Promise.race([this.begun, unchanged, limit]);
    clearTimeout(timer);
    return stateOf(parsedOrNothing(this.previousText))?.stage;
  }

  /** The record as far as it is known: in a preview that will run the gate, the one before. */
  history(): MigrationRecord | undefined {
    return parsed(this.recordText ?? this.previousText);
  }

  /** What moves of this run are judged by: the settings, and the record as far as it is known. */
  moveContext(): MoveContext {
    return moveContextOf(this.request, this.history() ?? EMPTY_RECORD);
  }

  /** Whether the move from the last recorded stage is legal; undefined while no record is known. */
  judge(): MoveVerdict | undefined {
    const record = this.history();
    return record === undefined
      ? undefined
      : judgeMove(stateOf(record)?.stage, this.request.stage, moveContextOf(this.request, record));
  }

  /** Whether the gate passed in this very run for a move up to the stage that the settings ask for. */
  passedInThisRun(): boolean {
    const record = parsed(this.recordText);
    const entry = record === undefined ? undefined : lastEntry(record);
    if (entry?.stage !== this.request.stage || !PROVING.includes(entry.kind)) return false;
    return Date.parse(entry.at) >= this.host.startedAt.getTime();
  }

  /** Runs the gate's checks without writing an entry. For an update that leaves the gate out (`--target`). */
  async verify(): Promise<void> {
    await this.check(["gate", "--verify"], VERIFY_MAXIMUM_MS, `The gate for ${this.request.stage} does not hold`);
  }

  /**
   * Proves once more that database B is A's copy. For an update of `start` that the gate had recorded long before.
   * @param why what is wrong with the proof in the record
   */
  async proveCopy(why: string): Promise<void> {
    await this.check(
      ["copy"],
      COPY_MAXIMUM_MS,
      `Control plane B does not start: ${why}, and the new proof does not hold`,
    );
  }

  /** Runs one check with the request and the secrets. @throws with its findings when it does not hold */
  private async check(args: readonly string[], maximumMs: number, otherwise: string): Promise<void> {
    const { programFolder, projectFolder } = this.host;
    const script = join(programFolder, "checks", "cli.ts");
    const secrets = await Promise.all(
      Object.entries(this.environment).map(
        async ([variable, value]) => [variable, (await settled(value)).value] as const,
      ),
    );
    const child = spawn(process.execPath, ["--import", "tsx", script, ...args], {
      cwd: projectFolder,
      env: { ...this.host.environment, ...Object.fromEntries(secrets), PULUMI_COMMAND_STDOUT: this.recordText ?? "" },
      stdio: ["pipe", "ignore", "pipe"],
      timeout: maximumMs,
      killSignal: "SIGKILL",
    });
    const said: Buffer[] = [];
    child.stderr.on("data", (chunk: Buffer) => said.push(chunk));
    // A check that ends before it read its request says so by its exit code.
    child.stdin.on("error", () => undefined);
    child.stdin.end(canonicalJson(this.request));
    const outcome = await new Promise<string | undefined>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, signal) => {
        if (code === 0) resolve(undefined);
        else
          resolve(signal === null ? `exit code ${code ?? "none"}` : `${signal}, after at most ${maximumMs / 1000} s`);
      });
    });
    if (outcome === undefined) return;
    const text = Buffer.concat(said).toString("utf8").trim();
    throw new Error(`${otherwise} (${outcome}).\n${text}`);
  }
}

/** What a step of the gate knows: the part of a hook's arguments that is judged. */
export interface GateStep {
  readonly oldInputs?: Readonly<Record<string, unknown>> | undefined;
  readonly oldOutputs?: Readonly<Record<string, unknown>> | undefined;
}

/** Whether the gate may go from its old request to the new one. Without an old one the stack is new. */
export function judgeGateStep(step: GateStep, request: StageGateArgs["request"]): MoveVerdict {
  const record = recordOf(step.oldOutputs, request.stage);
  const before = requestOf(step.oldInputs);
  const context = moveContextOf(request, record ?? EMPTY_RECORD);
  const from = (record === undefined ? undefined : stateOf(record)?.stage) ?? before?.stage;
  return judgeMove(from, request.stage, { ...context, plan: context.plan ?? planOfRequest(before) });
}

/** Stages that an update may go to without the gate: the way back, and steps whose rules prove themselves. */
function goesWithoutGate(stage: Stage): boolean {
  return stage === "rollback" || stage === "abandon" || trafficShare(stage) !== undefined;
}

/** An unreadable record must not hold what cannot wait. */
function parsedOrNothing(text: string | undefined): MigrationRecord {
  try {
    return parsed(text) ?? EMPTY_RECORD;
  } catch {
    return EMPTY_RECORD;
  }
}

function parsed(text: string | undefined): MigrationRecord | undefined {
  return text === undefined || text === "" ? undefined : parseRecord(text);
}

function recordOf(outputs: GateStep["oldOutputs"], stage: Stage): MigrationRecord | undefined {
  const text = outputs?.["stdout"];
  if (typeof text !== "string" || text === "") return undefined;
  try {
    return parseRecord(text);
  } catch (error) {
    // An unreadable record holds every way but the way back; the gate sets it aside and says so in the new entry.
    if (stage === "rollback") return undefined;
    throw error;
  }
}

/** The request of the update before, which may be one of the way back alone. */
function requestOf(inputs: GateStep["oldInputs"]): StageGateArgs["request"] | undefined {
  const text = inputs?.["stdin"];
  return typeof text === "string" ? (JSON.parse(text) as StageGateArgs["request"]) : undefined;
}

/** What a record that says nothing of it is held to: the settings of the update before. */
function planOfRequest(request: StageGateArgs["request"] | undefined): Plan | undefined {
  return request?.scope && planFor(request.stage, request.trafficSteps, request.scope);
}
