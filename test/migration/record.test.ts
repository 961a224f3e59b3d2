import assert from "node:assert/strict";
import fc from "fast-check";
import { compareConfiguration, digestOfTables, type TableFingerprint } from "../../migration/configurationDigest";
import {
  appendEntry,
  canonicalJson,
  EMPTY_RECORD,
  entryHash,
  entryId,
  lastEntry,
  MAX_ENTRY_BYTES,
  MAX_RECORD_BYTES,
  parseRecord,
  RecordError,
  renderRecord,
  rollbackId,
  setAside,
  sha256,
  stateOf,
  verifyChain,
  type EntryDraft,
  type MigrationRecord,
} from "../../migration/record";
import { shapeOf, type Stage } from "../../migration/stages";

const BEGIN = Date.parse("2026-03-01T08:00:00.000Z");
const HOUR_MS = 3_600_000;

function draft(stage: Stage, hour: number, more: Partial<EntryDraft> = {}): EntryDraft {
  return {
    at: new Date(BEGIN + hour * HOUR_MS).toISOString(),
    stage,
    from: null,
    kind: "up",
    weightB: shapeOf(stage).weightB,
    by: "arn:aws:sts::123456789012:assumed-role/deploy/ada",
    commit: "0123456789abcdef0123456789abcdef01234567",
    copy: 1,
    checks: [{ name: "live weights", verdict: "holds" }],
    ...more,
  };
}

function recordOf(...drafts: readonly EntryDraft[]): MigrationRecord {
  return drafts.reduce<MigrationRecord>((record, one) => appendEntry(record, one).record, EMPTY_RECORD);
}

const text = fc.string({ unit: "binary", maxLength: 400 });

describe("record: chain", () => {
  it("begins empty, and grows by whole entries that follow from each other", () => {
    assert.deepEqual(parseRecord(""), { entries: [] });
    assert.deepEqual(parseRecord("  \n"), { entries: [] });
    const record = recordOf(draft("prepare", 0, { kind: "first" }), draft("freeze", 1), draft("restore", 2));
    const read = parseRecord(renderRecord(record));
    assert.deepEqual(verifyChain(read), []);
    assert.deepEqual(
      read.entries.map(({ seq, stage }) => [seq, stage]),
      [
        [1, "prepare"],
        [2, "freeze"],
        [3, "restore"],
      ],
    );
    assert.equal(read.entries[0]?.previous, null);
    assert.equal(read.entries[1]?.previous, entryHash(read.entries[0]));
    assert.equal(lastEntry(read)?.stage, "restore");
  });

  it("comes back unchanged from its text, one entry a line, whatever the texts hold", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(text, text), { minLength: 1, maxLength: 6 }), (texts) => {
        const record = recordOf(...texts.map(([by, commit], hour) => draft("prepare", hour, { by, commit })));
        const rendered = renderRecord(record);
        const read = parseRecord(rendered);
        assert.deepEqual(verifyChain(read), []);
        assert.equal(renderRecord(read), rendered);
        // A reader of bytes (Pulumi's state) gives the same.
        assert.equal(renderRecord(parseRecord(Buffer.from(rendered).toString("utf8"))), rendered);
        const lines = rendered.split("\n");
        assert.equal(lines.length, texts.length + 3);
        for (const line of lines) assert.ok(Buffer.byteLength(line) <= MAX_ENTRY_BYTES + 1);
      }),
      { numRuns: 60 },
    );
  });

  it("tells every changed, missing, added and moved entry", () => {
    const record = recordOf(draft("prepare", 0), draft("freeze", 1), draft("restore", 2), draft("start", 3));
    const entries = [...record.entries];
    const [first, second, third, fourth] = entries;
    assert.ok(first && second && third && fourth);
    const broken: Readonly<Record<string, MigrationRecord>> = {
      "first changed": { ...record, entries: [{ ...first, by: "somebody" }, second, third, fourth] },
      "last changed": { ...record, entries: [first, second, third, { ...fourth, weightB: 50 }] },
      "last missing": { ...record, entries: [first, second, third] },
      "middle missing": { ...record, entries: [first, third, fourth] },
      "first missing": { ...record, entries: [second, third, fourth] },
      swapped: { ...record, entries: [first, third, second, fourth] },
      doubled: { ...record, entries: [...entries, fourth] },
    };
    for (const [what, changed] of Object.entries(broken)) {
      assert.notDeepEqual(verifyChain(changed), [], what);
      assert.notDeepEqual(verifyChain(parseRecord(renderRecord(changed))), [], `${what}, read back`);
    }
    assert.deepEqual(verifyChain(record), []);
    // Whoever changes an entry and mends the check sum still has to mend every entry after it.
    for (const what of ["first changed", "middle missing", "swapped"]) {
      assert.notDeepEqual(verifyChain({ ...(broken[what] ?? assert.fail(what)), head: undefined }), [], what);
    }
  });

  it("tells any single changed digit or letter of its text, or refuses to read it", () => {
    const rendered = renderRecord(recordOf(draft("prepare", 0), draft("freeze", 1)));
    fc.assert(
      fc.property(fc.nat(rendered.length - 1), fc.constantFrom("0", "a", "Z", " "), (at, letter) => {
        fc.pre(/[0-9a-zA-Z]/.test(rendered.charAt(at)) && rendered.charAt(at) !== letter);
        const changed = rendered.slice(0, at) + letter + rendered.slice(at + 1);
        try {
          assert.notDeepEqual(verifyChain(parseRecord(changed)), [], changed);
        } catch (error) {
          assert.ok(error instanceof RecordError, String(error));
        }
      }),
      { numRuns: 300 },
    );
  });

  for (const [what, bad] of Object.entries({
    "no JSON": "{",
    HTML: "<html></html>",
    "another document": "{}",
    "another version": '{"version":2,"head":"","entries":[]}',
    "a list": "[]",
    "an unknown field": renderRecord(recordOf(draft("prepare", 0))).replace('"at"', '"when":1,"at"'),
    "an unknown stage": renderRecord(recordOf(draft("prepare", 0))).replace('"stage":"prepare"', '"stage":"go"'),
  })) {
    it(`refuses ${what}`, () => assert.throws(() => parseRecord(bad), RecordError));
  }
});

