import { spawn } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { REPOSITORY, type Step, type Values, type Workflow } from "./workflowFiles";

/**
 * Runs the scripts of a workflow file as GitHub would, step by step, with stand-ins for every program outside of the
 * project. Steps that use an action are left out: what they set up is there already. What it does not prove: what GitHub,
 * AWS and the real programs make of the calls.
 */

/** How a stand-in answers. The first answer that fits a call is given; each one at most `times` times. */
export interface Answer {
  /** The program and its arguments, in one line. */
  readonly call: RegExp;
  readonly stdout?: string;
  readonly stderr?: string;
  readonly code?: number;
  readonly times?: number;
}

export interface RunOutcome {
  /** Job -> `success`, `failure` or `skipped`. */
  readonly results: Readonly<Record<string, string>>;
  /** Every call of a stand-in, in its order: the program and its arguments in one line. */
  readonly calls: readonly string[];
  /** The run's page. */
  readonly summary: string;
  /** What all steps wrote. */
  readonly said: string;
  /** A file of the clone, after the run. */
  file(name: string): string;
}

const STAND_INS = ["gh", "pulumi", "aws", "git", "npm"] as const;

/** What the conditions of the workflow files may say. */
const CONDITIONS: Readonly<Record<string, (state: ConditionState) => boolean>> = {
  "!cancelled()": () => true,
  "!cancelled() && needs.back.result == 'success'": ({ results }) => results["back"] === "success",
  "failure() && steps.show.outcome == 'success'": ({ failed, outcomes }) => failed && outcomes["show"] === "success",
};

interface ConditionState {
  readonly results: Readonly<Record<string, string>>;
  readonly failed: boolean;
  readonly outcomes: Readonly<Record<string, string>>;
}

export class WorkflowClone {
  private readonly folder = mkdtempSync(join(tmpdir(), "workflow-run-"));
  private readonly clone = join(this.folder, "clone");

  constructor(private readonly expressions: Readonly<Record<string, string>>) {
    mkdirSync(this.clone);
    for (const name of ["operations", "migration", "node_modules", "package.json"]) {
      symlinkSync(join(REPOSITORY, name), join(this.clone, name));
    }
    for (const stack of ["staging", "prod"]) {
      copyFileSync(join(REPOSITORY, `Pulumi.${stack}.yaml`), join(this.clone, `Pulumi.${stack}.yaml`));
    }
    const bin = join(this.folder, "bin");
    mkdirSync(bin);
    for (const name of STAND_INS)
      this.executable(join(bin, name), `exec '${process.execPath}' '${STAND_IN}' ${name} "$@"`);
    // The workflows' Node runs TypeScript as it is; the one that runs the tests may be older.
    this.executable(join(bin, "node"), `exec '${process.execPath}' --import tsx "$@"`);
  }

  write(name: string, content: string): void {
    writeFileSync(join(this.clone, name), content);
  }

  read(name: string): string {
    return readFileSync(join(this.clone, name), "utf8");
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }

  /** Runs the jobs in their order. */
  async run(workflow: Workflow, answers: readonly Answer[]): Promise<RunOutcome> {
    const at = (name: string): string => join(this.folder, name);
    for (const name of ["calls", "summary"]) writeFileSync(at(name), "");
    writeFileSync(at("answers"), JSON.stringify(answers.map((answer) => ({ ...answer, call: answer.call.source }))));
    const results: Record<string, string> = {};
    let said = "";
    for (const [name, job] of Object.entries(workflow.jobs)) {
      const may =
        job.if === undefined ? results[job.needs ?? ""] !== "failure" : this.holds(job.if, results, false, {});
      if (!may) {
        results[name] = "skipped";
        continue;
      }
      const outcomes: Record<string, string> = {};
      let failed = false;
      for (const step of job.steps) {
        if (step.run === undefined) continue;
        if (step.if === undefined ? failed : !this.holds(step.if, results, failed, outcomes)) continue;
        const env = { ...this.values(workflow.env), ...this.values(job.env), ...this.values(step.env) };
        const ended = await this.script(step, env);
        said += ended.said;
        if (step.id !== undefined) outcomes[step.id] = ended.code === 0 ? "success" : "failure";
        if (ended.code !== 0 && step["continue-on-error"] !== true) failed = true;
      }
      results[name] = failed ? "failure" : "success";
    }
    const lines = readFileSync(at("calls"), "utf8").split("\n");
    return {
      results,
      calls: lines.filter((line) => line !== "").map((line) => JSON.parse(line) as string),
      summary: readFileSync(at("summary"), "utf8"),
      said,
      file: (name) => this.read(name),
    };
  }

  /** One step, in the shell and with the options that GitHub runs it. */
  private async script(step: Step, env: Readonly<Record<string, string>>): Promise<{ code: number; said: string }> {
    const child = spawn("bash", ["-e", "-c", step.run ?? ""], {
      cwd: this.clone,
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...env,
        PATH: `${join(this.folder, "bin")}:/usr/bin:/bin`,
        HOME: this.folder,
        RUNNER_TEMP: this.folder,
        STAND_IN_FOLDER: this.folder,
        GITHUB_STEP_SUMMARY: join(this.folder, "summary"),
        GITHUB_SERVER_URL: "https://github.example",
        GITHUB_REPOSITORY: "owner/repository",
        GITHUB_RUN_ID: "77",
        GITHUB_REF: this.expressions["github.ref"] ?? "",
      },
    });
    let said = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => (said += text));
    }
    const code = await new Promise<number>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (status) => resolve(status ?? 128));
    });
    return { code, said };
  }

  private holds(
    condition: string,
    results: ConditionState["results"],
    failed: boolean,
    outcomes: ConditionState["outcomes"],
  ): boolean {
    const text = condition.replace(/^\$\{\{ *(.*?) *\}\}$/, "$1");
    const known = CONDITIONS[text];
    if (known === undefined) throw new Error(`the test does not know the condition ${text}`);
    return known({ results, failed, outcomes });
  }

  private values(values: Values | undefined): Readonly<Record<string, string>> {
    return Object.fromEntries(
      Object.entries(values ?? {}).map(([key, value]) => [
        key,
        String(value).replace(/\$\{\{ *(.*?) *\}\}/g, (_whole, expression: string) => {
          const known = this.expressions[expression];
          if (known === undefined) throw new Error(`the test does not know the expression ${expression}`);
          return known;
        }),
      ]),
    );
  }

  private executable(path: string, line: string): void {
    writeFileSync(path, `#!/bin/sh\n${line}\n`);
    chmodSync(path, 0o755);
  }
}

const STAND_IN = join(__dirname, "standIn.cjs");
