import { isObject } from "../migration/configurationWalk";

/** What was measured of A and B, as far as a source told it. */
export interface SideFigures {
  /** Requests in the stretch that the figures are of. */
  readonly requests: number;
  /** Of them answered 5xx, those of the load balancer in the cluster's stead included. */
  readonly errors: number;
  readonly p50Ms?: number | undefined;
  readonly p95Ms?: number | undefined;
  readonly p99Ms?: number | undefined;
}

export interface Figures {
  /** Share of the requests that B got, percent. */
  readonly shareB?: number | undefined;
  readonly a?: SideFigures | undefined;
  readonly b?: SideFigures | undefined;
  /** What is still missing before the judge can say go, in its own words. */
  readonly toGo?: string | undefined;
}

/** Reads figures from JSON that somebody else wrote; what has not the form is left out, never guessed. */
export function figuresIn(value: unknown): Figures | undefined {
  if (!isObject(value)) return undefined;
  const shareB = numberIn(value["shareB"]);
  const [a, b] = [sideIn(value["a"]), sideIn(value["b"])];
  const toGo = typeof value["toGo"] === "string" ? value["toGo"].slice(0, 300) : undefined;
  if (shareB === undefined && a === undefined && b === undefined && toGo === undefined) return undefined;
  return {
    ...(shareB === undefined ? {} : { shareB }),
    ...(a === undefined ? {} : { a }),
    ...(b === undefined ? {} : { b }),
    ...(toGo === undefined ? {} : { toGo }),
  };
}

/** Percent of the requests that were errors; undefined without a request. */
export function errorPercent(side: SideFigures | undefined): number | undefined {
  return side === undefined || side.requests === 0 ? undefined : (100 * side.errors) / side.requests;
}

function sideIn(value: unknown): SideFigures | undefined {
  if (!isObject(value)) return undefined;
  const [requests, errors] = [numberIn(value["requests"]), numberIn(value["errors"])];
  if (requests === undefined || errors === undefined) return undefined;
  const latency = (["p50Ms", "p95Ms", "p99Ms"] as const).flatMap((key) => {
    const found = numberIn(value[key]);
    return found === undefined ? [] : [[key, found] as const];
  });
  return { requests, errors, ...Object.fromEntries(latency) };
}

function numberIn(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : undefined;
}
