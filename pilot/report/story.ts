import { type RecordEntry } from "../../migration/record";
import { type PilotEvent } from "../events";
import { errorPercent, figuresIn, type Figures } from "../figures";
import { type GateEvidence, type ReportSources } from "./sources";

/** The migration as a reader asks for it, derived from what was written down; nothing in it is measured anew. */
export interface Story {
  readonly stays: readonly Stay[];
  readonly points: readonly Point[];
  readonly sources: ReportSources;
}

/** One stay in one stage. */
export interface Stay {
  readonly entry: RecordEntry;
  /** Begin of the next stay; undefined for the last. */
  readonly until: string | undefined;
  /** What the pilot measured of the step itself; undefined where it was made by plain Pulumi. */
  readonly step: Extract<PilotEvent, { event: "stage-ended" }> | undefined;
  readonly evidence: GateEvidence | undefined;
  readonly points: readonly Point[];
}

/** A and B at one moment. */
export interface Point extends Figures {
  readonly at: string;
  readonly stage: string;
  readonly weightB: number;
  readonly verdict?: string | undefined;
}

export function storyOf(sources: ReportSources, measured: readonly Point[] = []): Story {
  const { entries, events, evidence } = sources;
  const points = [...measured, ...pointsOf(events), ...pointsOfGate(entries, evidence)].sort((a, b) =>
    a.at < b.at ? -1 : 1,
  );
  // An entry that only repeats a stage is no new stay: what it says stands under the actions.
  const begins = entries.filter((entry, index) => entry.stage !== entries[index - 1]?.stage);
  const stays = begins.map((entry, index): Stay => {
    const until = begins[index + 1]?.at;
    const within = (at: string): boolean => at >= entry.at && (until === undefined || at < until);
    return {
      entry,
      until,
      step: events.find(
        (event): event is Extract<PilotEvent, { event: "stage-ended" }> =>
          event.event === "stage-ended" && event.stage === entry.stage && within(event.at),
      ),
      evidence: entry.evidence === undefined ? undefined : evidence.get(entry.evidence),
      points: points.filter((point) => point.stage === entry.stage && within(point.at)),
    };
  });
  return { stays, points, sources };
}

function pointsOf(events: readonly PilotEvent[]): readonly Point[] {
  return events.flatMap((event) => {
    if (event.event !== "measured") return [];
    const { at, stage, weightB, verdict } = event;
    return [{ at, stage, weightB, verdict, ...figuresIn(event) }];
  });
}

/** What the judge saw when a stage was left: plain Pulumi writes this too, without any pilot. */
function pointsOfGate(entries: readonly RecordEntry[], evidence: ReadonlyMap<string, GateEvidence>): readonly Point[] {
  return entries.flatMap((entry, index) => {
    const left = entries[index - 1];
    const seen = entry.evidence === undefined ? undefined : evidence.get(entry.evidence);
    const judged = seen?.results.find(({ check }) => check === "judge");
    const figures = figuresIn(judged?.evidence["figures"]);
    if (left === undefined || left.weightB === 0 || seen === undefined || figures === undefined) return [];
    const verdict = judged?.evidence["judge"];
    return [
      {
        at: seen.at,
        stage: left.stage,
        weightB: left.weightB,
        ...(typeof verdict === "string" ? { verdict } : {}),
        ...figures,
      },
    ];
  });
}

/** Sums over the points of a stay, for one row of a table. */
export interface Totals {
  readonly requests: number;
  readonly errors: number;
  readonly errorPercent: number | undefined;
  /** The middle one of the measured percentiles: a percentile of percentiles would be none. */
  readonly p95Ms: number | undefined;
}

export function totalsOf(points: readonly Point[], side: "a" | "b"): Totals | undefined {
  const sides = points.flatMap((point) => point[side] ?? []);
  if (sides.length === 0) return undefined;
  const requests = sides.reduce((sum, one) => sum + one.requests, 0);
  const errors = sides.reduce((sum, one) => sum + one.errors, 0);
  const p95 = sides.flatMap(({ p95Ms }) => p95Ms ?? []).sort((a, b) => a - b);
  return { requests, errors, errorPercent: errorPercent({ requests, errors }), p95Ms: p95[Math.floor(p95.length / 2)] };
}

/** B's measured share over a stay, percent: of the counts where there are any, else the middle of what was told. */
export function measuredShare(points: readonly Point[]): number | undefined {
  const [a, b] = [totalsOf(points, "a")?.requests, totalsOf(points, "b")?.requests];
  if (a !== undefined && b !== undefined && a + b > 0) return (100 * b) / (a + b);
  const told = points.flatMap(({ shareB }) => shareB ?? []).sort((x, y) => x - y);
  return told[Math.floor(told.length / 2)];
}

/** The last word of the judge in a stay. */
export function lastVerdict(points: readonly Point[]): string | undefined {
  return points.findLast(({ verdict }) => verdict !== undefined)?.verdict;
}
