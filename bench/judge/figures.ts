import { METRICS } from "../../migration/judge/budget";
import { PEERS, type PeerName } from "./peers";
import { type Scenario } from "./scenarios";
import { type Outcome } from "./simulate";

/** What the outcomes of a scenario amount to, and what was promised. */

export type Judging = "judge" | PeerName;
export const JUDGINGS: readonly Judging[] = ["judge", ...PEERS];

export interface Figures {
  readonly scenario: string;
  readonly what: string;
  readonly runs: number;
  /** The first so many of them were judged by the peers too. */
  readonly peerRuns: number;
  /** Migrations that were stopped, by each way to judge; the peers are missing where they did not look. */
  readonly stopped: Readonly<Partial<Record<Judging, number>>>;
  /** Minutes from the end of the warm-up to the stop, over all runs; null where fewer were stopped than that. */
  readonly stopMinutes: Readonly<
    Partial<Record<Judging, { readonly median: number | null; readonly p90: number | null }>>
  >;
  /** Runs in which every step ended with *go*, and the minutes that took, warm-ups included. */
  readonly went: number;
  readonly totalMinutes: { readonly median: number | null; readonly p90: number | null };
  readonly looks: number;
}

export function figuresOf(scenario: Scenario, outcomes: readonly Outcome[]): Figures {
  const peerRuns = Math.min(scenario.peerRuns ?? 0, outcomes.length);
  const judgings = peerRuns > 0 ? JUDGINGS : (["judge"] as const);
  const entries = judgings.map((judging) => ({ judging, ...stopsOf(outcomes, judging, peerRuns) }));
  const totals = finite(outcomes.map((one) => one.totalMinutes));
  return {
    scenario: scenario.name,
    what: scenario.what,
    runs: outcomes.length,
    peerRuns,
    stopped: Object.fromEntries(entries.map(({ judging, minutes }) => [judging, minutes.length])),
    stopMinutes: Object.fromEntries(entries.map(({ judging, minutes, runs }) => [judging, quantiles(minutes, runs)])),
    went: totals.length,
    totalMinutes: quantiles(totals, totals.length),
    looks: outcomes.reduce((sum, one) => sum + one.looks, 0),
  };
}

function stopsOf(
  outcomes: readonly Outcome[],
  judging: Judging,
  peerRuns: number,
): { readonly minutes: readonly number[]; readonly runs: number } {
  if (judging === "judge") return { minutes: finite(outcomes.map((one) => one.backMinutes)), runs: outcomes.length };
  return { minutes: finite(outcomes.slice(0, peerRuns).map((one) => one.peerMinutes[judging])), runs: peerRuns };
}

/** Share of the runs that were stopped within so many minutes: points of a curve. */
export function curveOf(
  outcomes: readonly Outcome[],
  judging: Judging,
  peerRuns: number,
): readonly { readonly minutes: number; readonly share: number }[] {
  const { minutes: stops, runs } = stopsOf(outcomes, judging, peerRuns);
  const sorted = [...stops].sort((one, other) => one - other);
  const points: { minutes: number; share: number }[] = [];
  for (const [index, minutes] of sorted.entries()) {
    if (sorted[index + 1] !== minutes) points.push({ minutes, share: (index + 1) / runs });
  }
  return points;
}

export interface Promised {
  readonly what: string;
  readonly measured: number | null;
  readonly limit: number;
  readonly ok: boolean;
}

/** What the judge is promised to do, beside what it did. */
export function promises(figures: readonly Figures[]): readonly Promised[] {
  const of = (name: string): Figures => {
    const found = figures.find(({ scenario }) => scenario === name);
    if (found === undefined) throw new Error(`no scenario ${name} was simulated`);
    return found;
  };
  const atMost = (what: string, measured: number | null, limit: number): Promised => ({
    what,
    measured,
    limit,
    ok: measured !== null && measured <= limit,
  });
  const delays = (name: string): { median: number | null; p90: number | null } =>
    of(name).stopMinutes.judge ?? { median: null, p90: null };
  const equal = of("equal");
  return [
    atMost(
      "false stops per 10,000 migrations without a difference",
      perTenThousand(equal.stopped.judge ?? 0, equal.runs),
      77,
    ),
    atMost("errors 0.1 to 5 %, 20/s, weight 5: median minutes", delays("errors 5 %").median, 1.5),
    atMost("errors 0.1 to 5 %, 20/s, weight 5: 90th percentile", delays("errors 5 %").p90, 3),
    atMost("errors 0.1 to 1 %, 20/s, weight 5: median minutes", delays("errors 1 %").median, 12),
    atMost("errors 0.1 to 1 %, 20/s, weight 5: 90th percentile", delays("errors 1 %").p90, 25),
    atMost("slow 5 to 6 %, 100/s, weight 5: median minutes", delays("slow 6 %").median, 40),
    atMost("whole migration without a difference, 20/s: median minutes", equal.totalMinutes.median, 150),
    ...[5, 50].flatMap((weight) =>
      METRICS.map((metric) => {
        const { went, runs } = of(`margin ${metric} ${weight}`);
        return atMost(
          `false go at the margin of ${metric}, weight ${weight}: percent of steps`,
          (100 * went) / runs,
          1,
        );
      }),
    ),
  ];
}

function perTenThousand(count: number, runs: number): number {
  return Math.round((count / runs) * 100_000) / 10;
}

function finite(values: readonly (number | null | undefined)[]): number[] {
  return values.filter((value): value is number => typeof value === "number");
}

/** Of `runs` values, of which those that are missing count as infinite. */
function quantiles(values: readonly number[], runs: number): { median: number | null; p90: number | null } {
  const sorted = [...values].sort((one, other) => one - other);
  const at = (part: number): number | null => sorted[Math.ceil(part * runs) - 1] ?? null;
  return { median: at(0.5), p90: at(0.9) };
}
