/**
 * `pulumi config set` and `rm` on a config as the engine hands it over, as far as remedies use them. What the real CLI
 * does is in test/rehearsal/plainCli.test.ts; this follows it.
 */

type Holder = Record<string | number, unknown>;
type Keys = readonly (string | number)[];

/** Runs a remedy. A place that it leaves to the operator is filled by `fill`. */
export function applyRemedy(
  project: string,
  values: Readonly<Record<string, string>>,
  remedy: string,
  fill: (path: Keys) => unknown,
): Record<string, string> {
  const changed = { ...values };
  for (const command of remedy.split(" && ")) run(project, changed, wordsOf(command), fill);
  return changed;
}

function run(
  project: string,
  values: Record<string, string>,
  words: readonly string[],
  fill: (path: Keys) => unknown,
): void {
  const [program, config, verb, ...rest] = words;
  if (program !== "pulumi" || config !== "config" || (verb !== "set" && verb !== "rm")) {
    throw new Error(`no command of pulumi config: ${words.join(" ")}`);
  }
  let type: string | undefined;
  let nested = false;
  const plain: string[] = [];
  for (let index = 0; index < rest.length; index += 1) {
    const word = rest[index] ?? "";
    if (word === "--path") nested = true;
    else if (word === "--type") type = rest[(index += 1)];
    else if (word !== "--secret" && word !== "--plaintext") plain.push(word);
  }
  const [name = "", text] = plain;
  const path: Keys = nested ? keysOf(name) : [name];
  const [top = "", ...below] = path;
  const key = String(top).includes(":") ? String(top) : `${project}:${top}`;
  if (verb === "rm") {
    if (below.length === 0) Reflect.deleteProperty(values, key);
    else values[key] = changedText(values[key], (holder) => remove(holder, below));
    return;
  }
  // Without a value the CLI asks for it.
  const given = text === undefined || text === "VALUE" ? fill(path) : text;
  if (given === undefined) throw new Error(`nothing to fill ${name} with`);
  if (below.length === 0) values[key] = typeof given === "string" ? given : JSON.stringify(given);
  else
    values[key] = changedText(
      values[key],
      (holder) => write(holder, below, given === text ? guessed(text, type) : given),
      below,
    );
}

/** With `--path` whole numbers, true and false are taken for what they look like. */
function guessed(text: string, type: string | undefined): unknown {
  if (type === "string") return text;
  if (type === "float") return Number(text);
  if (text === "true" || text === "false") return text === "true";
  return /^-?(0|[1-9]\d*)$/.test(text) ? Number(text) : text;
}

function changedText(text: string | undefined, change: (holder: Holder) => void, below: Keys = []): string {
  const holder = (
    text === undefined || text === "" ? (typeof below[0] === "number" ? [] : {}) : JSON.parse(text)
  ) as Holder;
  change(holder);
  return JSON.stringify(holder);
}

function write(holder: Holder, [key = "", ...below]: Keys, value: unknown): void {
  if (Array.isArray(holder) && (typeof key !== "number" || key > holder.length)) throw new Error("index out of range");
  if (below.length === 0) holder[key] = value;
  else {
    const there = holder[key];
    if (typeof there !== "object" || there === null) {
      if (there !== undefined) throw new Error(`${key} holds a value, not an object`);
      holder[key] = typeof below[0] === "number" ? [] : {};
    }
    write(holder[key] as Holder, below, value);
  }
}

function remove(holder: Holder, [key = "", ...below]: Keys): void {
  if (below.length > 0) remove(holder[key] as Holder, below);
  else if (Array.isArray(holder)) holder.splice(Number(key), 1);
  else Reflect.deleteProperty(holder, key);
}

/** `gatewayGroups[0].tags["a.b"]` -> keys */
export function keysOf(path: string): Keys {
  const parts = path.matchAll(/\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]|([^.[\]]+)/g);
  return [...parts].map(([, index, quoted, word]) =>
    index !== undefined ? Number(index) : quoted !== undefined ? (JSON.parse(`"${quoted}"`) as string) : (word ?? ""),
  );
}

/** The words of a POSIX shell line with nothing but single quotes. */
function wordsOf(line: string): readonly string[] {
  const words: string[] = [];
  for (const match of line.matchAll(/(?:'[^']*'|\\.|[^\s'\\])+/g)) {
    words.push(
      match[0].replace(/'([^']*)'|\\(.)/g, (_whole, quoted?: string, escaped?: string) => quoted ?? escaped ?? ""),
    );
  }
  return words;
}
