import assert from "node:assert/strict";
import { appendFile, cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import fc from "fast-check";
import { readStackFile } from "../../../checks/stackFile";
import { parseRecord, renderRecord, type RecordEntry } from "../../../migration/record";
import { readSettings, type Settings } from "../../../migration/settings";
import { withSecrets } from "../../../pilot/report/command";
import { composePlan, composeReport } from "../../../pilot/report/compose";
import { deviationsOf } from "../../../pilot/report/deviations";
import { type ReportDocument } from "../../../pilot/report/document";
import { compareHistory } from "../../../pilot/report/history";
import { htmlOf } from "../../../pilot/report/html";
import { markdownOf } from "../../../pilot/report/markdown";
import { readSources } from "../../../pilot/report/sources";
import { storyOf, type Point } from "../../../pilot/report/story";
import { thinned } from "../../../pilot/report/thin";
import { writeDocument } from "../../../pilot/report/write";
import { writeMigration, type Written } from "./migration";

const HOSTILE = `<img src=x onerror="alert(1)"> | [x](javascript:1) password=hunter2-secret a7ee-tokentoken`;
const AT = new Date("2026-03-06T08:00:00Z");

let original: string;
let folder: string;
let written: Written;

before(async () => {
  original = await mkdtemp(join(tmpdir(), "report-"));
  written = await writeMigration(original, HOSTILE);
});

after(async () => rm(original, { recursive: true, force: true }));

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "report-copy-"));
  await cp(original, folder, { recursive: true });
});

afterEach(async () => rm(folder, { recursive: true, force: true }));

async function settings(stack: string): Promise<Settings> {
  const { raw } = await readStackFile({ folder: resolve(__dirname, "../../.."), stack });
  const outcome = readSettings(withSecrets(raw));
  assert.equal(outcome.kind, "settings", JSON.stringify(outcome.kind === "settings" ? [] : outcome.findings));
  return (outcome as { readonly settings: Settings }).settings;
}

async function report(): Promise<ReportDocument> {
  return composeReport({ stack: "prod", sources: await readSources(folder), at: AT });
}

