import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import aws from "@pulumi/aws/package.json";
import command from "@pulumi/command/package.json";
import random from "@pulumi/random/package.json";
import program from "../../index";
import { planFor } from "../../migration/plan";
import { appendEntry, EMPTY_RECORD, type MigrationRecord, renderRecord, rollbackId } from "../../migration/record";
import { gateRequestOf } from "../../migration/scope";
import { shapeOf, type Stage } from "../../migration/stages";
import { cacheFolder, ensureEngine, localEngineEnvironment } from "../../rehearsal/engine";
import { installPlugins } from "../../rehearsal/providers/framework";
import { EngineRefusal, type MigrationStack, openStack } from "../../rehearsal/stack";
import { REGION } from "./aws/fakes";
import { labelOf, record, type RecordedResource, SECRET } from "../components/recorder";
import { configOf, PROJECT, SECRET_KEYS, SECRETS, settingsOf } from "../migration/stackConfig";

/**
 * A stack of the unchanged program with production's settings on the real engine, whose state says that it stands at some
 * stage: made by importing a state instead of walking there. For previews only; there is no cloud behind it.
 */

const NAME = "prod";
/** What the state holds: the gate with the record, and what carries the weights, with their parents. */
const KEPT = /:components:(StageGate|TrafficSplit)\b|:RandomPassword::/;
/** Of the packages whose resources it holds. */
const VERSIONS: Readonly<Record<string, string>> = {
  aws: aws.version,
  command: command.version,
  random: random.version,
};

export class StackAt {
  private constructor(
    private readonly folder: string,
    readonly stack: MigrationStack,
  ) {}

  /** @param awsEndpoint the local AWS that the plugin greets; a preview asks it nothing else */
  static async open(awsEndpoint: string): Promise<StackAt> {
    const folder = mkdtempSync(join(tmpdir(), "stack-at-"));
    const { pathFolder } = await installPlugins({ folder: join(folder, "bin"), cacheFolder: cacheFolder() });
    mkdirSync(join(folder, "state"));
    const environment = {
      ...localEngineEnvironment(join(folder, "home")),
      PULUMI_BACKEND_URL: `file://${join(folder, "state")}`,
      PATH: [pathFolder, process.env["PATH"] ?? ""].join(delimiter),
      AWS_ENDPOINT_URL: awsEndpoint,
      AWS_ACCESS_KEY_ID: "AKIATEST",
      AWS_SECRET_ACCESS_KEY: "none",
    };
    const engine = await ensureEngine();
    const own = Object.entries(configOf(NAME)).filter(
      ([key]) => key.startsWith(`${PROJECT}:`) && !SECRET_KEYS.includes(key),
    );
    const settings = Object.fromEntries(own.map(([key, text]) => [key.slice(PROJECT.length + 1), valueOf(text)]));
    const config = {
      "aws:region": { value: REGION },
      ...Object.fromEntries(Object.entries(SECRETS).map(([key, value]) => [key, { value, secret: true }])),
    };
    const stack = await openStack({ name: NAME, home: folder, engine, environment, program, config, settings });
    return new StackAt(folder, stack);
  }

  /** Makes the state say that the stack stands at the last of these stages; none: a new stack. */
  async standAt(...way: readonly Stage[]): Promise<void> {
    const stage = way.at(-1);
    const resources = stage === undefined ? [] : await resourcesAt(stage, recordOf(way));
    const file = join(this.folder, "import.json");
    const manifest = { time: "2026-01-01T00:00:00Z", magic: "", version: "" };
    writeFileSync(file, JSON.stringify({ version: 3, deployment: { manifest, resources } }));
    const { code, output } = await this.stack.plain("stack", "import", "--file", file);
    if (code !== 0) throw new Error(output);
  }

