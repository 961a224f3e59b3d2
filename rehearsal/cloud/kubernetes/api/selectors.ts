import type { V1LabelSelector } from "@kubernetes/client-node";
import { badRequest } from "./errors";
import { type KubeObject } from "./objects";

type Labels = Readonly<Record<string, string>>;

/** Answers whether an object is meant. */
export type Selector = (object: KubeObject) => boolean;

/** One requirement on one label. */
interface Requirement {
  readonly key: string;
  readonly operator: "In" | "NotIn" | "Exists" | "DoesNotExist";
  readonly values: readonly string[];
}

function holds({ key, operator, values }: Requirement, labels: Labels): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
  }
}

const KEY = "[A-Za-z0-9]([A-Za-z0-9_./-]*[A-Za-z0-9])?";
const SET = new RegExp(`^(?<key>${KEY})\\s+(?<operator>in|notin)\\s+\\((?<values>[^()]*)\\)$`);
const EQUALITY = new RegExp(`^(?<key>${KEY})\\s*(?<operator>==|=|!=)\\s*(?<value>[A-Za-z0-9_.-]*)$`);
const EXISTENCE = new RegExp(`^(?<not>!)?\\s*(?<key>${KEY})$`);

/** Splits at commas that are not inside parentheses. */
function parts(text: string): string[] {
  return text.split(/,(?![^()]*\))/).map((part) => part.trim());
}

function requirement(text: string): Requirement {
  const set = SET.exec(text)?.groups;
  if (set?.["key"] !== undefined && set["values"] !== undefined) {
    const values = set["values"].split(",").map((value) => value.trim());
    return { key: set["key"], operator: set["operator"] === "in" ? "In" : "NotIn", values };
  }
  const equality = EQUALITY.exec(text)?.groups;
  if (equality?.["key"] !== undefined && equality["value"] !== undefined) {
    const operator = equality["operator"] === "!=" ? "NotIn" : "In";
    return { key: equality["key"], operator, values: [equality["value"]] };
  }
  const existence = EXISTENCE.exec(text)?.groups;
  if (existence?.["key"] !== undefined) {
    return { key: existence["key"], operator: existence["not"] === undefined ? "Exists" : "DoesNotExist", values: [] };
  }
  throw badRequest(`unable to parse requirement: found '${text}' in the label selector`);
}

/**
 * A selector in the form of the query `labelSelector`, as `app=gateway,tier in (a,b),!canary`.
 * @throws ApiError 400 when it cannot be read
 */
export function parseLabelSelector(text: string): Selector {
  if (text.trim() === "") {
    return () => true;
  }
  const requirements = parts(text).map(requirement);
  return ({ metadata }) => requirements.every((one) => holds(one, metadata.labels ?? {}));
}

/** A selector in the form of a spec. `undefined` matches nothing, an empty one matches everything. */
export function labelSelector(selector: V1LabelSelector | undefined): (labels: Labels) => boolean {
  if (selector === undefined) {
    return () => false;
  }
  const requirements: Requirement[] = [
    ...Object.entries(selector.matchLabels ?? {}).map(([key, value]) => ({
      key,
      operator: "In" as const,
      values: [value],
    })),
    ...(selector.matchExpressions ?? []).map(({ key, operator, values }) => ({
      key,
      operator: operator as Requirement["operator"],
      values: values ?? [],
    })),
  ];
  return (labels) => requirements.every((one) => holds(one, labels));
}

const FIELDS: Readonly<Record<string, readonly string[]>> = {
  "": ["metadata.name", "metadata.namespace"],
  Pod: ["status.phase", "status.podIP", "spec.nodeName"],
  Event: [
    "involvedObject.kind",
    "involvedObject.name",
    "involvedObject.namespace",
    "involvedObject.uid",
    "reason",
    "type",
  ],
  Secret: ["type"],
};

function fieldAt(object: KubeObject, path: string): string {
  const value = path
    .split(".")
    .reduce<unknown>(
      (at, key) => (typeof at === "object" && at !== null ? (at as Record<string, unknown>)[key] : undefined),
      object,
    );
  return typeof value === "string" ? value : "";
}

/**
 * A selector in the form of the query `fieldSelector`, as `metadata.name=x,type!=Opaque`.
 * @throws ApiError 400 for a field that the server does not index, and when it cannot be read
 */
export function parseFieldSelector(text: string, kind: string): Selector {
  if (text.trim() === "") {
    return () => true;
  }
  const known = [...(FIELDS[""] ?? []), ...(FIELDS[kind] ?? [])];
  const requirements = text.split(",").map((part) => {
    const found = /^\s*([A-Za-z.]+)\s*(==|=|!=)\s*(.*?)\s*$/.exec(part);
    const [, field = "", operator, value = ""] = found ?? [];
    if (found === null || !known.includes(field)) {
      throw badRequest(`field label not supported: ${field === "" ? part : field}`);
    }
    return { field, equal: operator !== "!=", value };
  });
  return (object) => requirements.every(({ field, equal, value }) => (fieldAt(object, field) === value) === equal);
}
