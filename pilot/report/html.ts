import { type Block, type Chart, type ReportDocument, type Table } from "./document";

/** One HTML file that needs nothing else: no script, no font, no picture from elsewhere. Everything in it is escaped. */
export function htmlOf({ title, lead, tone, blocks }: ReportDocument): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${escapeHtml(title)}</h1>
<p class="lead ${tone}"><span class="mark">${MARKS[tone]}</span> ${escapeHtml(lead)}</p>
${blocks.map(blockOf).join("\n")}
</body>
</html>
`;
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}

/** Told by its shape too, for print without colour. */
const MARKS: Readonly<Record<ReportDocument["tone"], string>> = { good: "✓", bad: "✗", open: "●" };

function blockOf(block: Block): string {
  switch (block.kind) {
    case "heading":
      return `<h2>${escapeHtml(block.text)}</h2>`;
    case "subheading":
      return `<h3>${escapeHtml(block.text)}</h3>`;
    case "text":
      return `<p>${escapeHtml(block.text)}</p>`;
    case "list":
      return `<ul>\n${block.items.map((item) => `<li>${escapeHtml(item)}</li>`).join("\n")}\n</ul>`;
    case "code":
      return `<pre>${escapeHtml(block.text)}</pre>`;
    case "table":
      return tableOf(block);
    case "chart":
      return chartOf(block);
  }
}

function chartOf({ title, svg, caption }: Chart): string {
  const accessible = svg.replace(/^<svg /, `<svg role="img" aria-label="${escapeHtml(`${title}. ${caption}`)}" `);
  return `<figure>\n${accessible}\n<figcaption>${escapeHtml(caption)}</figcaption>\n</figure>`;
}

function tableOf({ columns, rows }: Table): string {
  const cell = (tag: "td" | "th", content: string, index: number): string => {
    const { numeric, whole } = columns[index] ?? {};
    const kind = numeric === true ? ' class="n"' : whole === true ? ' class="w"' : "";
    return `<${tag}${kind}>${escapeHtml(content)}</${tag}>`;
  };
  const head = columns.map(({ title }, index) => cell("th", title, index)).join("");
  const body = rows.map((row) => `<tr>${row.map((content, index) => cell("td", content, index)).join("")}</tr>`);
  return `<div class="wide"><table>\n<thead><tr>${head}</tr></thead>\n<tbody>\n${body.join("\n")}\n</tbody>\n</table></div>`;
}

const STYLE = `
  :root { color-scheme: light; }
  body { font: 15px/1.5 system-ui, "DejaVu Sans", sans-serif; max-width: 1080px; margin: 2rem auto; padding: 0 1rem;
         color: #1b1f24; background: #fff; }
  h1 { margin: 0 0 .3rem; font-size: 1.7rem; }
  h2 { margin: 2.2rem 0 .6rem; font-size: 1.25rem; border-bottom: 2px solid #1b1f24; padding-bottom: .2rem; }
  h3 { margin: 1.4rem 0 .4rem; font-size: 1.02rem; }
  .lead { font-size: 1.1rem; margin: 0 0 1.2rem; }
  .mark { display: inline-block; min-width: 1.2em; font-weight: bold; }
  .good .mark { color: #116329; } .bad .mark { color: #a40e26; } .open .mark { color: #57606a; }
  .wide { overflow-x: auto; margin: .5rem 0 1.2rem; }
  table { border-collapse: collapse; font-size: .83rem; }
  th, td { padding: .3rem .6rem .3rem 0; border-bottom: 1px solid #d0d7de; text-align: left; vertical-align: top;
           overflow-wrap: anywhere; }
  th { border-bottom: 1px solid #1b1f24; overflow-wrap: normal; }
  .w { white-space: nowrap; }
  .n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; padding-left: .3rem; }
  figure { margin: .8rem 0 1.4rem; }
  figure svg { max-width: 100%; height: auto; }
  figcaption { font-size: .87rem; color: #424a53; }
  pre { background: #f6f8fa; border: 1px solid #d0d7de; padding: .6rem .8rem; white-space: pre-wrap;
        overflow-wrap: anywhere; font-size: .82rem; }
  @page { size: A4; margin: 14mm; }
  @media print {
    body { font-size: 10pt; margin: 0; padding: 0; max-width: none; color: #000; }
    table { font-size: 8pt; } pre { font-size: 7.5pt; background: none; } .lead { font-size: 11pt; }
    .good .mark, .bad .mark, .open .mark, figcaption { color: #000; }
    .wide { overflow: visible; } thead { display: table-header-group; }
    tr, figure, pre { break-inside: avoid; } h2, h3 { break-after: avoid; }
  }
`;
