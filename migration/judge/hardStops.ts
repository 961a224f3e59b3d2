import { surelySlowerThan } from "./latency";
import { type Sample, type Side } from "./sample";
import { type JudgeSettings } from "../settings/judgeSchema";

/**
 * Limits that stop on one sample, in the warm-up too: no test is needed to see that B does not work. A limit on
 * answers binds only where A is clearly better in the same interval: when both fail alike, going back mends nothing.
 */

/** Errors of one side: HTTP's and those that gRPC reports within an answer 200. At most the number of requests. */
export function errorsOf(side: Side, settings: Pick<JudgeSettings, "grpcErrorCodes">): number {
  if (side.grpc === undefined) return side.errors;
  let sum = side.errors;
  for (const code of settings.grpcErrorCodes) sum += side.grpc[String(code)] ?? 0;
  return Math.min(sum, side.requests);
}

/** What in this sample stops at once, in words and numbers; empty when nothing does. */
export function hardStops({ a, b }: Sample, settings: JudgeSettings): readonly string[] {
  if (b === undefined) return [];
  const { hard } = settings;
  const reasons: string[] = [];
  const compare = (what: string, ofB: number, ofA: number, limitPercent: number): void => {
    const shareB = b.requests > 0 ? ofB / b.requests : 0;
    const shareA = a !== undefined && a.requests > 0 ? ofA / a.requests : 0;
    const many = b.requests >= hard.requests && shareB * 100 >= limitPercent;
    const dead = b.requests >= hard.deadRequests && shareB * 100 >= Math.max(limitPercent, hard.deadPercent);
    if (!(many || dead) || shareA * 2 > shareB) return;
    const percents = [shareB, shareA].map((share) => `${Math.round(share * 1000) / 10} %`);
    reasons.push(
      `hard stop: ${percents[0] ?? ""} of B's ${b.requests} answers in one interval ${what}, A ${percents[1] ?? ""}; ` +
        `limit ${limitPercent} % of ${hard.requests} or ${hard.deadPercent} % of ${hard.deadRequests} answers`,
    );
  };
  compare("are errors", errorsOf(b, settings), a === undefined ? 0 : errorsOf(a, settings), hard.errorPercent);
  const slow = (side: Side | undefined): number =>
    side?.latencyMs === undefined ? 0 : surelySlowerThan(side.latencyMs, hard.slowMs);
  compare(`took longer than ${hard.slowMs} ms`, slow(b), slow(a), hard.slowPercent);
  const { connectionErrors, healthyTargets, withoutControlPlane } = b;
  if (
    connectionErrors !== undefined &&
    connectionErrors >= hard.deadRequests &&
    connectionErrors * 100 >= hard.connectionErrorPercent * b.requests
  ) {
    reasons.push(
      `hard stop: ${connectionErrors} connections to B's gateways failed, with ${b.requests} requests; ` +
        `limit ${hard.connectionErrorPercent} %`,
    );
  }
  if (healthyTargets === 0) reasons.push("hard stop: B has no healthy target");
  if (withoutControlPlane !== undefined && withoutControlPlane > 0) {
    reasons.push(`hard stop: ${withoutControlPlane} data planes of B have lost their control plane`);
  }
  return reasons;
}
