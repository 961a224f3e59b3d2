import { isDeepStrictEqual } from "node:util";
import program from "../../index";
import { appendEntry, EMPTY_RECORD, type MigrationRecord, renderRecord } from "../../migration/record";
import { allStages, shapeOf, type Stage, wayUp } from "../../migration/stages";
import { labelOf, record, type RecordedResource, type Recording, SECRET, the } from "../components/recorder";
import { configOf, PROJECT, SECRET_KEYS, SECRETS, type StackName } from "../migration/stackConfig";

export { STACKS, type StackName } from "../migration/stackConfig";

/** The real program under mocks, with a stack's real settings, as a text that a reviewer can read. */

/** `abandon` takes two updates: the first lifts the protection of B, the second deletes its planes. */
export type GoldenName = Stage | "abandon-second-update";

export const PASSWORD_B = "made-up-password-b";
/** Every text that contains one is shown as a secret. */
const SECRET_TEXTS = [...Object.values(SECRETS), PASSWORD_B];

/** Every golden of a stack, in the order of the way up. */
export function goldenNames(stack: StackName): readonly GoldenName[] {
  return [...allStages(trafficStepsOf(stack)), "abandon-second-update"];
}

const recordings = new Map<string, Promise<Recording>>();

/** What the program registers at a stage; run once for all who ask. */
export function recordStage(stack: StackName, name: GoldenName): Promise<Recording> {
  const key = `${stack}/${name}`;
  const made = recordings.get(key) ?? recordAnew(stack, name);
  recordings.set(key, made);
  return made;
}

/** The same, in a run of its own. */
export async function recordAnew(stack: StackName, name: GoldenName, run = program): Promise<Recording> {
  const stage: Stage = name === "abandon-second-update" ? "abandon" : name;
  const before = name === "abandon-second-update" ? "abandon" : "rollback";
  return withoutStackTraces(() =>
    record(run, {
      stack,
      config: configOf(stack, { stage }),
      secretKeys: SECRET_KEYS,
      outputsOf: (type, resource) => {
        if (type === "pulumi:pulumi:StackReference") return { outputs: { stage: before }, secretOutputNames: [] };
        if (resource === "gate") return { stdout: renderRecord(history(trafficStepsOf(stack), stage)) };
        return type.endsWith(":RandomPassword") ? { result: PASSWORD_B } : {};
      },
    }),
  );
}