describe("the report of a migration", () => {
  it("is made from a copy of the record folder alone, as one file that needs nothing else", async () => {
    const files = await writeDocument(join(folder, "out"), "report", await report());
    assert.deepEqual((await readdir(join(folder, "out"))).sort(), ["report-timeline.svg", "report.html", "report.md"]);
    const html = await readFile(files[0] ?? "", "utf8");
    for (const text of [
      "B has every request; the record stands at complete",
      "2026-03-02 23:40:10",
      "rollback from traffic-25",
      "42 tables with 1,204,331 rows",
      "traffic-75 approved",
      "decided on 7 checks that held",
    ]) {
      assert.ok(html.includes(text), `the report does not say: ${text}`);
    }
    assert.match(html, /<svg [^>]*role="img"[^>]*aria-label="[^"]+"/);
    const outside = [...html.matchAll(/(?:src|href|url\(|@import)\s*=?\s*["'(]?\s*(https?:[^"')\s>]+)/g)].map(
      ([, at]) => at,
    );
    assert.deepEqual(
      outside.filter((address) => !/^http:\/\/www\.w3\.org\//.test(address ?? "")),
      [],
    );
    assert.doesNotMatch(html, /<script|<link|<iframe/i);
  });

  it("takes nothing that others wrote for HTML or Markdown, and shows no secret", async () => {
    const files = await writeDocument(join(folder, "out"), "report", await report());
    const [html, markdown] = await Promise.all(files.slice(0, 2).map(async (file) => readFile(file, "utf8")));
    assert.ok(html !== undefined && markdown !== undefined);
    for (const text of [html, markdown]) {
      assert.doesNotMatch(text, /<img/);
      assert.doesNotMatch(text, /hunter2|tokentoken/);
      assert.match(text, /password=\*\*\*|password=\\\*\\\*\\\*/);
    }
    assert.ok(html.includes("&#60;img src=x onerror=&#34;alert(1)&#34;&#62;"));
    assert.doesNotMatch(markdown, /[^\\]\]\(javascript/);
    // Every row of a table has as many cells as its head.
    for (const line of markdown.split("\n").filter((one) => one.startsWith("|"))) {
      assert.ok(line.endsWith("|"), line);
    }
  });

  it("escapes any text in both forms", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        const html = htmlOf({ title: text, lead: text, tone: "open", blocks: [{ kind: "text", text }] });
        const body = html.slice(html.indexOf("<body>"));
        assert.deepEqual(
          [...body.matchAll(/<\/?([a-z0-9]+)/g)].map(([, tag]) => tag),
          ["body", "h1", "h1", "p", "span", "span", "p", "p", "p", "body", "html"],
        );
        const cell = markdownOf({
          title: "t",
          lead: "l",
          tone: "open",
          blocks: [{ kind: "table", columns: [{ title: "a" }], rows: [[text]] }],
        });
        const row = cell.trimEnd().split("\n").at(-1) ?? "";
        assert.equal([...row.matchAll(/(?<!\\)(?:\\\\)*\|/g)].length, 2, row);
      }),
    );
  });

  it("tells what deviated from the plan, oldest first", async () => {
    const deviations = deviationsOf(storyOf(await readSources(folder)));
    assert.deepEqual(
      deviations.map(({ what }) => what),
      [
        "the gate refused start",
        "rollback from traffic-25",
        "the pilot went back to A from traffic-25",
        "traffic-5 again after a rollback",
        "held at traffic-50",
      ],
    );
  });

  it("says what is missing, or is not what it was", async () => {
    assert.deepEqual((await readSources(folder)).problems, []);
    const evidence = (await readdir(join(folder, "evidence"))).sort();
    const named = evidence.find((name) => renderRecord(written.record).includes(name.slice(0, 64))) ?? "";
    await writeFile(join(folder, "evidence", named), "{}");
    const changed = await readSources(folder);
    assert.match(changed.problems.join("\n"), /is not what it was: its content has another digest/);
    assert.match(changed.problems.join("\n"), /of entry \d+ \([a-z0-9-]+\) is not to be had/);

    const pilot = await readFile(join(folder, "pilot.jsonl"), "utf8");
    await writeFile(join(folder, "pilot.jsonl"), pilot.replace('"verdict":"back"', '"verdict":"good"'));
    assert.match((await readSources(folder)).problems.join("\n"), /pilot\.jsonl was changed since/);

    const lines = (await readFile(join(folder, "record.jsonl"), "utf8")).split("\n");
    await writeFile(join(folder, "record.jsonl"), lines.map((line) => line.replace("alice", "mallory")).join("\n"));
    const forged = await readSources(folder, written.record);
    assert.match(forged.problems.join("\n"), /13 entries of the stack's record are not in the folder's copy/);
    await rm(join(folder, "record.jsonl"));
    assert.match((await readSources(folder)).problems.join("\n"), /record\.jsonl is not there/);
  });

  it("goes by the state's record where there is one, and names entries that the engine did not keep", async () => {
    const text = await readFile(join(folder, "record.jsonl"), "utf8");
    const lines = text.trimEnd().split("\n");
    // An update to `freeze` that was killed after its gate: the next one wrote the entry again.
    const twice = JSON.parse(lines[1] ?? "") as RecordEntry;
    const lost = JSON.stringify({ ...twice, at: "2026-03-02T21:10:00.000Z" });
    await writeFile(join(folder, "record.jsonl"), [lines[0], lost, ...lines.slice(1), ""].join("\n"));
    for (const stated of [undefined, written.record]) {
      const sources = await readSources(folder, stated);
      assert.deepEqual(sources.problems, []);
      assert.equal(sources.entries.length, 13);
      assert.deepEqual(
        sources.lost.map(({ at }) => at),
        ["2026-03-02T21:10:00.000Z"],
      );
      assert.match(deviationsOf(storyOf(sources))[0]?.what ?? "", /entry 2 \(freeze\) was written and is not part/);
    }
  });

  it("finds the entries that the record folded away", async () => {
    const { entries } = parseRecord(renderRecord(written.record));
    const [first, ...rest] = entries;
    assert.ok(first !== undefined);
    const hash = rest[0]?.previous ?? "";
    const stated = {
      folded: { folded: { count: 1, from: first.at, to: first.at, digest: hash }, seq: 1, hash },
      entries: rest,
    };
    assert.equal((await readSources(folder, stated)).entries.length, 13);
    await writeFile(join(folder, "record.jsonl"), "");
    assert.match((await readSources(folder, stated)).problems.join("\n"), /folded 1 entries away.*0 of them/);
  });

  it("leaves out a torn last line, and says so", async () => {
    await appendFile(join(folder, "record.jsonl"), '{"at":"2026-03-05T');
    const { entries, problems } = await readSources(folder);
    assert.equal(entries.length, 13);
    assert.match(problems.join(), /Line 14 of record\.jsonl is no entry/);
  });

  it("compares every entry with the updates of the stack's history", async () => {
    const sources = await readSources(folder);
    const updates = sources.entries.map(({ at }) => ({
      kind: "update" as const,
      startTime: new Date(Date.parse(at) - 8_000),
      endTime: new Date(Date.parse(at) + 9_000),
      result: "succeeded" as const,
    }));
    assert.match(compareHistory(sources, updates).proved.at(-1) ?? "", /13 entries, each made within an update/);
    const without = compareHistory(sources, updates.toSpliced(5, 1));
    assert.match(without.problems.join(), /knows no update for entry 6 \(traffic-25\)/);
  });

  it("sums counts over the points that it draws, and keeps the worst verdict", () => {
    const point = fc.record({
      weightB: fc.constantFrom(5, 25),
      n: fc.nat(1000),
      verdict: fc.constantFrom("go", "hold", "back"),
    });
    fc.assert(
      fc.property(fc.array(point, { maxLength: 400 }), fc.integer({ min: 1, max: 50 }), (raw, most) => {
        const points = raw.map(({ weightB, n, verdict }, index): Point => ({
          at: new Date(index * 1000).toISOString(),
          stage: `traffic-${weightB}`,
          weightB,
          verdict,
          a: { requests: n, errors: 0, p95Ms: n },
          b: { requests: n + 1, errors: n % 3 },
        }));
        const drawn = thinned(points, most);
        const sum = (list: readonly Point[]): number => list.reduce((total, { b }) => total + (b?.requests ?? 0), 0);
        assert.equal(sum(drawn), sum(points));
        assert.equal(
          drawn.some(({ verdict }) => verdict === "back"),
          points.some(({ verdict }) => verdict === "back"),
        );
        assert.equal(
          Math.max(0, ...drawn.map(({ a }) => a?.p95Ms ?? 0)),
          Math.max(0, ...points.map(({ a }) => a?.p95Ms ?? 0)),
        );
      }),
    );
  });
});

