import { type Labels } from "./textFormat";

/**
 * The part of PromQL that the local server answers: selectors, `timestamp`, and aggregations over labels. What it does not
 * know it refuses, with the kind of error that the real server would give.
 */

export interface Matcher {
  readonly label: string;
  readonly matches: (value: string) => boolean;
}

export interface Selector {
  readonly kind: "selector";
  readonly matchers: readonly Matcher[];
}

export type Expression =
  | Selector
  | { readonly kind: "timestamp"; readonly of: Selector }
  | {
      readonly kind: "aggregation";
      readonly operator: keyof typeof AGGREGATIONS;
      readonly by: readonly string[];
      readonly of: Selector;
    };

export const AGGREGATIONS = {
  sum: (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0),
  min: (values: readonly number[]): number => values.reduce((least, value) => Math.min(least, value), Infinity),
  max: (values: readonly number[]): number => values.reduce((most, value) => Math.max(most, value), -Infinity),
  count: (values: readonly number[]): number => values.length,
} as const;

/** Not PromQL: the real server refuses it too (`bad_data`). */
export class ParseError extends Error {
  override readonly name = "ParseError";
}

/** PromQL, but of a kind that the local server does not answer. */
export class NotModelled extends Error {
  override readonly name = "NotModelled";
}

const FUNCTIONS =
  /^(rate|irate|increase|delta|deriv|histogram_quantile|avg|stddev|topk|bottomk|quantile|absent|label_replace|clamp_min|sort|vector|scalar|time|\w+_over_time)$/;
const TOKEN =
  /\s*(?:([a-zA-Z_:][a-zA-Z0-9_:]*)|("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`)|(=~|!~|!=|==|>=|<=|[=(){},[\]+\-*/%^<>@])|(\d[\w.]*)|(\S))/y;

interface Token {
  readonly type: "name" | "text" | "sign" | "number" | "end";
  readonly text: string;
  readonly at: number;
}

/** @throws ParseError, NotModelled */
export function parsePromql(query: string): Expression {
  return new Parser(query).whole();
}

class Parser {
  readonly #tokens: readonly Token[];
  #next = 0;

  constructor(query: string) {
    this.#tokens = tokensOf(query);
  }

  whole(): Expression {
    const expression = this.#expression();
    const { type, text, at } = this.#peek();
    if (type === "end") return expression;
    if (type === "sign" && /^([+\-*/%^<>@[]|==|>=|<=|!=)$/.test(text)) throw new NotModelled(`operator ${text}`);
    if (type === "name" && text === "offset") throw new NotModelled("modifier offset");
    throw this.#unexpected(at, text);
  }

  #expression(): Expression {
    const { type, text } = this.#peek();
    if (type === "name" && this.#peek(1).text === "(" && text !== "timestamp" && !Object.hasOwn(AGGREGATIONS, text)) {
      if (FUNCTIONS.test(text)) throw new NotModelled(`function ${text}`);
      throw new ParseError(`${this.#position()}: parse error: unknown function with name "${text}"`);
    }
    if (type === "name" && text === "timestamp" && this.#peek(1).text === "(") {
      this.#take();
      return { kind: "timestamp", of: this.#inParentheses() };
    }
    const follows = this.#peek(1).text;
    if (type === "name" && Object.hasOwn(AGGREGATIONS, text) && ["(", "by", "without"].includes(follows)) {
      this.#take();
      const operator = text as keyof typeof AGGREGATIONS;
      const before = this.#grouping();
      const of = this.#inParentheses();
      return { kind: "aggregation", operator, by: before ?? this.#grouping() ?? [], of };
    }
    return this.#selector();
  }

  #inParentheses(): Selector {
    this.#sign("(");
    const inner = this.#expression();
    if (inner.kind !== "selector") throw new NotModelled("an expression inside of another one");
    const { text } = this.#peek();
    if (text === "[" || text === "offset") throw new NotModelled("a range or an offset");
    this.#sign(")");
    return inner;
  }

  #grouping(): readonly string[] | undefined {
    const { text } = this.#peek();
    if (text === "without") throw new NotModelled("aggregation without");
    if (text !== "by") return undefined;
    this.#take();
    this.#sign("(");
    const labels: string[] = [];
    while (this.#peek().text !== ")") {
      const { type, text: label, at } = this.#take();
      if (type !== "name") throw this.#unexpected(at, label);
      labels.push(label);
      if (this.#peek().text === ",") this.#take();
      else if (this.#peek().text !== ")") throw this.#unexpected(this.#peek().at, this.#peek().text);
    }
    this.#sign(")");
    return labels;
  }

  #selector(): Selector {
    const { type, text, at } = this.#peek();
    const matchers: (Matcher & { readonly matchesEmpty: boolean })[] = [];
    if (type === "name") {
      this.#take();
      matchers.push({ label: "__name__", matches: (value) => value === text, matchesEmpty: false });
    } else if (text !== "{") {
      throw this.#unexpected(at, text);
    }
    if (this.#peek().text === "{") matchers.push(...this.#matchers());
    if (!matchers.some(({ matchesEmpty }) => !matchesEmpty)) {
      throw new ParseError(`${at + 1}:1: parse error: vector selector must contain at least one non-empty matcher`);
    }
    return { kind: "selector", matchers };
  }

  #matchers(): (Matcher & { readonly matchesEmpty: boolean })[] {
    this.#sign("{");
    const matchers: (Matcher & { readonly matchesEmpty: boolean })[] = [];
    while (this.#peek().text !== "}") {
      const name = this.#take();
      if (name.type !== "name") throw this.#unexpected(name.at, name.text);
      const operator = this.#take();
      if (!["=", "!=", "=~", "!~"].includes(operator.text)) throw this.#unexpected(operator.at, operator.text);
      const value = this.#take();
      if (value.type !== "text") throw this.#unexpected(value.at, value.text);
      const matches = matcherOf(operator.text, unquoted(value.text), value.at);
      matchers.push({ label: name.text, matches, matchesEmpty: matches("") });
      if (this.#peek().text === ",") this.#take();
      else if (this.#peek().text !== "}") throw this.#unexpected(this.#peek().at, this.#peek().text);
    }
    this.#sign("}");
    return matchers;
  }

  #peek(ahead = 0): Token {
    return this.#tokens[this.#next + ahead] ?? END;
  }

  #take(): Token {
    const token = this.#peek();
    this.#next += 1;
    return token;
  }

  #sign(wanted: string): void {
    const { type, text, at } = this.#take();
    if (type !== "sign" || text !== wanted) throw this.#unexpected(at, text);
  }

  #position(): string {
    return `1:${this.#peek().at + 1}`;
  }

  #unexpected(at: number, text: string): ParseError {
    return new ParseError(
      `1:${at + 1}: parse error: unexpected ${text === "" ? "end of input" : JSON.stringify(text)}`,
    );
  }
}

