import { type z } from "zod";
import { type Override, type Stage } from "./stages";
import { SCHEMA } from "./settings/schema";
import { LISTENER_ONLY } from "./settings/listenerSchema";
import { type Finding, type Issue, schemaFindings, unknownKey, withoutUnknownKeys } from "./settings/findings";
import { type RuleFinding, ruleFindings } from "./settings/rules";

export { type Finding } from "./settings/findings";

/** Everything below is read-only, and frozen at run time. */
type Deep<T> = T extends readonly (infer E)[]
  ? readonly Deep<E>[]
  : T extends object
    ? { readonly [K in keyof T]: Deep<T[K]> }
    : T;

type Parsed = { [K in keyof typeof SCHEMA]: z.output<(typeof SCHEMA)[K]> };

/** The stack's settings: complete, checked, frozen. Fields are described in `settings/schema.ts`. */
export type Settings = Deep<Omit<Parsed, "stage" | "override">> & {
  readonly stack: string;
  /** AWS region, the provider's own setting `aws:region`. */
  readonly region: string;
  readonly stage: Stage;
  readonly override?: Override | undefined;
};

/** One gateway group, as far as the listener needs it. */
export type ListenerGroup = Deep<z.output<(typeof LISTENER_ONLY)["gatewayGroups"]>[number]>;

/** The part of the settings that carries the way back. */
export interface ListenerSettings {
  readonly stack: string;
  readonly region: string;
  readonly stage: Stage;
  readonly trafficSteps: readonly number[];
  readonly override?: Override | undefined;
  readonly network: Deep<z.output<(typeof LISTENER_ONLY)["network"]>>;
  readonly loadBalancer: Settings["loadBalancer"];
  readonly gatewayGroups: readonly ListenerGroup[];
  readonly tags: Settings["tags"];
  readonly recordFolder: string;
}

/** The stack's config as the engine hands it over: text, objects as JSON. */
export interface RawConfig {
  readonly project: string;
  readonly stack: string;
  /** `NAMESPACE:KEY` -> text. */
  readonly values: Readonly<Record<string, string>>;
  /** Whether the engine keeps this `NAMESPACE:KEY` encrypted. */
  readonly isSecret: (key: string) => boolean;
}

export type SettingsOutcome =
  | { readonly kind: "settings"; readonly settings: Settings; readonly warnings: readonly Finding[] }
  /** Only at `rollback`: the listener can be set, the rest cannot be declared until the findings are mended. */
  | { readonly kind: "listener-only"; readonly settings: ListenerSettings; readonly findings: readonly Finding[] }
  | { readonly kind: "refused"; readonly findings: readonly Finding[] };

const SECRET_KEYS: readonly string[] = [
  "controlPlaneToken",
  "databaseADsn",
  "testCredentials",
  "notificationWebhook",
  "databaseBDsn",
  "bastionPrivateKey",
];
const LISTENER_KEYS = [
  "stage",
  "trafficSteps",
  "override",
  "network",
  "loadBalancer",
  "gatewayGroups",
  "tags",
  "recordFolder",
] as const;
type Key = keyof typeof SCHEMA;

/**
 * Reads the settings: all of them, or everything that is wrong with them at once.
 *
 * At `rollback` nothing but the listener's own settings may hold the way back: any other finding is a warning, either
 * beside whole settings (a default or the correct rest could be used) or with the listener's part alone.
 */
export function readSettings(raw: RawConfig): SettingsOutcome {
  const wayBack = raw.values[`${raw.project}:stage`] === "rollback";
  const findings: Finding[] = [...unknownTopLevel(raw)];
  const parsed: Partial<Record<Key, unknown>> = {};
  const broken = new Set<Key>();
  for (const key of Object.keys(SCHEMA) as Key[]) {
    const value = valueOf(raw, key);
    const result = parseKey(key, SCHEMA[key], value, wayBack);
    findings.push(...result.findings, ...secrecy(raw, key, value));
    if (result.usable) parsed[key] = result.value;
    else broken.add(key);
  }
  const region = raw.values["aws:region"];
  const outside: RuleFinding[] =
    region === undefined || region === ""
      ? [
          {
            path: "aws:region",
            read: "nothing",
            expected: "an AWS region",
            remedy: "pulumi config set aws:region REGION",
            concernsListener: true,
          },
        ]
      : [];
  const rules = [...outside, ...ruleFindings(raw.stack, parsed)];
  const all = [...findings, ...rules.map(({ path, read, expected, remedy }) => ({ path, read, expected, remedy }))];

  const whole = (): Settings => freeze({ ...parsed, stack: raw.stack, region: region ?? "" }) as Settings;
  if (all.length === 0) return { kind: "settings", settings: whole(), warnings: [] };
  if (!wayBack || rules.some(({ concernsListener }) => concernsListener)) return { kind: "refused", findings: all };
  if (broken.size === 0) return { kind: "settings", settings: whole(), warnings: all };
  const listener = listenerSettings(raw, region ?? "", parsed);
  return listener === undefined
    ? { kind: "refused", findings: all }
    : { kind: "listener-only", settings: listener, findings: all };
}

