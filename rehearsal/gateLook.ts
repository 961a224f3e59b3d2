import { setTimeout as sleep } from "node:timers/promises";
import { type Stage } from "../migration/stages";
import { askGate } from "../pilot/askGate";
import { type GateAnswer } from "../pilot/decide";
import { viewOf } from "../pilot/standing";
import { type MigrationStack } from "./stack";
import { RehearsalFailure } from "./stageProof";

/** What the gate would say to the next stage, asked again and again, as the pilot does. */

export interface Watched {
  readonly answer: GateAnswer;
  /** When the answer was there. */
  readonly at: Date;
  readonly looks: number;
}

export interface WatchOptions {
  /** Ends the watch: what it waited for is there. */
  readonly until: (answer: GateAnswer) => boolean;
  /** After so many seconds it was waited for in vain. */
  readonly maxSeconds: number;
  /** What is waited for, for the message. */
  readonly what: string;
  readonly say?: (line: string) => void;
}

/** Between two looks: each of them asks databases, clusters, load balancer and metrics. */
const PAUSE_MS = 1_000;

/**
 * Asks the gate for a stage until its answer is the one that is waited for. The record and the settings are read once:
 * nothing may change them meanwhile.
 *
 * @throws RehearsalFailure with the last answer when it does not come in time
 */
export async function watchGate(stack: MigrationStack, stage: Stage, options: WatchOptions): Promise<Watched> {
  const { until, maxSeconds, what, say } = options;
  const { settings, record, gateEnvironment } = await viewOf(stack);
  const access = { folder: stack.folder, environment: { ...stack.access.environment, ...gateEnvironment } };
  const end = Date.now() + maxSeconds * 1000;
  for (let looks = 1; ; looks += 1) {
    const answer = await askGate(settings, stage, record, access);
    const at = new Date();
    say?.(answerText(answer));
    if (until(answer)) return { answer, at, looks };
    if (at.getTime() > end) {
      throw new RehearsalFailure(`no ${what} within ${maxSeconds} s; the gate to ${stage} said ${answerText(answer)}`);
    }
    await sleep(PAUSE_MS);
  }
}

/** What the gate says as a whole: its judge's `back` above all, then whether every check holds. */
export function verdictOfGate({ verdict, judge }: GateAnswer): "go" | "hold" | "back" {
  if (judge === "back") return "back";
  return verdict === "holds" ? "go" : "hold";
}

/** The first finding of every check that does not hold. */
export function answerText(answer: GateAnswer): string {
  const open = answer.checks.filter(({ verdict }) => verdict !== "holds");
  const findings = open.map(({ name, findings: [first = "no finding"] }) => `${name}: ${first}`);
  return [verdictOfGate(answer), ...findings].join(" | ");
}
