import { type ObjectSchema, type ProviderSchema, type TypeSchema } from "./schema";
import { type Props } from "./types";
import { isObject } from "./values";

type Types = ProviderSchema["types"];

/**
 * Live inputs cut down to what the program controls. A cloud fills in what a program leaves out; taking that into the
 * inputs would make every refresh show changes that nobody made. Of objects with known properties only those stay that
 * were given before; of maps (tags, labels) everything stays, since a key added by hand is drift; arrays are taken
 * element by element.
 */
export function projectLive(live: Props, given: Props, schema: ObjectSchema, types: Types): Props {
  const kept = Object.keys(given)
    .filter((key) => live[key] !== undefined)
    .map((key) => [key, projectValue(live[key], given[key], schema[key], types)] as const);
  return Object.fromEntries(kept);
}

function projectValue(live: unknown, given: unknown, schema: TypeSchema | undefined, types: Types): unknown {
  if (schema?.type === "object" && isObject(live) && isObject(given)) {
    return projectLive(live, given, types[schema.ref] ?? {}, types);
  }
  if (schema?.type === "array" && Array.isArray(live) && Array.isArray(given)) {
    return live.map((element: unknown, at) => projectValue(element, given[at], schema.items, types));
  }
  return live;
}
