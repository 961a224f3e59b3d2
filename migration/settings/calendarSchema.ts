import { IANAZone } from "luxon";
import { type z } from "zod";
import { form, group, list, oneOf, text } from "./fields";

/** When the way up may be gone. The way back is open at any time. */

/** Days of the week, as {@link windows} names them; index + 1 is the ISO number of the day. */
export const WEEKDAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;

/** Zone of blackouts where neither they nor the windows name one. */
export const DEFAULT_TIME_ZONE = "UTC";

const ZONE = "the name of a time zone such as Europe/Berlin";
const DAY = "(([01]\\d|2[0-3]):[0-5]\\d)";

const timeZone = text(ZONE).refine((name) => IANAZone.isValidZone(name), { error: ZONE });

/** Times of the week at which a move up is allowed. Default: always. */
export const windows = group(
  {
    /** IANA name of the zone that `weekly` is in; summer time is followed. */
    timeZone,
    /** At least one; what any of them covers is open. */
    weekly: list(
      group(
        {
          /** Days on which the window opens. 1-7, each once. */
          days: list(oneOf(WEEKDAYS), "a list of days, mon to sun", 1)
            .max(WEEKDAYS.length, { error: "each day once" })
            .refine((days) => new Set(days).size === days.length, { error: "each day once" }),
          /** Local time of opening, `HH:MM`, 00:00-23:59. */
          from: form(new RegExp(`^${DAY}$`), "a local time from 00:00 to 23:59"),
          /**
           * Local time of closing, `HH:MM`, 00:00-24:00; the window is closed from that minute on. Earlier than `from`: on
           * the day after. `00:00`-`24:00` is the whole day.
           */
          to: form(new RegExp(`^(${DAY}|24:00)$`), "a local time from 00:00 to 24:00"),
        },
        "days, from and to",
      ),
      "a list of at least one window",
      1,
    ),
  },
  "timeZone and weekly",
).optional();

const MOMENT = 'a local date or date and time in quotes, "2026-12-24" or "2026-12-24T18:00"';
const moment = form(/^\d{4}-\d\d-\d\d(T([01]\d|2[0-3]):[0-5]\d)?$/, MOMENT);

/** Spans in which no move up is allowed, windows or not. Default: none. */
export const blackouts = list(
  group(
    {
      /** First local moment, `2026-12-24` (its midnight) or `2026-12-24T18:00`. */
      from: moment,
      /** Local moment at which it is over; a date alone is its midnight, so that day is not part of it. */
      to: moment,
      reason: text("why nothing may move"),
      /** IANA name. Default: that of `windows`, else UTC. */
      timeZone: timeZone.optional(),
    },
    "from, to, reason and timeZone",
  ),
  "a list of blackouts",
).default([]);

/** The zone that a blackout's moments are in. */
export function zoneOfBlackout(
  blackout: { readonly timeZone?: string | undefined },
  weekly: { readonly timeZone: string } | undefined,
): string {
  return blackout.timeZone ?? weekly?.timeZone ?? DEFAULT_TIME_ZONE;
}

export type Windows = z.output<typeof windows>;
export type Blackouts = z.output<typeof blackouts>;
