import { expectedBake, type Baseline } from "../migration/judge";
import { METRICS } from "../migration/judge/budget";
import { gridOf } from "../migration/metrics/grid";
import { type EntryDraft } from "../migration/record";
import { trafficShare } from "../migration/stages";
import { type GateCheck, type GateContext, type Move } from "./context";
import { deadTargets } from "./metrics/deadTargets";
import { wayUp, type WayUp } from "./metrics/wayUp";
import { newestFigures } from "../migration/judge/figures";
import { CouldNotLook, Report, type CheckResult } from "./result";

/** What people are shown of A and B: the newest minute. */
const FIGURES_SECONDS = 60;
const CHECK = "judge";
const MINUTE_MS = 60_000;
/** Connections and the like are told for this time. */
const CONTEXT_MS = 10 * MINUTE_MS;
/** Reasons that are told; a thousand thin services are one thing to mend. */
const REASONS = 20;
/** Missing pieces of data that are told. */
const FAULTS = 5;
const BACK = "pulumi config set stage rollback && pulumi up --skip-preview --refresh";

/** B against A on the counts of this way up: go, hold or back (migration/judge/). */
export const judge: GateCheck = {
  name: CHECK,
  limitSeconds: 26,
  appliesTo: leavesTraffic,
  run: checkJudge,
};

/** For the record: the decision not to judge, where that is what the check says. */
export function unjudged(results: readonly CheckResult[]): Pick<EntryDraft, "unjudged"> {
  const evidence = results.find(({ check }) => check === CHECK)?.evidence;
  const { judge: said, by, reason } = evidence ?? {};
  return said === "none" && typeof by === "string" && typeof reason === "string" ? { unjudged: { by, reason } } : {};
}

/** Moves up from a traffic step: what B did there decides. */
export function leavesTraffic({ kind, from }: Move): boolean {
  return from !== undefined && trafficShare(from) !== undefined && (kind === "up" || kind === "override");
}

async function checkJudge(context: GateContext): Promise<CheckResult> {
  const report = new Report(CHECK);
  const source = context.metrics?.source;
  if (source?.source === "none") {
    report.addEvidence({ judge: "none", by: source.by, reason: source.reason });
    report.note(`nothing was judged, by decision of ${source.by}: ${source.reason}`);
    return report.result();
  }
  const [seen, dead] = await Promise.all([report.look(() => wayUp(context)), dyingOfB(context, report)]);
  if (dead.length > 0) {
    report.addEvidence({ judge: "back", reasons: dead });
    for (const reason of dead) {
      report.finding({ subject: "targets of B", seen: `back: ${reason}`, expected: "a healthy target", remedy: BACK });
    }
    return report.result();
  }
  if (seen === undefined) {
    // What could not be looked at is in the findings; whoever asks for the word gets it all the same.
    report.addEvidence({ judge: "hold" });
    return report.result();
  }
  const { answer, state, samples, untilMs } = seen;
  const faults = seen.faults.map(({ atMs, text }) => `${new Date(atMs).toISOString()} ${text}`);
  const needed = stillNeeded(seen);
  report.addEvidence({
    judge: answer.verdict,
    at: answer.at,
    reasons: answer.reasons,
    notes: answer.notes,
    steps: answer.steps,
    stillNeeded: needed ?? null,
    figures: newestFigures(samples, state.step?.weightB ?? 0, FIGURES_SECONDS) ?? null,
    source: seen.source.name,
    samples: samples.length,
    until: new Date(untilMs).toISOString(),
    missing: { count: faults.length, last: faults.slice(-FAULTS) },
    context: await contextOf(seen),
  });
  for (const note of answer.notes) report.note(note);
  if (answer.verdict === "go") return report.result();
  const subject = `B against A at weight ${state.step?.weightB ?? "?"}`;
  if (answer.verdict === "back") {
    for (const reason of answer.reasons.slice(0, REASONS)) {
      report.finding({ subject, seen: `back: ${reason}`, expected: "B no worse than A", remedy: BACK });
    }
    return report.result();
  }
  for (const reason of answer.reasons.slice(0, REASONS)) {
    const data = /^(data:|no sample)/.test(reason);
    report.finding({
      subject,
      seen: data && faults.length > 0 ? `${reason} (${faults.slice(-FAULTS).join("; ")})` : reason,
      expected: "go",
      remedy: data ? remedyForData(seen.source.name) : waitText(needed),
      transient: true,
      ...(data && { unknown: true }),
    });
  }
  return report.result();
}

