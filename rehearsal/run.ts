import { Listr } from "listr2";
import { Rehearsal, type RehearsalOptions } from "./rehearsal";
import { writeReport } from "./report";
import { type Scenario } from "./scenarios/scenario";
import { type Summary, writeSummary } from "./summary";

export interface RunOptions extends Omit<RehearsalOptions, "lookSeconds" | "maxSeconds" | "report"> {
  /** Folder for `summary.json` and the report. */
  readonly out: string;
  /** Live rows in a terminal, plain lines elsewhere, nothing in tests. */
  readonly show: "live" | "lines" | "silent";
  readonly lookSeconds?: number;
}

export interface RunResult {
  readonly summary: Summary;
  readonly files: readonly string[];
  /** Why it did not hold. */
  readonly failure?: Error;
}

interface Context {
  rehearsal?: Rehearsal;
}

/** Runs one scenario from beginning to end, writes what was measured, and leaves nothing running. */
export async function runScenario(scenario: Scenario, options: RunOptions): Promise<RunResult> {
  const context: Context = {};
  let failure: Error | undefined;
  const tasks = new Listr<Context, "default" | "verbose" | "silent", "verbose">(
    [
      {
        title: "engine, clouds, databases, gateways and load",
        task: async (_, task) => {
          context.rehearsal = await Rehearsal.open({
            ...options,
            lookSeconds: options.lookSeconds ?? scenario.lookSeconds,
            maxSeconds: scenario.maxSeconds,
            report: (line) => (task.output = line),
          });
          const { databaseA } = context.rehearsal.world;
          task.output = `database A: ${databaseA.tables} tables, ${databaseA.rows} rows; ${options.ratePerSecond} requests/s begin`;
        },
        rendererOptions: { persistentOutput: true },
      },
      ...scenario.steps.map((step) => ({
        title: step.title,
        task: async (_: Context, task: { output: string }) => {
          if (context.rehearsal === undefined) throw new Error("the rehearsal was not set up");
          await step.run(context.rehearsal, (line) => (task.output = line));
        },
        rendererOptions: { persistentOutput: true },
      })),
    ],
    {
      renderer: { live: "default", lines: "verbose", silent: "silent" }[options.show] as
        "default" | "verbose" | "silent",
      fallbackRenderer: "verbose",
      exitOnError: true,
      collectErrors: false,
    },
  );
  try {
    await tasks.run();
  } catch (error) {
    failure = error instanceof Error ? error : new Error(String(error));
  }
  const files: string[] = [];
  const summary = await summarize(scenario, context.rehearsal, failure);
  files.push(await writeSummary(options.out, summary));
  if (context.rehearsal !== undefined) {
    files.push(await writeReport(options.out, summary, context.rehearsal));
    await context.rehearsal.close();
  }
  return { summary, files, ...(failure === undefined ? {} : { failure }) };
}

async function summarize(
  scenario: Scenario,
  rehearsal: Rehearsal | undefined,
  failure: Error | undefined,
): Promise<Summary> {
  const load = await rehearsal?.loadSnapshot();
  return {
    scenario: scenario.name,
    ok: failure === undefined,
    stages: rehearsal?.stages ?? [],
    totals: { requests: load?.sent ?? 0, failed: load?.failed ?? 0 },
    rollback: rehearsal?.rollback ?? null,
    database: rehearsal?.database ?? null,
  };
}
