import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

/** The pages of the documentation as the tests read them. */

export const ROOT = resolve(__dirname, "..", "..");

/** Path from the project folder -> Markdown, of every page that people read. */
export function pages(): ReadonlyMap<string, string> {
  const top = readdirSync(ROOT).filter((name) => name.endsWith(".md"));
  const below = readdirSync(join(ROOT, "docs"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => join("docs", name));
  return new Map([...top, ...below].sort().map((path) => [path, readFileSync(join(ROOT, path), "utf8")] as const));
}

const FENCE = /^( *)(```+|~~~+)([^\n]*)\n([^]*?)^\1\2 *$/gm;

/** The text without its fenced blocks, line for line. */
export function prose(page: string): string {
  return page.replace(FENCE, (block) => block.replace(/[^\n]/g, ""));
}

/** What stands in fenced blocks and between backticks: everything that somebody may copy. */
export function code(page: string): readonly string[] {
  const blocks = [...page.matchAll(FENCE)].flatMap(([, , , , content = ""]) =>
    content.replace(/ *\\\n */g, " ").split("\n"),
  );
  const inline = [...prose(page).matchAll(/(`+)([^]*?[^`])\1(?!`)/g)].map(([, , content = ""]) =>
    content.replace(/\s*\n\s*/g, " ").trim(),
  );
  return [...blocks.map((line) => line.replace(/ +# .*$/, "").trim()), ...inline].filter((line) => line !== "");
}

/** Anchors of a page's headings, as GitHub makes them. */
export function anchors(page: string): ReadonlySet<string> {
  const seen = new Map<string, number>();
  const found = new Set<string>();
  for (const [, heading = ""] of prose(page).matchAll(/^#{1,6} +(.*?)(?: +#+)?$/gm)) {
    const plain = heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .replace(/[`*_]/g, (mark) => (mark === "_" ? "_" : ""));
    const slug = plain
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\p{M}_ -]/gu, "")
      .replaceAll(" ", "-");
    const count = seen.get(slug) ?? 0;
    seen.set(slug, count + 1);
    found.add(count === 0 ? slug : `${slug}-${count}`);
  }
  return found;
}

/** Targets of links and pictures that lead to a place in the project. */
export function localTargets(page: string): readonly string[] {
  const text = prose(page).replace(/(`+)[^]*?[^`]\1(?!`)/g, "");
  const links = [...text.matchAll(/\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g)].map(([, target = ""]) => target);
  const tags = [...text.matchAll(/<(?:img|a|source)\b[^>]*?\b(?:src|href|srcset)="([^"\s]+)/g)].map(
    ([, target = ""]) => target,
  );
  const definitions = [...text.matchAll(/^\[[^\]]+\]:\s*(\S+)/gm)].map(([, target = ""]) => target);
  return [...links, ...tags, ...definitions].filter((target) => !/^[a-z][a-z0-9+.-]*:/i.test(target));
}

/** What is wrong with the local links of one page. */
export function deadLinks(path: string, all: ReadonlyMap<string, string>): readonly string[] {
  const page = all.get(path) ?? "";
  return localTargets(page).flatMap((target) => {
    const [file = "", anchor] = target.split("#");
    const wanted = file === "" ? path : join(dirname(path), decodeURIComponent(file));
    if (!all.has(wanted) && !existsSync(join(ROOT, wanted))) return [`${path}: ${target}: there is no ${wanted}`];
    if (anchor === undefined) return [];
    const other = all.get(wanted);
    if (other === undefined) return [`${path}: ${target}: only pages have anchors`];
    return anchors(other).has(anchor) ? [] : [`${path}: ${target}: ${wanted} has no such heading`];
  });
}
