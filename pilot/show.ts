import { type GateAnswer } from "./decide";
import { type PilotEvent } from "./events";
import { type PilotLook } from "./pilot";

/** How a look and an event read: one line each, in a terminal as in a log. */

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
  return `${at.toISOString()}  ${stage ?? "new"}  B ${weightB} %  gate ${gateText(gate)}  ${doing}${until}`;
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

function gateText({ verdict, judge }: GateAnswer): string {
  return judge === undefined ? verdict : `${verdict} (judge ${judge})`;
}

function valueText(value: unknown): string {
  if (Array.isArray(value)) return value.map(String).join("; ");
  return typeof value === "string" ? value : JSON.stringify(value);
}
