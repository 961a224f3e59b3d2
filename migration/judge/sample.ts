/**
 * One line of saved metrics: the counts of both clusters in one interval. What is missing from a line is not a mistake
 * of the file but missing data, and never a pass; what is not of this form is a mistake of the file.
 *
 *     {"at": ISO time, "weightB": 5, "a": SIDE, "b": SIDE, "services": {NAME: {"a": SIDE, "b": SIDE, "probe": TRIALS}}}
 *     SIDE    {"requests": n, "errors": n, "latencyMs": {"le": [..., null], "count": [...]}, "grpc": {"14": n}, ...}
 *     TRIALS  {"requests": n, "errors": n}
 *
 * Everything after `latencyMs`, and `services`, is optional.
 */

/** Counts of one interval per bucket, not cumulative. */
export interface Histogram {
  /** Upper bounds in milliseconds, rising, the last one `null` for infinity. */
  readonly le: readonly (number | null)[];
  readonly count: readonly number[];
}

/** What one cluster did in one interval. */
export interface Side {
  readonly requests: number;
  /** Answers 5xx, those of the load balancer in the cluster's stead included. */
  readonly errors: number;
  readonly latencyMs: Histogram | undefined;
  /** Answers by gRPC status code; HTTP calls them all 200. */
  readonly grpc: Readonly<Record<string, number>> | undefined;
  /** Connections to the cluster's gateways that failed. */
  readonly connectionErrors: number | undefined;
  /** Healthy targets at the end of the interval. */
  readonly healthyTargets: number | undefined;
  /** Data planes that have no connection to their control plane. */
  readonly withoutControlPlane: number | undefined;
}

export interface ServiceSample {
  readonly a: Side | undefined;
  readonly b: Side | undefined;
  /** Requests to B by the header rule, beside its share of the traffic. */
  readonly probe: { readonly requests: number; readonly errors: number } | undefined;
}

export interface Sample {
  /** Milliseconds since 1970; the order of the samples is by this. */
  readonly atMs: number;
  /** B's weight in percent, 0 to 100. */
  readonly weightB: number;
  /** Undefined: the cluster could not be looked at. */
  readonly a: Side | undefined;
  readonly b: Side | undefined;
  readonly services: Readonly<Record<string, ServiceSample>>;
}

/** A line is not of the form above. The message says where and what was read. */
export class SampleError extends Error {
  override readonly name = "SampleError";
}

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)$/;

/**
 * Reads one line.
 * @throws SampleError when it is not JSON, or not of the form
 */
export function readSample(line: string): Sample {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw new SampleError(`not JSON (${error instanceof Error ? error.message : String(error)})`);
  }
  return sampleOf(value);
}

/** The same for a value that is no text any more. @throws SampleError */
export function sampleOf(value: unknown): Sample {
  const sample = objectOf("the line", value);
  const at = sample["at"];
  const atMs = typeof at === "string" && ISO.test(at) ? Date.parse(at) : NaN;
  if (!Number.isFinite(atMs)) throw unexpected("at", at, "an ISO time with zone, such as 2025-03-01T10:00:15Z");
  const weightB = numberOf("weightB", sample["weightB"]);
  if (weightB < 0 || weightB > 100) throw unexpected("weightB", weightB, "percent from 0 to 100");
  const services = isMissing(sample["services"]) ? {} : objectOf("services", sample["services"]);
  return {
    atMs,
    weightB,
    a: sideOf("a", sample["a"]),
    b: sideOf("b", sample["b"]),
    services: Object.fromEntries(Object.entries(services).map(([name, sides]) => [name, serviceOf(name, sides)])),
  };
}

function serviceOf(name: string, value: unknown): ServiceSample {
  const path = `services.${name}`;
  const { a, b, probe } = objectOf(path, value);
  const probed = isMissing(probe) ? undefined : objectOf(`${path}.probe`, probe);
  return {
    a: sideOf(`${path}.a`, a),
    b: sideOf(`${path}.b`, b),
    probe: probed && {
      requests: numberOf(`${path}.probe.requests`, probed["requests"]),
      errors: numberOf(`${path}.probe.errors`, probed["errors"]),
    },
  };
}

function sideOf(path: string, value: unknown): Side | undefined {
  if (isMissing(value)) return undefined;
  const side = objectOf(path, value);
  const optional = (key: string): number | undefined =>
    isMissing(side[key]) ? undefined : numberOf(`${path}.${key}`, side[key]);
  const requests = optional("requests");
  const errors = optional("errors");
  // One of them missing: the cluster was not really looked at.
  if (requests === undefined || errors === undefined) return undefined;
  return {
    requests,
    errors,
    latencyMs: histogramOf(`${path}.latencyMs`, side["latencyMs"]),
    grpc: isMissing(side["grpc"]) ? undefined : countsOf(`${path}.grpc`, side["grpc"]),
    connectionErrors: optional("connectionErrors"),
    healthyTargets: optional("healthyTargets"),
    withoutControlPlane: optional("withoutControlPlane"),
  };
}

function countsOf(path: string, value: unknown): Readonly<Record<string, number>> {
  return Object.fromEntries(
    Object.entries(objectOf(path, value)).map(([key, count]) => [key, numberOf(`${path}.${key}`, count)]),
  );
}

function histogramOf(path: string, value: unknown): Histogram | undefined {
  if (isMissing(value)) return undefined;
  const { le, count } = objectOf(path, value);
  if (!Array.isArray(le) || le.length === 0) throw unexpected(`${path}.le`, le, "a list of upper bounds");
  if (!Array.isArray(count)) throw unexpected(`${path}.count`, count, "a list of counts");
  const bounds = le as readonly unknown[];
  let before = -Infinity;
  for (const [index, bound] of bounds.entries()) {
    const last = index === bounds.length - 1;
    if (last ? bound !== null : typeof bound !== "number" || !(bound > before)) {
      throw unexpected(`${path}.le[${index}]`, bound, last ? "null, for infinity" : "a bound above the one before");
    }
    before = bound as number;
  }
  if (count.length !== bounds.length) {
    throw unexpected(`${path}.count`, count, `${bounds.length} counts, one for each bound`);
  }
  return {
    le: bounds as readonly (number | null)[],
    count: count.map((entry: unknown, index) => numberOf(`${path}.count[${index}]`, entry)),
  };
}

function objectOf(path: string, value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw unexpected(path, value, "an object");
  return value as Readonly<Record<string, unknown>>;
}

function numberOf(path: string, value: unknown): number {
  if (typeof value !== "number" || !Number.isFinite(value)) throw unexpected(path, value, "a number");
  return value;
}

function isMissing(value: unknown): value is undefined | null {
  return value === undefined || value === null;
}

function unexpected(path: string, read: unknown, expected: string): SampleError {
  const text = read === undefined ? "nothing" : JSON.stringify(read);
  return new SampleError(`${path}: read ${text.length > 60 ? `${text.slice(0, 57)}...` : text}, expected ${expected}`);
}
