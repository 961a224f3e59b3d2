/** A report as data. Its two forms, HTML and Markdown, are made of the same blocks, so that neither says more. */

export interface Column {
  readonly title: string;
  /** Figures stand at the right. */
  readonly numeric?: boolean | undefined;
  /** Names and times that are never broken over two lines. */
  readonly whole?: boolean | undefined;
}

export interface Table {
  readonly kind: "table";
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly string[])[];
}

/** A picture with the words that say the same to whoever cannot see it. */
export interface Chart {
  readonly kind: "chart";
  /** Letters, digits and hyphens: part of a file's name beside the Markdown. */
  readonly id: string;
  readonly title: string;
  /** One whole `<svg>` element, made by vega: its texts are escaped there. */
  readonly svg: string;
  readonly caption: string;
}

export type Block =
  | { readonly kind: "heading"; readonly text: string }
  | { readonly kind: "subheading"; readonly text: string }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "list"; readonly items: readonly string[] }
  /** Commands to copy: shown as they are. */
  | { readonly kind: "code"; readonly text: string }
  | Table
  | Chart;

export interface ReportDocument {
  readonly title: string;
  /** One or two sentences under the title: how it stands. */
  readonly lead: string;
  /** Of the mark before the lead. Said in words there as well. */
  readonly tone: "good" | "bad" | "open";
  readonly blocks: readonly Block[];
}

export function heading(text: string): Block {
  return { kind: "heading", text };
}

export function subheading(text: string): Block {
  return { kind: "subheading", text };
}

export function text(content: string): Block {
  return { kind: "text", text: content };
}

export function list(items: readonly string[]): Block {
  return { kind: "list", items };
}

export function code(content: string): Block {
  return { kind: "code", text: content };
}

/** @param columns titles; one that begins with `#` is of figures, with `=` of words that are not broken: `#requests`, `=stage` */
export function table(columns: readonly string[], rows: readonly (readonly string[])[]): Table {
  return {
    kind: "table",
    columns: columns.map((title) => {
      if (title.startsWith("#")) return { title: title.slice(1), numeric: true };
      return title.startsWith("=") ? { title: title.slice(1), whole: true } : { title };
    }),
    rows,
  };
}