describe("record: state", () => {
  const way = [
    draft("prepare", 0),
    draft("freeze", 1),
    draft("restore", 2, { digests: { configurationA: { "*": "10:aaaaaaaaaaaa" } } }),
    draft("start", 3),
    draft("traffic-5", 4),
  ];

  it("keeps where the stage was entered from, since when, and since when at this weight", () => {
    const stays = [draft("traffic-5", 5, { kind: "stay" }), draft("traffic-5", 6, { kind: "stay" })];
    const state = stateOf(recordOf(...way, ...stays));
    assert.deepEqual(state, {
      stage: "traffic-5",
      weightB: 5,
      enteredFrom: { stage: "start", weightB: 0 },
      stageSince: way[4]?.at,
      weightSince: way[4]?.at,
      copy: 1,
      configurationA: { "*": "10:aaaaaaaaaaaa" },
      fingerprintA: { at: way[2]?.at },
    });
  });

  it("counts the time at 100 % through complete, and anew after each return", () => {
    const record = recordOf(...way, draft("traffic-100", 8), draft("complete", 30));
    assert.equal(stateOf(record)?.weightSince, new Date(BEGIN + 8 * HOUR_MS).toISOString());
    assert.equal(stateOf(record)?.stageSince, new Date(BEGIN + 30 * HOUR_MS).toISOString());
    const back = [draft("rollback", 31, { kind: "rollback" }), draft("traffic-100", 40)];
    const again = back.reduce((grown, one) => appendEntry(grown, one).record, record);
    assert.equal(stateOf(again)?.weightSince, new Date(BEGIN + 40 * HOUR_MS).toISOString());
  });

  it("forgets the fingerprint of A with a new freeze, and takes the newest copy's", () => {
    const again = recordOf(...way, draft("abandon", 9), draft("prepare", 10));
    assert.equal(stateOf(again)?.configurationA, undefined);
    const copied = recordOf(
      ...way.slice(0, 3),
      draft("restore", 3, { kind: "stay", copy: 2, digests: { configurationA: { "*": "11:bbbbbbbbbbbb" } } }),
      draft("start", 4, { copy: 2 }),
    );
    assert.deepEqual(stateOf(copied)?.configurationA, { "*": "11:bbbbbbbbbbbb" });
    assert.equal(stateOf(copied)?.copy, 2);
  });

  it("names a rollback by the id of its own entry while it stands, also after staying", () => {
    const rolled = recordOf(...way, draft("rollback", 5, { kind: "rollback" }));
    const last = lastEntry(rolled);
    assert.ok(last);
    const id = rollbackId(rolled);
    assert.equal(id, entryId(last));
    assert.match(id, /^[0-9a-f]{12}$/);
    assert.equal(rollbackId(appendEntry(rolled, draft("rollback", 6, { kind: "stay" })).record), id);
    assert.equal(rollbackId(appendEntry(rolled, draft("start", 6, { kind: "leave-rollback" })).record), undefined);
    assert.equal(rollbackId(recordOf(...way)), undefined);
    assert.equal(rollbackId(EMPTY_RECORD), undefined);
  });
});

