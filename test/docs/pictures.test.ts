import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { allStages } from "../../migration/stages";
import { ARCHITECTURE, COLOURS, pictures, STAGES, stagesDot } from "../../tools/docs/pictures";
import { pages, ROOT } from "./pages";

/** The pictures of the documentation. That they are not stale: test/docs/settings.test.ts. */

describe("pictures", () => {
  for (const name of [ARCHITECTURE, STAGES]) {
    const svg = readFileSync(join(ROOT, name), "utf8");

    it(`${name} says what it shows to those who cannot see it, and loads nothing`, () => {
      assert.match(svg, /^<svg role="img" aria-label="[^"]{20,}"[^>]*>\n<title>[^<]{20,}<\/title>/);
      assert.doesNotMatch(svg, /<script|<image|href=|url\(|@import/);
    });

    it(`${name} has the other colours for dark pages`, () => {
      const used = [...svg.matchAll(/(?:fill|stroke)="(#[0-9a-f]{6})"/g)].map(([, colour = ""]) => colour);
      assert.ok(used.length > 20);
      for (const colour of new Set(used)) {
        assert.ok(svg.includes(`[fill="${colour}"]{fill:${COLOURS[colour] ?? "?"}}`), colour);
        assert.ok(svg.includes(`[stroke="${colour}"]{stroke:${COLOURS[colour] ?? "?"}}`), colour);
      }
    });

    it(`${name} is shown on a page`, () => {
      const file = name.replace("docs/", "");
      assert.ok([...pages()].some(([, page]) => page.includes(`(${file})`) || page.includes(`(${name})`)));
    });
  }

  it("can be read: every text on every ground, on light pages and on dark ones", () => {
    const grounds = ["#ffffff", "#f6f8fa", "#ddf4ff", "#fff1e5"];
    for (const text of ["#1f2328", "#59636e"]) {
      for (const ground of grounds) {
        assert.ok(contrast(text, ground) >= 4.5, `${text} on ${ground}: ${contrast(text, ground).toFixed(1)}`);
        const dark = [COLOURS[text] ?? "", COLOURS[ground] ?? ""] as const;
        assert.ok(contrast(...dark) >= 4.5, `${dark.join(" on ")}: ${contrast(...dark).toFixed(1)}`);
      }
    }
  });

  it("show every stage, with the ways back that are legal and no others", () => {
    const dot = stagesDot([10, 100]);
    for (const stage of allStages([10, 100])) assert.ok(dot.includes(`"${stage}" [pos=`), stage);
    const from = (way: string): readonly string[] =>
      [...dot.matchAll(new RegExp(`"([a-z0-9-]+)":[ew] -> "${way}"`, "g"))].map(([, stage = ""]) => stage);
    assert.deepEqual(from("abandon"), ["freeze", "restore", "start"]);
    assert.deepEqual(from("rollback"), ["start", "traffic-10", "traffic-100", "complete"]);
  });

  it("are drawn from text alone, the same each time", async () => {
    assert.deepEqual(await pictures(ROOT), await pictures(ROOT));
  });
});

/** Ratio of WCAG 2: 4.5 and more is readable at the size of text. */
function contrast(one: string, other: string): number {
  const [light = 0, dark = 0] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}

function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
