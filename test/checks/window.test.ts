import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type GateContext, type Move, Systems } from "../../checks/context";
import { runGate } from "../../checks/gate";
import { window } from "../../checks/window";
import { type GateRequest } from "../../migration/gateRequest";
import { appendEntry, EMPTY_RECORD, lastEntry, parseRecord, renderRecord } from "../../migration/record";
import { type MoveKind, shapeOf, type Stage } from "../../migration/stages";
import { type Calendar } from "../../migration/windows";
import { REQUEST, SCOPE } from "./support/scope";

const ROOT = resolve(__dirname, "..", "..");
const NIGHTS: Calendar = {
  windows: { timeZone: "Europe/Berlin", weekly: [{ days: ["mon", "tue", "wed", "thu"], from: "22:00", to: "04:00" }] },
  blackouts: [{ from: "2026-01-13T23:00", to: "2026-01-16", reason: "audit" }],
};
/** A Monday: 13:00 in Berlin, and 22:30 of its evening. */
const NOON = new Date("2026-01-12T12:00:00Z");
const EVENING = new Date("2026-01-12T21:30:00Z");

function move(from: Stage | undefined, to: Stage, kind: MoveKind): Move {
  return { from, to, kind, copiesAnew: false, mode: "record", liveWeightsB: [] };
}

function context(now: Date, calendar: Calendar = NIGHTS): GateContext {
  const { signal } = new AbortController();
  return {
    scope: SCOPE,
    signal,
    systems: new Systems(SCOPE, signal, {}),
    move: move("traffic-5", "traffic-25", "up"),
    record: EMPTY_RECORD,
    soakHours: 1,
    standbyHours: 1,
    calendar,
    now,
    verifiedAt: undefined,
  };
}

describe("check: window", () => {
  const bound: readonly (readonly [Stage | undefined, Stage, MoveKind, boolean])[] = [
    ["prepare", "freeze", "up", true],
    ["start", "traffic-5", "up", true],
    ["traffic-100", "complete", "up", true],
    ["complete", "decommission", "up", true],
    ["traffic-5", "traffic-75", "override", true],
    ["rollback", "traffic-5", "leave-rollback", true],
    ["rollback", "start", "leave-rollback", true],
    ["rollback", "abandon", "leave-rollback", false],
    ["traffic-50", "rollback", "rollback", false],
    ["traffic-50", "traffic-5", "down", false],
    ["traffic-50", "traffic-50", "stay", false],
    ["start", "abandon", "abandon", false],
    ["abandon", "prepare", "reopen", false],
    [undefined, "prepare", "first", false],
    // The rules alone, made good after their weights were lowered by hand: A has nothing to serve with.
    ["decommission", "decommission", "up", false],
  ];
  for (const [from, to, kind, binds] of bound) {
    it(`${from ?? "(new)"} -> ${to} (${kind}) is ${binds ? "" : "not "}bound`, () =>
      assert.equal(window.appliesTo(move(from, to, kind)), binds));
  }

  it("outside of every window holds the move, and says why and when again", async () => {
    const { verdict, findings } = await window.run(context(NOON));
    assert.equal(verdict, "fails");
    const [finding] = findings;
    assert.equal(finding?.subject, "the move to traffic-25");
    assert.match(
      finding.seen,
      /^Mon 2026-01-12 13:00 Europe\/Berlin .*: outside of every window: mon tue wed thu 22:00-04:00/,
    );
    assert.match(finding.remedy, /from Mon 2026-01-12 22:00 Europe\/Berlin \(2026-01-12T21:00:00Z\) on/);
  });

  it("in a blackout names its reason, and the opening after it", async () => {
    const { verdict, findings } = await window.run(context(new Date("2026-01-14T22:00:00Z")));
    assert.equal(verdict, "fails");
    assert.match(findings[0]?.seen ?? "", /in the blackout 2026-01-13T23:00 to 2026-01-16 Europe\/Berlin: audit/);
    // Thursday's window goes on past the blackout's end at midnight.
    assert.match(findings[0]?.remedy ?? "", /from Fri 2026-01-16 00:00 /);
  });

  it("inside of a window holds nothing, and says when it closes soon", async () => {
    const inside = await window.run(context(EVENING));
    assert.deepEqual([inside.verdict, inside.notes], ["holds", []]);
    const late = await window.run(context(new Date("2026-01-13T02:45:00Z")));
    assert.equal(late.verdict, "holds");
    assert.match(late.notes[0] ?? "", /closes at Tue 2026-01-13 04:00 Europe\/Berlin/);
  });

  it("without a calendar holds nothing", async () => {
    assert.equal((await window.run(context(NOON, { blackouts: [] }))).verdict, "holds");
  });
});

