import { type z } from "zod";
import { type Override, type Stage } from "./stages";
import { type SCHEMA } from "./settings/schema";
import { LISTENER_ONLY } from "./settings/listenerSchema";
import { type Finding } from "./settings/findings";
import { type Key, KEYS, type RawConfig, readKey, unknownTopLevel, valueOf } from "./settings/read";
import { ruleFindings } from "./settings/rules";
import { type Effect } from "./settings/rules/rule";
import { typed } from "./settings/schemaWalk";

export { type Finding } from "./settings/findings";
export { type RawConfig } from "./settings/read";

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

export type SettingsOutcome =
  | { readonly kind: "settings"; readonly settings: Settings; readonly warnings: readonly Finding[] }
  /** Only at `rollback`: the listener can be set, the rest cannot be declared until the findings are mended. */
  | { readonly kind: "listener-only"; readonly settings: ListenerSettings; readonly findings: readonly Finding[] }
  | { readonly kind: "refused"; readonly findings: readonly Finding[] };

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
  for (const key of KEYS) {
    const result = readKey(raw, key, wayBack);
    findings.push(...result.findings);
    if (result.usable) parsed[key] = result.value;
  }
  const region = raw.values["aws:region"] === "" ? undefined : raw.values["aws:region"];
  const rules = ruleFindings({ stack: raw.stack, region }, parsed as Partial<Parsed>);
  const told = (effects: readonly Effect[]): Finding[] =>
    rules
      .filter(({ effect }) => effects.includes(effect))
      .map(({ path, read, expected, remedy }) => ({ path, read, expected, remedy }));
  const refusals = [...findings, ...told(["listener", "harm", "refusal"])];
  const warnings = told(["warning"]);

  const whole = (): Settings => freeze({ ...parsed, stack: raw.stack, region: region ?? "" }) as Settings;
  if (refusals.length === 0) return { kind: "settings", settings: whole(), warnings };
  if (!wayBack || told(["listener"]).length > 0) return { kind: "refused", findings: refusals };
  const complete = KEYS.every((key) => key in parsed) && told(["harm"]).length === 0;
  if (complete) return { kind: "settings", settings: whole(), warnings: [...refusals, ...warnings] };
  const listener = listenerSettings(raw, region ?? "");
  return listener === undefined
    ? { kind: "refused", findings: refusals }
    : { kind: "listener-only", settings: listener, findings: refusals };
}

/** The findings as text for a terminal. */
export function describeFindings(findings: readonly Finding[]): string {
  return findings
    .map(({ path, read, expected, remedy }) => `  ${path}: read ${read}, expected ${expected}\n      ${remedy}`)
    .join("\n");
}

/** What the listener needs, read alone: secret or not, and blind to everything else. */
function listenerSettings(raw: RawConfig, region: string): ListenerSettings | undefined {
  const visible: RawConfig = { ...raw, isSecret: () => false };
  const blind: Partial<Record<Key, z.ZodType>> = LISTENER_ONLY;
  const parts: Partial<Record<Key, unknown>> = {};
  for (const key of LISTENER_KEYS) {
    const schema = blind[key];
    if (schema === undefined) {
      const result = readKey(visible, key, true);
      if (!result.usable) return undefined;
      parts[key] = result.value;
    } else {
      const result = schema.safeParse(typed(schema, valueOf(raw, key)));
      if (!result.success) return undefined;
      parts[key] = result.data;
    }
  }
  return freeze({ ...parts, stack: raw.stack, region }) as unknown as ListenerSettings;
}

function freeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.values(value).forEach(freeze);
    Object.freeze(value);
  }
  return value;
}
