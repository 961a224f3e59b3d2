import assert from "node:assert/strict";
import fc from "fast-check";
import { misfitsOf, parseTicket, renderTicket, settingsDigest, TicketError, type Ticket } from "../../migration/ticket";
import { configOf, PROJECT, SECRET_KEYS } from "./stackConfig";

const HASH = "a".repeat(64);
const NOW = new Date("2026-03-10T12:00:00Z");
const REHEARSED = { version: "3.9.18", trafficSteps: [5, 25, 100], source: "snapshot" };
const DEMAND = { program: HASH, rehearsed: REHEARSED, maximumAgeDays: 14 };

const TICKET: Ticket = {
  version: 1,
  at: "2026-03-08T12:00:00.000Z",
  of: "rehearsal migration",
  program: HASH,
  settings: HASH,
  rehearsed: REHEARSED,
  stages: [
    "prepare", "freeze", "restore", "start", "traffic-5", "traffic-25", "rollback", "traffic-5", "traffic-25",
    "traffic-100", "complete",
  ], // prettier-ignore
  requests: { sent: 100_000, failed: 0 },
  record: HASH,
};

describe("the ticket of a rehearsal", () => {
  it("comes back from its text as it was", () => {
    assert.deepEqual(parseTicket(renderTicket(TICKET)), TICKET);
    assert.deepEqual(parseTicket(renderTicket({ ...TICKET, requests: null })).requests, null);
  });

  it("is refused when anything of it was changed, or is missing", () => {
    const text = renderTicket(TICKET);
    for (const [from, to] of [
      ["2026-03-08", "2026-03-09"],
      ['"rollback"', '"traffic-5"'],
      ['"failed": 0', '"failed": 1'],
      [HASH, "b".repeat(64)],
    ] as const) {
      assert.notEqual(text.replace(from, to), text);
      assert.throws(() => parseTicket(text.replace(from, to)), TicketError);
    }
    for (const broken of ["", "{}", text.slice(0, -20), "[]", text.replace('"of"', '"off"')]) {
      assert.throws(() => parseTicket(broken), TicketError);
    }
    fc.assert(
      fc.property(fc.string(), (any) => {
        assert.throws(() => parseTicket(any), TicketError);
      }),
    );
  });

  it("lets production go when it is fresh and of the same program", () => {
    assert.deepEqual(misfitsOf(TICKET, DEMAND, NOW), []);
    assert.deepEqual(misfitsOf({ ...TICKET, requests: null }, DEMAND, NOW), []);
  });

  const WRONG: readonly (readonly [string, Partial<Ticket>, RegExp])[] = [
    ["too old", { at: "2026-02-20T12:00:00.000Z" }, /18 days old/],
    ["from the future", { at: "2026-04-20T12:00:00.000Z" }, /expected|2026-04-20/],
    ["another program", { program: "b".repeat(64) }, /another program/],
    ["another version", { rehearsed: { ...REHEARSED, version: "3.9.17" } }, /version "3\.9\.17"/],
    ["other steps", { rehearsed: { ...REHEARSED, trafficSteps: [5, 100] } }, /trafficSteps \[5,100\]/],
    ["another source", { rehearsed: { ...REHEARSED, source: "dump" } }, /source "dump"/],
    ["not to its end", { stages: TICKET.stages.slice(0, -1) }, /without complete/],
    ["no rollback", { stages: TICKET.stages.filter((stage) => stage !== "rollback") }, /without a rollback/],
    [
      "a rollback before any traffic",
      { stages: ["prepare", "freeze", "restore", "start", "rollback", "traffic-5", "traffic-25", "traffic-100", "complete"] },
      /without a rollback/,
    ], // prettier-ignore
    ["failed requests", { requests: { sent: 10, failed: 1 } }, /1 requests failed/],
  ];
  for (const [name, change, seen] of WRONG) {
    it(`does not: ${name}`, () => {
      const misfits = misfitsOf({ ...TICKET, ...change }, DEMAND, NOW);
      assert.equal(misfits.length, 1, JSON.stringify(misfits));
      assert.match(misfits[0]?.seen ?? "", seen);
    });
  }

  it("has a digest of the plain settings that neither moves nor secrets change", () => {
    const digest = (changes: Record<string, unknown>): string =>
      settingsDigest({
        project: PROJECT,
        stack: "prod",
        values: configOf("prod", changes),
        isSecret: (key) => SECRET_KEYS.includes(key),
      });
    assert.equal(digest({ stage: "traffic-5", controlPlaneToken: "another" }), digest({}));
    assert.notEqual(digest({ soakHours: 47 }), digest({}));
  });
});
