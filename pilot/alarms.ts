import { CloudWatchClient, DescribeAlarmsCommand } from "@aws-sdk/client-cloudwatch";
import { type CheckAnswer, type GateAnswer } from "./decide";
import { type StackState } from "./stackState";

/**
 * The program's own alarms of cluster B. CloudWatch is minutes behind the gateways' metrics, but sees what those cannot:
 * gateways that answer nothing at all, and the database.
 */

/** What a look at the alarms showed. */
export type AlarmsSeen =
  /** One line for each alarm in state ALARM. */
  | { readonly kind: "seen"; readonly raised: readonly string[]; readonly watched: number }
  | { readonly kind: "unseen"; readonly trouble: string };

const ALARM_TYPE = "aws:cloudwatch/metricAlarm:MetricAlarm";
/** Alarms of one target group end so, behind `-a` or `-b`: components/monitoring.ts. */
const SIDE = /-(a|b)-(?:unhealthy|errors|connections|latency)$/;
/** DescribeAlarms takes so many names in one call. */
const NAMES_IN_A_CALL = 100;
const LIMIT_MS = 10_000;

/** Names of the alarms that watch B: those of its target groups, and of its database. A's alarms are no reason to go to A. */
export function alarmsOfB(state: StackState): readonly string[] {
  return (state.resources ?? []).flatMap(({ type, urn, outputs }) => {
    if (type !== ALARM_TYPE || SIDE.exec(urn)?.[1] === "a") return [];
    const name = outputs?.["name"];
    return typeof name === "string" ? [name] : [];
  });
}

/** Never throws: what could not be seen is told, and is no all-clear. */
export async function lookAtAlarms(names: readonly string[], region: string): Promise<AlarmsSeen> {
  if (names.length === 0) return { kind: "seen", raised: [], watched: 0 };
  const client = new CloudWatchClient({ region, maxAttempts: 2 });
  try {
    const raised: string[] = [];
    const found = new Set<string>();
    for (let from = 0; from < names.length; from += NAMES_IN_A_CALL) {
      const { MetricAlarms = [] } = await client.send(
        new DescribeAlarmsCommand({
          AlarmNames: names.slice(from, from + NAMES_IN_A_CALL),
          MaxRecords: NAMES_IN_A_CALL,
        }),
        { abortSignal: AbortSignal.timeout(LIMIT_MS) },
      );
      for (const { AlarmName = "", AlarmDescription, StateValue, StateReason } of MetricAlarms) {
        found.add(AlarmName);
        if (StateValue === "ALARM")
          raised.push(`${AlarmDescription ?? AlarmName}: ${StateReason ?? "no reason given"}`);
      }
    }
    const missing = names.filter((name) => !found.has(name));
    if (raised.length === 0 && missing.length > 0) {
      return { kind: "unseen", trouble: `CloudWatch does not know ${missing.join(", ")}` };
    }
    return { kind: "seen", raised, watched: found.size };
  } catch (error) {
    return { kind: "unseen", trouble: error instanceof Error ? `${error.name}: ${error.message}` : String(error) };
  } finally {
    client.destroy();
  }
}

/** The gate's answer with the alarms as one more check: raised ones hold the way up, and so do those that nobody can see. */
export function withAlarms(gate: GateAnswer, seen: AlarmsSeen): GateAnswer {
  if (seen.kind === "seen" && seen.watched === 0) return gate;
  const check: CheckAnswer =
    seen.kind === "unseen"
      ? {
          name: "alarms",
          verdict: "unknown",
          findings: [`B's alarms cannot be seen: ${seen.trouble}; needs cloudwatch:DescribeAlarms`],
        }
      : { name: "alarms", verdict: seen.raised.length > 0 ? "fails" : "holds", findings: seen.raised };
  const worse = { holds: 0, unknown: 1, fails: 2 };
  const verdict = worse[check.verdict] > worse[gate.verdict] ? check.verdict : gate.verdict;
  return { ...gate, verdict, checks: [...gate.checks, check], alarms: seen.kind === "seen" ? seen.raised : [] };
}
