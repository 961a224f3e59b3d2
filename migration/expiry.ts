/** Licence and certificates against the time that the migration still takes. Pure: times are given. */

/** What the control plane says of its licence (facts/api7.md 2.4). */
export interface Licence {
  readonly effectiveAt: Date | undefined;
  readonly expiredAt: Date | undefined;
  readonly maximumCores: number | undefined;
  readonly usedCores: number | undefined;
  /** `normal`, `dp_core_exceeded`, `dp_core_exceeded_restricted`, or a word that is not known. */
  readonly status: string;
}

/** Something about a licence or certificate that holds the way up. */
export interface ExpiryProblem {
  readonly seen: string;
  readonly expected: string;
  /** Nothing is known, rather than something wrong. */
  readonly unknown: boolean;
}

const DAY_MS = 86_400_000;

/** A span in days, downwards: `13.9 days`. */
export function daysBetween(from: Date, to: Date): string {
  return `${Math.floor(((to.getTime() - from.getTime()) / DAY_MS) * 10) / 10} days`;
}

/** What is wrong with an end of validity; undefined when it lies late enough. */
export function judgeExpiry(end: Date, now: Date, needed: Date): ExpiryProblem | undefined {
  if (end > needed) return undefined;
  const when =
    end <= now
      ? `it expired at ${end.toISOString()}`
      : `it expires at ${end.toISOString()}, in ${daysBetween(now, end)}`;
  return { seen: when, expected: `valid beyond ${needed.toISOString()}: the planned end and 14 days`, unknown: false };
}

/** Everything that is wrong with a licence. */
export function judgeLicence(licence: Licence, now: Date, needed: Date): readonly ExpiryProblem[] {
  const { status, effectiveAt, expiredAt, maximumCores, usedCores } = licence;
  const problems: ExpiryProblem[] = [];
  const cores = `${usedCores ?? "?"} of ${maximumCores ?? "?"} cores`;
  if (/restricted|expired|invalid/.test(status)) {
    problems.push({ seen: `state ${status} (${cores})`, expected: "state normal", unknown: false });
  } else if (!/^(normal|dp_core_exceeded)$/.test(status)) {
    problems.push({
      seen: `state ${status === "" ? "not given" : status} (${cores})`,
      expected: "a state that is known: normal",
      unknown: true,
    });
  }
  if (effectiveAt !== undefined && effectiveAt > now) {
    problems.push({ seen: `valid from ${effectiveAt.toISOString()}`, expected: "valid now", unknown: false });
  }
  if (expiredAt === undefined) {
    problems.push({ seen: "no end of validity is given", expected: "a day on which it expires", unknown: true });
  } else {
    const expiry = judgeExpiry(expiredAt, now, needed);
    if (expiry) problems.push(expiry);
  }
  return problems;
}
