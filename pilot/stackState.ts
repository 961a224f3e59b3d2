import { lastEntry, parseRecord, rollbackId, stateOf, type MigrationRecord } from "../migration/record";
import { type Stage } from "../migration/stages";

/** A resource as `pulumi stack export` has it; the parts that are read here. */
export interface StateResource {
  readonly urn: string;
  readonly type: string;
  readonly inputs?: Readonly<Record<string, unknown>>;
  readonly outputs?: Readonly<Record<string, unknown>>;
}

/** A stack's state; the parts that are read here. */
export interface StackState {
  readonly resources?: readonly StateResource[];
  readonly pending_operations?: readonly unknown[];
}

/** A listener or rule of the program that divides the requests between A and B. */
export interface WeightCarrier {
  readonly urn: string;
  readonly kind: "listener" | "rule";
  readonly arn: string;
  readonly region: string;
  /** The groups of its forward action, in the program's order: A, B. */
  readonly targetGroupA: string;
  readonly targetGroupB: string;
  /** The weights that the state holds. What the load balancer holds may differ. */
  readonly weightA: number;
  readonly weightB: number;
}

const CARRIER_TYPES: Readonly<Record<string, WeightCarrier["kind"]>> = {
  "aws:lb/listener:Listener": "listener",
  "aws:lb/listenerRule:ListenerRule": "rule",
};

/**
 * Everything in the state that carries weights: what the split of the traffic made. The rules that pick compared requests
 * by a header name both groups too, but no stage moves them.
 */
export function weightCarriers(state: StackState): readonly WeightCarrier[] {
  return (state.resources ?? []).flatMap((resource) => carrierOf(resource) ?? []);
}

/** The record that the gate last printed. @throws RecordError when it is unreadable */
export function recordOf(state: StackState): MigrationRecord | undefined {
  const text = gateOf(state)?.outputs?.["stdout"];
  return typeof text === "string" && text !== "" ? parseRecord(text) : undefined;
}

/**
 * The environment that the gate last ran with, secrets included: what its checks need to be asked again.
 * Never to be printed, and handed to the checks' own process alone.
 */
export function gateEnvironment(state: StackState): Readonly<Record<string, string>> {
  const environment = gateOf(state)?.inputs?.["environment"];
  if (typeof environment !== "object" || environment === null) return {};
  return Object.fromEntries(
    Object.entries(environment).flatMap(([name, value]: [string, unknown]) => {
      const text = plainText(value);
      return text === undefined ? [] : [[name, text] as const];
    }),
  );
}

/** The engine's mark of a secret; an export with plain secrets carries the value as JSON beside it. */
const SECRET_MARK = "4dabf18193072939515e22adb298388d";

function plainText(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (typeof value !== "object" || value === null || !(SECRET_MARK in value)) return undefined;
  const plain = (value as { readonly plaintext?: unknown }).plaintext;
  if (typeof plain !== "string") return undefined;
  const parsed: unknown = JSON.parse(plain);
  return typeof parsed === "string" ? parsed : undefined;
}

function gateOf(state: StackState): StateResource | undefined {
  return (state.resources ?? []).find(
    ({ urn, type }) => type === "command:local:Command" && urn.includes("StageGate$"),
  );
}

/** Where the migration stands by its record. */
export interface Standing {
  readonly stage: Stage;
  readonly weightB: number;
  /** Since when it stands in this stage, ISO 8601. */
  readonly since: string;
  /** When the last entry was made, and by whom. */
  readonly lastAt: string;
  readonly lastBy: string;
  /** Id of the rollback that stands, for `acknowledgeRollback`. */
  readonly rollbackId?: string | undefined;
}

export function standingOf(record: MigrationRecord | undefined): Standing | undefined {
  if (record === undefined) return undefined;
  const state = stateOf(record);
  const last = lastEntry(record);
  if (state === undefined || last === undefined) return undefined;
  return {
    stage: state.stage,
    weightB: state.weightB,
    since: state.stageSince,
    lastAt: last.at,
    lastBy: last.by,
    rollbackId: rollbackId(record),
  };
}

function carrierOf({ urn, type, outputs, inputs }: StateResource): WeightCarrier | undefined {
  const kind = CARRIER_TYPES[type];
  const arn = outputs?.["arn"];
  if (kind === undefined || !urn.includes("TrafficSplit$") || typeof arn !== "string") return undefined;
  const actions = (kind === "listener" ? inputs?.["defaultActions"] : inputs?.["actions"]) as
    readonly ForwardAction[] | undefined;
  const [a, b] = actions?.find(({ forward }) => forward !== undefined)?.forward?.targetGroups ?? [];
  if (a === undefined || b === undefined) return undefined;
  return {
    urn,
    kind,
    arn,
    // arn:PARTITION:elasticloadbalancing:REGION:ACCOUNT:...
    region: arn.split(":")[3] ?? "",
    targetGroupA: a.arn,
    targetGroupB: b.arn,
    weightA: a.weight ?? 0,
    weightB: b.weight ?? 0,
  };
}

interface ForwardAction {
  readonly forward?: { readonly targetGroups?: readonly { readonly arn: string; readonly weight?: number }[] };
}
