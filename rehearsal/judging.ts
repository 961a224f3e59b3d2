import { judge as judgeSchema } from "../migration/settings/judgeSchema";
import { type World } from "./cloud";

/** With which limits a scenario's traffic is judged. The judge and its sources are the same in all of them. */
export type Judging =
  /** Wide margins, so that a step of some seconds can end with `go`. */
  | "wide"
  /** The stack's own limits, and evidence that takes minutes to hours at each step. */
  | "production"
  /** The stack's own limits as well, but for the length of the warm-up: for steps that are to end with `back`. */
  | "impatient"
  /** Nobody judges: for scenarios that climb to look at something else. */
  | "none";

/** Why production's limits are no use for a step of 10 to 30 s at 60 to 400 requests/s, one by one. */
const WIDE = {
  // New weights are in effect within 2 s here, and there are no cold caches.
  warmUpSeconds: 4,
  minimumMinutes: 0.1,
  minimumRequestsB: 30,
  // B serves some 60 requests at the first step: without an error its rate is then shown to be below 15 %.
  margins: { errors: 20, p95: 25, p99: 20 },
  latency: { requestsA: 50 },
  share: { shownPercent: 100, smallestPercent: 2 },
  // The load keeps requests in flight for seconds on purpose, a tenth of them at the smallest rate.
  absolute: { slowMs: 10_000, slowPercent: 10 },
  services: { marginErrors: 50, marginSlow: 50 },
  capacity: { observations: 3 },
} as const;

/** How often Prometheus scrapes: production's 15 s would leave a step of 30 s with one sample. */
export function scrapeSecondsOf(judging: Judging): number {
  return judging === "production" ? 15 : 1;
}

/** A scrape may come late on a busy computer: two of them fall into each sample. */
const SCRAPES_A_SAMPLE = 2;

/** Sources and their freshness follow the scrapes, which are as often here as the waits are short. */
const DATA = { cleanMinutes: 0.2, silentMinutes: 0.5, staleSeconds: 30 } as const;

/**
 * Services with less of the plain traffic, in percent, are too thin to be shown equal: at the first step's 5 % they have
 * some ten requests in 30 s, or at production's limits some hundred in an hour. They are accepted by name, as their owners
 * would do it; one that is worse on B is found all the same.
 */
const THIN_PERCENT = { wide: 50, production: 2 } as const;

/** The settings `metrics` and `judge` for a run. */
export function judgingSettings(world: World, judging: Judging): Readonly<Record<string, unknown>> {
  if (judging === "none") {
    return {
      metrics: { source: "none", by: "rehearsal", reason: "this scenario climbs to look at something else" },
    };
  }
  const { metrics } = world;
  return {
    metrics: {
      source: "prometheus",
      periodSeconds: judging === "production" ? metrics.periodSeconds : SCRAPES_A_SAMPLE * metrics.periodSeconds,
      delaySeconds: 1,
      a: { url: metrics.a, selector: 'cluster="a"', gateways: 'job="apisix"' },
      b: { url: metrics.b, selector: 'cluster="b"', gateways: 'job="apisix"' },
    },
    judge: judgeSettings(world, judging),
  };
}

function judgeSettings(world: World, judging: Exclude<Judging, "none">): Readonly<Record<string, unknown>> {
  switch (judging) {
    case "wide":
      return {
        ...WIDE,
        data: DATA,
        services: { ...WIDE.services, acceptThin: thinServices(world, THIN_PERCENT.wide) },
      };
    case "impatient":
      return { warmUpSeconds: WIDE.warmUpSeconds, data: DATA, capacity: WIDE.capacity };
    case "production":
      return { services: { acceptThin: thinServices(world, THIN_PERCENT.production) } };
  }
}

/**
 * Names of the services with less than so many percent of the plain traffic, and of those with none of it: the gate's
 * comparison of answers asks each of these once, so that they are seen.
 */
export function thinServices(
  { catalogue, services }: Pick<World, "catalogue" | "services">,
  percent: number,
): readonly string[] {
  const names = [...new Set([...services, ...catalogue.map(({ service }) => service)])].sort();
  const plain = catalogue.filter(({ kind }) => kind === "plain");
  const total = plain.reduce((sum, { weight }) => sum + weight, 0);
  return names.filter((name) => {
    const own = plain.reduce((sum, { service, weight }) => sum + (service === name ? weight : 0), 0);
    return own * 100 < percent * total;
  });
}

/** What a rehearsal says of the limits that it judges with, beside production's. */
export function judgingText(judging: Judging): string {
  const usual = judgeSchema.parse({});
  const margins = ({ errors, p95, p99 }: { errors: number; p95: number; p99: number }): string =>
    `errors +${errors}, beyond p95 +${p95}, beyond p99 +${p99} percentage points`;
  switch (judging) {
    case "none":
      return "the traffic is not judged: this scenario looks at something else (metrics: none)";
    case "production":
      return `judged with production's limits: ${margins(usual.margins)}, warm-up ${usual.warmUpSeconds} s`;
    case "impatient":
      return (
        `judged with production's limits (${margins(usual.margins)}), ` +
        `but a warm-up of ${WIDE.warmUpSeconds} s instead of ${usual.warmUpSeconds}`
      );
    case "wide":
      return (
        `judged with wide margins, ${margins(WIDE.margins)}, and a warm-up of ${WIDE.warmUpSeconds} s; ` +
        `production has ${margins(usual.margins)}, and ${usual.warmUpSeconds} s (--scenario strict)`
      );
  }
}
