import { stateOf } from "../migration/record";
import { type GateCheck, type GateContext } from "./context";
import { Report, type CheckResult } from "./result";

const CHECK = "soak";
const HOUR_MS = 3_600_000;

/** Time at 100 % before `complete`, and time in `complete` before `decommission`, from the record's own times. */
export const soak: GateCheck = {
  name: CHECK,
  limitSeconds: 1,
  appliesTo: ({ from, to }) => from !== "decommission" && (to === "complete" || to === "decommission"),
  run: (context) => Promise.resolve(checkSoak(context)),
};

function checkSoak(context: GateContext): CheckResult {
  const report = new Report(CHECK);
  const state = stateOf(context.record);
  const [setting, hours, what] =
    context.move.to === "complete"
      ? (["soakHours", context.soakHours, "at 100 %"] as const)
      : (["standbyHours", context.standbyHours, "in complete"] as const);
  const begin = context.move.to === "complete" ? weight100Since(context) : inComplete(context);
  report.addEvidence({ since: begin?.toISOString() ?? null, now: context.now.toISOString(), [setting]: hours });
  if (!begin) {
    report.finding({
      subject: `time ${what}`,
      seen: state ? `the last recorded stage is ${state.stage}` : "the record is empty",
      expected: `${hours} hours ${what}`,
      remedy: "go the steps up one by one",
    });
    return report.result();
  }
  const passedMs = context.now.getTime() - begin.getTime();
  if (passedMs < hours * HOUR_MS) {
    const earliest = new Date(begin.getTime() + hours * HOUR_MS);
    report.addEvidence({ earliest: earliest.toISOString() });
    report.finding({
      subject: `time ${what}`,
      seen: `${Math.floor((passedMs / HOUR_MS) * 100) / 100} hours, since ${begin.toISOString()}`,
      expected: `${hours} hours (setting ${setting})`,
      remedy: `run again after ${earliest.toISOString()}`,
    });
  }
  return report.result();
}

/**
 * Begin of the unbroken stay at 100 %. When the rule's update failed at first and was made good later, only the later
 * time counts: until then B did not have the traffic.
 */
function weight100Since({ record, verifiedAt }: GateContext): Date | undefined {
  const state = stateOf(record);
  if (state?.weightB !== 100) return undefined;
  const recorded = new Date(state.weightSince);
  return verifiedAt && verifiedAt > recorded ? verifiedAt : recorded;
}

function inComplete({ record }: GateContext): Date | undefined {
  const state = stateOf(record);
  return state?.stage === "complete" ? new Date(state.stageSince) : undefined;
}