describe("record: limits", () => {
  const long = "é".repeat(5_000);
  const big = (hour: number, stage: Stage = "traffic-5"): EntryDraft =>
    draft(stage, hour, {
      kind: "override",
      by: long,
      commit: long,
      override: { from: "start", to: "traffic-100", by: long, reason: long },
      checks: Array.from({ length: 12 }, (_, index) => ({
        name: `check ${index}`,
        verdict: "holds" as const,
        digest: sha256(String(index)),
      })),
      events: { bytes: 1_000_000, sha256: sha256("e") },
      evidence: sha256("x"),
    });

  it("keeps who decided that nothing is judged, within the same limit", () => {
    const unjudged = { by: "Ada", reason: "a lab" };
    const record = parseRecord(renderRecord(recordOf(draft("traffic-25", 0, { unjudged }))));
    assert.deepEqual(record.entries[0]?.unjudged, unjudged);
    const { entry } = appendEntry(EMPTY_RECORD, { ...big(0), unjudged: { by: long, reason: long } });
    assert.ok(Buffer.byteLength(canonicalJson(entry)) <= MAX_ENTRY_BYTES);
    assert.match(entry.unjudged?.reason ?? "", /^é+…$/);
  });

  it("an entry stays within 2 KiB, its texts clipped, and the rest kept", () => {
    const { entry } = appendEntry(EMPTY_RECORD, big(0));
    assert.ok(Buffer.byteLength(canonicalJson(entry)) <= MAX_ENTRY_BYTES);
    assert.ok(entry.by.endsWith("…"));
    assert.equal(entry.checks.length, 12);
    assert.equal(entry.evidence, sha256("x"));
    const controls = appendEntry(EMPTY_RECORD, draft("prepare", 0, { by: "\u0001".repeat(4_000) }));
    assert.ok(Buffer.byteLength(canonicalJson(controls.entry)) <= MAX_ENTRY_BYTES);
  });

  it("an entry for a hundred gateway groups stays within 2 KiB", () => {
    const live = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`group-${index}`, long]));
    const { entry } = appendEntry(EMPTY_RECORD, draft("rollback", 0, { kind: "rollback", live }));
    assert.ok(Buffer.byteLength(canonicalJson(entry)) <= MAX_ENTRY_BYTES);
    assert.deepEqual(entry.live, { "*": "100 groups" });
  });

  it("an entry that cannot be made to fit is refused", () => {
    const digests = { configurationA: { "*": "x".repeat(3_000) } };
    assert.throws(() => appendEntry(EMPTY_RECORD, draft("restore", 0, { digests })), RecordError);
  });

  it("the whole stays within 64 KiB for ever, verifiable, and nothing that later moves need is lost", () => {
    const configurationA = { "*": "10:aaaaaaaaaaaa", "public.route": "10:bbbbbbbbbbbb" };
    let record = recordOf(
      draft("prepare", 0),
      draft("freeze", 1),
      draft("restore", 2, { digests: { configurationA } }),
    );
    record = appendEntry(record, draft("start", 3)).record;
    const kept = new Map<string, string>();
    let folds = 0;
    for (let hour = 4; hour < 204; hour += 1) {
      const appended = appendEntry(record, big(hour, hour % 2 === 0 ? "traffic-5" : "traffic-25"));
      if (appended.evidence) {
        folds += 1;
        assert.equal(sha256(appended.evidence.content), appended.evidence.sha256);
        kept.set(appended.evidence.sha256, appended.evidence.content);
      }
      ({ record } = appended);
      const rendered = renderRecord(record);
      assert.ok(Buffer.byteLength(rendered) <= MAX_RECORD_BYTES);
      assert.deepEqual(verifyChain(parseRecord(rendered)), []);
    }
    assert.ok(folds > 3);
    assert.deepEqual(stateOf(record)?.configurationA, configurationA);
    assert.equal(lastEntry(record)?.seq, 204);

    // The evidence files give back the whole chain, from the first entry on.
    const seqs: number[] = [];
    for (let digest = record.folded?.folded.digest; digest !== undefined;) {
      const lines: readonly { seq: number; folded?: { digest: string } }[] = (kept.get(digest) ?? assert.fail(digest))
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as { seq: number });
      seqs.unshift(...lines.filter((line) => !line.folded).map((line) => line.seq));
      digest = lines[0]?.folded?.digest;
    }
    seqs.push(...record.entries.map(({ seq }) => seq));
    assert.deepEqual(
      seqs,
      Array.from({ length: 204 }, (_, index) => index + 1),
    );
    assert.equal(record.folded?.folded.count, 204 - record.entries.length);
  });

  it("a long stay keeps its begin, where it came from, and its rollback's id when its first entries are folded", () => {
    let record = recordOf(draft("start", 0), draft("traffic-5", 1), draft("rollback", 2, { kind: "rollback" }));
    const before = stateOf(record);
    for (let hour = 3; hour < 100; hour += 1) {
      ({ record } = appendEntry(record, { ...big(hour, "rollback"), kind: "stay" }));
    }
    assert.ok(record.folded && record.entries.every(({ stage }) => stage === "rollback"));
    assert.deepEqual(stateOf(record), before);
  });

  it("tells a changed folded part", () => {
    let record = recordOf(draft("prepare", 0));
    for (let hour = 1; hour < 60; hour += 1) ({ record } = appendEntry(record, big(hour)));
    const { folded } = record;
    assert.ok(folded?.carried);
    const changed = { ...record, folded: { ...folded, carried: { ...folded.carried, weightB: 0 } } };
    assert.notDeepEqual(verifyChain(changed), []);
    assert.notDeepEqual(verifyChain({ ...record, folded: { ...folded, hash: sha256("other") } }), []);
    assert.notDeepEqual(verifyChain({ ...record, folded: undefined }), []);
  });

  it("sets an unreadable record aside, and goes on after it", () => {
    const { record, evidence } = setAside("<html>", "not JSON", draft("rollback", 0).at);
    assert.equal(evidence.content, "<html>");
    const { record: grown } = appendEntry(record, draft("rollback", 0, { kind: "rollback" }));
    const read = parseRecord(renderRecord(grown));
    assert.deepEqual(verifyChain(read), []);
    assert.equal(read.folded?.folded.digest, sha256("<html>"));
    assert.equal(read.folded.folded.reason, "not JSON");
    assert.equal(stateOf(read)?.stage, "rollback");
  });
});

