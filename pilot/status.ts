import { resolve } from "node:path";
import { type Stage } from "../migration/stages";
import { askGate } from "./askGate";
import { stageAfter, type GateAnswer } from "./decide";
import { holdingSince, readEvents, type PilotEvent } from "./events";
import { liveWeights, type LiveWeights } from "./liveWeights";
import { type MigrationStack } from "./migrationStack";
import { type StackView, viewOf } from "./standing";
import { weightCarriers, type Standing } from "./stackState";

/** Where the migration stands, and what holds it. */
export interface Status {
  readonly stack: string;
  readonly standing: Standing | null;
  /** The stage that the settings ask for; another than the record's when an update has not run or was refused. */
  readonly asked: Stage;
  readonly next: Stage | null;
  /** What the gate would say now to `next`; null where there is no next stage. */
  readonly gate: GateAnswer | null;
  readonly live: readonly LiveWeights[];
  readonly holdingSince: string | null;
  /** The pilot's last event. */
  readonly lastEvent: PilotEvent | null;
}

export async function statusOf(stack: MigrationStack): Promise<Status> {
  const view = await viewOf(stack);
  const { settings, standing, state } = view;
  const next = stageAfter(standing?.stage, settings.trafficSteps);
  const [gate, live, events] = await Promise.all([
    gateFor(stack, view, next),
    liveWeights(weightCarriers(state)),
    readEvents(resolve(stack.folder, settings.recordFolder)),
  ]);
  return {
    stack: stack.name,
    standing: standing ?? null,
    asked: settings.stage,
    next: next ?? null,
    gate,
    live,
    holdingSince: holdingSince(events, standing?.stage ?? null)?.toISOString() ?? null,
    lastEvent: events.at(-1) ?? null,
  };
}

async function gateFor(stack: MigrationStack, view: StackView, next: Stage | undefined): Promise<GateAnswer | null> {
  if (next === undefined) return null;
  if (view.standing === undefined) return { verdict: "holds", checks: [] };
  const access = { folder: stack.folder, environment: view.gateEnvironment };
  return askGate(view.settings, next, view.record, access);
}

export function describeStatus(status: Status, now: Date): readonly string[] {
  const { stack, standing, asked, next, gate, live, holdingSince: held, lastEvent } = status;
  const lines = [
    standing === null
      ? `Stack ${stack}: no stage entered yet`
      : `Stack ${stack}: ${standing.stage} since ${standing.since} (${ago(standing.since, now)}), by ${standing.lastBy}`,
  ];
  if (standing !== null && asked !== standing.stage) {
    lines.push(`  the settings ask for ${asked}: an update has not run, or was refused`);
  }
  for (const { carrier, text } of live) lines.push(`  load balancer  ${carrier.urn.split("::").at(-1) ?? ""}: ${text}`);
  if (standing?.rollbackId !== undefined) lines.push(`  rollback       ${standing.rollbackId} stands`);
  if (next === null) lines.push("  next           none: the way up ends here");
  else if (gate !== null) {
    lines.push(`  next           ${next}: the gate ${verdictText(gate)}`);
    for (const check of gate.checks) {
      if (check.verdict === "holds") continue;
      lines.push(...check.findings.map((finding) => `    ${check.name}: ${finding}`));
    }
    if (gate.opensAt !== undefined) lines.push(`  window         opens ${gate.opensAt.toISOString()}`);
    if (gate.soakedAt !== undefined) lines.push(`  soak           over ${gate.soakedAt.toISOString()}`);
  }
  if (held !== null) lines.push(`  held           since ${held} (${ago(held, now)})`);
  if (lastEvent !== null) lines.push(`  pilot          ${lastEvent.event} at ${lastEvent.at}, by ${lastEvent.by}`);
  return lines;
}

export function verdictText({ verdict, judge }: GateAnswer): string {
  const said = { holds: "would let it pass", fails: "would refuse it", unknown: "could not look" }[verdict];
  return judge === undefined ? said : `${said}; the judge says ${judge}`;
}

/** `3 h 20 min` */
export function ago(since: string, now: Date): string {
  const minutes = Math.max(0, Math.floor((now.getTime() - Date.parse(since)) / 60_000));
  if (minutes < 1) return "just now";
  const days = Math.floor(minutes / 1440);
  const hours = Math.floor((minutes % 1440) / 60);
  return [days > 0 && `${days} d`, hours > 0 && `${hours} h`, `${minutes % 60} min`].filter(Boolean).join(" ");
}
