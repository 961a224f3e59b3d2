import assert from "node:assert/strict";
import fc from "fast-check";
import { WEEKDAYS } from "../../migration/settings/calendarSchema";
import { type Calendar, describeMoment, momentOf, openingAt, type WeeklyWindow } from "../../migration/windows";

const BERLIN = "Europe/Berlin";
const at = (iso: string): Date => new Date(iso);
const iso = (moment: Date | undefined): string | undefined => moment?.toISOString().replace(/:00\.000Z$/, "Z");

/** A calendar in Berlin. */
function weekly(...windows: readonly (readonly [readonly WeeklyWindow["days"][number][], string, string])[]): Calendar {
  return {
    windows: { timeZone: BERLIN, weekly: windows.map(([days, from, to]) => ({ days, from, to })) },
    blackouts: [],
  };
}

describe("windows: local times of days on which the clock changes", () => {
  // Berlin: 2026-03-29 02:00 -> 03:00 (01:00Z), 2026-10-25 03:00 -> 02:00 (01:00Z).
  const cases: readonly (readonly [string, string, string])[] = [
    ["2026-01-15T22:00", BERLIN, "2026-01-15T21:00Z"],
    ["2026-07-15T22:00", BERLIN, "2026-07-15T20:00Z"],
    ["2026-07-15", BERLIN, "2026-07-14T22:00Z"],
    ["2026-07-15T24:00", BERLIN, "2026-07-15T22:00Z"],
    ["2026-03-29T01:59", BERLIN, "2026-03-29T00:59Z"],
    ["2026-03-29T02:00", BERLIN, "2026-03-29T01:00Z"],
    ["2026-03-29T02:30", BERLIN, "2026-03-29T01:00Z"],
    ["2026-03-29T03:00", BERLIN, "2026-03-29T01:00Z"],
    ["2026-03-29T03:01", BERLIN, "2026-03-29T01:01Z"],
    ["2026-10-25T01:59", BERLIN, "2026-10-24T23:59Z"],
    ["2026-10-25T02:00", BERLIN, "2026-10-25T00:00Z"],
    ["2026-10-25T02:30", BERLIN, "2026-10-25T00:30Z"],
    ["2026-10-25T03:00", BERLIN, "2026-10-25T02:00Z"],
    // Half an hour, in the other hemisphere: 2026-10-04 02:00 -> 02:30, 2026-04-05 02:00 -> 01:30.
    ["2026-10-04T02:15", "Australia/Lord_Howe", "2026-10-03T15:30Z"],
    ["2026-04-05T01:45", "Australia/Lord_Howe", "2026-04-04T14:45Z"],
    // A whole day that never was.
    ["2011-12-30T12:00", "Pacific/Apia", "2011-12-30T10:00Z"],
    ["2011-12-29T23:59", "Pacific/Apia", "2011-12-30T09:59Z"],
    ["2011-12-31T00:00", "Pacific/Apia", "2011-12-30T10:00Z"],
    ["2026-06-01T05:45", "Asia/Kathmandu", "2026-06-01T00:00Z"],
  ];
  for (const [local, zone, expected] of cases) {
    it(`${local} ${zone} is ${expected}`, () => assert.equal(iso(momentOf(local, zone)), expected));
  }

  it("that cannot be placed are no time at all", () => {
    for (const [local, zone] of [
      ["2026-02-30", BERLIN],
      ["soon", BERLIN],
      ["2026-02-03", "Europe/Nowhere"],
    ] as const) {
      assert.throws(() => momentOf(local, zone), RangeError, `${local} ${zone}`);
    }
  });

  it("are told in the zone and in UTC", () => {
    assert.equal(
      describeMoment(at("2026-03-29T01:00Z"), BERLIN),
      "Sun 2026-03-29 03:00 Europe/Berlin (2026-03-29T01:00:00Z)",
    );
  });
});

