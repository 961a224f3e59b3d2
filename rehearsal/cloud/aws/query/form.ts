import { AwsError } from "../errors";

/** A parameter of the Query protocol: text, a list or a structure. */
export type FormValue = string | FormValue[] | { [name: string]: FormValue };

/**
 * The parameters of a request of the Query protocol as a tree: `Actions.member.1.Type=forward` is the first element of
 * the list `Actions`, and so is `Filters.Filter.1.Name=...`, whose elements have a name of their own.
 */
export function parseForm(body: string): Readonly<Record<string, FormValue>> {
  const root: Tree = new Map();
  for (const [name, value] of new URLSearchParams(body)) {
    const path = name.split(".");
    const last = path.pop() ?? "";
    let node = root;
    for (const part of path) {
      const next = node.get(part) ?? new Map<string, Tree | string>();
      if (typeof next === "string") throw malformed(name);
      node.set(part, next);
      node = next;
    }
    if (node.has(last)) throw malformed(name);
    node.set(last, value);
  }
  return Object.fromEntries([...root].map(([name, node]) => [name, valueOf(node)]));
}

type Tree = Map<string, Tree | string>;

function valueOf(node: Tree | string): FormValue {
  if (typeof node === "string") return node;
  const list = listOf(node);
  if (list !== undefined) return list.map(valueOf);
  return Object.fromEntries([...node].map(([name, child]) => [name, valueOf(child)]));
}

/** The elements, where a node has one child whose children are numbered. */
function listOf(node: Tree): (Tree | string)[] | undefined {
  const [elements, ...others] = [...node.values()];
  if (elements === undefined || typeof elements === "string" || others.length > 0) return undefined;
  const numbers = [...elements.keys()];
  if (numbers.length === 0 || !numbers.every((number) => /^[1-9]\d*$/.test(number))) return undefined;
  return [...elements].sort(([a], [b]) => Number(a) - Number(b)).map(([, element]) => element);
}

function malformed(name: string): AwsError {
  return new AwsError("MalformedQueryString", `The parameter ${name} contradicts another one.`, 404);
}
