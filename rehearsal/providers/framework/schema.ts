import { readFileSync } from "node:fs";
import { join } from "node:path";

/** The type of a value. */
export type TypeSchema =
  | { readonly type: "string" | "number" | "boolean" | "any" | "asset" | "archive" }
  | { readonly type: "array"; readonly items: TypeSchema }
  | { readonly type: "map"; readonly values: TypeSchema }
  /** Any one of several types, as an asset or an archive. */
  | { readonly type: "union"; readonly of: readonly TypeSchema[] }
  /** An object described in the file's `types`. */
  | { readonly type: "object"; readonly ref: string };

export type PropertySchema = TypeSchema & {
  /** Whether it must be given. Default: false. */
  readonly required?: true;
};

export type ObjectSchema = Readonly<Record<string, PropertySchema>>;

export interface ResourceSchema {
  /** Set where no SDK describes the type: what it was written after. */
  readonly byHand?: string;
  readonly inputs: ObjectSchema;
  /** Names of everything that the resource has when it exists, inputs included. */
  readonly outputs: readonly string[];
}

/** What a package's SDK says of its properties. Files of this form are written by `rehearsal/providers/schema/derive.ts`. */
export interface ProviderSchema {
  /** The package and the version of its SDK that this was derived from. */
  readonly package: string;
  readonly version: string;
  /** The provider's own settings. */
  readonly config: ObjectSchema;
  /** By token. */
  readonly resources: Readonly<Record<string, ResourceSchema>>;
  /** Nested objects, by name. */
  readonly types: Readonly<Record<string, ObjectSchema>>;
}

/**
 * The derived schema of a package. The files lie beside the framework's folder, in the source tree as well as where
 * `installPlugins` puts a plugin.
 *
 * @throws when there is none
 */
export function loadSchema(name: string): ProviderSchema {
  const path = join(__dirname, "..", "schema", `${name}.json`);
  return JSON.parse(readFileSync(path, "utf8")) as ProviderSchema;
}