  /** What a preview with these settings is refused with; undefined when it is not. */
  async refused(settings: Readonly<Record<string, unknown>>, target?: readonly string[]): Promise<string | undefined> {
    await this.stack.configure(settings);
    try {
      await this.stack.preview(target === undefined ? {} : { target });
      return undefined;
    } catch (error) {
      if (error instanceof EngineRefusal) return error.message;
      throw error;
    }
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** The record of a walk through these stages, as the gate would have written it. */
function recordOf(way: readonly Stage[]): MigrationRecord {
  return way.reduce<MigrationRecord>((before, stage, index) => {
    const { scope, trafficSteps } = gateRequestOf(settingsOf(NAME, { stage }));
    return appendEntry(before, {
      at: "2026-01-01T00:00:00.000Z",
      stage,
      from: way[index - 1] ?? null,
      kind: index === 0 ? "first" : stage === "rollback" || stage === "abandon" ? stage : "up",
      weightB: shapeOf(stage).weightB,
      by: "test",
      commit: "-",
      copy: 1,
      plan: planFor(stage, trafficSteps, scope),
      checks: [],
    }).record;
  }, EMPTY_RECORD);
}

/** Id of the rollback that such a walk ends with. */
export function rollbackOf(...way: readonly Stage[]): string {
  return rollbackId(recordOf(way)) ?? "";
}

/** The program's own resources at a stage, as the engine keeps them in a stack's state. */
async function resourcesAt(stage: Stage, history: MigrationRecord): Promise<readonly object[]> {
  const { resources } = await record(program, {
    stack: NAME,
    config: configOf(NAME, { stage }),
    secretKeys: SECRET_KEYS,
    outputsOf: (type, name) => (name === "gate" ? { stdout: "" } : { arn: arnOf(type, name) }),
  });
  const kept = resources.filter(({ urn }) => KEPT.test(urn));
  const types = kept.filter(({ custom }) => custom).map(packageOf);
  const providers = [...new Set(types)].map(provider);
  const root = { urn: urnOf("pulumi:pulumi:Stack", `${PROJECT}-${NAME}`), custom: false, type: "pulumi:pulumi:Stack" };
  const own = kept.map((resource) => {
    const { type, name, custom, inputs, options } = resource;
    const parent = kept.find(({ urn }) => labelOf(urn) === options.parent);
    const common = { urn: urnIn(resource), type, custom, parent: parent ? urnIn(parent) : root.urn };
    const from = providers.find(({ type: its }) => its.endsWith(`:${packageOf(resource)}`));
    if (!custom || from === undefined) return common;
    const stored = unmarked(inputs) as Readonly<Record<string, unknown>>;
    const made = name === "gate" ? { stdout: renderRecord(history) } : { arn: arnOf(type, name), result: "made-up" };
    return {
      ...common,
      id: `[${name}.id]`,
      inputs: stored,
      outputs: { ...stored, ...made },
      provider: `${from.urn}::${from.id}`,
      protect: options.protect,
    };
  });
  return [root, ...providers, ...own];
}

/** In the form that the load balancing API gives them. */
function arnOf(type: string, name: string): string {
  const kind = type.includes("TargetGroup") ? "targetgroup" : "listener-rule/app/api-prod/50dc6c495c0c9188";
  return `arn:aws:elasticloadbalancing:${REGION}:444455556666:${kind}/${name}/0123456789abcdef`;
}

function packageOf({ type }: Pick<RecordedResource, "type">): string {
  return type.split(":")[0] ?? "";
}

interface StoredProvider {
  readonly urn: string;
  readonly custom: true;
  readonly type: string;
  readonly id: string;
  readonly inputs: Readonly<Record<string, string>>;
  readonly outputs: Readonly<Record<string, string>>;
}

/** A default provider, as the engine makes one for each package. */
function provider(name: string): StoredProvider {
  const type = `pulumi:providers:${name}`;
  const version = VERSIONS[name] ?? "";
  const inputs = { version, ...(name === "aws" && { region: REGION }) };
  const urn = urnOf(type, `default_${version.replace(/\W/g, "_")}`);
  return { urn, custom: true, type, id: `id-of-${name}`, inputs, outputs: inputs };
}

/** The recorder leaves the stack's name open, and takes the stack itself for a parent. */
function urnIn({ urn }: RecordedResource): string {
  return urn.replace("urn:pulumi:STACK::", `urn:pulumi:${NAME}::`).replace("pulumi:pulumi:Stack$", "");
}

function urnOf(type: string, name: string): string {
  return `urn:pulumi:${NAME}::${PROJECT}::${type}::${name}`;
}

/** Without the marks of secrets: these are made up, and an imported state has nothing yet to encrypt them with. */
function unmarked(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(unmarked);
  if (typeof value !== "object" || value === null) return value;
  if (SECRET in value) return value[SECRET];
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, unmarked(field)]));
}

function valueOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
