import { type Diagnosis } from "../doctor/examination";
import { examine } from "../doctor/doctor";
import { type Outcome } from "../gateInput";
import { EXIT_CODES, renderFindings } from "../result";

export interface DoctorOptions {
  readonly stack?: string | undefined;
  readonly json?: boolean | undefined;
}

/** The slowest look has 20 s; nothing waits for another. */
const LIMIT_SECONDS = 60;

/**
 * `check -- doctor`: what this machine lacks, and what it does not reach, each with its remedy. Exit 0 everything is well, 1
 * something is wrong, 2 something could not be looked at.
 */
export async function doctorCommand(options: DoctorOptions): Promise<Outcome> {
  const diagnosis = await examine({
    stack: options.stack,
    folder: process.cwd(),
    environment: process.env,
    node: process.versions.node,
    signal: AbortSignal.timeout(LIMIT_SECONDS * 1000),
    now: () => new Date(),
  });
  return {
    exitCode: EXIT_CODES[diagnosis.verdict],
    stdout: options.json === true ? JSON.stringify(diagnosis) : describeDiagnosis(diagnosis),
    stderr: "",
  };
}

/** What is well on a line each, then what is not, with what to do. */
export function describeDiagnosis({ well, findings, notes }: Diagnosis): string {
  const width = Math.max(0, ...well.map(({ subject }) => subject.length));
  const lines = [
    ...well.map(({ subject, seen }) => `well  ${subject.padEnd(width)}  ${seen}`),
    ...notes.map((note) => `note  ${note}`),
  ];
  const counts = `${well.length} well, ${findings.length} not`;
  return [lines.join("\n"), ...(findings.length === 0 ? [] : [renderFindings(findings)]), counts].join("\n\n");
}
