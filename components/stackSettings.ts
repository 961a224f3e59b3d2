import * as pulumi from "@pulumi/pulumi";
import {
  describeFindings,
  type Finding,
  type ListenerSettings,
  readSettings,
  type Settings,
} from "../migration/settings";

/** The settings of the running stack; or, at `rollback`, the part that carries the way back, and why it is no more. */
export type StackSettings =
  | { readonly kind: "settings"; readonly settings: Settings }
  | { readonly kind: "listener-only"; readonly settings: ListenerSettings; readonly error: pulumi.RunError };

/** @throws RunError with every finding, before anything is registered */
export function settingsOfThisStack(): StackSettings {
  const stack = pulumi.getStack();
  const outcome = readSettings({
    project: pulumi.getProject(),
    stack,
    values: pulumi.runtime.allConfig(),
    isSecret: (key) => secretConfig.isConfigSecret(key),
  });
  switch (outcome.kind) {
    case "refused":
      throw refusedSettings(stack, outcome.findings, "Nothing was touched.");
    case "listener-only": {
      const text = "The way back was declared; everything else of this stack was left out of this run.";
      return {
        kind: "listener-only",
        settings: outcome.settings,
        error: refusedSettings(stack, outcome.findings, text),
      };
    }
    case "settings":
      for (const { path, read, expected, remedy } of outcome.warnings) {
        void pulumi.log.warn(`${path}: read ${read}, expected ${expected}. ${remedy}`);
      }
      return { kind: "settings", settings: outcome.settings };
  }
}

function refusedSettings(stack: string, findings: readonly Finding[], what: string): pulumi.RunError {
  const count = findings.length === 1 ? "1 finding" : `${findings.length} findings`;
  return new pulumi.RunError(`Settings of stack ${stack}: ${count}. ${what}\n${describeFindings(findings)}`);
}

/** Part of the SDK's runtime, though its type declarations leave it out. */
const secretConfig = pulumi.runtime as unknown as { isConfigSecret(key: string): boolean };
