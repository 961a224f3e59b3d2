import assert from "node:assert/strict";
import { requireFreshCopy } from "../../components/copyProof";
import { staleCopyProof } from "../../migration/copyAge";
import { appendEntry, EMPTY_RECORD, type MigrationRecord } from "../../migration/record";

const PROVED = "2026-03-01T08:00:00.000Z";

function recordOf(copy: string | undefined): MigrationRecord {
  const entry = { at: PROVED, stage: "start", from: "restore", kind: "up", weightB: 0, by: "x", commit: "-", copy: 1, checks: [] } as const; // prettier-ignore
  return appendEntry(EMPTY_RECORD, { ...entry, ...(copy !== undefined && { digests: { copy } }) }).record;
}

describe("age of the proof of the copy", () => {
  const cases: readonly (readonly [string, MigrationRecord | undefined, string, RegExp | undefined])[] = [
    ["fresh", recordOf("1:1:a"), "2026-03-01T09:00:00Z", undefined],
    ["just within its time", recordOf("1:1:a"), "2026-03-02T08:00:00Z", undefined],
    ["too old", recordOf("1:1:a"), "2026-03-02T08:06:00Z", /proved at 2026-03-01T08:00:00\.000Z, 24\.1 hours ago; at most 24/],
    ["not in the record", recordOf(undefined), "2026-03-01T09:00:00Z", /holds no proof/],
    ["without a record", undefined, "2026-03-01T09:00:00Z", /holds no proof/],
  ]; // prettier-ignore
  for (const [what, record, at, stale] of cases) {
    it(`${what}: ${stale === undefined ? "holds" : "is made anew before control plane B starts"}`, async () => {
      const now = new Date(at);
      const reason = staleCopyProof(record, now, 24);
      if (stale === undefined) assert.equal(reason, undefined);
      else assert.match(reason ?? "", stale);
      const asked: string[] = [];
      const proveCopy = (why: string): Promise<void> => {
        asked.push(why);
        return Promise.resolve();
      };
      await requireFreshCopy({ maximumAgeHours: 24, gate: { history: () => record, proveCopy }, now: () => now });
      assert.deepEqual(asked, reason === undefined ? [] : [reason]);
    });
  }

  it("holds control plane B back when the new proof does not hold", async () => {
    const gate = { history: () => undefined, proveCopy: () => Promise.reject(new Error("route 17 differs")) };
    await assert.rejects(requireFreshCopy({ maximumAgeHours: 24, gate }), /route 17 differs/);
  });
});
