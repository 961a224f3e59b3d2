import { DateTime, IANAZone } from "luxon";
import { WEEKDAYS, zoneOfBlackout } from "./settings/calendarSchema";

/**
 * When the way up may be gone: weekly windows, and blackouts that outrank them. The way back knows no calendar.
 *
 * A local time of a day stands for the first moment at which the zone's clock shows it or a later one. So a time that the
 * change to summer time leaves out is the change itself (a window that lies wholly inside of it does not open that day),
 * and of a time that comes twice in autumn the first one counts, for opening and for closing: closed is closed.
 */

/** A window of the week, in the zone of {@link Calendar.windows}. */
export interface WeeklyWindow {
  /** Days on which it opens. */
  readonly days: readonly (typeof WEEKDAYS)[number][];
  /** `HH:MM`, 00:00-23:59. */
  readonly from: string;
  /** `HH:MM`, 00:00-24:00; closed from that minute on. Not after `from`: on the day after. */
  readonly to: string;
}

export interface Blackout {
  /** Local date (its midnight) or local date and time, `2026-12-24T18:00`. */
  readonly from: string;
  /** The moment at which it is over; not part of it. */
  readonly to: string;
  readonly reason: string;
  readonly timeZone?: string | undefined;
}

/** The settings `windows` and `blackouts`. */
export interface Calendar {
  /** Undefined: every time of the week. */
  readonly windows?: { readonly timeZone: string; readonly weekly: readonly WeeklyWindow[] } | undefined;
  readonly blackouts: readonly Blackout[];
}

export type Opening =
  | {
      readonly open: true;
      readonly why: string;
      /** When it closes; undefined when it does not within {@link LOOK_AHEAD_DAYS} days. */
      readonly until?: Date | undefined;
    }
  | {
      readonly open: false;
      readonly why: string;
      /** The first moment at which it is open again; undefined when no window ever opens. */
      readonly next?: Date | undefined;
    };

/** How far ahead windows are laid out: a week, and one more for a window that summer time swallows. */
const LOOK_AHEAD_DAYS = 15;
const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/** A span of time in milliseconds since 1970; the end is not part of it. */
interface Span {
  readonly begin: number;
  readonly end: number;
  /** What it is, for people. */
  readonly what: string;
}

/** Whether a move up may be made at this moment, why, and what comes next. */
export function openingAt(calendar: Calendar, at: Date): Opening {
  const now = at.getTime();
  const blackouts = blackoutSpans(calendar);
  const blackout = blackouts.find((span) => covers(span, now));
  if (blackout !== undefined) {
    return { open: false, why: `in the blackout ${blackout.what}`, next: nextOpening(calendar, blackouts, now) };
  }
  const windows = windowSpans(calendar, now);
  if (windows === undefined) {
    return { open: true, why: "no windows are set", until: date(firstBegin(blackouts, now)) };
  }
  const window = windows.find((span) => covers(span, now));
  if (window === undefined) {
    return {
      open: false,
      why: `outside of ${describeWindows(calendar)}`,
      next: nextOpening(calendar, blackouts, now),
    };
  }
  return { open: true, why: `in the window ${window.what}`, until: date(closing(windows, blackouts, now)) };
}

/**
 * The moment at which a local time of a zone is reached: `2026-03-29T02:30`, `2026-03-29`, or a time of `24:00`.
 * @throws RangeError when there is no such zone or day: a span that nobody can place must not count as none
 */
export function momentOf(local: string, timeZone: string): Date {
  const [day = "", time = "00:00"] = local.split("T");
  const [hour = 0, minute = 0] = time.split(":").map(Number);
  const midnight = DateTime.fromISO(day, { zone: "utc" });
  const zone = IANAZone.create(timeZone);
  if (!midnight.isValid || !zone.isValid) throw new RangeError(`${local} ${timeZone} is no local time of a zone`);
  return new Date(reached(midnight.toMillis() + (hour * 60 + minute) * MINUTE_MS, zone));
}

/** A moment for people: in the zone, with its offset. */
export function describeMoment(moment: Date, timeZone: string): string {
  const local = DateTime.fromJSDate(moment, { zone: timeZone });
  return `${local.toFormat("ccc yyyy-MM-dd HH:mm", { locale: "en" })} ${timeZone} (${local.toUTC().toISO({ suppressMilliseconds: true }) ?? ""})`;
}

/**
 * The first moment at which the zone's clock shows `wall` or later.
 * @param wall the local time, as if it were UTC
 */
