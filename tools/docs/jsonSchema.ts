import { z } from "zod";
import { allStages } from "../../migration/stages";
import { type Described, KEYS } from "./settings";
import { SCHEMA } from "../../migration/settings/schema";

/**
 * JSON Schema (draft 7) of a stack's file, for editors. It knows what each field may be; what only several fields together
 * can tell (versions, steps, names) the program says.
 */

type Json = { [key: string]: unknown };

const DEFAULT_STEPS = [5, 25, 50, 75, 100];
/** What the engine makes of a value that `pulumi config set --secret` was given. */
const SECRET = {
  type: "object",
  properties: { secure: { type: "string" } },
  required: ["secure"],
  additionalProperties: false,
} as const;

export function jsonSchemaOf(settings: readonly Described[]): Json {
  const properties = Object.fromEntries(
    KEYS.map((key, index) => [`api7-migration:${key}`, propertyOf(key, settings[index])]),
  );
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "Stack file of api7-migration",
    description: "Written by `npm run docs` from migration/settings/.",
    type: "object",
    properties: {
      config: {
        type: "object",
        properties: {
          "aws:region": { type: "string", description: "AWS region of both clusters.", examples: ["eu-central-1"] },
          ...properties,
        },
        // Other namespaces belong to the engine and its providers; an unknown key of this project is a mistake.
        patternProperties: { "^(?!api7-migration:)[^:]+:.+$": true },
        additionalProperties: false,
      },
      secretsprovider: { type: "string" },
      encryptedkey: { type: "string" },
      encryptionsalt: { type: "string" },
      environment: { type: ["array", "object"] },
    },
    additionalProperties: false,
  };
}

function propertyOf(key: (typeof KEYS)[number], described: Described | undefined): Json {
  const schema = z.toJSONSchema(SCHEMA[key], {
    target: "draft-7",
    io: "input",
    unrepresentable: "any",
    reused: "inline",
  });
  // The dialect is told once, for the whole.
  const own = Object.fromEntries(Object.entries(schema as Json).filter(([word]) => word !== "$schema"));
  const documented = documentedBy(own, described);
  if (key === "stage")
    return { ...documented, anyOf: [{ enum: allStages(DEFAULT_STEPS) }, { pattern: "^traffic-\\d{1,3}$" }] };
  if (described?.secret !== true) return documented;
  const { description, ...plain } = documented;
  return { description, anyOf: [SECRET, plain] };
}

/** Adds the docstrings, and what is allowed where there is none. */
function documentedBy(schema: Json, described: Described | undefined): Json {
  if (described === undefined) return schema;
  const only = described.only === undefined ? "" : `Only with ${described.only}. `;
  const allowed = described.allowed === "" ? "" : `Allowed: ${described.allowed}.`;
  const description = `${only}${described.meaning === "" ? "" : `${described.meaning}\n\n`}${allowed}`.trim();
  return { ...(description === "" ? {} : { description }), ...fieldsOf(schema, described.children) };
}

function fieldsOf(schema: Json, children: readonly Described[]): Json {
  const named = (name: string): Described | undefined => children.find(({ path }) => path.at(-1) === name);
  const result: Json = { ...schema };
  if (isJson(schema["properties"])) {
    const entries = Object.entries(schema["properties"]).map(([name, field]) => [
      name,
      isJson(field) ? documentedBy(field, named(name)) : field,
    ]);
    result["properties"] = Object.fromEntries(entries);
  }
  if (isJson(schema["items"])) result["items"] = fieldsOf(schema["items"], children);
  for (const word of ["anyOf", "oneOf"] as const) {
    const options: unknown = schema[word];
    if (Array.isArray(options))
      result[word] = options.map((option: unknown) => (isJson(option) ? fieldsOf(option, children) : option));
  }
  return result;
}

function isJson(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
