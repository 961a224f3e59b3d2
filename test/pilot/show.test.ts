import assert from "node:assert/strict";
import { type Decision, type GateAnswer } from "../../pilot/decide";
import { type PilotLook } from "../../pilot/pilot";
import { Screen } from "../../pilot/show";

const AT = new Date("2026-03-02T22:00:00Z");

function look(requests: number, decision: Decision, gate: Partial<GateAnswer> = {}): PilotLook {
  return {
    at: AT,
    stage: "traffic-25",
    weightB: 25,
    decision,
    gate: {
      verdict: "fails",
      checks: [],
      judge: "hold",
      figures: {
        shareB: 24.8,
        a: { requests: requests * 3, errors: 0, p50Ms: 11, p95Ms: 41 },
        b: { requests, errors: 2, p95Ms: 43 },
        toGo: "1,200 requests on B, about 12 min",
      },
      ...gate,
    },
  };
}

const HELD: Decision = { kind: "wait", hold: true, until: AT, reasons: ["judge: too few requests"] };

class Terminal {
  text = "";
  constructor(
    readonly isTTY: boolean,
    readonly columns = 200,
  ) {}
  write(text: string): void {
    this.text += text;
  }
  /** What a person sees at the end: rows that were taken back are gone. */
  get shown(): readonly string[] {
    const rows: string[] = [];
    for (const part of this.text.split(/(\u001b\[\d+A\u001b\[0J)/)) {
      const back = /^\u001b\[(\d+)A/.exec(part);
      if (back === null) rows.push(...part.split("\n").slice(0, -1));
      else rows.splice(rows.length - Number(back[1]));
    }
    return rows;
  }
}

describe("what people see of the pilot", () => {
  it("is the newest look in rows that are written anew, with the events above it", () => {
    const terminal = new Terminal(true);
    const screen = new Screen(terminal);
    screen.look(look(400, HELD));
    screen.event({ at: AT.toISOString(), run: "1", by: "alice", event: "hold", stage: "traffic-25", reasons: ["x"] });
    screen.look(look(401, HELD));
    screen.look(look(1402, HELD));
    assert.deepEqual(terminal.shown, [
      "2026-03-02T22:00:00.000Z  hold  stage traffic-25  reasons x",
      "2026-03-02T22:00:00.000Z  traffic-25  B 25 % (measured 24.8 %)  gate fails (judge hold)  held until 2026-03-02T22:00:00.000Z at the latest",
      "    A      4,206 requests      0 errors (0.00 %)  median 11 ms  p95 41 ms",
      "    B      1,402 requests      2 errors (0.14 %)  p95 43 ms",
      "    to go  1,200 requests on B, about 12 min",
      "    judge: too few requests",
    ]);
  });

  it("never wraps a row", () => {
    const terminal = new Terminal(true, 40);
    const screen = new Screen(terminal);
    screen.look(look(400, HELD));
    screen.look(look(500, HELD));
    assert.ok(terminal.shown.every((row) => row.length < 40));
    assert.equal(terminal.shown.length, 5);
  });

  it("is a line for what is new where there is no terminal, and figures now and then", () => {
    const log = new Terminal(false);
    let now = 0;
    const screen = new Screen(log, () => now);
    screen.look(look(400, HELD));
    const first = log.text;
    screen.look(look(900, HELD));
    assert.equal(log.text, first, "other figures alone are no news");
    screen.look(look(900, { kind: "advance", to: "traffic-50" }, { verdict: "holds", judge: "go" }));
    assert.match(log.text.slice(first.length), /^\S+ {2}traffic-25 {2}B 25 % .*enters traffic-50\n/);
    screen.look(look(900, HELD));
    const before = log.text;
    now = 5 * 60_000;
    screen.look(look(1400, HELD));
    assert.match(log.text.slice(before.length), /1,400 requests/);
    assert.doesNotMatch(log.text, /\u001b/);
  });

  it("leaves out what was not measured", () => {
    const log = new Terminal(false);
    new Screen(log).look(look(1, HELD, { figures: undefined, judge: undefined }));
    assert.equal(log.text.split("\n").length, 3);
  });
});