function reached(wall: number, zone: IANAZone): number {
  // No zone changes its clock twice within two days.
  const before = zone.offset(wall - DAY_MS) * MINUTE_MS;
  const after = zone.offset(wall + DAY_MS) * MINUTE_MS;
  const moments = [before, after].filter((offset) => zone.offset(wall - offset) * MINUTE_MS === offset);
  if (moments.length > 0) return wall - Math.max(...moments);
  // Left out: the moment of the change itself, which lies between the two readings.
  let low = wall - after;
  let high = wall - before;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (zone.offset(middle) * MINUTE_MS === before) low = middle;
    else high = middle;
  }
  return high;
}

/** Every window that begins from two days before to {@link LOOK_AHEAD_DAYS} days after; undefined without windows. */
function windowSpans({ windows }: Calendar, around: number): readonly Span[] | undefined {
  if (windows === undefined) return undefined;
  const { timeZone, weekly } = windows;
  const today = DateTime.fromMillis(around, { zone: timeZone }).toISODate() ?? "";
  const spans: Span[] = [];
  for (let shift = -2; shift <= LOOK_AHEAD_DAYS; shift += 1) {
    const day = DateTime.fromISO(today, { zone: "utc" }).plus({ days: shift });
    const weekday = WEEKDAYS[day.weekday - 1];
    for (const window of weekly.filter(({ days }) => days.some((name) => name === weekday))) {
      const last = window.to <= window.from ? day.plus({ days: 1 }) : day;
      const begin = momentOf(`${day.toISODate() ?? ""}T${window.from}`, timeZone).getTime();
      const end = momentOf(`${last.toISODate() ?? ""}T${window.to}`, timeZone).getTime();
      if (begin < end) spans.push({ begin, end, what: describeWindow(window, timeZone) });
    }
  }
  return spans;
}

function blackoutSpans({ windows, blackouts }: Calendar): readonly Span[] {
  return blackouts.map((blackout) => {
    const zone = zoneOfBlackout(blackout, windows);
    return {
      begin: momentOf(blackout.from, zone).getTime(),
      end: momentOf(blackout.to, zone).getTime(),
      what: `${blackout.from} to ${blackout.to} ${zone}: ${blackout.reason}`,
    };
  });
}

/** Steps from one end of a blackout, or begin of a window, to the next; each blackout is left once at most. */
function nextOpening(calendar: Calendar, blackouts: readonly Span[], from: number): Date | undefined {
  let at: number | undefined = from;
  for (let steps = 0; at !== undefined && steps <= 2 * blackouts.length + 2; steps += 1) {
    const moment: number = at;
    const blackout = blackouts.find((span) => covers(span, moment));
    const windows = windowSpans(calendar, moment);
    if (blackout !== undefined) at = blackout.end;
    else if (windows === undefined || windows.some((span) => covers(span, moment))) return new Date(moment);
    else at = firstBegin(windows, moment);
  }
  return undefined;
}

/** When the open time around a moment ends; undefined when it goes on beyond what was laid out. */
function closing(windows: readonly Span[], blackouts: readonly Span[], now: number): number | undefined {
  let end = now;
  for (;;) {
    const longer = Math.max(...windows.filter((span) => span.begin <= end && end < span.end).map((span) => span.end));
    if (!Number.isFinite(longer)) break;
    end = longer;
  }
  const blackout = firstBegin(blackouts, now);
  if (blackout !== undefined && blackout < end) return blackout;
  return end > now + (LOOK_AHEAD_DAYS - 1) * DAY_MS ? undefined : end;
}

function covers(span: Span, moment: number): boolean {
  return span.begin <= moment && moment < span.end;
}

function firstBegin(spans: readonly Span[], after: number): number | undefined {
  const begins = spans.filter(({ begin, end }) => begin > after && begin < end).map(({ begin }) => begin);
  return begins.length === 0 ? undefined : Math.min(...begins);
}

function date(moment: number | undefined): Date | undefined {
  return moment === undefined ? undefined : new Date(moment);
}

function describeWindows({ windows }: Calendar): string {
  const { timeZone = "", weekly = [] } = windows ?? {};
  return `every window: ${weekly.map((window) => describeWindow(window)).join("; ")} ${timeZone}`;
}

function describeWindow({ days, from, to }: WeeklyWindow, timeZone?: string): string {
  return [days.join(" "), `${from}-${to}`, timeZone].filter((part) => part !== undefined).join(" ");
}
