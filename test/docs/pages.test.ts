import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { isSetting, knownCommands, unknownIn, type Known } from "./commandLines";
import { anchors, code, deadLinks, localTargets, pages, ROOT } from "./pages";

/** Everything that people read: its links lead somewhere, and what it tells them to type exists. */

const PAGES = pages();

/** Folders whose files the pages name between backticks. */
const FOLDERS =
  /^(\.github|\.devcontainer|bench|checks|components|docs|migration|operations|pilot|rehearsal|test|tools)\//;
/** Made by a run, or standing for many files. */
const NOT_THERE = /^(rehearsal|bench)\/out\b|[<>*{}]|\bNAME\b|\bSTACK\b/;

describe("documentation", function () {
  this.timeout(120_000);
  let known: Known;
  before(async () => {
    known = await knownCommands();
  });

  it("is where readers look for it", () => {
    for (const page of ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/runbook.md", "docs/aws-setup.md"]) {
      assert.ok(PAGES.has(page), page);
    }
    assert.ok(PAGES.size >= 10);
  });

  for (const [path, page] of PAGES) {
    it(`${path}: links and anchors lead somewhere`, () => assert.deepEqual(deadLinks(path, PAGES), []));

    it(`${path}: commands, scenarios, checks and settings exist`, () => {
      const wrong = code(page).flatMap((line) => unknownIn(line, known).map((problem) => `${problem}: ${line}`));
      assert.deepEqual(wrong, []);
    });

    it(`${path}: files that it names exist`, () => {
      const named = code(page).filter((text) => FOLDERS.test(text) && !/\s/.test(text) && !NOT_THERE.test(text));
      assert.deepEqual(
        named.filter((text) => !existsSync(join(ROOT, text))),
        [],
      );
    });
  }

  it("can be reached from the README within two clicks", () => {
    const linked = (from: readonly string[]): readonly string[] =>
      from.flatMap((path) =>
        localTargets(PAGES.get(path) ?? "").map((target) => join(path, "..", target.replace(/#.*/, ""))),
      );
    const one = linked(["README.md"]);
    const reached = new Set(["README.md", ...one, ...linked(one)]);
    assert.deepEqual(
      [...PAGES.keys()].filter((path) => !reached.has(path)),
      [],
    );
  });
});

describe("what the test of the documentation finds", () => {
  const world = new Map([
    ["a.md", "# First\n\n## The `stage` value: what?\n\n## Again\n\n## Again\n\n```sh\n# no heading\n```\n"],
    ["docs/b.md", ""],
  ]);
  const links = (page: string): readonly string[] => deadLinks("docs/b.md", new Map([...world, ["docs/b.md", page]]));

  it("anchors as GitHub makes them", () => {
    assert.deepEqual([...anchors(world.get("a.md") ?? "")], ["first", "the-stage-value-what", "again", "again-1"]);
  });

  it("links without a file or a heading", () => {
    assert.deepEqual(links("[x](../a.md) [y](../a.md#again-1) [z](https://example.com/nothing) `[code](gone.md)`"), []);
    assert.match(links("[x](gone.md)").join(), /there is no docs\/gone\.md/);
    assert.match(links("[x](../a.md#no-heading)").join(), /no such heading/);
    assert.match(links('<img src="../pictures/none.svg">').join(), /there is no pictures\/none\.svg/);
    assert.match(links("[x](#nowhere)").join(), /no such heading/);
  });

  const settings = new Map([
    ["stage", false],
    ["tags", true],
    ["databaseB.copy", false],
    ["gatewayGroups[0].name", false],
  ]);
  const tiny: Known = {
    scripts: new Set(["check", "rehearse", "docs", "test"]),
    names: { check: new Set(["settings"]), rehearse: new Set(["migration"]) },
    options: { check: new Set(["--stack"]), rehearse: new Set(["--scenario", "--rate"]) },
    settings,
  };
  const cases: readonly (readonly [line: string, RegExp | undefined])[] = [
    ["npm ci && npm run rehearse -- --scenario migration --rate 100", undefined],
    ["npm run --silent check -- settings --stack NAME", undefined],
    ["check -- settings", undefined],
    ["npm run check -- NAME", undefined],
    ["npm run dosc", /no script dosc/],
    ["npm run rehearse -- --scenario migrate", /knows no migrate/],
    ["npm ci && npm run rehearse -- --speed 3", /has no --speed/],
    ["npm run --silent check -- setings", /knows no setings/],
    ["check -- settings --json", /has no --json/],
    ["npx mocha test/x", undefined],
    ["npx left-pad", /no dependency brings it/],
    ["node --import tsx tools/docs/write.ts", undefined],
    ["node --import tsx tools/docs/wrote.ts", /no tools\/docs\/wrote\.ts/],
    ["pulumi config set stage freeze --stack prod && pulumi up", undefined],
    ["pulumi config set --stack prod --path 'gatewayGroups[2].name' x", undefined],
    ["pulumi config set --path tags.team platform", undefined],
    ["pulumi config set aws:region eu-central-1", undefined],
    ["pulumi config set stages freeze", /no setting stages/],
    ["pulumi config rm emergency", /no setting emergency/],
    ["pulumi config set --path databaseB.copies 2", /no setting databaseB\.copies/],
  ];
  for (const [line, expected] of cases) {
    it(`${expected === undefined ? "nothing in" : "a mistake in"} ${line}`, () => {
      const wrong = unknownIn(line, tiny).join();
      if (expected === undefined) assert.equal(wrong, "");
      else assert.match(wrong, expected);
    });
  }

  it("keys with the project's name before them", () => {
    assert.ok(isSetting("api7-migration:stage", tiny) && !isSetting("api7-migration:nothing", tiny));
  });

  it("code in blocks, in lines that go on, and between backticks", () => {
    const page = "A `npm run one` and\n\n```sh\nnpm run two \\\n  -- x   # why\n```\n";
    assert.deepEqual(code(page), ["npm run two -- x", "npm run one"]);
  });
});