/** The SDK takes a stack trace for every promise, which with source maps is most of the time that a golden takes. */
async function withoutStackTraces<T>(run: () => Promise<T>): Promise<T> {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return await run();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** The golden's text. */
export async function goldenOf(
  stack: StackName,
  name: GoldenName,
  recorded = recordStage(stack, name),
): Promise<string> {
  const recording = await recorded;
  if (recording.error !== undefined) throw recording.error;
  const scope = scopeOf(recording);
  const resources = recording.resources
    .map((resource) => [labelOf(resource.urn), shown(resource, scope)] as const)
    .sort(inGuidesOrder(recording.resources));
  const labels = new Set(resources.map(([label]) => label));
  if (labels.size !== resources.length)
    throw new Error(`two resources of ${stack} ${name} have the same type and name`);
  // The record is made up here; what the gate prints is the checks' matter.
  const outputs = Object.fromEntries(Object.entries(recording.outputs).filter(([key]) => key !== "record"));
  const golden = {
    stack,
    stage: name,
    outputs: readable(outputs, {}),
    scope: readable(scope, {}),
    resources: Object.fromEntries(resources),
  };
  return `${laidOut(golden)}\n`;
}

/** What the program is made of, in the order of the migration guide: each with everything below it. */
const GUIDE: readonly string[] = [
  "StageGate",
  "TrafficNetwork",
  "TrafficSplit",
  "Monitoring",
  "kubernetes cluster-a",
  "DataPlaneA",
  "ConfigurationFreeze",
  "RandomPassword",
  "DatabaseNetwork",
  "DatabaseB",
  "kubernetes cluster-b",
  "ControlPlane",
  "DashboardAccess",
  "DataPlane",
  "Command cluster-b-healthy",
];

/** By the guide's steps, then by component, the component first, then by label. What is in no step comes last. */
function inGuidesOrder(
  resources: readonly RecordedResource[],
): (a: readonly [string, unknown], b: readonly [string, unknown]) => number {
  const parents = new Map(resources.map(({ urn, options }) => [labelOf(urn), options.parent]));
  const rootOf = (label: string): string => {
    const parent = parents.get(label);
    return parent === undefined ? label : rootOf(parent);
  };
  const keyOf = (label: string): string => {
    const root = rootOf(label);
    const step = GUIDE.findIndex((name) => root === name || root.startsWith(`${name} `));
    const place = String(step === -1 ? GUIDE.length : step).padStart(2, "0");
    return [place, root, label === root ? "" : label].join("\0");
  };
  const keys = new Map([...parents.keys()].map((label) => [label, keyOf(label)]));
  return ([a], [b]) => ((keys.get(a) ?? "") < (keys.get(b) ?? "") ? -1 : 1);
}

const LINE_MAXIMUM = 150;

/** JSON with everything on one line that fits there, so that a file stays readable. */
function laidOut(value: unknown, indent = "", taken = 0): string {
  const line = JSON.stringify(value, undefined, 1).replace(/\n\s*/g, " ");
  if (typeof value !== "object" || value === null || indent.length + taken + line.length <= LINE_MAXIMUM) return line;
  const inner = `${indent}  `;
  const parts = Array.isArray(value)
    ? value.map((entry) => laidOut(entry, inner))
    : Object.entries(value).map(([key, field]) => `"${key}": ${laidOut(field, inner, key.length + 4)}`);
  const [open, close] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
  return `${open}\n${parts.map((part) => `${inner}${part}`).join(",\n")}\n${indent}${close}`;
}

function trafficStepsOf(stack: StackName): readonly number[] {
  return JSON.parse(configOf(stack)[`${PROJECT}:trafficSteps`] ?? "[5,25,50,75,100]") as number[];
}

/** A record of the way up to a stage; `rollback` and `abandon` come from the first traffic step. */
function history(trafficSteps: readonly number[], stage: Stage): MigrationRecord {
  const path = wayUp(trafficSteps);
  const up = path.slice(0, path.indexOf(path.includes(stage) ? stage : (path[4] ?? "start")) + 1);
  const entered = path.includes(stage) ? up : [...up, ...(stage === "abandon" ? (["rollback"] as const) : []), stage];
  return entered.reduce<MigrationRecord>((before, entry, index) => {
    const at = new Date(Date.UTC(2026, 0, 1, index)).toISOString();
    const from = entered[index - 1] ?? null;
    const kind = index === 0 ? "first" : entry === "rollback" || entry === "abandon" ? entry : "up";
    const { weightB } = shapeOf(entry);
    const draft = { at, stage: entry, from, kind, weightB, by: "golden", commit: "-", copy: 1, checks: [] } as const;
    return appendEntry(before, draft).record;
  }, EMPTY_RECORD);
}

/** What the commands are told about the systems at hand: the same for all of them, so it is shown once. */
function scopeOf(recording: Recording): Scope {
  const { stdin } = the(recording, "command:local:Command", "gate").inputs;
  return (JSON.parse(String(stdin)) as { scope: Scope }).scope;
}

type Scope = Readonly<Record<string, unknown>>;

function shown(resource: RecordedResource, scope: Scope): Record<string, unknown> {
  const { type, options, inputs } = resource;
  const { protect, retainOnDelete, ignoreChanges, dependsOn, hooks, ...rest } = options;
  return {
    type,
    options: {
      ...rest,
      ...(protect ? { protect } : {}),
      ...(retainOnDelete ? { retainOnDelete } : {}),
      ...(ignoreChanges.length === 0 ? {} : { ignoreChanges }),
      ...(dependsOn.length === 0 ? {} : { dependsOn }),
      ...(Object.keys(hooks).length === 0 ? {} : { hooks }),
    },
    ...(resource.custom ? { inputs: readable(inputs, scope) } : {}),
  };
}

/** Secrets hidden, keys sorted, JSON texts unfolded, the scope named instead of repeated. */
export function readable(value: unknown, scope: Scope): unknown {
  if (typeof value === "string") return readableText(value, scope);
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((entry) => readable(entry, scope));
  const part = partOf(scope, value);
  if (part !== undefined) return part;
  const entries = Object.entries(value);
  const [first] = entries;
  if (entries.length === 1 && first?.[0] === SECRET && (typeof first[1] !== "object" || first[1] === null))
    return SECRET;
  const sorted = entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return Object.fromEntries(sorted.map(([key, field]) => [key, readable(field, scope)]));
}

function readableText(text: string, scope: Scope): unknown {
  if (SECRET_TEXTS.some((secret) => text.includes(secret))) return SECRET;
  return /^[[{]"/.test(text) ? { JSON: readable(JSON.parse(text), scope) } : text;
}

function partOf(scope: Scope, value: object): string | undefined {
  if (isDeepStrictEqual(value, scope)) return "[scope]";
  const key = ["clusterA", "clusterB"].find((name) => name in scope && isDeepStrictEqual(value, scope[name]));
  return key === undefined ? undefined : `[scope.${key}]`;
}
