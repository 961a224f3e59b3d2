import { setCommand } from "../../migration/settings/commands";
import { type Described, firstSentence } from "./settings";
import { pathText } from "./stackFile";

/** The reference as Markdown. */

const HEAD = `# Settings

All settings of a stack, as \`Pulumi.NAME.yaml\` holds them under \`config:\`, each with the prefix \`api7-migration:\`.
Written by \`npm run docs\` from the schema in \`migration/settings/\`; a test fails when it is stale.

- **Allowed** is what a finding would say is expected. Unknown and misspelled keys are findings too.
- **Default**: *required* has none and must be set, *none* may be left out.
- **Changing it** says what is replaced or destroyed. Where it is missing, a change is made in place, or concerns only what
  the checks and the gate ask for.
- **Set it** shows a value of \`Pulumi.prod.yaml\` or \`Pulumi.staging.yaml\` where one of them has it. A list's entries are
  counted from 0.
- The end of each stack file lists the keys that it does not set.

The provider's own key \`aws:region\` is required as well: \`pulumi config set aws:region eu-central-1\`. Whether everything
fits together: \`npm run --silent check -- settings --stack NAME\`.
`;

/** @param examples the settings of stack files, the first that has a value gives the example */
export function markdownOf(settings: readonly Described[], examples: readonly unknown[]): string {
  const contents = settings.map(({ path, meaning, secret }) => {
    const key = String(path[0]);
    return `| [\`${key}\`](#${key.toLowerCase()}) | ${cell(firstSentence(meaning))}${secret ? " (secret)" : ""} |`;
  });
  const table = ["| key | what |", "| --- | --- |", ...contents].join("\n");
  const sections = settings.map((setting) => sectionOf(setting, examples));
  return `${[HEAD, table, ...sections].join("\n\n")}\n`.replace(/\n{3,}/g, "\n\n");
}

function sectionOf(setting: Described, examples: readonly unknown[]): string {
  const all = [setting, ...below(setting)];
  const entries = all.slice(1).map((entry) => entryOf(entry, examples));
  return [`## ${String(setting.path[0])}`, factsOf(setting, examples), ...entries].join("\n\n");
}

function entryOf(entry: Described, examples: readonly unknown[]): string {
  const only = entry.only === undefined ? "" : ` (${entry.only})`;
  return `### \`${pathText(entry.path)}\`${only}\n\n${factsOf(entry, examples)}`;
}

function factsOf(entry: Described, examples: readonly unknown[]): string {
  const fallback = entry.fallback.startsWith("{") && entry.children.length > 0 ? "that of each field" : entry.fallback;
  const shown = fallback === "required" || fallback === "none" ? `*${fallback}*` : code(fallback);
  const lines = [
    ...(entry.meaning === "" ? [] : [entry.meaning, ""]),
    `- Allowed: ${entry.allowed}${entry.secret ? ", as a secret" : ""}`,
    `- Default: ${fallback === "that of each field" ? fallback : shown}`,
    ...(entry.destroys === "" ? [] : [`- Changing it: ${entry.destroys}`]),
    ...(entry.children.length > 0 ? [] : [`- Set it: \`${commandOf(entry, examples)}\``]),
  ];
  return lines.join("\n");
}

/** The `pulumi config set` line of a value, or of the first entry of a list of values. */
export function commandOf(entry: Described, examples: readonly unknown[]): string {
  if (entry.secret) return setCommand(entry.path, undefined, { secret: true });
  const example = examples.map((settings) => valueAt(settings, entry.path)).find((value) => value !== undefined);
  const fallback: unknown = /^(required|none)$/.test(entry.fallback) ? undefined : JSON.parse(entry.fallback);
  const value = example ?? fallback;
  const [first] = Array.isArray(value) ? (value as readonly unknown[]) : [];
  if (Array.isArray(value) || entry.allowed.startsWith("a list")) return setCommand([...entry.path, 0], scalar(first));
  if (typeof value === "object" || entry.allowed.includes("object of")) {
    const [key = "KEY", field] = Object.entries(value ?? {})[0] ?? [];
    return setCommand([...entry.path, key], scalar(field));
  }
  return setCommand(entry.path, scalar(value));
}

function scalar(value: unknown): string | number | boolean | undefined {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? value : undefined;
}

function valueAt(value: unknown, path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>(
    (holder, key) =>
      typeof holder === "object" && holder !== null ? (holder as Record<string, unknown>)[key] : undefined,
    value,
  );
}

function below({ children }: Described): readonly Described[] {
  return children.flatMap((child) => [child, ...below(child)]);
}

function code(text: string): string {
  return `\`${text}\``;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}
