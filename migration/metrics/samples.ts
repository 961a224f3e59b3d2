import { type Sample, type ServiceSample, type Side } from "../judge/sample";
import { type ClusterCounts, type CountFault } from "./counters";
import { endOf, type Grid } from "./grid";

/** The judge's samples from what was counted of both clusters. */

/** Samples of a time, and what was missing in it, in words. */
export interface Reading {
  readonly grid: Grid;
  readonly samples: readonly Sample[];
  /** Oldest first, each naming the cluster. */
  readonly faults: readonly CountFault[];
}

/** @param weightAt B's weight in percent at a time, milliseconds since 1970 */
export function samplesOf(grid: Grid, a: ClusterCounts, b: ClusterCounts, weightAt: (atMs: number) => number): Reading {
  const names = [...new Set([...a.services.keys(), ...b.services.keys()])];
  const samples = Array.from({ length: grid.count }, (_, index): Sample => {
    const atMs = endOf(grid, index);
    const sides = { a: a.sides[index], b: b.sides[index] };
    const services = sides.a === undefined && sides.b === undefined ? [] : names;
    return {
      atMs,
      weightB: weightAt(atMs),
      ...sides,
      services: Object.fromEntries(services.map((name) => [name, serviceOf(name, a, b, index)])),
    };
  });
  const faults = [
    ...a.faults.map(({ atMs, text }) => ({ atMs, text: `A: ${text}` })),
    // At weight 0 nothing is asked of B: it may not be there yet.
    ...b.faults.filter(({ atMs }) => weightAt(atMs) > 0).map(({ atMs, text }) => ({ atMs, text: `B: ${text}` })),
  ].sort((one, other) => one.atMs - other.atMs);
  return { grid, samples, faults };
}

function serviceOf(name: string, a: ClusterCounts, b: ClusterCounts, index: number): ServiceSample {
  const side = (counts: ClusterCounts): Side | undefined => counts.services.get(name)?.[index];
  return { a: side(a), b: side(b), probe: undefined };
}

/** One line of saved metrics, in the form that `readSample` takes. */
export function lineOf({ atMs, weightB, a, b, services }: Sample): string {
  return JSON.stringify({ at: new Date(atMs).toISOString(), weightB, a, b, services });
}
