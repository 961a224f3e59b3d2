import { shapeOf } from "../migration/stages";
import { type Calendar, describeMoment, openingAt } from "../migration/windows";
import { DEFAULT_TIME_ZONE } from "../migration/settings/calendarSchema";
import { type GateCheck, type Move } from "./context";
import { Report, type CheckResult } from "./result";

const CHECK = "window";
/** Open for less than this: an update that takes longer ends outside of the window. */
const SOON_MS = 30 * 60_000;

/**
 * Windows and blackouts bind every move up, an override and the first one after a rollback included; never the way back,
 * a step down, `abandon`, or staying. The clock is that of the machine that runs the gate.
 */
export const window: GateCheck = {
  name: CHECK,
  limitSeconds: 1,
  appliesTo: isUp,
  run: ({ calendar, now, move }) => Promise.resolve(checkWindow(calendar, now, `the move to ${move.to}`)),
};

/** @param subject what is about to be done, as the finding names it */
export function checkWindow(calendar: Calendar, now: Date, subject: string): CheckResult {
  const report = new Report(CHECK);
  const zone = calendar.windows?.timeZone ?? DEFAULT_TIME_ZONE;
  const opening = openingAt(calendar, now);
  report.addEvidence({ now: now.toISOString(), ...opening });
  if (!opening.open) {
    report.finding({
      subject,
      seen: `${describeMoment(now, zone)}: ${opening.why}`,
      expected: "a move up inside of windows and outside of blackouts",
      remedy:
        opening.next === undefined
          ? "correct the settings windows and blackouts: no window ever opens"
          : `run the same update from ${describeMoment(opening.next, zone)} on; the way back is open at any time`,
    });
  } else if (opening.until !== undefined && opening.until.getTime() - now.getTime() < SOON_MS) {
    report.note(`${opening.why}; it closes at ${describeMoment(opening.until, zone)}`);
  }
  return report.result();
}

function isUp({ kind, from, to }: Move): boolean {
  // A has nothing to serve with after `decommission`: B's share that was lowered by hand is given back at any time.
  if (from === "decommission") return false;
  if (kind === "leave-rollback") return shapeOf(to).controlPlaneB;
  return kind === "up" || kind === "override";
}
