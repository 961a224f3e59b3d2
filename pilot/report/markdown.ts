import { type Block, type ReportDocument, type Table } from "./document";

/** The same report as Markdown. Its pictures are files beside it, named by `pictureName`. */
export function markdownOf({ title, lead, blocks }: ReportDocument): string {
  return `${[`# ${escapeMarkdown(title)}`, escapeMarkdown(lead), ...blocks.map(blockOf)].join("\n\n")}\n`;
}

/** Name of a chart's file beside the Markdown. */
export function pictureName(id: string): string {
  return `report-${id}.svg`;
}

/** Nothing of the text is taken for Markdown or HTML. */
export function escapeMarkdown(text: string): string {
  return text
    .replace(/[\\`*_{}[\]<>|#~&]/g, (char) => (/[<>&]/.test(char) ? `&#${char.charCodeAt(0)};` : `\\${char}`))
    .replace(/\s*\n\s*/g, " ");
}

function blockOf(block: Block): string {
  switch (block.kind) {
    case "heading":
      return `## ${escapeMarkdown(block.text)}`;
    case "subheading":
      return `### ${escapeMarkdown(block.text)}`;
    case "text":
      // A line that begins like a list or a quotation is none.
      return escapeMarkdown(block.text).replace(/^([-+]|\d+\.)/, "\\$1");
    case "list":
      return block.items.map((item) => `- ${escapeMarkdown(item)}`).join("\n");
    case "code": {
      const longest = Math.max(2, ...[...block.text.matchAll(/`+/g)].map(([ticks]) => ticks.length));
      const fence = "`".repeat(longest + 1);
      return `${fence}sh\n${block.text}\n${fence}`;
    }
    case "table":
      return tableOf(block);
    case "chart":
      return `![${escapeMarkdown(block.title)}](${pictureName(block.id)})\n\n${escapeMarkdown(block.caption)}`;
  }
}

function tableOf({ columns, rows }: Table): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(escapeMarkdown).join(" | ")} |`;
  const rule = columns.map(({ numeric }) => (numeric === true ? "---:" : "---"));
  return [line(columns.map(({ title }) => title)), `| ${rule.join(" | ")} |`, ...rows.map(line)].join("\n");
}
