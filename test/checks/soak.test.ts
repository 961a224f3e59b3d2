import assert from "node:assert/strict";
import { Systems, type GateContext } from "../../checks/context";
import { type CheckResult } from "../../checks/result";
import { soak } from "../../checks/soak";
import { EMPTY_RECORD, type MigrationRecord } from "../../migration/record";
import { type Stage } from "../../migration/stages";
import { recordOf } from "../support/recordOf";
import { REQUEST, SCOPE } from "./support/scope";

const BEGIN = Date.parse("2026-03-01T00:00:00Z");
const time = (hour: number): Date => new Date(BEGIN + hour * 3_600_000);

function record(...entries: readonly (readonly [Stage, number])[]): MigrationRecord {
  return recordOf(...entries.map(([stage, hour]) => [stage, time(hour).getTime()] as const));
}

function check(
  to: Stage,
  history: MigrationRecord,
  hour: number,
  more: Partial<GateContext> = {},
): Promise<CheckResult> {
  const { signal } = new AbortController();
  return soak.run({
    scope: SCOPE,
    signal,
    systems: new Systems(SCOPE, signal, {}),
    move: { from: undefined, to, kind: "up", copiesAnew: false, mode: "record", liveWeightsB: [] },
    record: history,
    soakHours: REQUEST.soakHours,
    standbyHours: REQUEST.standbyHours,
    calendar: REQUEST.calendar,
    now: time(hour),
    verifiedAt: undefined,
    ...more,
  });
}

describe("check: soak", () => {
  const at100 = record(["traffic-75", 0], ["traffic-100", 10]);

  it("holds complete until the time at 100 % is over, and says when", async () => {
    const early = await check("complete", at100, 33.5);
    assert.equal(early.verdict, "fails");
    assert.match(early.findings[0]?.seen ?? "", /^23\.5 hours, since 2026-03-01T10:00:00\.000Z/);
    assert.match(early.findings[0]?.remedy ?? "", /2026-03-02T10:00:00\.000Z/);
    assert.equal((await check("complete", at100, 34)).verdict, "holds");
  });

  it("counts through entries that stay, and anew after each time below 100 %", async () => {
    const stays = record(["traffic-100", 10], ["traffic-100", 30]);
    assert.equal((await check("complete", stays, 34)).verdict, "holds");
    for (const below of ["traffic-75", "rollback"] as const) {
      const broken = record(["traffic-100", 0], [below, 30], ["traffic-100", 31]);
      assert.equal((await check("complete", broken, 54)).verdict, "fails", below);
      assert.equal((await check("complete", broken, 55)).verdict, "holds", below);
    }
  });

  it("counts from when the weights really rose, when that was verified later", async () => {
    assert.equal((await check("complete", at100, 40, { verifiedAt: time(20) })).verdict, "fails");
    assert.equal((await check("complete", at100, 44, { verifiedAt: time(20) })).verdict, "holds");
    assert.equal((await check("complete", at100, 34, { verifiedAt: time(2) })).verdict, "holds");
  });

  it("holds decommission until the standby is over, counted from complete", async () => {
    const complete = record(["traffic-100", 0], ["complete", 30]);
    assert.equal((await check("decommission", complete, 77.9)).verdict, "fails");
    assert.equal((await check("decommission", complete, 78)).verdict, "holds");
  });

  it("refuses a time that lies ahead", async () => {
    assert.equal((await check("complete", at100, 5)).verdict, "fails");
  });

  it("takes no time at all where the settings say zero", async () => {
    assert.equal((await check("complete", at100, 10, { soakHours: 0 })).verdict, "holds");
  });

  it("refuses a record that does not tell", async () => {
    for (const history of [EMPTY_RECORD, record(["traffic-75", 0])]) {
      assert.equal((await check("complete", history, 1000)).verdict, "fails");
    }
    assert.equal((await check("decommission", at100, 1000)).verdict, "fails");
  });

  it("applies to complete and decommission alone", () => {
    const asked = ["prepare", "start", "traffic-100", "complete", "decommission", "rollback"] as const;
    const move = { from: undefined, kind: "up", copiesAnew: false, mode: "record", liveWeightsB: [] } as const;
    assert.deepEqual(
      asked.filter((to) => soak.appliesTo({ ...move, to })),
      ["complete", "decommission"],
    );
  });
});
