import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { describeFindings, readSettings, type Settings, type SettingsOutcome } from "../../migration/settings";

/** The two stack files as the engine hands them to the program, with made-up secrets, and with changes. */

export const STACKS = ["staging", "prod"] as const;
export type StackName = (typeof STACKS)[number];

export const PROJECT = "api7-migration";
/** Stand in for what a stack file does not hold. */
export const SECRETS: Readonly<Record<string, string>> = {
  controlPlaneToken: "made-up-token",
  databaseADsn: "postgres://reader:made-up-password-a@database-a:5432/api7ee",
  testCredentials: '{"apikey":"made-up-credential"}',
};
/** `metricsCredentials` too, where a test gives them. */
export const SECRET_KEYS: readonly string[] = [...Object.keys(SECRETS), "metricsCredentials"].map(
  (key) => `${PROJECT}:${key}`,
);

/** `databaseB.copy` or `gatewayGroups[0].name` -> new value; undefined takes the setting away. */
export type Changes = Readonly<Record<string, unknown>>;

const ROOT = join(__dirname, "..", "..");

/** `NAMESPACE:KEY` -> text. */
export function configOf(stack: StackName, changes: Changes = {}): Record<string, string> {
  const file = parse(readFileSync(join(ROOT, `Pulumi.${stack}.yaml`), "utf8")) as { config: Record<string, unknown> };
  const { "aws:region": region, ...own } = file.config;
  const settings: Record<string, unknown> = { ...SECRETS };
  for (const [key, value] of Object.entries(own)) settings[key.slice(PROJECT.length + 1)] = value;
  const config: Record<string, unknown> = { "aws:region": region };
  for (const [path, value] of Object.entries(changes)) {
    if (path.includes(":")) config[path] = value;
    else change(settings, keysOf(path), value);
  }
  for (const [key, value] of Object.entries(settings)) config[`${PROJECT}:${key}`] = value;
  return Object.fromEntries(
    Object.entries(config)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => [key, typeof value === "string" ? value : JSON.stringify(value)]),
  );
}

/** What the program makes of a stack file with changes. */
export function outcomeOf(
  stack: StackName,
  changes: Changes = {},
  secretKeys: readonly string[] = SECRET_KEYS,
  stackName: string = stack,
): SettingsOutcome {
  return readSettings({
    project: PROJECT,
    stack: stackName,
    values: configOf(stack, changes),
    isSecret: (key) => secretKeys.includes(key),
  });
}

/** The settings of a stack file with changes. @throws when they have a finding */
export function settingsOf(stack: StackName, changes: Changes = {}): Settings {
  const outcome = outcomeOf(stack, changes);
  if (outcome.kind === "settings") return outcome.settings;
  throw new Error(describeFindings(outcome.findings));
}

function keysOf(path: string): readonly string[] {
  return path.split(/[.[\]]+/).filter((key) => key !== "");
}

function change(holder: Record<string, unknown>, keys: readonly string[], value: unknown): void {
  const [key = "", ...rest] = keys;
  if (rest.length === 0) {
    if (value === undefined) Reflect.deleteProperty(holder, key);
    else holder[key] = value;
    return;
  }
  // Parsed anew for each call, so that a change stays in this config.
  holder[key] ??= {};
  change(holder[key] as Record<string, unknown>, rest, value);
}
