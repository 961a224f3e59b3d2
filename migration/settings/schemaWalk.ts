import { z } from "zod";

/** Finds one's way in a schema beside a value: what is wanted at a path, and what a text means there. */

/** Takes the wrappers off a schema, and picks the branch of a union that the value names. */
export function plain(schema: z.ZodType, value: unknown): z.ZodType {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    return plain(schema.unwrap() as z.ZodType, value);
  }
  if (schema instanceof z.ZodDiscriminatedUnion) {
    const { discriminator } = schema.def;
    const named = valueAt(value, [discriminator]);
    const branches = schema.options.filter((option) => option instanceof z.ZodObject);
    return (
      branches.find((branch) => {
        const literal: unknown = branch.shape[discriminator];
        return literal instanceof z.ZodLiteral && literal.values.has(named as never);
      }) ?? schema
    );
  }
  return schema;
}

/** The schema of what is at a path of the value, wrappers included; undefined where the schema knows nothing. */
export function schemaAt(schema: z.ZodType, value: unknown, path: readonly PropertyKey[]): z.ZodType | undefined {
  let current = schema;
  let holder = value;
  for (const key of path) {
    const inner = within(plain(current, holder), key);
    if (inner === undefined) return undefined;
    current = inner;
    holder = valueAt(holder, [key]);
  }
  return current;
}

/** Keys that the schema knows at a path of the value. */
export function keysAt(schema: z.ZodType, value: unknown, path: readonly PropertyKey[]): readonly string[] {
  const found = schemaAt(schema, value, path);
  const inner = found === undefined ? undefined : plain(found, valueAt(value, path));
  return inner instanceof z.ZodObject ? Object.keys(inner.shape) : [];
}

/** What is at a path of a value; undefined where there is nothing. */
export function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (holder, key) => (isHolder(holder) && Object.hasOwn(holder, key) ? holder[key] : undefined),
    value,
  );
}

/**
 * The value with numbers, true and false in place of texts that mean them, where the schema wants such: `pulumi config
 * set` keeps texts. A number is decimal digits with an optional sign and fraction, `24`, `0.5`, `-1`: no exponent, no
 * other base, no leading zero, no blank, nothing behind it. Truth is exactly `true` or `false`. Any other text stays a
 * text, and so is found to be of the wrong type. Nothing becomes a text.
 */
export function typed(schema: z.ZodType, value: unknown): unknown {
  const wanted = plain(schema, value);
  if (typeof value === "string") {
    if (wanted instanceof z.ZodNumber && DECIMAL.test(value)) return Number(value);
    if (wanted instanceof z.ZodBoolean && (value === "true" || value === "false")) return value === "true";
    return value;
  }
  if (Array.isArray(value)) {
    return wanted instanceof z.ZodArray
      ? value.map((entry: unknown) => typed(wanted.element as z.ZodType, entry))
      : (value as unknown);
  }
  if (!isHolder(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, field]) => {
      const inner = within(wanted, key);
      return [key, inner === undefined ? field : typed(inner, field)];
    }),
  );
}

/** Whether a top-level setting is a text, which the engine hands over as it is; all others are JSON, or a number. */
export function isTextSetting(schema: z.ZodType): boolean {
  const wanted = plain(schema, undefined);
  return wanted instanceof z.ZodString || wanted instanceof z.ZodEnum;
}

/** Whether a setting is an object that may be left out, which Pulumi.yaml says by `{}`. */
export function isOptionalObject(schema: z.ZodType): boolean {
  if (!(schema instanceof z.ZodOptional)) return false;
  const wanted = plain(schema, undefined);
  return wanted instanceof z.ZodObject || wanted instanceof z.ZodDiscriminatedUnion;
}

const DECIMAL = /^-?(0|[1-9]\d*)(\.\d+)?$/;

function within(schema: z.ZodType, key: PropertyKey): z.ZodType | undefined {
  const inner: unknown =
    schema instanceof z.ZodArray
      ? schema.element
      : schema instanceof z.ZodRecord
        ? schema.valueType
        : schema instanceof z.ZodObject && Object.hasOwn(schema.shape, key)
          ? schema.shape[String(key)]
          : undefined;
  return inner instanceof z.ZodType ? inner : undefined;
}

function isHolder(value: unknown): value is Record<PropertyKey, unknown> {
  return typeof value === "object" && value !== null;
}
