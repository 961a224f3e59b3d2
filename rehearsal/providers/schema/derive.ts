import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { format, resolveConfig } from "prettier";
import { type ObjectSchema, type ProviderSchema, type ResourceSchema } from "../framework/schema";
import { Declarations } from "./declarations";

/** Descriptions that no SDK has: see `byHand.json`. */
interface ByHand {
  readonly resources: Readonly<Record<string, ResourceSchema>>;
  readonly types: Readonly<Record<string, ObjectSchema>>;
}

function read(path: string): unknown {
  return JSON.parse(readFileSync(path, "utf8"));
}

/** The resource types that the plugins model, by provider: `types.json`. */
export const TYPES = read(join(__dirname, "types.json")) as Readonly<Record<string, readonly string[]>>;

const BY_HAND = read(join(__dirname, "byHand.json")) as Readonly<Record<string, ByHand>>;

/**
 * The declaration file and class of a token. Providers bridged from Terraform name the file in the token
 * (`aws:lb/listener:Listener`); of Kubernetes' API groups the folder is the first label (`helm.sh/v3` is `helm/v3`).
 */
function declarationOf(token: string): { readonly file: string; readonly name: string } {
  const [, module = "", name = ""] = token.split(":");
  const fileName = name.charAt(0).toLowerCase() + name.slice(1);
  const parts = module.split("/");
  if (parts.at(-1) === fileName) {
    return { file: parts.filter((part) => part !== "index").join("/"), name };
  }
  const [group = "", ...version] = parts;
  return { file: [group.split(".")[0], ...version, fileName].join("/"), name };
}

/** The schema of one provider, from the declarations of the SDK that is installed. */
export function deriveSchema(provider: string): ProviderSchema {
  const manifest = require.resolve(`@pulumi/${provider}/package.json`);
  const { name, version } = read(manifest) as { readonly name: string; readonly version: string };
  const declarations = new Declarations(dirname(manifest));

  const config = declarations.config();
  const resources = (TYPES[provider] ?? []).map((token) => {
    const { file, name: className } = declarationOf(token);
    return [token, declarations.resource(file, className)] as const;
  });
  const byHand = BY_HAND[provider] ?? { resources: {}, types: {} };
  const handwritten = JSON.stringify(byHand);
  for (const [, ref = ""] of handwritten.matchAll(/"ref":"([^"]+)"/g)) {
    if (!Object.hasOwn(byHand.types, ref)) {
      declarations.describe(ref);
    }
  }
  return {
    package: name,
    version,
    config,
    resources: { ...Object.fromEntries(resources), ...byHand.resources },
    types: { ...declarations.types(), ...byHand.types },
  };
}

/** The file of a provider's schema. */
export function schemaPath(provider: string): string {
  return join(__dirname, `${provider}.json`);
}

/** A schema as its file holds it. */
export async function schemaText(schema: ProviderSchema): Promise<string> {
  const style = await resolveConfig(__filename);
  return format(JSON.stringify(schema), { ...style, parser: "json" });
}

async function main(): Promise<void> {
  for (const provider of Object.keys(TYPES)) {
    await writeFile(schemaPath(provider), await schemaText(deriveSchema(provider)));
  }
}

if (require.main === module) {
  void main();
}