/** The hard stop that needs no counts. That the load balancer cannot be asked is a finding of the check `health`. */
async function dyingOfB(context: GateContext, report: Report): Promise<readonly string[]> {
  try {
    return (await deadTargets(context)).map((text) => `hard stop: B has no healthy target; ${text}`);
  } catch (error) {
    if (!(error instanceof CouldNotLook)) throw error;
    report.note(`whether B has healthy targets was not seen: ${error.message}`);
    return [];
  }
}

/** Requests on B, and minutes, until *go* is expected if B is as good as A. */
interface Needed {
  readonly requestsB: number;
  readonly minutes: number;
  /** Of A and B together, at this step. */
  readonly requestsPerSecond: number;
}

function stillNeeded({ state, config, periodMs }: WayUp): Needed | undefined {
  const { step } = state;
  if (step === null || step.weightB === 0 || step.judgedFromMs === null || step.cleanFromMs === null) return undefined;
  // The first sample that counts is of a whole interval too.
  const seconds = (step.lastMs - step.judgedFromMs + periodMs) / 1000;
  const requests = step.share.n;
  if (seconds <= 0 || requests <= 0) return undefined;
  const requestsPerSecond = requests / seconds;
  const [expected] = expectedBake(config, requestsPerSecond, [step.weightB], baselineOf(step.metrics)).steps;
  if (expected === undefined) return undefined;
  const judged = (step.lastMs - step.cleanFromMs) / MINUTE_MS + config.settings.warmUpSeconds / 60;
  const minutes = Math.max(0, expected.minutes - judged);
  return {
    requestsB: Math.ceil(minutes * 60 * requestsPerSecond * (step.weightB / 100)),
    minutes: Math.ceil(minutes),
    requestsPerSecond: Math.round(requestsPerSecond * 10) / 10,
  };
}

/** What A does here, where it was seen to do anything. */
function baselineOf(metrics: NonNullable<WayUp["state"]["step"]>["metrics"]): Baseline {
  const usual: Record<(typeof METRICS)[number], number> = { errors: 0.001, p95: 0.05, p99: 0.01 };
  for (const metric of METRICS) {
    const clean = metrics[metric]?.clean;
    if (clean !== undefined && clean.nA > 0 && clean.eA > 0) usual[metric] = Math.min(0.5, clean.eA / clean.nA);
  }
  return usual;
}

function waitText(needed: Needed | undefined): string {
  if (needed === undefined) return "wait, and run the same update again";
  const { requestsB, minutes, requestsPerSecond } = needed;
  return (
    `wait, and run the same update again: about ${requestsB.toLocaleString("en")} more requests on B, ${minutes} min at ` +
    `the present ${requestsPerSecond}/s, if B equals A`
  );
}

function remedyForData(source: string): string {
  return source === "Prometheus"
    ? "look at the scrapes of both clusters' gateways (up, the target page of Prometheus), then run again"
    : "look at the target groups' metrics in CloudWatch, then run again";
}

/** Beside the verdict: what cannot be had of it is no reason to hold. */
async function contextOf({ source, samples, changes, untilMs, periodMs }: WayUp): Promise<unknown> {
  const begin = changes.at(-1)?.atMs ?? untilMs;
  const step = samples.filter(({ atMs }) => atMs > begin);
  const rate = (side: "a" | "b"): number | null => {
    const counted = step.flatMap((sample) => sample[side]?.requests ?? []);
    const seconds = (counted.length * periodMs) / 1000;
    return seconds > 0 ? Math.round((counted.reduce((sum, one) => sum + one, 0) / seconds) * 10) / 10 : null;
  };
  const series = await source
    .context(gridOf(untilMs - CONTEXT_MS, untilMs, source.periodMs))
    .catch((error: unknown) => {
      if (error instanceof CouldNotLook) return error.message;
      throw error;
    });
  return { requestsPerSecond: { a: rate("a"), b: rate("b") }, series };
}
