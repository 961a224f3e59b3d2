import { type Figures, type SideFigures } from "../figures";
import { type Point } from "./story";

/**
 * So many points at most, each for one stretch of time: counts are summed, percentiles the highest of the stretch, so that
 * no bad moment disappears; of the verdicts the worst.
 */
export function thinned(points: readonly Point[], most: number): readonly Point[] {
  if (points.length <= most) return points;
  const size = Math.ceil(points.length / most);
  const groups: Point[][] = [];
  for (const point of points) {
    const group = groups.at(-1);
    // Never over a border between stages: what B got at 5 % and at 25 % is no share.
    if (group !== undefined && group.length < size && group[0]?.weightB === point.weightB) group.push(point);
    else groups.push([point]);
  }
  return groups.map(merged);
}

const ORDER = ["go", "hold", "back"];

function merged(group: readonly Point[]): Point {
  const middle = group[Math.floor(group.length / 2)] as Point;
  const worst = Math.max(...group.map(({ verdict }) => (verdict === undefined ? -1 : ORDER.indexOf(verdict))));
  const { at, stage, weightB } = middle;
  const sides: Partial<Figures> = { a: sumOf(group, "a"), b: sumOf(group, "b") };
  const [a, b] = [sides.a?.requests ?? 0, sides.b?.requests ?? 0];
  const told = group.flatMap(({ shareB }) => shareB ?? []);
  const shareB =
    a + b > 0 ? (100 * b) / (a + b) : told.length > 0 ? told.reduce((x, y) => x + y) / told.length : undefined;
  return { at, stage, weightB, ...sides, shareB, verdict: ORDER[worst] };
}

function sumOf(group: readonly Point[], side: "a" | "b"): SideFigures | undefined {
  const all = group.flatMap((point) => point[side] ?? []);
  if (all.length === 0) return undefined;
  const highest = (key: "p50Ms" | "p95Ms" | "p99Ms"): number | undefined => {
    const found = all.flatMap((one) => one[key] ?? []);
    return found.length === 0 ? undefined : Math.max(...found);
  };
  return {
    requests: all.reduce((sum, { requests }) => sum + requests, 0),
    errors: all.reduce((sum, { errors }) => sum + errors, 0),
    p50Ms: highest("p50Ms"),
    p95Ms: highest("p95Ms"),
    p99Ms: highest("p99Ms"),
  };
}
