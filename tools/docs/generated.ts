import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as prettier from "prettier";
import { parseDocument } from "yaml";
import { ruleFile } from "../../checks/commands/alertRules";
import { judge } from "../../migration/settings/judgeSchema";
import { metrics } from "../../migration/settings/metricsSchema";
import { jsonSchemaOf } from "./jsonSchema";
import { markdownOf } from "./markdown";
import { pictures } from "./pictures";
import { fillRegions } from "./regions";
import { runbookParts } from "./runbookParts";
import { scaleParts } from "./scaleParts";
import { settingsIn, stackFileOf } from "./stackFile";
import { describeSettings, type Described, firstSentence } from "./settings";

export const REFERENCE = "docs/configuration.md";
export const ALERT_RULES = "docs/prometheus-rules.yaml";
export const JSON_SCHEMA = "docs/Pulumi.stack.schema.json";
export const RUNBOOK = "docs/runbook.md";
export const SCALE = "docs/scale.md";
const PROJECT_FILE = "Pulumi.yaml";
const STACK_FILES = ["Pulumi.prod.yaml", "Pulumi.staging.yaml"] as const;

/** The settings as the schema in the sources describes them. */
export function settingsOfSources(root: string): readonly Described[] {
  return describeSettings(join(root, "migration/settings/schema.ts"));
}

/** Path from the project folder -> content of every file that is made from the code, wholly or in parts. */
export async function generatedFiles(root: string): Promise<Readonly<Record<string, string>>> {
  const settings = settingsOfSources(root);
  const stackFiles = STACK_FILES.map((name) => [name, readFileSync(join(root, name), "utf8")] as const);
  const examples = stackFiles.map(([, text]) => settingsIn(text));
  const stacks = stackFiles.map(([name, text]) => ({ stack: name.split(".")[1] ?? name, values: settingsIn(text) }));
  const files = {
    [REFERENCE]: markdownOf(settings, examples),
    [JSON_SCHEMA]: JSON.stringify(jsonSchemaOf(settings)),
    [SCALE]: fillRegions(readFileSync(join(root, SCALE), "utf8"), scaleParts()),
    [RUNBOOK]: fillRegions(readFileSync(join(root, RUNBOOK), "utf8"), await runbookParts(root, stacks)),
    ...Object.fromEntries(stacks.flatMap(({ stack, values }) => alertRulesOf(stack, values))),
    [PROJECT_FILE]: projectFile(readFileSync(join(root, PROJECT_FILE), "utf8"), settings),
    ...Object.fromEntries(stackFiles.map(([name, text]) => [name, stackFileOf(text, settings)])),
  };
  const options = (await prettier.resolveConfig(join(root, "package.json"))) ?? {};
  const formatted = Object.entries(files).map(
    async ([name, content]) => [name, await prettier.format(content, { ...options, filepath: name })] as const,
  );
  return { ...Object.fromEntries(await Promise.all(formatted)), ...(await pictures(root)) };
}

/** The alert rules of a stack that asks Prometheus; what everybody's stack would have is shown by production's. */
function alertRulesOf(
  stack: string,
  values: Readonly<Record<string, unknown>>,
): readonly (readonly [string, string])[] {
  const source = metrics.parse(values["metrics"]);
  if (stack !== "prod" || source?.source !== "prometheus") return [];
  return [[ALERT_RULES, ruleFile({ stack, metrics: source, judge: judge.parse(values["judge"] ?? {}) })]];
}

/** Pulumi.yaml with the first sentence of each key's docstring as its description; everything else of it stays. */
function projectFile(text: string, settings: readonly Described[]): string {
  const document = parseDocument(text);
  for (const { path, meaning } of settings) {
    const at = ["config", path[0], "description"];
    const sentence = firstSentence(meaning);
    // Written only where it differs, so that the way it is written stays as well.
    if (document.hasIn(["config", path[0]]) && document.getIn(at) !== sentence) document.setIn(at, sentence);
  }
  return document.toString({ lineWidth: 120 });
}
