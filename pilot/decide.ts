import { type Figures } from "./figures";
import { shapeOf, trafficShare, wayUp, type Stage } from "../migration/stages";

/**
 * What the pilot does next, as a pure function of what it sees. Everything that waits, watches and acts is around it.
 */

/** How one check of the gate answered. */
export interface CheckAnswer {
  readonly name: string;
  readonly verdict: "holds" | "fails" | "unknown";
  /** What is wrong, one line each. */
  readonly findings: readonly string[];
}

/** What the gate would say now to the move onward. */
export interface GateAnswer {
  readonly verdict: "holds" | "fails" | "unknown";
  readonly checks: readonly CheckAnswer[];
  /** What was measured of A and B, as the judge's evidence tells it. */
  readonly figures?: Figures | undefined;
  /** What the judge says of B: `go`, `hold` or `back`. Undefined where no traffic is judged. */
  readonly judge?: "go" | "hold" | "back" | undefined;
  /** Alarms of cluster B that are raised, in words. */
  readonly alarms?: readonly string[] | undefined;
  /** When the calendar opens again, if it is closed. */
  readonly opensAt?: Date | undefined;
  /** When the soak is over, if it is not. */
  readonly soakedAt?: Date | undefined;
}

/** Whether a person has agreed to the stage that comes next. */
export type Approval =
  | { readonly state: "not needed" }
  | { readonly state: "given"; readonly by: string }
  | { readonly state: "refused"; readonly by: string; readonly reason: string }
  | { readonly state: "asked"; readonly since: Date };

export interface Situation {
  readonly now: Date;
  /** Where the record stands; undefined for a new stack. */
  readonly stage: Stage | undefined;
  readonly trafficSteps: readonly number[];
  /** The last stage that this run shall enter. */
  readonly goal: Stage;
  readonly gate: GateAnswer;
  readonly approval: Approval;
  /** Since when the gate has held this stage, without interruption; undefined when it did not hold it. */
  readonly holdingSince: Date | undefined;
  readonly limits: {
    readonly holdMinutes: number;
    /** Up to this share of B an expired hold goes back to A by itself. */
    readonly backUpToPercent: number;
    readonly approvalHours: number;
  };
}

export type Decision =
  | { readonly kind: "done"; readonly reason: string }
  | { readonly kind: "advance"; readonly to: Stage }
  /** Nothing to do yet. `hold`: the time runs that a hold may take. */
  | {
      readonly kind: "wait";
      readonly hold: boolean;
      readonly until?: Date | undefined;
      readonly reasons: readonly string[];
    }
  | { readonly kind: "back"; readonly reasons: readonly string[] }
  /** A person is called; the traffic stays where it is, and the pilot goes on watching. */
  | { readonly kind: "page"; readonly reasons: readonly string[] }
  /** The pilot can do nothing here; nothing is in danger. */
  | { readonly kind: "stop"; readonly reasons: readonly string[] };

/** Whether B's share of the requests must not wait: the judge or an alarm says so. */
export function isBad({ judge, alarms = [] }: GateAnswer): boolean {
  return judge === "back" || alarms.length > 0;
}

/** The gate's answer when a step that it let pass cannot be made: held like everything else that is wrong. */
export function withTrouble(gate: GateAnswer, stage: Stage, trouble: string): GateAnswer {
  const line = trouble.split("\n").find((one) => one.trim() !== "") ?? "";
  const check: CheckAnswer = {
    name: "step",
    verdict: "fails",
    findings: [`${stage} cannot be entered: ${line.trim()}`],
  };
  return { ...gate, verdict: "fails", checks: [...gate.checks, check] };
}

/** Checks that wait for a time that will come, not for B to become better: no hold runs out over them. */
const PATIENT: ReadonlySet<string> = new Set(["window", "soak"]);

/** The stage after this one on the way up; undefined at its end, and off it (`rollback`, `abandon`). */
export function stageAfter(stage: Stage | undefined, trafficSteps: readonly number[]): Stage | undefined {
  const path = wayUp(trafficSteps);
  if (stage === undefined) return path[0];
  const at = path.indexOf(stage);
  return at < 0 ? undefined : path[at + 1];
}

