import { gridOf } from "../migration/metrics/grid";
import { stateOf } from "../migration/record";
import { type GateCheck, type GateContext } from "./context";
import { openSource } from "./metrics/open";
import { metricsOf } from "./metrics/wayUp";
import { Report, type CheckResult } from "./result";

const CHECK = "quiet";
const HOUR_MS = 3_600_000;

/**
 * Before A is scaled to zero: it has had no request for an hour, and no long-lived connection (WebSocket, stream) is open
 * on it: those stay where they are when weights change (facts/aws.md 1).
 */
export const quiet: GateCheck = {
  name: CHECK,
  limitSeconds: 26,
  appliesTo: ({ from, to }) => to === "decommission" && from !== "decommission",
  run: checkQuiet,
};

async function checkQuiet(context: GateContext): Promise<CheckResult> {
  const report = new Report(CHECK);
  const metrics = metricsOf(context);
  const source = await openSource(metrics, context);
  if (source === undefined) {
    if (metrics.source.source === "none") {
      report.note(
        `whether A is quiet was not looked at, by decision of ${metrics.source.by}: ${metrics.source.reason}`,
      );
    }
    return report.result();
  }
  const untilMs = source.newestMs(context.now);
  const since = Date.parse(stateOf(context.record)?.stageSince ?? "");
  const fromMs = Math.max(untilMs - HOUR_MS, Number.isNaN(since) ? 0 : since);
  const grid = gridOf(fromMs, untilMs, source.periodMs);
  const { requests, faults, longLived } = await source.activity("A", grid);
  const span = `since ${new Date(grid.fromMs).toISOString()}`;
  report.addEvidence({
    from: new Date(grid.fromMs).toISOString(),
    requests: requests ?? null,
    longLived: longLived ?? null,
  });
  if (requests === undefined) {
    report.finding({
      subject: "requests of A",
      seen: `they could not be counted whole ${span}: ${faults.slice(-3).join("; ") || "no interval was seen"}`,
      expected: "none, counted without a gap",
      remedy: "look at the scrapes of A's gateways, then run again",
      unknown: true,
      transient: true,
    });
  } else if (requests > 0) {
    report.finding({
      subject: "requests of A",
      seen: `${Math.round(requests).toLocaleString("en")} ${span}`,
      expected: "none: all of them go to B",
      remedy:
        "find who still reaches A (the hosts and addresses in its access log): another load balancer, DNS, clients inside of cluster A",
    });
  }
  if (longLived === undefined) {
    if (source.name === "CloudWatch") report.note("CloudWatch does not tell open connections by target group");
    else {
      report.finding({
        subject: "open connections of A",
        seen: "the gateways do not tell them (apisix_nginx_http_current_connections)",
        expected: "the number of connections",
        remedy: "look at the scrapes of A's gateways, then run again",
        unknown: true,
      });
    }
  } else if (longLived > 0) {
    report.finding({
      subject: "open connections of A",
      seen: `${longLived} long-lived connections (WebSockets, streams) have been open for five minutes`,
      expected: "none: scaling A to zero cuts them",
      remedy: "wait until their clients close them, or have the clients connect anew; then run again",
      transient: true,
    });
  }
  return report.result();
}
