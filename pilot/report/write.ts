import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { redact } from "../../checks/result";
import { type Block, type ReportDocument } from "./document";
import { htmlOf } from "./html";
import { markdownOf, pictureName } from "./markdown";

/**
 * Writes `NAME.html`, which needs nothing else, and `NAME.md` with its pictures beside it.
 *
 * Texts of other systems stand in findings and reasons; whatever looks like a credential is masked once more here.
 *
 * @param name `report` or `rollback-plan`
 * @returns the paths, HTML first
 */
export async function writeDocument(folder: string, name: string, given: ReportDocument): Promise<readonly string[]> {
  await mkdir(folder, { recursive: true });
  const document = masked(given);
  const files = [
    { file: `${name}.html`, content: htmlOf(document) },
    { file: `${name}.md`, content: markdownOf(document) },
    ...document.blocks.flatMap((block) =>
      block.kind === "chart" ? [{ file: pictureName(block.id), content: block.svg }] : [],
    ),
  ];
  for (const { file, content } of files) {
    const path = join(folder, file);
    await writeFile(`${path}.${process.pid}`, content);
    await rename(`${path}.${process.pid}`, path);
  }
  return files.map(({ file }) => join(folder, file));
}

function masked(document: ReportDocument): ReportDocument {
  return { ...document, lead: redact(document.lead), blocks: document.blocks.map(maskedBlock) };
}

function maskedBlock(block: Block): Block {
  switch (block.kind) {
    case "list":
      return { ...block, items: block.items.map(redact) };
    case "table":
      return { ...block, rows: block.rows.map((row) => row.map(redact)) };
    case "chart":
      return block;
    default:
      return { ...block, text: redact(block.text) };
  }
}
