import { logEvidenceAgainst, lowerBound, priorAround, upperBound, type BetaPrior, type Trials } from "./betaMixture";
import { dispersionOf, observeDispersion, startDispersion, type DispersionState } from "./dispersion";
import { logOddsEvidence, observeOdds, startOdds, type Counts, type OddsPrior, type OddsState } from "./oddsTest";
import { NOTHING_SUCCESSIVE, observeSuccessive, successiveDispersion, type SuccessiveState } from "./successive";
import { type JudgeSettings } from "../settings/judgeSchema";

/** One kind of event (errors, slower than a bound) of both clusters during one step, and what it says. */

export interface MetricState {
  /** Evidence that B is worse, since the warm-up. */
  readonly odds: OddsState;
  /** Counts since the warm-up. */
  readonly all: Counts;
  /** Counts that speak for *go*: since the warm-up, or since the last fault of the data. */
  readonly clean: Counts;
  /** How A's counts vary, and B's. */
  readonly dispersion: DispersionState;
  readonly dispersionB: SuccessiveState;
  /** Chosen before the first count, from what A did until then. */
  readonly prior: BetaPrior;
}

export const NO_COUNTS: Counts = { nA: 0, eA: 0, nB: 0, eB: 0 };
/** Chances below and above which a prior would be sure of itself. */
const PRIOR_CHANCES = [1e-4, 0.5] as const;

/**
 * @param before what A did before the counts begin; sets the prior
 * @param dispersion how A's counts varied until now, if that is known
 */
export function startMetric(
  before: Trials,
  dispersion: DispersionState | undefined,
  odds: OddsPrior,
  settings: JudgeSettings,
): MetricState {
  return {
    odds: startOdds(odds),
    all: NO_COUNTS,
    clean: NO_COUNTS,
    dispersion: dispersion ?? startDispersion(settings.dispersion),
    dispersionB: NOTHING_SUCCESSIVE,
    prior: priorOf(before, settings),
  };
}

/** Prior around A's rate. */
export function priorOf({ n, e }: Trials, settings: JudgeSettings): BetaPrior {
  const chance = Math.min(PRIOR_CHANCES[1], Math.max(PRIOR_CHANCES[0], (e + 0.5) / (n + 1)));
  return priorAround(chance, settings.latency.priorRequests);
}

export function observeMetric(state: MetricState, odds: OddsPrior, counts: Counts, minutes: number): MetricState {
  return {
    odds: observeOdds(state.odds, odds, counts, minutes),
    all: addCounts(state.all, counts),
    clean: addCounts(state.clean, counts),
    dispersion: counts.nA > 0 ? observeDispersion(state.dispersion, counts.nA, counts.eA) : state.dispersion,
    dispersionB: observeSuccessive(state.dispersionB, counts.nB, counts.eB),
    prior: state.prior,
  };
}

/** What all evidence of this metric is divided by: the larger of A's and B's dispersion, at least 1. */
export function dispersionOfMetric(state: MetricState, { dispersion }: Pick<JudgeSettings, "dispersion">): number {
  return Math.max(
    dispersionOf(state.dispersion, dispersion),
    successiveDispersion(state.dispersionB, dispersion.standardErrors),
  );
}

/** After a fault of the data: the evidence for *go* begins anew. */
export function withoutClean(state: MetricState): MetricState {
  return { ...state, clean: NO_COUNTS };
}

export interface Worse {
  /** Whether the evidence that B is worse passes its limit. */
  readonly worse: boolean;
  /** log M divided by the dispersion: compare with log 1/alpha. */
  readonly logEvidence: number;
  readonly dispersion: number;
}