/** The findings as text for a terminal. */
export function describeFindings(findings: readonly Finding[]): string {
  return findings
    .map(({ path, read, expected, remedy }) => `  ${path}: read ${read}, expected ${expected}\n      ${remedy}`)
    .join("\n");
}

function unknownTopLevel(raw: RawConfig): readonly Finding[] {
  const known = Object.keys(SCHEMA);
  const prefix = `${raw.project}:`;
  return Object.keys(raw.values)
    .filter((key) => key.startsWith(prefix) && !known.includes(key.slice(prefix.length)))
    .map((key) => unknownKey([key.slice(prefix.length)], known));
}

/** Config is text: anything but text is JSON in it. Empty text and empty objects are how Pulumi.yaml says "not given". */
function valueOf(raw: RawConfig, key: Key): unknown {
  const text = raw.values[`${raw.project}:${key}`];
  if (text === undefined || text === "") return undefined;
  if (TEXT_KEYS.has(key)) return text;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return text;
  }
  return NOT_GIVEN_WHEN_EMPTY.has(key) && isEmptyObject(value) ? undefined : value;
}

/** Objects that may be left out: Pulumi.yaml needs a default for them, and has no other than `{}`. */
const NOT_GIVEN_WHEN_EMPTY: ReadonlySet<string> = new Set(["override", "emergencyChange", "windows", "compareAnswers"]);

const TEXT_KEYS: ReadonlySet<string> = new Set([
  "stage",
  "version",
  "acknowledgeRollback",
  "recordFolder",
  "controlPlaneToken",
  "databaseADsn",
  "testCredentials",
  "notificationWebhook",
  "databaseBDsn",
  "bastionPrivateKey",
]);

interface KeyResult {
  readonly usable: boolean;
  readonly value?: unknown;
  readonly findings: readonly Finding[];
}

function parseKey(key: string, schema: z.ZodType, value: unknown, wayBack: boolean): KeyResult {
  const first = schema.safeParse(value);
  if (first.success) return { usable: true, value: first.data, findings: [] };
  const issues = first.error.issues as readonly Issue[];
  const findings = schemaFindings(key, schema, value, issues, SECRET_KEYS.includes(key));
  if (!wayBack) return { usable: false, findings };
  // On the way back a misspelled key is left out, and what has a default takes it.
  for (const candidate of [withoutUnknownKeys(value, issues), undefined]) {
    const again = schema.safeParse(candidate);
    if (again.success) return { usable: true, value: again.data, findings };
  }
  return { usable: false, findings };
}

function secrecy(raw: RawConfig, key: string, value: unknown): readonly Finding[] {
  if (!SECRET_KEYS.includes(key) || value === undefined || raw.isSecret(`${raw.project}:${key}`)) return [];
  return [{ path: key, read: "plain text", expected: "a secret", remedy: `pulumi config set --secret ${key}` }];
}

function listenerSettings(
  raw: RawConfig,
  region: string,
  parsed: Partial<Record<Key, unknown>>,
): ListenerSettings | undefined {
  const parts: Partial<Record<Key, unknown>> = { ...parsed };
  for (const [key, schema] of Object.entries(LISTENER_ONLY) as [keyof typeof LISTENER_ONLY, z.ZodType][]) {
    const result = schema.safeParse(valueOf(raw, key));
    if (!result.success) return undefined;
    parts[key] = result.data;
  }
  if (LISTENER_KEYS.some((key) => !(key in parts))) return undefined;
  const picked = Object.fromEntries(LISTENER_KEYS.map((key) => [key, parts[key]]));
  return freeze({ ...picked, stack: raw.stack, region }) as unknown as ListenerSettings;
}

function isEmptyObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value) && Object.keys(value).length === 0;
}

function freeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.values(value).forEach(freeze);
    Object.freeze(value);
  }
  return value;
}
