import { nearest } from "./nearest";
import { pathText, type Path } from "./paths";
import { type ObjectSchema, type ProviderSchema, type TypeSchema } from "./schema";
import { type Failure, type Props } from "./types";
import { UNKNOWN, assetKind, isObject } from "./values";

type Types = ProviderSchema["types"];

/**
 * Compares inputs with their schema, at any depth: names not known (with the nearest known one), required ones missing,
 * values of another type. What is not known yet is not looked at. Every failure is reported, not the first one only.
 */
export function validate(inputs: Props, schema: ObjectSchema, types: Types): Failure[] {
  return validateObject(inputs, schema, types, []);
}

function failure(path: Path, reason: string): Failure {
  return { property: pathText(path), reason };
}

function validateObject(value: Props, schema: ObjectSchema, types: Types, path: Path): Failure[] {
  const known = Object.keys(schema);
  const found = Object.entries(value).flatMap(([key, inner]) => {
    const property = Object.hasOwn(schema, key) ? schema[key] : undefined;
    if (property === undefined) {
      return [unknownName(key, known, [...path, key])];
    }
    return validateValue(inner, property, types, [...path, key]);
  });
  const missing = Object.entries(schema)
    .filter(([key, property]) => property.required === true && value[key] === undefined)
    .map(([key]) => failure([...path, key], `is required and missing`));
  return [...found, ...missing];
}

function unknownName(key: string, known: readonly string[], path: Path): Failure {
  const close = nearest(key, known);
  const hint = close === undefined ? `known here are: ${[...known].sort().join(", ")}` : `did you mean "${close}"?`;
  return failure(path, `is not a known property; ${hint}`);
}

function validateValue(value: unknown, schema: TypeSchema, types: Types, path: Path): Failure[] {
  if (value === UNKNOWN) {
    return [];
  }
  switch (schema.type) {
    case "any":
      return [];
    case "array":
      return Array.isArray(value)
        ? value.flatMap((inner, at) => validateValue(inner, schema.items, types, [...path, at]))
        : wrongType(value, "an array", path);
    case "map":
      return isObject(value) && assetKind(value) === undefined
        ? Object.entries(value).flatMap(([key, inner]) => validateValue(inner, schema.values, types, [...path, key]))
        : wrongType(value, "an object", path);
    case "object":
      return isObject(value) && assetKind(value) === undefined
        ? validateObject(value, describedType(schema.ref, types), types, path)
        : wrongType(value, "an object", path);
    case "union":
      return validateUnion(value, schema.of, types, path);
    case "asset":
    case "archive":
      return assetKind(value) === schema.type ? [] : wrongType(value, `an ${schema.type}`, path);
    default:
      return typeof value === schema.type ? [] : wrongType(value, `a ${schema.type}`, path);
  }
}

/** Holds when one of the types holds; else speaks of the one that comes closest. */
function validateUnion(value: unknown, of: readonly TypeSchema[], types: Types, path: Path): Failure[] {
  const tries = of.map((schema) => validateValue(value, schema, types, path));
  const [best] = tries.sort((a, b) => a.length - b.length);
  return best ?? [];
}

function describedType(name: string, types: Types): ObjectSchema {
  const described = types[name];
  if (described === undefined) {
    throw new Error(`The schema refers to the type "${name}" and does not describe it; derive the schema anew.`);
  }
  return described;
}

function wrongType(value: unknown, expected: string, path: Path): Failure[] {
  const seen = Array.isArray(value)
    ? "an array"
    : value === null
      ? "null"
      : isObject(value)
        ? `an ${assetKind(value) ?? "object"}`
        : `a ${typeof value}`;
  return [failure(path, `must be ${expected}, and is ${seen}`)];
}
