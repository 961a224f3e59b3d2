import { z } from "zod";

/**
 * Building blocks of the settings' schema. The message of each block says what is allowed: it becomes the `expected`
 * of a finding, so it reads as the end of "expected ...".
 */

/** Text that is not blank. */
export function text(expected: string): z.ZodString {
  return z.string({ error: () => expected }).regex(/\S/, { error: expected });
}

/** Text of one form. */
export function form(pattern: RegExp, expected: string): z.ZodString {
  return z.string({ error: () => expected }).regex(pattern, { error: expected });
}

/** A whole number of a closed range. */
export function whole(minimum: number, maximum: number, unit: string): z.ZodNumber {
  const error = `a whole number of ${unit} from ${minimum} to ${maximum}`;
  return z
    .number({ error: () => error })
    .int({ error })
    .min(minimum, { error })
    .max(maximum, { error });
}

/** A number of a closed range. */
export function quantity(minimum: number, maximum: number, unit: string): z.ZodNumber {
  const error = `a number of ${unit} from ${minimum} to ${maximum}`;
  return z
    .number({ error: () => error })
    .min(minimum, { error })
    .max(maximum, { error });
}

export function flag(): z.ZodBoolean {
  return z.boolean({ error: () => "true or false" });
}

/** One of a few words. */
export function oneOf<const T extends readonly [string, ...string[]]>(words: T): z.ZodEnum<{ [K in T[number]]: K }> {
  return z.enum(words, { error: () => `one of ${words.join(", ")}` });
}

/** A list with at least so many entries. */
export function list<T extends z.ZodType>(entry: T, expected: string, minimum = 0): z.ZodArray<T> {
  return z.array(entry, { error: () => expected }).min(minimum, { error: expected });
}

/** An object that knows all of its keys. */
export function group<T extends z.core.$ZodLooseShape>(shape: T, what: string): z.ZodObject<T, z.core.$strict> {
  // Unrecognized keys keep zod's own issue: the finding names the nearest known key.
  return z.strictObject(shape, {
    error: (issue) => (issue.code === "unrecognized_keys" ? undefined : `an object with ${what}`),
  });
}

/** ARN of one service's resource: `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE`. */
export function arn(service: string, resource: string): z.ZodString {
  return form(
    new RegExp(`^arn:aws[a-z-]*:${service}:[a-z0-9-]*:\\d{12}:${resource}`),
    `an ARN of ${service}, arn:aws:${service}:REGION:ACCOUNT:${resource}...`,
  );
}

const OCTET = "(25[0-5]|2[0-4]\\d|1?\\d?\\d)";

/** An IPv4 block, `10.0.0.0/16`. */
export function cidr(): z.ZodString {
  return form(new RegExp(`^${OCTET}(\\.${OCTET}){3}/(3[0-2]|[12]?\\d)$`), "an IPv4 block such as 10.0.0.0/16");
}

/** A host name of at least two labels. */
export function hostName(): z.ZodString {
  return form(
    /^(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/,
    "a host name such as dp-manager.b.example.com, in lower case",
  );
}

/** A DNS label as Kubernetes wants it for names. */
export function label(maximum: number, what: string): z.ZodString {
  const error = `${what}: lower-case letters, digits and inner hyphens, at most ${maximum} characters`;
  return z
    .string({ error: () => error })
    .regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/, { error })
    .max(maximum, { error });
}