/** Is B shown to be worse than A, with a chance of at most `alpha` to say so wrongly at any look of the step? */
export function worseThanA(state: MetricState, alpha: number, settings: JudgeSettings): Worse {
  const log = logOddsEvidence(state.odds);
  // The dispersion matters only where there is something to divide.
  if (log < -Math.log(alpha)) return { worse: false, logEvidence: log, dispersion: 1 };
  const dispersion = dispersionOfMetric(state, settings);
  const logEvidence = log / dispersion;
  const broad = state.odds.intervalsAgainstB >= settings.odds.intervals;
  return { worse: broad && logEvidence >= -Math.log(alpha), logEvidence, dispersion };
}

/** Chances of a false *go*, 0 to 1, one for each cluster's bound. */
export interface GoAlphas {
  readonly a: number;
  readonly b: number;
}

export function goAlphas({ falseGoPercent }: Pick<JudgeSettings, "falseGoPercent">): GoAlphas {
  return { a: falseGoPercent.a / 100, b: falseGoPercent.b / 100 };
}

/**
 * Non-inferiority: B's upper bound lies below A's lower bound plus the margin. Each bound fails at any look with at
 * most its alpha, so a B that is worse by the margin passes at any look with at most the sum (Wellek, "Testing
 * statistical hypotheses of equivalence and noninferiority", 2010, for the idea; the bounds are `betaMixture.ts`).
 * @param margin as a chance, 0 to 1
 */
export function notWorseThanA(
  { nA, eA, nB, eB }: Counts,
  prior: BetaPrior,
  margin: number,
  alphas: GoAlphas,
  dispersion: number,
): boolean {
  if (nA <= 0 || nB <= 0 || eB / nB >= eA / nA + margin) return false;
  const allowed = lowerBound({ n: nA, e: eA }, prior, -Math.log(alphas.a) * dispersion) + margin;
  if (allowed >= 1 || eB / nB >= allowed) return false;
  return logEvidenceAgainst(allowed, { n: nB, e: eB }, prior) >= -Math.log(alphas.b) * dispersion;
}

export interface GoBounds {
  /** The most that B's chance may be, by its confidence sequence. */
  readonly highB: number;
  /** The least that A's chance may be, plus the margin. */
  readonly allowed: number;
}

/** The bounds that `notWorseThanA` compares, to be shown. */
export function goBounds(
  { nA, eA, nB, eB }: Counts,
  prior: BetaPrior,
  margin: number,
  alphas: GoAlphas,
  dispersion: number,
): GoBounds {
  const highB = nB > 0 ? upperBound({ n: nB, e: eB }, prior, -Math.log(alphas.b) * dispersion) : 1;
  const lowA = nA > 0 ? lowerBound({ n: nA, e: eA }, prior, -Math.log(alphas.a) * dispersion) : 0;
  return { highB, allowed: lowA + margin };
}

/**
 * Requests on both clusters at which *go* is expected when B equals A: where the counts that are expected then pass.
 * @param chance of the event on A
 * @param shareB B's share of the requests, between 0 and 1
 * @param deviations standard deviations by which B's count shall exceed what is expected: bad luck
 */
export function expectedRequests(
  chance: number,
  shareB: number,
  prior: BetaPrior,
  margin: number,
  alphas: GoAlphas,
  dispersion: number,
  deviations = 0,
): number {
  const passes = (n: number): boolean => {
    const [nA, nB] = [n * (1 - shareB), n * shareB];
    const eB = nB * chance + deviations * Math.sqrt(nB * chance * (1 - chance) * dispersion);
    return notWorseThanA({ nA, eA: nA * chance, nB, eB }, prior, margin, alphas, dispersion);
  };
  let high = 100;
  while (!passes(high) && high < 1e12) high *= 2;
  let low = high / 2;
  for (let round = 0; round < 12; round++) {
    const middle = (low + high) / 2;
    if (passes(middle)) high = middle;
    else low = middle;
  }
  return Math.ceil(high);
}

export function addCounts(one: Counts, other: Counts): Counts {
  return {
    nA: one.nA + other.nA,
    eA: one.eA + other.eA,
    nB: one.nB + other.nB,
    eB: one.eB + other.eB,
  };
}
