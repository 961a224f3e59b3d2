import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type BenchmarkOptions, type BenchmarkResult } from "../benchmark";
import { figuresOf, JUDGINGS, promises, type Figures, type Promised } from "./figures";
import { powerPlot } from "./plot";
import { Pool } from "./pool";
import { scenarios } from "./scenarios";
import { type Outcome } from "./simulate";

/** Panels of the plot, by scenario, and how many minutes each shows. */
const PANELS: Readonly<Record<string, number>> = { equal: 120, "errors 5 %": 10, "errors 1 %": 60, "slow 6 %": 120 };

/**
 * `npm run bench -- judge`: ten thousand simulated migrations and more, judged by the judge as it is and by two peers on
 * the same samples.
 */
export async function judgeBenchmark({ out, seed, log }: BenchmarkOptions): Promise<BenchmarkResult> {
  const begin = performance.now();
  const pool = new Pool();
  const figures: Figures[] = [];
  const panels: { title: string; outcomes: readonly Outcome[]; peerRuns: number; minutes: number }[] = [];
  try {
    for (const scenario of scenarios()) {
      const outcomes = await pool.run(scenario, seed);
      const measured = figuresOf(scenario, outcomes);
      figures.push(measured);
      const minutes = PANELS[scenario.name];
      const peerRuns = scenario.peerRuns ?? 0;
      if (minutes !== undefined) panels.push({ title: scenario.what, outcomes, peerRuns, minutes });
      const stops = `stopped ${measured.stopped.judge ?? 0}, go ${measured.went}`;
      log(`${scenario.name}: ${scenario.runs} migrations, ${stops}, after ${secondsSince(begin)} s`);
    }
  } finally {
    await pool.stop();
  }
  await mkdir(out, { recursive: true });
  const plot = join(out, "judge.svg");
  await writeFile(plot, await powerPlot(panels));
  const promised = promises(figures);
  const ok = promised.every((one) => one.ok);
  return {
    ok,
    text: [table(figures), "", promisesText(promised), "", `see ${plot}; ${secondsSince(begin)} s, seed ${seed}`].join(
      "\n",
    ),
    values: { seed, seconds: secondsSince(begin), plot, promises: promised, figures },
  };
}

function table(figures: readonly Figures[]): string {
  const rows = figures.map((one) => [
    one.what,
    one.runs.toLocaleString("en"),
    ...JUDGINGS.map((judging) => stopText(one, judging)),
    one.totalMinutes.median === null
      ? `${percent(one.went, one.runs)} go`
      : `${percent(one.went, one.runs)} go, ${minutesText(one.totalMinutes.median)} / ${minutesText(one.totalMinutes.p90)}`,
  ]);
  return grid([
    ["simulated", "runs", ...JUDGINGS.map((name) => `stopped by ${name}`), "judge's go, median / p90 min"],
    ...rows,
  ]);
}

function stopText({ stopped, stopMinutes, runs: all, peerRuns }: Figures, judging: (typeof JUDGINGS)[number]): string {
  const runs = judging === "judge" ? all : peerRuns;
  const count = stopped[judging];
  if (count === undefined) return "-";
  const minutes = stopMinutes[judging];
  const delay = minutes?.median === null ? "" : `, ${minutesText(minutes?.median)} / ${minutesText(minutes?.p90)} min`;
  return `${percent(count, runs)}${delay}`;
}

function promisesText(promised: readonly Promised[]): string {
  return grid([
    ["promised", "measured", "at most", ""],
    ...promised.map(({ what, measured, limit, ok }) => [
      what,
      measured === null ? "more than the limit of the run" : String(Math.round(measured * 100) / 100),
      String(limit),
      ok ? "holds" : "DOES NOT HOLD",
    ]),
  ]);
}

function grid(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function percent(count: number, runs: number): string {
  const value = (100 * count) / runs;
  return `${Number(value.toFixed(value < 1 ? 2 : 1))} %`;
}

function minutesText(minutes: number | null | undefined): string {
  return minutes === null || minutes === undefined ? ">" : String(Math.round(minutes * 100) / 100);
}

function secondsSince(begin: number): number {
  return Math.round((performance.now() - begin) / 1000);
}