describe("windows: open or not, until when, and when again", () => {
  const nights = weekly([["mon", "tue", "wed", "thu"], "22:00", "04:00"]);
  const cases: readonly (readonly [string, Calendar, string, boolean, string | undefined])[] = [
    ["no windows, no blackouts", { blackouts: [] }, "2026-01-15T12:00Z", true, undefined],
    // 2026-01-12 is a Monday; Berlin is one hour ahead of UTC.
    ["a minute before it opens", nights, "2026-01-12T20:59Z", false, "2026-01-12T21:00Z"],
    ["the minute it opens", nights, "2026-01-12T21:00Z", true, "2026-01-13T03:00Z"],
    ["past midnight", nights, "2026-01-13T02:59Z", true, "2026-01-13T03:00Z"],
    ["the minute it closes", nights, "2026-01-13T03:00Z", false, "2026-01-13T21:00Z"],
    ["the night of the last day", nights, "2026-01-16T02:59Z", true, "2026-01-16T03:00Z"],
    ["the weekend", nights, "2026-01-16T21:30Z", false, "2026-01-19T21:00Z"],
    ["Sunday past midnight", weekly([["sun"], "22:00", "04:00"]), "2026-01-19T01:00Z", true, "2026-01-19T03:00Z"],
    ["to 24:00", weekly([["mon"], "22:00", "24:00"]), "2026-01-12T22:59Z", true, "2026-01-12T23:00Z"],
    ["from 24:00 on", weekly([["mon"], "22:00", "24:00"]), "2026-01-12T23:00Z", false, "2026-01-19T21:00Z"],
    ["a whole day", weekly([["mon"], "00:00", "24:00"]), "2026-01-11T23:00Z", true, "2026-01-12T23:00Z"],
    ["every day, all day", weekly([[...WEEKDAYS], "00:00", "24:00"]), "2026-01-11T23:00Z", true, undefined],
    [
      "windows that touch are one",
      weekly([["mon"], "20:00", "24:00"], [["tue"], "00:00", "06:00"]),
      "2026-01-12T20:00Z",
      true,
      "2026-01-13T05:00Z",
    ],
    [
      "windows that overlap are one",
      weekly([["mon"], "20:00", "02:00"], [["tue"], "01:00", "06:00"]),
      "2026-01-13T00:30Z",
      true,
      "2026-01-13T05:00Z",
    ],
    // Spring: 02:00-03:00 does not exist on 2026-03-29, a Sunday.
    [
      "an hour that does not exist",
      weekly([["sun"], "02:00", "03:00"]),
      "2026-03-28T12:00Z",
      false,
      "2026-04-05T00:00Z",
    ],
    ["inside of it", weekly([["sun"], "02:15", "02:45"]), "2026-03-29T01:00Z", false, "2026-04-05T00:15Z"],
    [
      "into it: closes at the change",
      weekly([["sun"], "01:00", "02:30"]),
      "2026-03-29T00:30Z",
      true,
      "2026-03-29T01:00Z",
    ],
    [
      "out of it: opens at the change",
      weekly([["sun"], "02:30", "05:00"]),
      "2026-03-29T01:00Z",
      true,
      "2026-03-29T03:00Z",
    ],
    ["across it: an hour shorter", weekly([["sat"], "22:00", "04:00"]), "2026-03-28T21:00Z", true, "2026-03-29T02:00Z"],
    // Autumn: 02:00-03:00 comes twice on 2026-10-25, a Sunday.
    [
      "an hour that comes twice, whole",
      weekly([["sun"], "02:00", "03:00"]),
      "2026-10-25T00:00Z",
      true,
      "2026-10-25T02:00Z",
    ],
    ["within it: the first time", weekly([["sun"], "02:15", "02:45"]), "2026-10-25T00:15Z", true, "2026-10-25T00:45Z"],
    ["within it: not again", weekly([["sun"], "02:15", "02:45"]), "2026-10-25T01:15Z", false, "2026-11-01T01:15Z"],
    ["across it: an hour longer", weekly([["sat"], "22:00", "04:00"]), "2026-10-24T20:00Z", true, "2026-10-25T03:00Z"],
  ];
  for (const [what, calendar, now, open, then] of cases) {
    it(`${what}: ${open ? "open" : "closed"}`, () => {
      const opening = openingAt(calendar, at(now));
      assert.equal(opening.open, open);
      assert.equal(iso(opening.open ? opening.until : opening.next), then);
    });
  }

  it("says which window, and which windows there are", () => {
    const calendar = weekly([["mon", "tue"], "22:00", "04:00"], [["sat"], "00:00", "24:00"]);
    assert.equal(openingAt(calendar, at("2026-01-12T22:00Z")).why, "in the window mon tue 22:00-04:00 Europe/Berlin");
    assert.equal(
      openingAt(calendar, at("2026-01-12T12:00Z")).why,
      "outside of every window: mon tue 22:00-04:00; sat 00:00-24:00 Europe/Berlin",
    );
    assert.equal(openingAt({ blackouts: [] }, at("2026-01-12T12:00Z")).why, "no windows are set");
  });
});

