import assert from "node:assert/strict";
import { PROJECT, problemsOf, PROMISES, type World } from "./coverageTable";
import { pages } from "./pages";

/** Every promise has its row, and what a row names is there. What a named test shows is for reviewers to judge. */

describe("coverage", () => {
  const page = pages().get("docs/coverage.md") ?? "";

  it("has a row for each promise, and names only tests, files and scenarios that exist", () => {
    assert.deepEqual(problemsOf(page, PROJECT), []);
  });

  it("has the promises' headings", () => {
    for (const heading of Object.keys(PROMISES)) assert.ok(page.includes(`**${heading}**`), heading);
  });
});

describe("what the test of the coverage finds", () => {
  const world: World = {
    exists: (path) => ["test/a.test.ts", "test/b.test.ts", ".github/workflows/preview.yml", "index.ts"].includes(path),
    scenarios: new Set(["migration", "refusals"]),
  };
  const ids = Object.values(PROMISES).flat();
  /** A table in which every row is fine but one. */
  const table = (id: string, shown: string, promise = "a promise"): string =>
    ids
      .map(
        (one) =>
          `| ${one} | ${one === id ? promise : "promised"} | \`index.ts\` | ${one === id ? shown : "`index.ts`"} |`,
      )
      .join("\n");

  const cases: readonly (readonly [shown: string, RegExp | undefined])[] = [
    ["`test/a.test.ts`, `b.test.ts`; _rehearsal_ `migration`, `refusals` (late change)", undefined],
    ["`preview.yml`, whose file is linted", undefined],
    ["**Not yet**", undefined],
    ["output `wayBack`, `test/a.test.ts`", undefined],
    // A file ends the list of scenarios.
    ["_rehearsal_ `migration`, `test/a.test.ts`", undefined],
    ["`test/gone.test.ts`", /S3b: there is no test\/gone\.test\.ts/],
    ["`test/a.test.ts`, `gone.test.ts`", /there is no test\/gone\.test\.ts/],
    ["_rehearsal_ `migration`, `nowhere`", /no scenario nowhere/],
    ["somebody looked at it", /no file and no scenario/],
    ["", /no file and no scenario/],
  ];
  for (const [shown, expected] of cases) {
    it(`${expected === undefined ? "nothing" : "a mistake"} in: ${shown}`, () => {
      const problems = problemsOf(table("S3b", shown), world).join("; ");
      if (expected === undefined) assert.equal(problems, "");
      else assert.match(problems, expected);
    });
  }

  it("rows that are missing, doubled, unknown, out of order, or promise nothing", () => {
    const fine = table("", "").split("\n");
    const of = (lines: readonly string[]): string => problemsOf(lines.join("\n"), world).join("; ");
    assert.equal(of(fine), "");
    assert.match(of(fine.slice(1)), /P1: no row/);
    assert.match(of([...fine, "| P1 | again | `index.ts` | `index.ts` |"]), /P1: two rows/);
    assert.match(of([...fine, "| X9 | what | `index.ts` | `index.ts` |"]), /X9: no such promise/);
    assert.match(of([...fine.slice(1), fine[0] ?? ""]), /not in order/);
    assert.match(of([table("C2", "`index.ts`", "")]), /C2: it does not say what/);
    const unbuilt = (built: string): string =>
      of(fine.map((line) => line.replace(/^(\| S1 \| [^|]* \| )`index\.ts`/, `$1${built}`)));
    assert.match(unbuilt(""), /S1: it does not say where/);
    assert.match(unbuilt("`gone.ts`"), /S1: there is no gone\.ts/);
  });
});
