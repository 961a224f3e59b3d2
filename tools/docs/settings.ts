import { z } from "zod";
import { SCHEMA } from "../../migration/settings/schema";
import { type DocNode, docstringsOf } from "./docstrings";

/** The settings as their reference tells them: the schema's own words, types, ranges and defaults, and its docstrings. */

export interface Described {
  /** As `pulumi config set --path` takes it: `databaseB.copy`, `gatewayGroups[0].name`. */
  readonly path: readonly (string | number)[];
  /** Where only one kind of a union has it: `kind: new`. */
  readonly only?: string | undefined;
  readonly schema: z.ZodType;
  readonly meaning: string;
  /** What changing it destroys or replaces, as the docstring says in bold. */
  readonly destroys: string;
  readonly secret: boolean;
  /** As a finding would tell it: `a whole number of hours from 0 to 168`. */
  readonly allowed: string;
  /** JSON of the default, `required`, or `none`. */
  readonly fallback: string;
  readonly children: readonly Described[];
}

export type Key = keyof typeof SCHEMA;
export const KEYS = Object.keys(SCHEMA) as Key[];

/** Every top-level key with everything below it. */
export function describeSettings(source: string): readonly Described[] {
  const docs = docstringsOf(source, "SCHEMA");
  return KEYS.map((key) => described([key], SCHEMA[key], docs.fields.get(key)));
}

/** The part of a docstring that Pulumi.yaml and a table of contents have room for. */
export function firstSentence(text: string): string {
  const end = /\.(?=\s|$)/.exec(text);
  return (end === null ? text : text.slice(0, end.index)).replace(/\s+/g, " ").trim();
}

/** Takes off what makes a value optional. */
export function bare(schema: z.ZodType): z.ZodType {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    return bare(schema.unwrap() as z.ZodType);
  }
  return schema;
}

function described(
  path: readonly (string | number)[],
  schema: z.ZodType,
  docs: DocNode | undefined,
  only?: string,
): Described {
  const written = docs?.text ?? "";
  // Where a fact comes from is of use in the source only.
  const text = written.replace(/^Secret\. /, "").replace(/ \(facts\/[^)]*\)/g, "");
  const destructive = [...text.matchAll(/\*\*((?:Changing|Raising|Other)\b[^*]+)\*\*([^.]*\.)?/g)];
  const allowed = allowedIn(bare(schema));
  return {
    path,
    only,
    schema,
    meaning: text.replace(/\*\*/g, ""),
    destroys: destructive.map(([, sentence = "", rest = ""]) => `${sentence}${rest}`.trim()).join(" "),
    secret: written.startsWith("Secret."),
    allowed,
    fallback: fallbackOf(schema),
    children: childrenOf(path, bare(schema), docs),
  };
}

function childrenOf(
  path: readonly (string | number)[],
  schema: z.ZodType,
  docs: DocNode | undefined,
): readonly Described[] {
  if (schema instanceof z.ZodArray) return childrenOf([...path, 0], bare(schema.element as z.ZodType), docs);
  if (schema instanceof z.ZodObject) {
    return Object.entries(schema.shape as Record<string, z.ZodType>).map(([name, field]) =>
      described([...path, name], field, docs?.fields.get(name)),
    );
  }
  if (schema instanceof z.ZodDiscriminatedUnion) return branchesOf(path, schema, docs);
  return [];
}

/** What all kinds have comes once, then what only some of them have. */
function branchesOf(
  path: readonly (string | number)[],
  union: z.ZodDiscriminatedUnion,
  docs: DocNode | undefined,
): readonly Described[] {
  const { discriminator } = union.def;
  const seen = new Map<string, { readonly entry: Described; readonly kinds: string[] }>();
  const options = union.options as readonly z.ZodObject[];
  const names: string[] = [];
  for (const [index, option] of options.entries()) {
    const shape = option.shape as Record<string, z.ZodType>;
    const literal = shape[discriminator];
    const kind = literal instanceof z.ZodLiteral ? String([...literal.values][0]) : "";
    names.push(kind);
    const branch = docs?.branches[index];
    for (const [name, field] of Object.entries(shape)) {
      if (name === discriminator) continue;
      const known = seen.get(name);
      if (known !== undefined && known.entry.allowed === allowedIn(bare(field))) known.kinds.push(kind);
      else {
        const entry = described([...path, name], field, branch?.fields.get(name));
        seen.set(known === undefined ? name : `${name} ${kind}`, { entry, kinds: [kind] });
      }
    }
  }
  const kinds = options.map((_option, index) => {
    const text = docs?.branches[index]?.text ?? "";
    return text === "" ? `\`${names[index] ?? ""}\`` : `\`${names[index] ?? ""}\`: ${text.replace(/\.$/, "")}`;
  });
  const which: Described = {
    path: [...path, discriminator],
    schema: z.enum(names as [string, ...string[]]),
    meaning: `Which kind. ${kinds.join("; ")}.`,
    destroys: "",
    secret: false,
    allowed: `one of ${names.join(", ")}`,
    fallback: "required",
    children: [],
  };
  const rest = [...seen.values()].map(({ entry, kinds: own }) => ({
    ...entry,
    only: own.length === names.length ? undefined : `${discriminator} ${own.join(", ")}`,
  }));
  return [which, ...rest];
}

/** What the schema itself says when it is given something that it cannot mean. */
function allowedIn(schema: z.ZodType): string {
  const { error } = schema.safeParse(Symbol("none of its values"));
  return error?.issues[0]?.message ?? "";
}

function fallbackOf(schema: z.ZodType): string {
  const outcome = schema.safeParse(undefined);
  if (!outcome.success) return "required";
  return outcome.data === undefined ? "none" : JSON.stringify(outcome.data);
}
