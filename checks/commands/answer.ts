import { type Outcome } from "../gateInput";
import { EXIT_CODES, renderFindings, type CheckResult } from "../result";

/**
 * How a single check answers: when it holds, a small JSON summary on standard output; else the findings as text on
 * standard error. With `--json` the whole result is on standard output, whatever it is.
 */
export function answer(
  result: CheckResult,
  summary: Readonly<Record<string, unknown>>,
  options: { readonly json?: boolean | undefined },
): Outcome {
  const holds = result.verdict === "holds";
  const notes = result.notes.map((note) => `note  ${note}`);
  return {
    exitCode: EXIT_CODES[result.verdict],
    stdout: options.json === true ? JSON.stringify({ ...result, summary }) : holds ? JSON.stringify(summary) : "",
    stderr: options.json === true ? "" : [...(holds ? [] : [renderFindings(result.findings), ""]), ...notes].join("\n"),
  };
}

/** Seconds since a moment of `performance.now()`, with milliseconds. */
export function secondsSince(begin: number): number {
  return Math.round(performance.now() - begin) / 1000;
}