describe("check: window, in the gate", () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "window-"))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  function recordAt(...stages: readonly Stage[]): string {
    const record = stages.reduce(
      (before, stage, index) =>
        appendEntry(before, {
          at: "2026-01-01T00:00:00.000Z",
          stage,
          from: stages[index - 1] ?? null,
          kind: index === 0 ? "first" : "up",
          weightB: shapeOf(stage).weightB,
          by: "test",
          commit: "-",
          copy: 1,
          checks: [],
        }).record,
      EMPTY_RECORD,
    );
    return renderRecord(record);
  }

  const enter = (stage: Stage, now: Date, previous: string): ReturnType<typeof runGate> => {
    const request: GateRequest = { ...REQUEST, stage, calendar: NIGHTS };
    return runGate({
      stdin: JSON.stringify(request),
      previous,
      environment: {},
      projectFolder: folder,
      checks: [window],
      now: () => now,
    });
  };

  it("the same request is refused at noon and passes in the evening: the clock is the gate's own", async () => {
    const before = recordAt("prepare");
    const noon = await enter("freeze", NOON, before);
    assert.deepEqual([noon.exitCode, noon.stdout], [1, ""]);
    assert.match(noon.stderr, /2026-01-12T21:00:00Z/);
    const evening = await enter("freeze", EVENING, before);
    assert.equal(evening.exitCode, 0, evening.stderr);
    assert.deepEqual(lastEntry(parseRecord(evening.stdout))?.checks, [{ name: "window", verdict: "holds" }]);
  });

  it("the way back and staying pass at noon", async () => {
    const before = recordAt("prepare", "freeze", "restore", "start");
    for (const stage of ["rollback", "start", "abandon"] as const) {
      const outcome = await enter(stage, NOON, before);
      assert.equal(outcome.exitCode, 0, outcome.stderr);
    }
  });
});

describe("check: window, as a command", function () {
  this.timeout(60_000);
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "window-"));
    writeFileSync(join(folder, "Pulumi.yaml"), "name: api7-migration\n");
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  async function check(
    words: readonly string[],
    stdin = "",
  ): Promise<{ code: number | null; stdout: string; stderr: string }> {
    const arguments_ = [
      "--import",
      join(ROOT, "node_modules/tsx/dist/loader.mjs"),
      join(ROOT, "checks/cli.ts"),
      ...words,
    ];
    const child = spawn(process.execPath, arguments_, { cwd: folder });
    const said = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const)
      child[name].on("data", (chunk: Buffer) => (said[name] += chunk.toString("utf8")));
    child.stdin.on("error", () => undefined);
    child.stdin.end(stdin);
    return new Promise((done) => child.on("close", (code) => done({ code, ...said })));
  }

  it("of a stack: 0 when open, 1 with the next opening when not, 2 when it cannot be read", async () => {
    writeFileSync(
      join(folder, "Pulumi.night.yaml"),
      `config:\n  api7-migration:windows: ${JSON.stringify(NIGHTS.windows)}\n  api7-migration:blackouts: []\n`,
    );
    const open = await check(["window", "--stack", "night", "--at", "2026-01-12T22:30+01:00"]);
    assert.equal(open.code, 0, open.stderr);
    assert.equal((JSON.parse(open.stdout) as Record<string, unknown>)["until"], "2026-01-13T03:00:00.000Z");
    const closed = await check(["window", "--stack", "night", "--at", "2026-01-12T12:00Z"]);
    assert.equal(closed.code, 1);
    assert.match(closed.stderr, /2026-01-12T21:00:00Z/);
    writeFileSync(join(folder, "Pulumi.night.yaml"), "config:\n  api7-migration:windows: { timeZone: Mars }\n");
    const wrong = await check(["window", "--stack", "night"]);
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /windows\.timeZone: expected the name of a time zone/);
    assert.equal((await check(["window", "--stack", "nowhere"])).code, 2);
  });

  it("of a gate request, and never of nothing", async () => {
    const request = JSON.stringify({
      ...REQUEST,
      calendar: { blackouts: [{ from: "2020-01-01", to: "2099-01-01", reason: "never" }] },
    });
    const closed = await check(["window", "--json"], request);
    assert.equal(closed.code, 1);
    assert.equal((JSON.parse(closed.stdout) as { verdict: string }).verdict, "fails");
    assert.equal((await check(["window"], "")).code, 2);
    assert.equal((await check(["window", "--at", "noon"], request)).code, 2);
  });
});
