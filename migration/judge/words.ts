import { type Trials } from "./betaMixture";
import { type Metric } from "./budget";
import { type Bounds } from "./latency";

/** Numbers in the words of reasons. */

/** 0.001 -> `0.1 %`; two significant digits at least. */
export function percentText(chance: number): string {
  const percent = chance * 100;
  if (percent === 0) return "0 %";
  const digits = percent >= 10 ? 1 : percent >= 1 ? 2 : Math.min(6, 1 - Math.floor(Math.log10(percent)));
  return `${Number(percent.toFixed(digits))} %`;
}

/** `34 of 680 (5 %)` */
export function trialsText({ n, e }: Trials): string {
  return `${countText(e)} of ${countText(n)}${n > 0 ? ` (${percentText(e / n)})` : ""}`;
}

export function countText(count: number): string {
  return (count < 10 ? Number(count.toFixed(1)) : Math.round(count)).toLocaleString("en");
}

/** Odds such as `1 in 12,000` for log evidence; beyond a trillion nobody counts. */
export function oddsText(logEvidence: number): string {
  if (logEvidence > Math.log(1e12)) return "1 in more than 1,000,000,000,000";
  return `1 in ${Math.max(1, Math.round(Math.exp(logEvidence))).toLocaleString("en")}`;
}

export function minutesText(minutes: number): string {
  if (minutes < 10) return `${Number(minutes.toFixed(1))} min`;
  return minutes < 600 ? `${Math.round(minutes)} min` : `${Number((minutes / 60).toFixed(1))} h`;
}

/** What a metric counts. */
export function metricText(metric: Metric, bounds: Bounds | null): string {
  if (metric === "errors") return "errors";
  const bound = bounds?.[metric];
  return bound === undefined ? `slower than A's ${metric}` : `slower than ${bound} ms (A's ${metric})`;
}
