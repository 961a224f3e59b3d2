import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** What the rehearsal measured for one stage. Field names are fixed: other tools read them. */
export interface StageSummary {
  readonly stage: string;
  /** Ordered share of B, percent. */
  readonly weightB: number;
  /**
   * Measured share of B, percent: of the requests that the load balancer sent to A or B once the stage's weights were in
   * effect. That these went where it says is checked at the end, against what the gateways themselves answered.
   */
  readonly shareB: number;
  /** Requests sent from setting the stage to the end of the look at it: preview and update included. */
  readonly requests: number;
  readonly failed: number;
  /** From setting the stage to the end of the look at its traffic. */
  readonly seconds: number;
  /** Null at a rollback: the way back has no preview. */
  readonly previewSeconds: number | null;
  readonly updateSeconds: number;
  /** What the record says: `go` when every check of the gate held, `back` for a rollback. */
  readonly verdict: "go" | "hold" | "back";
}

export interface RollbackSummary {
  readonly from: string;
  /** From the decision to the moment that the engine reported the rule at 100/0. Null when no weight had to change. */
  readonly decisionToAppliedSeconds: number | null;
  /** From the decision to the last request that the load balancer sent to B. Null when B got none after the decision. */
  readonly decisionToLastRequestOnBSeconds: number | null;
}

/** How the proof of the copy ended. */
export interface DatabaseSummary {
  readonly tables: number;
  readonly rows: number;
  readonly equal: boolean;
  readonly seconds: number;
}

/** How the gate judged one step's traffic before the next one was entered. */
export interface JudgedSummary {
  /** The stage whose traffic was judged, and the one that was asked for. */
  readonly stage: string;
  readonly to: string;
  readonly verdict: "go";
  /** From the first look at the gate, which is after the look at the stage, to the one that let the next stage in. */
  readonly seconds: number;
  readonly looks: number;
  /** The judge's part; null where it has no part, as before `decommission`. */
  readonly judge: "go" | "hold" | "back" | null;
}

/** What became of one fault that was made on purpose. */
export interface FaultSummary {
  readonly fault: string;
  /** When it was made, ISO 8601. */
  readonly at: string;
  readonly expected: "hold" | "back";
  readonly verdict: "hold" | "back";
  /** The check of the gate that said so, and its finding. */
  readonly check: string;
  readonly reason: string;
  /** From the fault to the verdict. */
  readonly seconds: number;
  /** Requests sent, and requests that failed because of it, until the fault was mended or A had everything again. */
  readonly requests: number;
  readonly failedRequests: number;
  /** From the verdict to 100/0, where the verdict was to go back; null else. */
  readonly backSeconds: number | null;
}

/** One step of the scenario, as it went. */
export interface StepSummary {
  readonly title: string;
  /** Whether something is broken on purpose in it. */
  readonly fault: boolean;
  /** The stage that was in effect when it began; null before the first. */
  readonly stage: string | null;
  readonly seconds: number;
  /** What it told last: for a fault, what the program said. */
  readonly said: string;
  /** Requests that failed from its beginning to its end. */
  readonly failedRequests: number;
  readonly held: boolean;
}

/** Connections that stay open: streamed answers and WebSockets. */
export interface ConnectionsSummary {
  readonly stage: string;
  readonly at: string;
  /** Open ones, as the load counts those that each cluster answered. */
  readonly longLived: { readonly a: number; readonly b: number };
  /** Everything in flight at the gateways by their own metrics, short requests included; null where nothing was known. */
  readonly inFlight: { readonly a: number | null; readonly b: number | null };
}

export interface Summary {
  readonly scenario: string;
  readonly ok: boolean;
  readonly stages: readonly StageSummary[];
  readonly totals: { readonly requests: number; readonly failed: number };
  readonly rollback: RollbackSummary | null;
  readonly database: DatabaseSummary | null;
  /** Empty where the scenario's traffic is not judged. */
  readonly judged: readonly JudgedSummary[];
  readonly faults: readonly FaultSummary[];
  readonly connections: readonly ConnectionsSummary[];
  readonly steps: readonly StepSummary[];
}

/** Takes away what an earlier run left: a run that ends early must not show another one's results. */
export async function removeResults(folder: string): Promise<void> {
  for (const name of ["summary.json", "report.html", "report.md", "report-timeline.svg", "record", "ticket.json"]) {
    await rm(join(folder, name), { recursive: true, force: true });
  }
}

/** Writes `summary.json` into the folder and returns its path. */
export async function writeSummary(folder: string, summary: Summary): Promise<string> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, "summary.json");
  await writeFile(path, `${JSON.stringify(summary, null, 2)}\n`);
  return path;
}

/** Seconds for people: `2.7 s`, or a dash where nothing was measured. */
export function secondsText(value: number | null, digits = 1): string {
  return value === null ? "–" : `${value.toFixed(digits)} s`;
}

/** How the traffic was judged, what became of faults, and what stayed open: a line each. */
export function judgedLines({
  judged,
  faults,
  connections,
}: Pick<Summary, "judged" | "faults" | "connections">): readonly string[] {
  const count = (value: number | null): string => (value === null ? "?" : String(value));
  return [
    ...judged.map(
      ({ stage, to, verdict, seconds, judge }) =>
        `judged   ${stage}: ${judge ?? verdict}, the gate to ${to} opened after ${secondsText(seconds)}`,
    ),
    ...faults.map(
      ({ fault, verdict, check, seconds, requests, failedRequests }) =>
        `fault    ${fault}: ${verdict} by ${check} after ${secondsText(seconds)}, ${failedRequests} of ${requests} requests failed`,
    ),
    ...connections.map(
      ({ stage, longLived, inFlight }) =>
        `open     ${stage}: WebSockets and streams A ${longLived.a}, B ${longLived.b}; ` +
        `in flight at the gateways A ${count(inFlight.a)}, B ${count(inFlight.b)}`,
    ),
  ];
}

/** One sentence about a rollback. */
export function rollbackText({
  from,
  decisionToAppliedSeconds: applied,
  decisionToLastRequestOnBSeconds: last,
}: RollbackSummary): string {
  const weights =
    applied === null
      ? "the weights stood at 100/0 already"
      : `the weights were at 100/0 after ${secondsText(applied, 2)}`;
  const requests =
    last === null
      ? "B got no request after the decision"
      : `B got its last request ${secondsText(last, 2)} after the decision`;
  return `rollback from ${from}: ${weights}, and ${requests}`;
}
