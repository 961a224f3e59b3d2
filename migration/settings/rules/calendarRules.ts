import { DateTime } from "luxon";
import { zoneOfBlackout } from "../calendarSchema";
import { setCommand } from "../commands";
import { finding, type Rule, type RuleFinding } from "./rule";

/** Rules about windows and blackouts: local times that exist, and that come in order. */

const MINUTE = "yyyy-MM-dd'T'HH:mm";

const blackoutsHold: Rule = ({ blackouts, windows }) =>
  (blackouts ?? []).flatMap((blackout, index) => {
    const zone = zoneOfBlackout(blackout, windows);
    const read = (end: "from" | "to"): DateTime | RuleFinding => {
      const text = blackout[end];
      const moment = DateTime.fromISO(text, { zone });
      const path = ["blackouts", index, end];
      if (!moment.isValid) return finding(path, text, "a date of the calendar", "refusal");
      // In the hour that summer time leaves out the clock shows something else.
      const shown = moment.toFormat(MINUTE);
      if (shown === (text.includes("T") ? text : `${text}T00:00`)) return moment;
      const expected = `a time that exists in ${zone}: the clock is set forward then, to ${shown}`;
      return finding(path, text, expected, "refusal", setCommand(path, shown));
    };
    const from = read("from");
    const to = read("to");
    const wrong = [from, to].filter((end): end is RuleFinding => !(end instanceof DateTime));
    if (!(from instanceof DateTime) || !(to instanceof DateTime)) return wrong;
    if (from < to) return [];
    const path = ["blackouts", index, "to"];
    return [finding(path, blackout.to, `later than from, ${blackout.from}`, "refusal")];
  });

const windowsOpen: Rule = ({ windows }) =>
  (windows?.weekly ?? []).flatMap(({ from, to }, index) =>
    from === to
      ? [
          finding(
            ["windows", "weekly", index, "to"],
            to,
            `another time than from, ${from}; the whole day is 00:00 to 24:00`,
            "refusal",
          ),
        ]
      : [],
  );

export const CALENDAR_RULES: readonly Rule[] = [windowsOpen, blackoutsHold];
