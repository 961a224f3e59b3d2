import { stringify } from "yaml";
import { alertRules } from "../../migration/metrics/alertRules";
import { describeFindings, readSettings } from "../../migration/settings";
import { type Outcome } from "../gateInput";
import { BadInput } from "../request";
import { readStackFile } from "../stackFile";

/** `check -- alert-rules`: a rule file for the Prometheus of cluster B, with this stack's limits and selectors. */

export interface AlertRulesOptions {
  readonly stack?: string | undefined;
  readonly file?: string | undefined;
}

export async function alertRulesCommand(options: AlertRulesOptions): Promise<Outcome> {
  const { raw } = await readStackFile({ folder: process.cwd(), ...options });
  const outcome = readSettings(raw);
  if (outcome.kind !== "settings") {
    throw new BadInput(`The settings of stack ${raw.stack} cannot be used:\n${describeFindings(outcome.findings)}`);
  }
  const { stack, metrics, judge } = outcome.settings;
  if (metrics?.source !== "prometheus") {
    throw new BadInput(`Stack ${stack} asks no Prometheus. Expected: metrics.source prometheus.`);
  }
  return { exitCode: 0, stdout: ruleFile({ stack, metrics, judge }), stderr: "" };
}

export function ruleFile(args: Parameters<typeof alertRules>[0]): string {
  const head = `# Alert rules of the migration for the Prometheus of cluster B, from the settings of stack ${args.stack}.\n`;
  return `${head}${stringify(alertRules(args), { lineWidth: 0 })}`;
}
