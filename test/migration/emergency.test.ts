import assert from "node:assert/strict";
import { digestOfTables } from "../../migration/configurationDigest";
import { judgeMove, judgeWeights, type MoveContext } from "../../migration/moves";
import {
  appendEntry,
  EMPTY_RECORD,
  parseRecord,
  renderRecord,
  stateOf,
  type EntryDraft,
  type MigrationRecord,
} from "../../migration/record";
import { allStages, legalNext } from "../../migration/stages";

const trafficSteps = [5, 25, 50, 75, 100];
const open: MoveContext = {
  trafficSteps,
  emergencyChange: { by: "ada", reason: "x" },
  rollbackId: "0123456789ab",
  acknowledgeRollback: "0123456789ab",
};

describe("emergency change: moves", () => {
  it("holds every move up and no other, from every stage", () => {
    for (const from of allStages(trafficSteps)) {
      for (const to of legalNext(from, trafficSteps)) {
        const without = judgeMove(from, to, { ...open, emergencyChange: undefined });
        const verdict = judgeMove(from, to, open);
        assert.ok(without.allowed, `${from} -> ${to}`);
        const up = ["up", "leave-rollback"].includes(without.kind);
        assert.equal(verdict.allowed, !up, `${from} -> ${to}`);
        if (verdict.allowed) continue;
        assert.match(verdict.reason, /emergency change is open \(ada: x\)/);
        assert.match(
          verdict.remedy,
          new RegExp(`^pulumi config set stage ${from} && pulumi config rm emergencyChange`),
        );
      }
    }
  });

  it("holds an override as well, and says of an illegal move that it is illegal", () => {
    const override = { from: "traffic-5", to: "traffic-75", by: "ada", reason: "x" } as const;
    const verdict = judgeMove("traffic-5", "traffic-75", { ...open, override });
    assert.ok(!verdict.allowed && verdict.reason.includes("emergency"));
    const illegal = judgeMove("traffic-5", "complete", open);
    assert.ok(!illegal.allowed && !illegal.reason.includes("emergency"));
  });

  it("lets weights fall and stay, never rise", () => {
    for (const from of [0, ...trafficSteps]) {
      for (const to of [0, ...trafficSteps])
        assert.equal(judgeWeights(from, to, open).allowed, to <= from, `${from} -> ${to}`);
    }
  });
});

describe("emergency change: record", () => {
  let hour = 0;
  const draft = (stage: EntryDraft["stage"], more: Partial<EntryDraft> = {}): EntryDraft => ({
    at: new Date(Date.parse("2026-03-01T00:00:00Z") + (hour += 1) * 3_600_000).toISOString(),
    stage,
    from: null,
    kind: "up",
    weightB: 0,
    by: "x",
    commit: "-",
    copy: 1,
    checks: [],
    ...more,
  });
  const recordOf = (...drafts: readonly EntryDraft[]): MigrationRecord =>
    drafts.reduce((record, one) => appendEntry(record, one).record, EMPTY_RECORD);
  const opened = { state: "open", by: "ada", reason: "why" } as const;

  it("stays open until it is closed or everything is given up", () => {
    const begun = recordOf(draft("traffic-5", { emergency: opened }), draft("rollback", { kind: "rollback" }));
    assert.deepEqual(stateOf(begun)?.emergency, { by: "ada", reason: "why", since: begun.entries[0]?.at });
    const closed = appendEntry(
      begun,
      draft("rollback", { kind: "stay", emergency: { ...opened, state: "closed", changes: { a: 1, b: 2 } } }),
    );
    assert.equal(stateOf(closed.record)?.emergency, undefined);
    assert.equal(stateOf(appendEntry(begun, draft("abandon", { kind: "abandon" })).record)?.emergency, undefined);
  });

  it("keeps what was taken last, with its evidence, and when it was last seen equal; a new freeze forgets all", () => {
    const evidence = (letter: string): string => letter.repeat(64);
    const restore = draft("restore", { digests: { configurationA: { "*": "1:a" } }, evidence: evidence("a") });
    const start = draft("start", { digests: { configurationB: "1:a", copy: "1:1:a" }, evidence: evidence("b") });
    const step = draft("traffic-5", {
      checks: [{ name: "freeze held", verdict: "holds" }, { name: "still equal", verdict: "fails" }, { name: "health", verdict: "holds" }],
      evidence: evidence("c"),
    }); // prettier-ignore
    const state = stateOf(recordOf(restore, start, step));
    assert.deepEqual(state?.fingerprintA, { at: restore.at, evidence: evidence("a") });
    assert.deepEqual(state.baselineB, { at: start.at, evidence: evidence("b"), digest: "1:a" });
    assert.equal(state.copyProvedAt, start.at);
    assert.deepEqual(state.seen, { "freeze held": step.at });
    const again = stateOf(recordOf(restore, start, step, draft("abandon"), draft("prepare")));
    for (const gone of ["fingerprintA", "baselineB", "copyProvedAt", "seen"] as const)
      assert.equal(again?.[gone], undefined, gone);
  });

  it("fits into an entry with every text at its longest, and survives folding", () => {
    const long = "ä".repeat(1000);
    const emergency = { state: "closed", by: long, reason: long, changes: { a: 100_000, b: 100_000 } } as const;
    const tables = Array.from({ length: 60 }, (_, n) => ({
      table: `public.table_${n}`,
      rows: 10_000n,
      digest: "0123456789ab",
    }));
    const configurationA = digestOfTables(tables);
    const entry = draft("traffic-5", {
      by: long,
      commit: long,
      emergency,
      digests: { configurationA },
      evidence: "a".repeat(64),
    });
    let record = recordOf(draft("traffic-5", { emergency: { ...opened, by: long, reason: long } }));
    for (let count = 0; count < 60; count += 1) record = appendEntry(record, { ...entry, at: draft("traffic-5").at, emergency: count === 59 ? emergency : undefined }).record; // prettier-ignore
    assert.ok(record.folded);
    assert.deepEqual(parseRecord(renderRecord(record)).folded, record.folded);
    assert.ok(record.folded.carried?.emergency);
    assert.equal(stateOf(record)?.emergency, undefined);
  });
});
