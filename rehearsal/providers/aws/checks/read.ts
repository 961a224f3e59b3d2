import { type Failure, type Props, UNKNOWN } from "../../framework";

/**
 * Reads inputs in a check: the schema holds already, so a value has its type, is absent, or is not known yet. The last
 * two read the same, as nothing, except to `given`.
 */
export function given(inputs: Props, key: string): boolean {
  return inputs[key] !== undefined;
}

export function text(inputs: Props, key: string): string | undefined {
  const value = inputs[key];
  return typeof value === "string" && value !== UNKNOWN ? value : undefined;
}

export function number(inputs: Props, key: string): number | undefined {
  const value = inputs[key];
  return typeof value === "number" ? value : undefined;
}

export function flag(inputs: Props, key: string): boolean | undefined {
  const value = inputs[key];
  return typeof value === "boolean" ? value : undefined;
}

export function object(inputs: Props, key: string): Props | undefined {
  return asObject(inputs[key]);
}

/** The elements, `undefined` for each that is not known. */
export function list(inputs: Props, key: string): readonly unknown[] | undefined {
  const value = inputs[key];
  return Array.isArray(value) ? value : undefined;
}

export function asObject(value: unknown): Props | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Props) : undefined;
}

/** Known texts of a list. */
export function texts(inputs: Props, key: string): readonly string[] {
  return (list(inputs, key) ?? []).filter((value) => typeof value === "string" && value !== UNKNOWN) as string[];
}

/** A failure where there is a reason. */
export function failure(property: string, reason: string | undefined): Failure[] {
  return reason === undefined ? [] : [{ property, reason }];
}

/** A failure where a condition does not hold. */
export function demand(holds: boolean, property: string, reason: string): Failure[] {
  return holds ? [] : [{ property, reason }];
}

/** A failure for a value that is known and lies outside of its range. */
export function within(
  inputs: Props,
  key: string,
  { minimum, maximum }: { readonly minimum: number; readonly maximum: number },
  path = key,
): Failure[] {
  const value = number(inputs, key);
  const holds = value === undefined || (Number.isInteger(value) && value >= minimum && value <= maximum);
  return demand(holds, path, `${value ?? ""} must be a whole number of ${minimum} to ${maximum}.`);
}

/** A failure for a text that is known and is none of the values. */
export function among(inputs: Props, key: string, values: readonly string[], path = key): Failure[] {
  const value = text(inputs, key);
  return demand(
    value === undefined || values.includes(value),
    path,
    `"${value ?? ""}" must be one of ${values.join(", ")}.`,
  );
}

/** Failures for nested inputs that the local AWS does not model. */
export function onlyModelled(inputs: Props, keys: readonly string[], path: string): Failure[] {
  return Object.keys(inputs)
    .filter((key) => !keys.includes(key))
    .map((key) => ({
      property: `${path}.${key}`,
      reason: `The local AWS does not model this input, so a rehearsal cannot try it. It has: ${keys.join(", ")}.`,
    }));
}
