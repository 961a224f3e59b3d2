import { relative } from "node:path";
import { type Finding, readSettings } from "../../migration/settings";
import { type Outcome } from "../gateInput";
import { readStackFile, type StackFile } from "../stackFile";

export interface SettingsOptions {
  readonly stack?: string | undefined;
  readonly file?: string | undefined;
  readonly json?: boolean | undefined;
}

/**
 * `check -- settings`: the settings of a stack, from its file and Pulumi.yaml alone; neither engine nor cloud is asked.
 *
 * Exit 0 when the program would take them, 1 with every finding, 2 when a file is missing or no YAML. With `--json`
 * standard output is exactly the array of findings. What is a warning only goes to standard error.
 */
export async function settingsCommand(options: SettingsOptions): Promise<Outcome> {
  const file = await readStackFile({ folder: process.cwd(), ...options });
  const outcome = readSettings(file.raw);
  const [findings, warnings] =
    outcome.kind === "settings" ? [[], outcome.warnings] : [outcome.findings, [] as readonly Finding[]];
  const holds = outcome.kind === "settings";
  const json = options.json === true;
  const shown = [
    ...(json ? [] : findings.map((finding) => described(file, finding))),
    ...warnings.map((warning) => `warning  ${described(file, warning)}`),
    ...(holds || json ? [] : [`${count(findings.length)} in the settings of stack ${file.raw.stack}`]),
  ];
  const stage = holds ? outcome.settings.stage : undefined;
  const summary = { stack: file.raw.stack, stage, findings: findings.length, warnings: warnings.length };
  return {
    exitCode: holds ? 0 : 1,
    stdout: json ? JSON.stringify(findings) : holds ? JSON.stringify(summary) : "",
    stderr: shown.join("\n"),
  };
}

function described(file: StackFile, { path, read, expected, remedy }: Finding): string {
  const line = file.lineOf(path);
  const where = `${relative(process.cwd(), file.path)}${line === undefined ? "" : `:${line}`}`;
  return `${where}  ${path}: read ${read}, expected ${expected}\n      ${remedy}`;
}

function count(findings: number): string {
  return findings === 1 ? "1 finding" : `${findings} findings`;
}
