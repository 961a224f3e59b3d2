/**
 * Parts of a page that come from the code, between two comments that no reader sees:
 * `<!-- generated: NAME (npm run docs) -->` and `<!-- end: NAME -->`. Everything around them is written by hand.
 */

const BEGIN = /<!-- generated: ([a-z-]+) \(npm run docs\) -->/g;

/**
 * The page with every such part written anew.
 *
 * @param parts name -> Markdown; each must be wanted by the page exactly once
 * @throws when the page wants a part that is not there, has one that is not closed, or leaves one out
 */
export function fillRegions(page: string, parts: Readonly<Record<string, string>>): string {
  const wanted = [...page.matchAll(BEGIN)].map(([, name = ""]) => name);
  const odd = [...wanted.filter((name) => !(name in parts)), ...twice(wanted)];
  if (odd.length > 0) throw new Error(`the page wants ${odd.join(", ")}: no such part, or wanted twice`);
  const left = Object.keys(parts).filter((name) => !wanted.includes(name));
  if (left.length > 0) throw new Error(`the page has no place for ${left.join(", ")}`);
  return wanted.reduce((text, name) => fill(text, name, parts[name] ?? ""), page);
}

function fill(page: string, name: string, content: string): string {
  const begin = `<!-- generated: ${name} (npm run docs) -->`;
  const end = `<!-- end: ${name} -->`;
  const from = page.indexOf(begin) + begin.length;
  const to = page.indexOf(end);
  if (to < from) throw new Error(`the part ${name} of the page has no ${end} behind it`);
  return `${page.slice(0, from)}\n\n${content.trim()}\n\n${page.slice(to)}`;
}

function twice(names: readonly string[]): readonly string[] {
  return names.filter((name, index) => names.indexOf(name) !== index);
}

/** A Markdown table. Cells may hold `|`. */
export function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}
