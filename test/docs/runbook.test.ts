import assert from "node:assert/strict";
import { wayUp } from "../../migration/stages";
import { commandsIn, optionsIn } from "../../tools/docs/commands";
import { fillRegions, tableOf } from "../../tools/docs/regions";
import { pages } from "./pages";

/** The runbook has everything that one looks for at night; its generated parts: test/docs/settings.test.ts. */

const RUNBOOK = pages().get("docs/runbook.md") ?? "";

/** What stands below a heading, up to the next one of the same depth or less. */
function section(heading: string): string {
  const depth = /^#+/.exec(heading)?.[0].length ?? 0;
  const lines = RUNBOOK.split("\n");
  const begin = lines.indexOf(heading);
  assert.ok(begin >= 0, `the runbook has no ${heading}`);
  const length = lines.slice(begin + 1).findIndex((line) => new RegExp(`^#{1,${depth}} `).test(line));
  return lines.slice(begin + 1, length < 0 ? undefined : begin + 1 + length).join("\n");
}

describe("the runbook", () => {
  for (const stage of wayUp([5, 25, 50, 75, 100])) {
    it(`says for ${stage}: both commands, what to look at, what to tell`, () => {
      const text = section(`### ${stage}`);
      assert.ok(text.includes(`pulumi config set stage ${stage} --stack prod`), "plain");
      assert.ok(text.includes(`npm run pilot -- run --stack prod --to ${stage}\``), "pilot");
      assert.match(text, /\*\*Look at\*\*/);
      assert.match(text, /\*\*Tell\*\*/);
    });
  }

  it("begins with the way back, by every means there is", () => {
    const [first] = [...RUNBOOK.matchAll(/^## .*$/gm)].map(([heading]) => heading);
    assert.equal(first, "## Go back");
    const text = section("## Go back");
    for (const way of [
      "npm run rollback -- --stack prod\n",
      "--direct",
      "--state saved.json",
      "aws elbv2",
      "Actions > rollback",
    ]) {
      assert.ok(text.includes(way), way);
    }
    assert.match(text, /--skip-preview --refresh .*--target RULE_URN --target GATE_URN/);
  });

  it("has the limits, the emergency, the words for others, and what comes afterwards", () => {
    assert.match(section("### When to go back"), /`judge\.hard\.errorPercent`/);
    assert.match(section("## Emergency change"), /pulumi config rm emergencyChange/);
    assert.match(section("## What to tell whom"), /rollback/);
    assert.match(section("## After the migration"), /archive the record/);
  });

  it("is short enough per step to be read at night", () => {
    const long = RUNBOOK.split("\n").filter((line) => /^- \*\*/.test(line) && line.length > 220);
    assert.deepEqual(long, []);
  });
});

describe("parts of pages that come from the code", () => {
  const page = "a\n<!-- generated: one (npm run docs) -->\nold\n<!-- end: one -->\nb\n";

  it("are written anew, and nothing else of the page", () => {
    const filled = fillRegions(page, { one: "new | x" });
    assert.equal(filled, "a\n<!-- generated: one (npm run docs) -->\n\nnew | x\n\n<!-- end: one -->\nb\n");
    assert.equal(fillRegions(filled, { one: "new | x" }), filled);
  });

  it("are refused where page and code do not agree on them", () => {
    assert.throws(() => fillRegions(page, {}), /wants one/);
    assert.throws(() => fillRegions(page, { one: "", two: "" }), /no place for two/);
    assert.throws(() => fillRegions(page.replace("<!-- end: one -->", ""), { one: "" }), /has no <!-- end/);
    assert.throws(() => fillRegions(page + page, { one: "" }), /wanted twice/);
  });

  it("keep a bar inside of a cell", () => {
    assert.equal(tableOf(["x", "y"], [["a|b", "c"]]), "| x | y |\n| --- | --- |\n| a\\|b | c |");
  });

  it("read commands and options as commander prints them, whatever is wrapped", () => {
    const help = `Usage: x [options] [command]

Options:
  --stack <name>   the stack
  --direct         make the call
                   first
  -h, --help       display help

Commands:
  one [options]    does one
                   thing
  two|deux [x] <y>  another
  a-very-long-name-for-a-command [options]
                   its text
  help [command]   display help
`;
    assert.deepEqual(commandsIn(help), [
      { name: "one", description: "does one thing" },
      { name: "two", description: "another" },
      { name: "a-very-long-name-for-a-command", description: "its text" },
    ]);
    assert.deepEqual(optionsIn(help), [
      { name: "--stack", description: "the stack" },
      { name: "--direct", description: "make the call first" },
    ]);
  });
});