describe("windows: blackouts", () => {
  const festive = { from: "2026-12-24", to: "2027-01-02T06:00", reason: "peak season" } as const;
  const nights = weekly([["mon", "tue", "wed", "thu", "fri"], "22:00", "04:00"]);
  const cases: readonly (readonly [string, Calendar, string, boolean, string | undefined])[] = [
    // In UTC, without windows.
    ["a moment before", { blackouts: [festive] }, "2026-12-23T23:59Z", true, "2026-12-24T00:00Z"],
    ["its first moment", { blackouts: [festive] }, "2026-12-24T00:00Z", false, "2027-01-02T06:00Z"],
    ["its last moment", { blackouts: [festive] }, "2027-01-02T05:59Z", false, "2027-01-02T06:00Z"],
    ["its end", { blackouts: [festive] }, "2027-01-02T06:00Z", true, undefined],
    [
      "its own zone",
      { blackouts: [{ ...festive, timeZone: "America/New_York" }] },
      "2026-12-24T04:59Z",
      true,
      "2026-12-24T05:00Z",
    ],
    // In the windows' zone: midnight in Berlin is 23:00 UTC.
    ["cuts a window short", { ...nights, blackouts: [festive] }, "2026-12-23T22:30Z", true, "2026-12-23T23:00Z"],
    ["outranks a window", { ...nights, blackouts: [festive] }, "2026-12-24T22:30Z", false, "2027-01-04T21:00Z"],
    [
      "ends inside a window: open from its end on",
      { ...nights, blackouts: [{ from: "2026-01-12T20:00", to: "2026-01-12T23:30", reason: "release" }] },
      "2026-01-12T21:30Z",
      false,
      "2026-01-12T22:30Z",
    ],
    [
      "the next window lies in the next blackout",
      {
        ...nights,
        blackouts: [
          { from: "2026-01-13T12:00", to: "2026-01-14T12:00", reason: "audit" },
          { from: "2026-01-14T12:00", to: "2026-01-15T23:00", reason: "audit, day 2" },
        ],
      },
      "2026-01-13T10:00Z",
      false,
      "2026-01-15T22:00Z",
    ],
    [
      "of no length",
      { blackouts: [{ from: "2026-01-12", to: "2026-01-12", reason: "nothing" }] },
      "2026-01-12T00:00Z",
      true,
      undefined,
    ],
    [
      "from an hour that does not exist: from the change on",
      { blackouts: [{ from: "2026-03-29T02:30", to: "2026-03-29T04:00", reason: "x", timeZone: BERLIN }] },
      "2026-03-29T01:00Z",
      false,
      "2026-03-29T02:00Z",
    ],
  ];
  for (const [what, calendar, now, open, then] of cases) {
    it(`${what}: ${open ? "open" : "closed"}`, () => {
      const opening = openingAt(calendar, at(now));
      assert.equal(opening.open, open);
      assert.equal(iso(opening.open ? opening.until : opening.next), then);
    });
  }

  it("say why", () => {
    assert.equal(
      openingAt({ blackouts: [festive] }, at("2026-12-25T00:00Z")).why,
      "in the blackout 2026-12-24 to 2027-01-02T06:00 UTC: peak season",
    );
  });

  it("that cannot be placed are never no blackout", () => {
    assert.throws(() => openingAt({ blackouts: [{ ...festive, timeZone: "Mars/Base" }] }, at("2026-01-01T00:00Z")));
  });
});