export function decide(situation: Situation): Decision {
  const { stage, goal, gate, trafficSteps } = situation;
  if (stage === "rollback" || stage === "abandon") {
    return { kind: "stop", reasons: [`The record stands at ${stage}: leaving it is a person's decision.`] };
  }
  // Before anything else, and also at the goal: what is bad for B's share of the requests does not wait.
  if (stage !== undefined && shapeOf(stage).weightB > 0 && stage !== "decommission") {
    if (isBad(gate)) return { kind: "back", reasons: badFor(gate) };
  }
  const next = stageAfter(stage, trafficSteps);
  if (next === undefined || stage === goal || isBeyond(stage, goal, trafficSteps)) {
    return { kind: "done", reason: `The record stands at ${stage ?? "its beginning"}.` };
  }
  if (gate.verdict === "holds") return approved(situation, next);
  return held(situation);
}

function approved({ approval, now, limits, stage }: Situation, next: Stage): Decision {
  switch (approval.state) {
    case "not needed":
    case "given":
      return { kind: "advance", to: next };
    case "refused": {
      const reasons = [`${approval.by} refused ${next}: ${approval.reason}`];
      return carriesTraffic(stage) ? { kind: "back", reasons } : { kind: "stop", reasons };
    }
    case "asked": {
      const until = new Date(approval.since.getTime() + limits.approvalHours * 3_600_000);
      if (now < until) {
        return { kind: "wait", hold: false, until, reasons: [`${next} waits for a person's approval.`] };
      }
      const reasons = [`Nobody approved ${next} within ${limits.approvalHours} h.`];
      return carriesTraffic(stage) ? { kind: "back", reasons } : { kind: "stop", reasons };
    }
  }
}

function held({ gate, now, holdingSince, limits, stage }: Situation): Decision {
  const open = gate.checks.filter(({ verdict }) => verdict !== "holds");
  const reasons = reasonsOf(gate);
  if (open.length > 0 && open.every(({ name }) => PATIENT.has(name))) {
    const until = latest([gate.opensAt, gate.soakedAt]);
    return { kind: "wait", hold: false, ...(until === undefined ? {} : { until }), reasons };
  }
  const until = new Date((holdingSince ?? now).getTime() + limits.holdMinutes * 60_000);
  if (now < until) return { kind: "wait", hold: true, until, reasons };
  const expired = `The hold has lasted ${limits.holdMinutes} minutes.`;
  if (!carriesTraffic(stage)) return { kind: "stop", reasons: [expired, ...reasons] };
  const share = stage === undefined ? 0 : shapeOf(stage).weightB;
  return share <= limits.backUpToPercent
    ? { kind: "back", reasons: [expired, ...reasons] }
    : { kind: "page", reasons: [expired, ...reasons] };
}

function carriesTraffic(stage: Stage | undefined): boolean {
  return stage !== undefined && (trafficShare(stage) !== undefined || stage === "complete");
}

/** Whether the record is past the goal already: a run to `traffic-25` has nothing to do at `traffic-50`. */
function isBeyond(stage: Stage | undefined, goal: Stage, trafficSteps: readonly number[]): boolean {
  const path = wayUp(trafficSteps);
  return stage !== undefined && path.indexOf(stage) > path.indexOf(goal);
}

function reasonsOf(gate: GateAnswer, only?: CheckAnswer["verdict"]): readonly string[] {
  return gate.checks
    .filter(({ verdict }) => verdict !== "holds" && (only === undefined || verdict === only))
    .flatMap(({ name, findings }) => findings.map((finding) => `${name}: ${finding}`));
}

/** Why B's share does not wait: what the judge found, and alarms; other findings are not the reason. */
function badFor(gate: GateAnswer): readonly string[] {
  const judged = gate.checks.filter(({ name }) => name === "judge").flatMap(({ findings }) => findings);
  return [
    ...(gate.judge === "back"
      ? (judged.length > 0 ? judged : ["the judge says back"]).map((text) => `judge: ${text}`)
      : []),
    ...(gate.alarms ?? []).map((text) => `alarm: ${text}`),
  ];
}

function latest(dates: readonly (Date | undefined)[]): Date | undefined {
  const known = dates.filter((date) => date !== undefined);
  return known.length === 0 ? undefined : new Date(Math.max(...known.map((date) => date.getTime())));
}
