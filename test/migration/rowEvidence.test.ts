import assert from "node:assert/strict";
import { sha256 } from "../../migration/record";
import { changedKeys, packRows, rowsIn, stateOfRow, tablesToKeep, type RowEvidence } from "../../migration/rowEvidence";

const key = (text: string): string => sha256(text).slice(0, 12);
const pack = (...rows: readonly (readonly [string, bigint])[]): string =>
  packRows(Buffer.from(rows.map(([name, hash]) => key(name) + hex(hash).slice(0, 12)).join(""), "hex"));
const hex = (hash: bigint): string => BigInt.asUintN(64, hash).toString(16).padStart(16, "0");

describe("evidence of rows", () => {
  it("tells changed, added and gone rows by their keys", () => {
    const before = pack(["a", 1n << 60n], ["b", -1n], ["c", 5n << 40n]);
    const now = pack(["a", 1n << 60n], ["b", -(1n << 50n)], ["d", 5n << 40n]);
    assert.deepEqual(changedKeys(before, now), { changed: [key("b")], added: [key("d")], gone: [key("c")] });
    assert.deepEqual(changedKeys(before, before), { changed: [], added: [], gone: [] });
  });

  it("counts rows that are equal to each other", () => {
    const one = pack(["a", 1n << 60n]);
    const two = pack(["a", 1n << 60n], ["a", 1n << 60n]);
    assert.deepEqual(changedKeys(one, two), { changed: [], added: [key("a")], gone: [] });
  });

  it("keeps small tables whole and large ones not at all", () => {
    const tables = [
      { table: "large", rows: 1000n },
      { table: "small", rows: 3n },
      { table: "middle", rows: 50n },
    ];
    assert.deepEqual([...tablesToKeep(tables, 100)], ["small", "middle"]);
    assert.deepEqual([...tablesToKeep(tables, 2)], []);
  });

  it("tells whether one row is as it was", () => {
    const evidence: RowEvidence = {
      at: "2026-03-01T08:00:00.000Z",
      tables: [
        { table: "t", rows: 1, digest: "x", packed: pack(["a", -7n]) },
        { table: "large", rows: 1, digest: "x" },
      ],
    };
    assert.equal(stateOfRow(evidence, "t", { key: "a", hash: "-7" }), "same");
    assert.equal(stateOfRow(evidence, "t", { key: "a", hash: "7" }), "changed");
    assert.equal(stateOfRow(evidence, "t", { key: "b", hash: "-7" }), "added");
    assert.equal(stateOfRow(evidence, "large", { key: "a", hash: "1" }), "unknown");
    assert.equal(stateOfRow(evidence, "other", { key: "a", hash: "1" }), "unknown");
  });

  it("is found in the evidence of a gate's run, and nowhere else", () => {
    const rows = { at: "2026-03-01T08:00:00.000Z", tables: [] };
    const file = (evidence: unknown): string =>
      JSON.stringify({
        results: [
          { check: "x", evidence: {} },
          { check: "y", evidence },
        ],
      });
    assert.deepEqual(rowsIn(file({ rowsA: rows }), "rowsA"), rows);
    assert.equal(rowsIn(file({ rowsA: rows }), "rowsB"), undefined);
    assert.equal(rowsIn(file({ rowsA: "lost" }), "rowsA"), undefined);
    assert.equal(rowsIn("[]", "rowsA"), undefined);
  });
});
