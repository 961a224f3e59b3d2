import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parse } from "yaml";

/** The workflow files as the tests look at them. */

export const REPOSITORY = resolve(__dirname, "../..");
export const WORKFLOW_FOLDER = join(REPOSITORY, ".github", "workflows");
export const WORKFLOWS = ["preview", "promote", "release", "rollback"] as const;
export type WorkflowName = (typeof WORKFLOWS)[number];

export type Values = Readonly<Record<string, string | number | boolean>>;

export interface Step {
  readonly id?: string;
  readonly name?: string;
  readonly uses?: string;
  readonly with?: Values;
  readonly run?: string;
  readonly env?: Values;
  readonly if?: string;
  readonly "continue-on-error"?: boolean;
}

export interface Job {
  readonly needs?: string;
  readonly if?: string;
  readonly environment?: string;
  readonly "runs-on": string;
  readonly "timeout-minutes"?: number;
  readonly permissions?: Readonly<Record<string, string>>;
  readonly env?: Values;
  readonly steps: readonly Step[];
}

export interface Choice {
  readonly type: string;
  readonly required: boolean;
  readonly options: readonly string[];
}

export interface Workflow {
  readonly name: string;
  readonly "run-name": string;
  readonly on: Readonly<Record<string, { readonly inputs?: Readonly<Record<string, Choice>> } | null>>;
  readonly permissions: unknown;
  readonly concurrency: { readonly group: string; readonly "cancel-in-progress": boolean };
  readonly env?: Values;
  readonly jobs: Readonly<Record<string, Job>>;
}

export function textOf(name: WorkflowName): string {
  return readFileSync(join(WORKFLOW_FOLDER, `${name}.yml`), "utf8");
}

export function workflowOf(text: string): Workflow {
  return parse(text) as Workflow;
}
