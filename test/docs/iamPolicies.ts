import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";

/** The IAM policies of docs/iam, and what they allow. Only as much of IAM as they use; anything else is an error. */

export const ROOT = resolve(__dirname, "..", "..");
export const POLICIES = ["program", "checks", "rollback"] as const;
export type PolicyName = (typeof POLICIES)[number];

export interface Statement {
  readonly Sid: string;
  readonly Effect: string;
  readonly Action: readonly string[];
  readonly Resource: string | readonly string[];
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
}

export interface Policy {
  readonly Version: string;
  readonly Statement: readonly Statement[];
}

export function policyOf(name: PolicyName): Policy {
  return JSON.parse(readFileSync(join(ROOT, "docs/iam", `${name}.json`), "utf8")) as Policy;
}

export function resourcesOf({ Resource }: Statement): readonly string[] {
  return typeof Resource === "string" ? [Resource] : Resource;
}

export function actionsOf(policy: Policy): ReadonlySet<string> {
  return new Set(policy.Statement.flatMap(({ Action }) => Action));
}

/** What IAM is told of a request. */
export interface Request {
  readonly action: string;
  readonly resource: string;
  readonly context?: Readonly<Record<string, string>>;
}

export function allows(policy: Policy, { action, resource, context = {} }: Request): boolean {
  return policy.Statement.some(
    (statement) =>
      statement.Action.includes(action) &&
      resourcesOf(statement).some((pattern) => matches(pattern, resource)) &&
      Object.entries(statement.Condition ?? {}).every(([operator, keys]) => holds(operator, keys, context)),
  );
}

function holds(
  operator: string,
  keys: Readonly<Record<string, string | readonly string[]>>,
  context: Readonly<Record<string, string>>,
): boolean {
  const isAll = operator === "ForAllValues:StringEquals";
  if (operator !== "StringEquals" && !isAll) throw new Error(`the tests do not know the operator ${operator}`);
  return Object.entries(keys).every(([key, wanted]) => {
    const value = context[key];
    // Of ForAllValues a key that is absent holds, of StringEquals it does not.
    return value === undefined ? isAll : [wanted].flat().includes(value);
  });
}

/** `*` stands for any characters, as in IAM also for `/` and `:`. */
export function matches(pattern: string, text: string): boolean {
  const escaped = pattern
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${escaped}$`).test(text);
}
