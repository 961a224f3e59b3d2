import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { parse, YAMLParseError } from "yaml";
import {
  answerOf,
  judgeConfig,
  NOTHING_SEEN,
  observe,
  readSample,
  SampleError,
  type JudgeAnswer,
  type JudgeConfig,
  type JudgeState,
} from "../../migration/judge";
import { judge } from "../../migration/settings/judgeSchema";
import { type Outcome } from "../gateInput";
import { BadInput } from "../request";
import { textOf } from "../result";

/**
 * `check -- judge --samples FILE`: the judge of the traffic gate on saved metrics, so that a rehearsal or a past
 * migration can be judged again, with other limits too. Exit codes: 0 go, 1 hold or back, 2 could not look.
 */

export interface JudgeOptions {
  readonly samples: string;
  readonly json?: boolean | undefined;
  /** A stack file, or a file with settings of `judge` alone; YAML or JSON. */
  readonly limits?: string | undefined;
  /** Samples before this time are left out: the evidence begins there. */
  readonly since?: Date | undefined;
}

const PREFIX = "api7-migration:";

export async function judgeCommand(options: JudgeOptions): Promise<Outcome> {
  const config = options.limits === undefined ? judgeConfig(judge.parse({})) : await configOf(options.limits);
  const { state, samples } = await readSamples(options, config);
  if (samples === 0) {
    const since = options.since === undefined ? "" : ` since ${options.since.toISOString()}`;
    throw new BadInput(`${options.samples}: no sample${since}. Expected: one JSON object a line.`);
  }
  const answer = answerOf(config, state);
  return {
    exitCode: answer.verdict === "go" ? 0 : 1,
    stdout: options.json === true ? JSON.stringify(answer) : textOfAnswer(answer),
    stderr: "",
  };
}

/** Reads line by line: a migration's samples may be larger than memory. */
async function readSamples(
  { samples: file, since }: JudgeOptions,
  config: JudgeConfig,
): Promise<{ readonly state: JudgeState; readonly samples: number }> {
  let state = NOTHING_SEEN;
  let samples = 0;
  let number = 0;
  const stream = createReadStream(file, "utf8");
  try {
    for await (const line of createInterface({ input: stream, crlfDelay: Infinity })) {
      number += 1;
      if (line.trim() === "") continue;
      const sample = readSample(line);
      if (since !== undefined && sample.atMs < since.getTime()) continue;
      state = observe(config, state, sample);
      samples += 1;
    }
  } catch (error) {
    if (error instanceof SampleError) {
      throw new BadInput(
        `${file}, line ${number}: ${error.message}. Nothing is concluded from a file with such a line.`,
      );
    }
    throw new BadInput(`${file}: cannot be read: ${textOf(error)}`);
  } finally {
    stream.destroy();
  }
  return { state, samples };
}

/** The settings of `judge` in a file, every one that is not given with its default. */
async function configOf(file: string): Promise<JudgeConfig> {
  let content: unknown;
  try {
    content = parse(await readFile(file, "utf8"));
  } catch (error) {
    const what = error instanceof YAMLParseError ? "is neither YAML nor JSON" : "cannot be read";
    throw new BadInput(`--limits ${file}: ${what}: ${textOf(error)}`);
  }
  const stack = objectOf(objectOf(content)?.["config"]);
  const given = stack === undefined ? content : (stack[`${PREFIX}judge`] ?? {});
  const parsed = judge.safeParse(given ?? {});
  if (!parsed.success) {
    const findings = parsed.error.issues.map(({ path, message }) => `  judge.${path.join(".")}: ${message}`);
    throw new BadInput([`--limits ${file}: not settings of judge:`, ...findings].join("\n"));
  }
  const steps = stack?.[`${PREFIX}trafficSteps`];
  return judgeConfig(parsed.data, Array.isArray(steps) ? steps.filter((step) => step !== 100).length : undefined);
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : undefined;
}

function textOfAnswer({ verdict, at, reasons, notes, steps }: JudgeAnswer): string {
  const times = steps.map(
    (step) =>
      `weight ${step.weightB}`.padEnd(12) +
      `${step.from} to ${step.to}  ${step.verdict}  ` +
      `${Math.round(step.requestsB).toLocaleString("en")} requests on B`,
  );
  return [
    `${verdict}  ${at ?? ""}`,
    ...reasons.map((reason) => `  ${reason}`),
    ...notes.map((note) => `note  ${note}`),
    ...times,
  ].join("\n");
}
