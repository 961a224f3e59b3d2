import { resolve } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { runScenario } from "./run";
import { SCENARIOS } from "./scenarios";
import { DEFAULT_SETTINGS } from "./settings";
import { rollbackText, secondsText, type Summary } from "./summary";

/** `npm run rehearse`: the whole migration on one computer. */

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
  .option("--scenario <name>", "what to rehearse; --list shows all", "migration")
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
  const scenario = SCENARIOS.find(({ name }) => name === options.scenario);
  if (scenario === undefined) {
    const names = SCENARIOS.map(({ name }) => name).join(", ");
    process.stderr.write(`--scenario ${options.scenario}: no such scenario; there are ${names}.\n`);
    return 2;
  }
  const { summary, files, failure } = await runScenario(scenario, {
    ratePerSecond: options.rate,
    pace: options.pace,
    routes: options.routes,
    out: resolve(options.out),
    kubernetes: options.kubernetes === "real" ? "real" : undefined,
    settings: DEFAULT_SETTINGS,
    show: process.stdout.isTTY ? "live" : "lines",
  });
  process.stdout.write(closing(summary, files));
  if (failure !== undefined) process.stderr.write(`\nThe rehearsal did not hold: ${failure.message}\n`);
  return summary.ok ? 0 : 1;
}

function closing({ stages, totals, rollback, database }: Summary, files: readonly string[]): string {
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
  return [...lines, ...files.map((file) => `see ${file}`), ""].join("\n");
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
