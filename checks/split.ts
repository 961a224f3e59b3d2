import { viewShare } from "../migration/judge";
import { alphaOf, stepPart } from "../migration/judge/budget";
import { type GateCheck, type GateContext } from "./context";
import { leavesTraffic } from "./judge";
import { metricsOf, wayUp } from "./metrics/wayUp";
import { Report, type CheckResult } from "./result";

const CHECK = "split";

/** B's measured share of the requests against its weight, by what the gateways (or the target groups) counted. */
export const split: GateCheck = {
  name: CHECK,
  limitSeconds: 26,
  appliesTo: leavesTraffic,
  run: checkSplit,
};

async function checkSplit(context: GateContext): Promise<CheckResult> {
  const report = new Report(CHECK);
  const { source } = metricsOf(context);
  const seen = await wayUp(context);
  if (seen === undefined) {
    if (source.source === "none") report.note(`the split was not measured, by decision of ${source.by}`);
    return report.result();
  }
  const { state, config, faults } = seen;
  const { step } = state;
  if (step === null || step.judgedFromMs === null || step.weightB === 0 || step.share.n <= 0) {
    const last = faults.at(-1);
    const why = last === undefined ? "" : ` (${new Date(last.atMs).toISOString()} ${last.text})`;
    report.finding({
      subject: "share of B",
      seen: `no request was counted since the weights changed${why}`,
      expected: "requests on A and B",
      remedy: "wait until the warm-up is over, and run the same update again",
      transient: true,
      unknown: true,
    });
    return report.result();
  }
  const alpha = alphaOf("share", config.settings, stepPart(step.index, config.plannedSteps));
  const view = viewShare(step.share, step.weightB / 100, alpha, config.settings);
  const percent = (share: number): string => `${Math.round(share * 10_000) / 100} %`;
  report.addEvidence({
    weightB: step.weightB,
    share: view.share ?? null,
    low: view.low,
    high: view.high,
    requests: step.share.n,
    requestsB: step.share.nB,
    verdict: view.verdict,
  });
  if (view.verdict === "fits") return report.result();
  const measured =
    `B got ${percent(view.share ?? 0)} of ${Math.round(step.share.n).toLocaleString("en")} requests, surely between ` +
    `${percent(view.low)} and ${percent(view.high)}`;
  const open = view.verdict === "open";
  report.finding({
    subject: `share of B at weight ${step.weightB}`,
    seen: measured,
    expected: `${step.weightB} %${open ? ", shown by enough requests" : ""}`,
    remedy: open
      ? "wait, and run the same update again"
      : "look for stickiness (check -- live-weights), clients that pass the load balancer by, and rules that are asked before: A and B serve different clients, and nothing else can be concluded",
    ...(open && { transient: true }),
  });
  return report.result();
}
