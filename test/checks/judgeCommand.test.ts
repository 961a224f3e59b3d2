import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { judgeCommand } from "../../checks/commands/judge";
import { type Outcome } from "../../checks/gateInput";
import { BadInput } from "../../checks/request";
import { type JudgeAnswer } from "../../migration/judge";
import { lineOf, samplesOf, START_MS } from "../migration/judge/support";

describe("check judge", () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "judge-"));
  });
  after(async () => {
    await rm(folder, { recursive: true });
  });

  const file = async (name: string, lines: readonly string[]): Promise<string> => {
    const path = join(folder, name);
    await writeFile(path, `${lines.join("\n")}\n`);
    return path;
  };
  const run = async (samples: string, more: object = {}): Promise<Outcome & { readonly answer: JudgeAnswer }> => {
    const outcome = await judgeCommand({ samples, json: true, ...more });
    return { ...outcome, answer: JSON.parse(outcome.stdout) as JudgeAnswer };
  };
  const GOOD = samplesOf([{ weightB: 50, minutes: 20 }]).map(lineOf);

  it("go is exit 0, hold and back are exit 1, each with its time", async () => {
    const go = await run(await file("go.jsonl", GOOD));
    assert.equal(go.exitCode, 0);
    assert.deepEqual([go.answer.verdict, go.answer.at, go.answer.backAt], ["go", "2026-03-01T10:11:00.000Z", null]);
    const hold = await run(await file("hold.jsonl", GOOD.slice(0, 20)));
    assert.equal(hold.exitCode, 1);
    assert.deepEqual([hold.answer.verdict, hold.answer.at], ["hold", "2026-03-01T10:04:45.000Z"]);
    const bad = samplesOf([{ weightB: 50, minutes: 20, b: { error: 0.05 } }]).map(lineOf);
    const back = await run(await file("back.jsonl", bad));
    assert.equal(back.exitCode, 1);
    assert.equal(back.answer.verdict, "back");
    assert.ok(back.answer.backAt !== null && back.answer.at === back.answer.backAt);
    assert.ok(Date.parse(back.answer.backAt) < START_MS + 5 * 60_000);
    assert.ok(back.answer.reasons.length > 0);
  });

  it("without --json it tells the same in lines", async () => {
    const { stdout } = await judgeCommand({ samples: await file("text.jsonl", GOOD) });
    assert.match(stdout, /^go {2}2026-03-01T10:11:00.000Z\n {2}share: B gets /);
    assert.match(stdout, /\nweight 50 +2026-03-01T10:00:00.000Z to .* go {2}[\d,]+ requests on B$/);
  });

  it("a line that is none is not looked over: the line and what is wrong with it are named", async () => {
    const broken = [...GOOD.slice(0, 9), GOOD[9]?.slice(0, 80) ?? "", ...GOOD.slice(10)];
    const path = await file("broken.jsonl", broken);
    await assert.rejects(
      run(path),
      (error) => error instanceof BadInput && /broken.jsonl, line 10: not JSON/.test(error.message),
    );
    const wrong = await file("wrong.jsonl", [...GOOD, '{"at": "today"}']);
    await assert.rejects(
      run(wrong),
      (error) => error instanceof BadInput && /line 81: at: read "today"/.test(error.message),
    );
  });

  it("an empty file and none at all cannot be looked at", async () => {
    await assert.rejects(run(await file("empty.jsonl", [])), /no sample/);
    await assert.rejects(
      run(join(folder, "none.jsonl")),
      (error) => error instanceof BadInput && /ENOENT/.test(error.message),
    );
  });

  it("judges again with other limits, from a file of its own or a stack's", async () => {
    const path = await file("limits.jsonl", GOOD);
    const own = await file("limits.yaml", ["margins:", "  errors: 0.01"]);
    assert.equal((await run(path, { limits: own })).answer.verdict, "hold");
    const stack = await file("Pulumi.x.yaml", ["config:", "  api7-migration:judge:", "    warmUpSeconds: 600"]);
    assert.equal((await run(path, { limits: stack })).answer.steps[0]?.judgedFrom, "2026-03-01T10:10:00.000Z");
    const without = await file("Pulumi.y.yaml", ["config:", "  api7-migration:stage: prepare"]);
    assert.equal((await run(path, { limits: without })).answer.verdict, "go");
    const wrong = await file("wrong.yaml", ["margins:", "  errors: -1"]);
    await assert.rejects(run(path, { limits: wrong }), /judge.margins.errors: a number of percentage points from 0.01/);
    await assert.rejects(run(path, { limits: await file("no.yaml", ["a: [b"]) }), /neither YAML nor JSON/);
  });

  it("begins where it is told to", async () => {
    const path = await file(
      "since.jsonl",
      GOOD.filter((_, index) => index !== 10),
    );
    assert.equal((await run(path)).answer.verdict, "hold");
    assert.equal((await run(path, { since: new Date(START_MS + 5 * 60_000) })).answer.verdict, "go");
    await assert.rejects(run(path, { since: new Date("2030-01-01T00:00:00Z") }), /no sample since 2030/);
  });

  it("answers on the command line, exit 2 for a bad file", async () => {
    const path = await file("line.jsonl", ["{}"]);
    const cli = join(__dirname, "..", "..", "checks", "cli.ts");
    const { code, stderr } = await new Promise<{ code: unknown; stderr: string }>((resolve) => {
      execFile(process.execPath, ["--import", "tsx", cli, "judge", "--samples", path, "--json"], (error, _, text) =>
        resolve({ code: error?.code ?? 0, stderr: text }),
      );
    });
    assert.equal(code, 2);
    assert.match(stderr, /line 1: at: read nothing/);
  }).timeout(60_000);
});