describe("record: fingerprint of A's configuration", () => {
  const table = (name: string, rows: number, content: string): TableFingerprint => ({
    table: name,
    rows: BigInt(rows),
    digest: sha256(content),
  });
  const tables = (count: number): readonly TableFingerprint[] =>
    Array.from({ length: count }, (_, index) => table(`public.table_with_a_long_name_${index}`, index, `${index}`));

  for (const count of [1, 20, 100, 150, 400]) {
    it(`fits into an entry with ${count} tables, and tells a changed row`, () => {
      const before = tables(count);
      const configurationA = digestOfTables(before);
      const { entry } = appendEntry(EMPTY_RECORD, draft("restore", 0, { digests: { configurationA } }));
      assert.deepEqual(entry.digests?.configurationA, configurationA);
      assert.deepEqual(compareConfiguration(configurationA, before), { same: true, tables: [] });
      const changed = before.map((one, index) => (index === count - 1 ? { ...one, digest: sha256("changed") } : one));
      const difference = compareConfiguration(configurationA, changed);
      assert.equal(difference.same, false);
      // Beyond 150 tables the record only knows that something moved; the evidence file knows which.
      assert.deepEqual(difference.tables, count <= 150 ? [`public.table_with_a_long_name_${count - 1}`] : []);
    });
  }

  it("tells added, removed and renamed tables, and a lost row", () => {
    const before = tables(4);
    const digest = digestOfTables(before);
    const name = (index: number): string => `public.table_with_a_long_name_${index}`;
    assert.deepEqual(compareConfiguration(digest, before.slice(1)).tables, [name(0)]);
    assert.deepEqual(compareConfiguration(digest, [...before, table("public.new", 1, "n")]).tables, ["public.new"]);
    const renamed = before.map((one, index) => (index === 2 ? { ...one, table: "public.other" } : one));
    assert.deepEqual(compareConfiguration(digest, renamed).tables, ["public.other", name(2)]);
    const lost = before.map((one, index) => (index === 3 ? { ...one, rows: one.rows - 1n } : one));
    assert.deepEqual(compareConfiguration(digest, lost).tables, [name(3)]);
  });

  it("does not depend on the order of tables", () => {
    fc.assert(
      fc.property(fc.shuffledSubarray([...tables(12)], { minLength: 12 }), (shuffled) => {
        assert.deepEqual(digestOfTables(shuffled), digestOfTables(tables(12)));
      }),
    );
  });
});
