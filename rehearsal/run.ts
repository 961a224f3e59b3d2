import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { Listr } from "listr2";
import { type LoadSnapshot } from "./cloud/traffic";
import { Rehearsal, type RehearsalOptions } from "./rehearsal";
import { writeReport } from "./report";
import { judgingText } from "./judging";
import { round } from "./measure";
import { type Scenario, type Step } from "./scenarios/scenario";
import { programHere, ticketOf, writeTicket } from "./ticket";
import { removeResults, type StepSummary, type Summary, writeSummary } from "./summary";
import { isMissingFile } from "../checks/missingFile";

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
  readonly steps: StepSummary[];
}

/** Runs one scenario from beginning to end, writes what was measured, and leaves nothing running. */
export async function runScenario(scenario: Scenario, options: RunOptions): Promise<RunResult> {
  const context: Context = { steps: [] };
  const tasks = new Listr<Context, "default" | "verbose" | "silent", "verbose">(
    [
      {
        title: "engine, clouds, databases, gateways and load",
        task: async (_, task) => {
          context.rehearsal = await Rehearsal.open({
            ...options,
            ratePerSecond: Math.max(options.ratePerSecond, scenario.minimumRatePerSecond ?? 0),
            load: scenario.load,
            settings: { ...options.settings, ...scenario.settings },
            lookSeconds: options.lookSeconds ?? scenario.lookSeconds,
            maxSeconds: scenario.maxSeconds,
            report: (line) => (task.output = line),
          });
          const { databaseA } = context.rehearsal.world;
          task.output = judgingText(context.rehearsal.options.settings.judging);
          task.output = `database A: ${databaseA.tables} tables, ${databaseA.rows} rows; ${context.rehearsal.options.ratePerSecond} requests/s begin`;
        },
        rendererOptions: { persistentOutput: true },
      },
      ...scenario.steps.map((step) => ({
        title: step.title,
        task: async (_: Context, task: { output: string }) => {
          if (context.rehearsal === undefined) throw new Error("the rehearsal was not set up");
          await runStep(step, context.rehearsal, context.steps, (line) => (task.output = line));
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
      registerSignalListeners: false,
    },
  );
  await removeResults(options.out);
  const forget = endOnSignal(() => context.rehearsal?.close());
  const files: string[] = [];
  const program = programHere();
  let failure = await failureOf(async () => {
    await tasks.run();
  });
  // Also after a failure the figures up to then are worth reading, and everything has to end.
  const note = async (work: () => Promise<unknown>): Promise<void> => {
    const another = await failureOf(work);
    failure ??= another;
  };
  await note(async () => context.rehearsal?.endLoad());
  await note(async () => keepRecord(context.rehearsal, options.out));
  const { rehearsal: held } = context;
  if (held !== undefined && failure === undefined) {
    await note(async () => {
      const ticket = await ticketOf(held, scenario.name, await program);
      if (ticket !== undefined) files.push(await writeTicket(options.out, ticket));
    });
  }
  await note(async () => context.rehearsal?.close());
  if (failure !== undefined) await failureOf(async () => context.rehearsal?.close());
  forget();
  const load = await loadOf(context.rehearsal);
  if (context.rehearsal !== undefined && load !== undefined) {
    const { rehearsal } = context;
    const preliminary = summarize(scenario, context, load, failure);
    const record = join(options.out, "record");
    await note(async () => {
      files.push(...(await writeReport(options.out, preliminary, rehearsal, load, record)));
    });
  }
  const summary = summarize(scenario, context, load, failure);
  files.unshift(await writeSummary(options.out, summary));
  return { summary, files, ...(failure === undefined ? {} : { failure }) };
}

/** Runs one step, and notes how it went, whether it held or not. */
async function runStep(
  step: Step,
  rehearsal: Rehearsal,
  steps: StepSummary[],
  say: (line: string) => void,
): Promise<void> {
  const begun = performance.now();
  const { failed: before } = await rehearsal.loadSnapshot();
  const stage = rehearsal.stages.at(-1)?.stage ?? null;
  let said = "";
  const failure = await failureOf(async () =>
    step.run(rehearsal, (line) => {
      said = line;
      say(line);
    }),
  );
  const after = (await loadOf(rehearsal))?.failed ?? before;
  steps.push({
    title: step.title,
    fault: step.fault === true,
    stage,
    seconds: round((performance.now() - begun) / 1000, 2),
    said,
    failedRequests: after - before,
    held: failure === undefined,
  });
  if (failure !== undefined) throw failure;
}

/** The record, its evidence and the pilot's events, from which `pilot report --from` can be made once more. */
async function keepRecord(rehearsal: Rehearsal | undefined, out: string): Promise<void> {
  if (rehearsal === undefined) return;
  const from = join(rehearsal.home, "record");
  const dumps = join(from, "dumps");
  await rm(join(out, "record"), { recursive: true, force: true });
  // Dumps hold customers' data, and are large.
  await cp(from, join(out, "record"), { recursive: true, filter: (path) => path !== dumps }).catch(ignoreMissing);
}

function ignoreMissing(error: unknown): void {
  if (!isMissingFile(error)) throw error;
}

/** Everything counted, when the load could still be asked. */
async function loadOf(rehearsal: Rehearsal | undefined): Promise<LoadSnapshot | undefined> {
  try {
    return await rehearsal?.loadSnapshot();
  } catch {
    return undefined;
  }
}

async function failureOf(work: () => Promise<unknown>): Promise<Error | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** Ctrl-C and SIGTERM end the run in order: nothing is left running, and no copy of a database on disk. */
function endOnSignal(close: () => Promise<void> | undefined): () => void {
  const end = (signal: NodeJS.Signals): void => {
    process.stderr.write(`\n${signal}: ending engine, clouds, databases and load\n`);
    void failureOf(async () => close()).then(() => process.exit(signal === "SIGINT" ? 130 : 143));
  };
  process.once("SIGINT", end);
  process.once("SIGTERM", end);
  return () => {
    process.off("SIGINT", end);
    process.off("SIGTERM", end);
  };
}

function summarize(
  scenario: Scenario,
  { rehearsal, steps }: Context,
  load: LoadSnapshot | undefined,
  failure: Error | undefined,
): Summary {
  return {
    scenario: scenario.name,
    ok: failure === undefined,
    stages: rehearsal?.stages ?? [],
    totals: { requests: load?.sent ?? 0, failed: load?.failed ?? 0 },
    rollback: rehearsal?.rollback ?? null,
    database: rehearsal?.database ?? null,
    judged: rehearsal?.judged ?? [],
    faults: rehearsal?.faults ?? [],
    connections: rehearsal?.connections ?? [],
    steps,
  };
}