const END: Token = { type: "end", text: "", at: 0 };

function tokensOf(query: string): readonly Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  const end = query.trimEnd().length;
  while (TOKEN.lastIndex < end) {
    const found = TOKEN.exec(query);
    if (found === null) break;
    const [whole, name, text, sign, number, other] = found;
    const value = name ?? text ?? sign ?? number ?? other ?? "";
    const at = TOKEN.lastIndex - value.length;
    if (other !== undefined) {
      throw new ParseError(`1:${at + 1}: parse error: unexpected character ${JSON.stringify(other)}`);
    }
    const type = name !== undefined ? "name" : text !== undefined ? "text" : sign !== undefined ? "sign" : "number";
    if (whole === "") break;
    tokens.push({ type, text: value, at });
  }
  return [...tokens, { type: "end", text: "", at: end }];
}

function unquoted(text: string): string {
  const inner = text.slice(1, -1);
  if (text.startsWith("`")) return inner;
  return inner.replaceAll(/\\(.)/g, (_whole, char: string) => (char === "n" ? "\n" : char === "t" ? "\t" : char));
}

/** Regular expressions match the whole value (RE2 in the real server; the two agree on what is in use). */
function matcherOf(operator: string, value: string, at: number): Matcher["matches"] {
  if (operator === "=") return (text) => text === value;
  if (operator === "!=") return (text) => text !== value;
  let expression: RegExp;
  try {
    expression = new RegExp(`^(?:${value})$`, "s");
  } catch {
    throw new ParseError(`1:${at + 1}: parse error: error parsing regexp: ${JSON.stringify(value)}`);
  }
  return operator === "=~" ? (text) => expression.test(text) : (text) => !expression.test(text);
}

/** Whether a series has the labels. A label that is not there counts as empty. */
export function selects({ matchers }: Selector, labels: Labels): boolean {
  return matchers.every(({ label, matches }) => matches(labels[label] ?? ""));
}