describe("the rollback plan", () => {
  it("is made from the settings before anything is declared", async () => {
    const plan = htmlOf(composePlan(await settings("prod"), [], AT));
    for (const text of [
      "npm run rollback -- --stack prod",
      "npm run rollback -- --stack prod --direct",
      "pulumi config set stage rollback --stack prod",
      "pulumi stack output wayBack --stack prod",
      "240 min",
      "5xx above 50 a minute",
      "there is no way back any more",
    ]) {
      assert.ok(plan.includes(text), `the plan does not say: ${text}`);
    }
  });

  it("holds the complete calls once the stack is there", async () => {
    const arn = "arn:aws:elasticloadbalancing:eu-central-1:444455556666:listener-rule/app/api-prod/50dc/f2f7/9683";
    const carrier = {
      urn: "urn:pulumi:prod::api7-migration::TrafficSplit$aws:lb/listenerRule:ListenerRule::traffic-default",
      kind: "rule",
      arn,
      region: "eu-central-1",
      targetGroupA: "arn:a",
      targetGroupB: "arn:b",
      weightA: 75,
      weightB: 25,
    } as const;
    const markdown = markdownOf(composePlan(await settings("prod"), [carrier], AT));
    assert.ok(markdown.includes(`aws elbv2 modify-rule --region eu-central-1 --rule-arn ${arn}`));
    assert.ok(markdown.includes(`"TargetGroupArn":"arn:a","Weight":100`));
  });
});