describe("windows: properties over any calendar", () => {
  const two = (n: number): string => String(n).padStart(2, "0");
  const time = fc.tuple(fc.integer({ min: 0, max: 23 }), fc.integer({ min: 0, max: 59 }));
  const clock = time.map(([hour, minute]) => `${two(hour)}:${two(minute)}`);
  const zone = fc.constantFrom(BERLIN, "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC");
  const window = fc.record({
    days: fc.uniqueArray(fc.constantFrom(...WEEKDAYS), { minLength: 1 }),
    from: clock,
    to: fc.oneof(clock, fc.constant("24:00")),
  });
  // 2026 as a whole, with its changes of the clock; moments are whole minutes.
  const FIRST = Date.UTC(2026, 0, 1);
  const minute = fc.integer({ min: 0, max: 366 * 24 * 60 }).map((minutes) => new Date(FIRST + minutes * 60_000));
  const blackout = fc
    .tuple(minute, fc.integer({ min: 0, max: 20 * 24 * 60 }), fc.option(zone, { nil: undefined }))
    .map(([begin, minutes, timeZone]) => ({
      from: begin.toISOString().slice(0, 16),
      to: new Date(begin.getTime() + minutes * 60_000).toISOString().slice(0, 16),
      reason: "x",
      timeZone,
    }));
  const calendar: fc.Arbitrary<Calendar> = fc.record({
    windows: fc.option(fc.record({ timeZone: zone, weekly: fc.array(window, { minLength: 1, maxLength: 3 }) }), {
      nil: undefined,
    }),
    blackouts: fc.array(blackout, { maxLength: 3 }),
  });
  const isOpen = (of: Calendar, moment: number): boolean => openingAt(of, new Date(moment)).open;

  it("the next opening is open, and nothing before it is", () => {
    fc.assert(
      fc.property(calendar, minute, fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), (of, now, part) => {
        const opening = openingAt(of, now);
        if (opening.open) return;
        assert.ok(opening.next !== undefined);
        const next = opening.next.getTime();
        assert.ok(next > now.getTime());
        assert.ok(isOpen(of, next));
        assert.ok(!isOpen(of, next - 1));
        assert.ok(!isOpen(of, Math.min(next - 1, Math.floor(now.getTime() + part * (next - now.getTime())))));
      }),
      { numRuns: 100 },
    );
  });

  it("it is open until then, and no longer", () => {
    fc.assert(
      fc.property(calendar, minute, fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), (of, now, part) => {
        const opening = openingAt(of, now);
        if (!opening.open || opening.until === undefined) return;
        const until = opening.until.getTime();
        assert.ok(until > now.getTime());
        assert.ok(isOpen(of, until - 1));
        assert.ok(!isOpen(of, until));
        assert.ok(isOpen(of, Math.min(until - 1, Math.floor(now.getTime() + part * (until - now.getTime())))));
      }),
      { numRuns: 100 },
    );
  });

  it("in a zone whose clock never changes, it is the clock on the wall that counts", () => {
    fc.assert(
      fc.property(window, minute, ({ days, from, to }, now) => {
        const of: Calendar = { windows: { timeZone: "UTC", weekly: [{ days, from, to }] }, blackouts: [] };
        const shown = now.toISOString().slice(11, 16);
        const day = (shift: number): (typeof WEEKDAYS)[number] | undefined =>
          WEEKDAYS[(now.getUTCDay() + 6 + shift) % 7];
        const opens = (shift: number): boolean => days.some((name) => name === day(shift));
        const pastMidnight = to <= from;
        const today = opens(0) && shown >= from && (pastMidnight || shown < to);
        const sinceYesterday = opens(6) && pastMidnight && shown < to;
        assert.equal(openingAt(of, now).open, today || sinceYesterday);
      }),
      { numRuns: 200 },
    );
  });

  it("more blackouts never open anything", () => {
    fc.assert(
      fc.property(calendar, blackout, minute, (of, more, now) => {
        const fewer = isOpen(of, now.getTime());
        assert.ok(fewer || !isOpen({ ...of, blackouts: [...of.blackouts, more] }, now.getTime()));
      }),
      { numRuns: 100 },
    );
  });
});
