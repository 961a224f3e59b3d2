import { type GateAnswer } from "./decide";
import { type PilotEvent } from "./events";
import { errorPercent, type SideFigures } from "./figures";
import { type PilotLook } from "./pilot";

/** How a look and an event read: in a terminal as rows that are written anew, in a log as lines. */

export function lookLine({ at, stage, weightB, decision, gate }: PilotLook): string {
  const doing = {
    done: "done",
    advance: decision.kind === "advance" ? `enters ${decision.to}` : "",
    wait: decision.kind === "wait" && decision.hold ? "held" : "waits",
    back: "goes back to A",
    page: "calls a person",
    stop: "stops",
  }[decision.kind];
  const until =
    decision.kind === "wait" && decision.until !== undefined
      ? ` until ${decision.until.toISOString()} at the latest`
      : "";
  const share = gate.figures?.shareB;
  const measured = share === undefined ? "" : ` (measured ${share.toFixed(1)} %)`;
  return `${at.toISOString()}  ${stage ?? "new"}  B ${weightB} %${measured}  gate ${gateText(gate)}  ${doing}${until}`;
}

/** Errors and latency of A and B, and what is still missing before the judge can say go. */
export function figureLines({ gate }: PilotLook): readonly string[] {
  const { a, b, toGo } = gate.figures ?? {};
  return [
    ...(a === undefined ? [] : [sideLine("A", a)]),
    ...(b === undefined ? [] : [sideLine("B", b)]),
    ...(toGo === undefined || gate.judge === "go" ? [] : [`    to go  ${toGo}`]),
  ];
}

function sideLine(name: string, side: SideFigures): string {
  const { requests, errors, p50Ms, p95Ms, p99Ms } = side;
  const percent = errorPercent(side);
  const latency = [
    ["median", p50Ms],
    ["p95", p95Ms],
    ["p99", p99Ms],
  ] as const;
  return [
    `    ${name}`,
    `${requests.toLocaleString("en").padStart(9)} requests`,
    `${String(errors).padStart(5)} errors${percent === undefined ? "" : ` (${percent.toFixed(2)} %)`}`,
    ...latency.flatMap(([label, ms]) => (ms === undefined ? [] : [`${label} ${ms.toFixed(0)} ms`])),
  ].join("  ");
}

/** The reasons of a look, when it has any. */
export function reasonLines({ decision }: PilotLook): readonly string[] {
  if (decision.kind === "advance") return [];
  const reasons = decision.kind === "done" ? [decision.reason] : decision.reasons;
  return reasons.map((reason) => `    ${reason}`);
}

export function eventLine(event: PilotEvent): string {
  const { at, event: name } = event;
  const parts = Object.entries(event)
    .filter(([key]) => !["at", "event", "run", "by"].includes(key))
    .map(([key, value]: [string, unknown]) => `${key} ${valueText(value)}`);
  return `${at}  ${name}  ${parts.join("  ")}`;
}

/** Where a `Screen` writes. */
export interface Output {
  readonly isTTY: boolean;
  readonly columns?: number | undefined;
  write(text: string): void;
}

/** Figures alone are no news; in a log they are repeated this often all the same. */
const REPEAT_MS = 5 * 60_000;

/**
 * What people see of a run. In a terminal the newest look stays at the bottom, in rows that are written anew; events stand
 * above it. Without one, a line for each thing that is new.
 */
export class Screen {
  private rows = 0;
  private said = "";
  private saidAt = -Infinity;

  constructor(
    private readonly output: Output,
    private readonly now: () => number = Date.now,
  ) {}

  event(event: PilotEvent): void {
    // Figures are in the look already.
    if (event.event === "measured") return;
    this.clear();
    this.output.write(`${eventLine(event)}\n`);
    // What follows stands under something new.
    this.said = "";
  }

  look(look: PilotLook): void {
    const line = lookLine(look);
    const lines = [line, ...figureLines(look), ...reasonLines(look)].map((row) => row.replace(/\s*\n\s*/g, " "));
    if (this.output.isTTY) {
      this.clear();
      const { columns = 80 } = this.output;
      // A row that wraps would be two, and could not be taken back as one.
      for (const row of lines) this.output.write(`${row.slice(0, columns - 1)}\n`);
      this.rows = lines.length;
      return;
    }
    const text = JSON.stringify([look.stage, look.decision.kind, gateText(look.gate), reasonLines(look)]);
    if (text === this.said && this.now() - this.saidAt < REPEAT_MS) return;
    this.said = text;
    this.saidAt = this.now();
    for (const row of lines) this.output.write(`${row}\n`);
  }

  /** Takes the rows of the last look back. */
  private clear(): void {
    if (this.rows > 0) this.output.write(`\u001b[${this.rows}A\u001b[0J`);
    this.rows = 0;
  }
}

function gateText({ verdict, judge }: GateAnswer): string {
  return judge === undefined ? verdict : `${verdict} (judge ${judge})`;
}

function valueText(value: unknown): string {
  if (Array.isArray(value)) return value.map((one) => (typeof one === "string" ? one : JSON.stringify(one))).join("; ");
  return typeof value === "string" ? value : JSON.stringify(value);
}
