/** Prometheus' text exposition format, version 0.0.4: what a scrape gets. */

export type Labels = Readonly<Record<string, string>>;

/** A line is not of the format; Prometheus then throws the whole scrape away. */
export class FormatError extends Error {
  override readonly name = "FormatError";
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*/;
const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*/;
const NUMBER = /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/;
const ESCAPES: Readonly<Record<string, string>> = { "\\": "\\", '"': '"', n: "\n" };

/** Splits a sample line at its value: `name{labels} value`. Undefined for comments and empty lines. @throws FormatError */
export function splitSample(line: string): { readonly series: string; readonly value: number } | undefined {
  if (line === "" || line.startsWith("#")) return undefined;
  const end = line.lastIndexOf("}");
  const gap = line.indexOf(" ", Math.max(end, 0));
  if (gap < 1) throw new FormatError(`no value in ${shortened(line)}`);
  const rest = line.slice(gap + 1).trim();
  if (rest.includes(" ")) throw new FormatError(`a timestamp of its own in ${shortened(line)}`);
  return { series: line.slice(0, gap).trimEnd(), value: numberOf(rest, line) };
}

/** Name and labels of a series as a sample line writes it; the name is the label `__name__`. @throws FormatError */
export function parseSeries(text: string): Labels {
  const name = NAME.exec(text)?.[0];
  if (name === undefined) throw new FormatError(`no metric name in ${shortened(text)}`);
  const labels: Record<string, string> = { __name__: name };
  if (text.length === name.length) return labels;
  let at = name.length;
  const expect = (char: string): void => {
    if (text[at] !== char) throw new FormatError(`expected ${char} at column ${at + 1} of ${shortened(text)}`);
    at += 1;
  };
  expect("{");
  while (text[at] !== "}") {
    const label = LABEL.exec(text.slice(at))?.[0];
    if (label === undefined) throw new FormatError(`no label name at column ${at + 1} of ${shortened(text)}`);
    if (Object.hasOwn(labels, label)) throw new FormatError(`label ${label} twice in ${shortened(text)}`);
    at += label.length;
    expect("=");
    expect('"');
    let value = "";
    while (text[at] !== '"') {
      const char = text[at];
      if (char === undefined) throw new FormatError(`no end of a label's value in ${shortened(text)}`);
      if (char === "\\") {
        const escaped = ESCAPES[text[at + 1] ?? ""];
        if (escaped === undefined) throw new FormatError(`unknown escape at column ${at + 1} of ${shortened(text)}`);
        value += escaped;
        at += 2;
      } else {
        value += char;
        at += 1;
      }
    }
    at += 1;
    labels[label] = value;
    if (text[at] === ",") at += 1;
    else if (text[at] !== "}") throw new FormatError(`expected , or } at column ${at + 1} of ${shortened(text)}`);
  }
  if (at + 1 !== text.length) throw new FormatError(`something follows the labels of ${shortened(text)}`);
  return labels;
}

function numberOf(text: string, line: string): number {
  if (NUMBER.test(text)) return Number(text);
  if (text === "+Inf" || text === "Inf") return Infinity;
  if (text === "-Inf") return -Infinity;
  if (text === "NaN") return NaN;
  throw new FormatError(`${shortened(text)} is no number, in ${shortened(line)}`);
}

function shortened(text: string): string {
  return text.length > 120 ? `${text.slice(0, 117)}...` : text;
}
