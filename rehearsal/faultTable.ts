import { cpus, totalmem } from "node:os";
import { secondsText, type StepSummary, type Summary } from "./summary";

/** Everything that was broken on purpose in a run of all scenarios, as one page (`docs/faults.md`). */

export interface FaultTable {
  readonly summaries: readonly Summary[];
  /** When the run began. */
  readonly at: Date;
  /** The command that made it. */
  readonly command: string;
}

export function faultTable({ summaries, at, command }: FaultTable): string {
  const rows = summaries.flatMap((summary) => rowsOf(summary));
  const failed = summaries.filter(({ ok }) => !ok).map(({ scenario }) => scenario);
  const requests = summaries.reduce((sum, { totals }) => sum + totals.requests, 0);
  const lost = summaries.reduce((sum, { totals }) => sum + totals.failed, 0);
  return [
    "# What was broken on purpose",
    "",
    `Made by \`${command}\` on ${at.toISOString().slice(0, 10)}, on ${machine()}. Each row is a step of a rehearsal on the real`,
    "engine, real databases and real traffic, whose expectation is written in its scenario and asserted there. _Safe after_ is the",
    "time from breaking it to the end of the step: until the verdict was there and, where traffic had to go back, A had everything;",
    "mending it again included. Requests fail only where the fault itself makes B's answers wrong, and only at B's share.",
    "",
    `${summaries.length} scenarios, ${rows.length} faults, ${requests.toLocaleString("en")} requests, ${lost} failed; ` +
      (failed.length === 0 ? "all held." : `NOT held: ${failed.join(", ")}.`),
    "",
    "| scenario | at | broken | what the program said | requests failed | safe after | held |",
    "| --- | --- | --- | --- | ---: | ---: | --- |",
    ...rows,
    "",
    "| scenario | what it is | requests | failed | held |",
    "| --- | --- | ---: | ---: | --- |",
    ...summaries.map(
      ({ scenario, steps, totals, ok }) =>
        `| ${scenario} | ${steps.length} steps | ${totals.requests} | ${totals.failed} | ${ok ? "yes" : "**no**"} |`,
    ),
    "",
  ].join("\n");
}

function rowsOf({ scenario, steps, faults }: Summary): readonly string[] {
  return steps
    .filter(({ fault }) => fault)
    .map((step) => {
      const measured = faults.find(({ fault }) => step.title.startsWith(`${fault}:`));
      const safe = measured === undefined ? step.seconds : measured.seconds + (measured.backSeconds ?? 0);
      return row(scenario, step, measured?.failedRequests ?? step.failedRequests, safe);
    });
}

function row(scenario: string, step: StepSummary, failed: number, safeSeconds: number): string {
  const cells = [
    scenario,
    step.stage ?? "before the first stage",
    step.title,
    step.said,
    String(failed),
    secondsText(safeSeconds),
    step.held ? "yes" : "**no**",
  ];
  return `| ${cells.map(cell).join(" | ")} |`;
}

/** Longest text of a cell: the whole of it is in the scenario's own summary. */
const CELL = 220;

function cell(text: string): string {
  const line = text.replaceAll(/\s+/g, " ").replaceAll("|", "\\|").replaceAll("<", "&lt;").trim();
  return line.length <= CELL ? line : `${line.slice(0, CELL)}…`;
}

function machine(): string {
  const gib = Math.round(totalmem() / 1024 ** 3);
  return `${cpus().length} cores, ${gib} GiB, Node ${process.versions.node}`;
}
