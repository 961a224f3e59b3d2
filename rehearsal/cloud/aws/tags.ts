import { validationError } from "./errors";

/** Tags by key. */
export type Tags = Readonly<Record<string, string>>;

/** As the APIs have them. */
export interface TagEntry {
  readonly Key?: string | undefined;
  readonly Value?: string | undefined;
}

const MAXIMUM = 50;

/** From the APIs' form. @throws AwsError for tags that AWS refuses */
export function tagsOf(entries: readonly TagEntry[] | undefined): Tags {
  const tags = Object.fromEntries((entries ?? []).map(({ Key, Value }) => [Key ?? "", Value ?? ""]));
  for (const [key, value] of Object.entries(tags)) {
    if (key.length < 1 || key.length > 128 || value.length > 256) {
      throw validationError(`Tag '${key}' must have a key of 1 to 128 and a value of at most 256 characters.`);
    }
    if (key.toLowerCase().startsWith("aws:")) {
      throw validationError(`Tag '${key}': keys that begin with "aws:" are reserved for system use.`);
    }
  }
  if (Object.keys(tags).length > MAXIMUM) throw validationError(`A resource can have at most ${MAXIMUM} tags.`);
  return tags;
}

/** Into the APIs' form. */
export function tagEntries(tags: Tags): { Key: string; Value: string }[] {
  return Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
}
