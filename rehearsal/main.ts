import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { faultTable } from "./faultTable";
import { runScenario, type RunResult } from "./run";
import { SCENARIOS } from "./scenarios";
import { type Scenario } from "./scenarios/scenario";
import { strict } from "./scenarios/strict";
import { DEFAULT_SETTINGS } from "./settings";
import { judgedLines, rollbackText, secondsText, type Summary } from "./summary";

/** `npm run rehearse`: the whole migration on one computer. */

/** In the place of a scenario's name: every one that does not take hours. */
const ALL = "all";

interface Options {
  readonly scenario: string;
  readonly list?: boolean;
  readonly rate: number;
  readonly pace: number;
  readonly routes: number;
  readonly out: string;
  readonly kubernetes: "stand-in" | "real";
}

const program = new Command("rehearse")
  .description("Rehearse the migration on this computer: real engine, real databases, real traffic, local clouds.")
  .option("--scenario <name>", "what to rehearse; --list shows all; all: every one but strict", "migration")
  .option("--list", "show all scenarios")
  .option("--rate <requests/s>", "plain requests a second, 1-2000", whole(1, 2000), 400)
  .option("--pace <factor>", "how much faster than prescribed waits pass, 1-100; rates stay", whole(1, 100), 20)
  .option("--routes <count>", "routes in database A, 200-100000", whole(200, 100_000), 10_000)
  .addOption(
    new Option("--kubernetes <tier>", "real: a real API server, real Helm and the real provider, built once")
      .choices(["stand-in", "real"])
      .default("stand-in"),
  )
  .option("--out <folder>", "where summary.json and the report go", "rehearsal/out")
  .action(async (options: Options) => {
    process.exitCode = await main(options);
  });

async function main(options: Options): Promise<number> {
  // Should everything end without a word, it was no success.
  process.exitCode = 1;
  if (options.list === true) {
    for (const { name, description } of SCENARIOS) process.stdout.write(`${name.padEnd(14)} ${description}\n`);
    return 0;
  }
  if (options.scenario === ALL) return all(options);
  const scenario = SCENARIOS.find(({ name }) => name === options.scenario);
  if (scenario === undefined) {
    const names = [...SCENARIOS.map(({ name }) => name), ALL].join(", ");
    process.stderr.write(`--scenario ${options.scenario}: no such scenario; there are ${names}.\n`);
    return 2;
  }
  const { summary } = await runOne(scenario, options, resolve(options.out));
  return summary.ok ? 0 : 1;
}

async function runOne(scenario: Scenario, options: Options, out: string): Promise<RunResult> {
  const result = await runScenario(scenario, {
    ratePerSecond: options.rate,
    pace: options.pace,
    routes: options.routes,
    out,
    kubernetes: options.kubernetes === "real" ? "real" : undefined,
    settings: DEFAULT_SETTINGS,
    show: process.stdout.isTTY ? "live" : "lines",
  });
  const { summary, files, failure } = result;
  process.stdout.write(closing(summary, files));
  if (failure !== undefined) process.stderr.write(`\nThe rehearsal did not hold: ${failure.message}\n`);
  return result;
}

/** One after the other, each in a folder of its own, and one table of everything that was broken. */
async function all(options: Options): Promise<number> {
  const at = new Date();
  const summaries: Summary[] = [];
  const chosen = SCENARIOS.filter((scenario) => scenario !== strict);
  for (const [index, scenario] of chosen.entries()) {
    process.stdout.write(`\n${index + 1} of ${chosen.length}: ${scenario.name}, ${scenario.description}\n`);
    const { summary } = await runOne(scenario, options, resolve(options.out, scenario.name));
    summaries.push(summary);
  }
  const command = `npm run rehearse -- --scenario all --rate ${options.rate} --routes ${options.routes}`;
  const path = resolve(options.out, "faults.md");
  // Here alone: every other run would load it for nothing.
  const { format } = await import("prettier");
  await writeFile(path, await format(faultTable({ summaries, at, command }), { parser: "markdown" }));
  const failed = summaries.filter(({ ok }) => !ok).map(({ scenario }) => scenario);
  process.stdout.write(
    `\n${summaries.length} scenarios, ${failed.length === 0 ? "all held" : `not held: ${failed.join(", ")}`}\nsee ${path}\n`,
  );
  return failed.length === 0 ? 0 : 1;
}

function closing(summary: Summary, files: readonly string[]): string {
  const { stages, totals, rollback, database } = summary;
  const lines = [
    "",
    "stage           weight B   measured   requests  failed  preview  update",
    ...stages.map(
      (stage) =>
        stage.stage.padEnd(15) +
        `${stage.weightB} %`.padStart(9) +
        `${stage.shareB.toFixed(1)} %`.padStart(11) +
        String(stage.requests).padStart(11) +
        String(stage.failed).padStart(8) +
        secondsText(stage.previewSeconds).padStart(9) +
        `${stage.updateSeconds.toFixed(1)} s`.padStart(8),
    ),
    "",
    `${totals.requests} requests, ${totals.failed} failed`,
  ];
  if (rollback !== null) {
    lines.push(rollbackText(rollback));
  }
  if (database !== null) {
    lines.push(
      `database: ${database.tables} tables, ${database.rows} rows ${database.equal ? "equal" : "NOT equal"}, ` +
        `proved in ${database.seconds} s`,
    );
  }
  return [...lines, ...judgedLines(summary), ...files.map((file) => `see ${file}`), ""].join("\n");
}

function whole(from: number, to: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < from || value > to) {
      throw new InvalidArgumentError(`Expected a whole number from ${from} to ${to}.`);
    }
    return value;
  };
}

void program.parseAsync();
