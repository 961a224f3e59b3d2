import { type Props } from "../framework";

type Tags = Readonly<Record<string, unknown>>;

/** Tags that the provider's settings put on every resource. */
export function defaultTags(config: Props): Tags {
  const { tags } = (config["defaultTags"] ?? {}) as { readonly tags?: Tags };
  return tags ?? {};
}

/** What a resource gets: the defaults, overruled by its own. */
export function allTags(own: unknown, config: Props): Tags {
  return { ...defaultTags(config), ...(own as Tags | undefined) };
}

/** The tags of a resource that are its own: all but the defaults, unless it names them itself. */
export function ownTags(live: unknown, before: unknown, config: Props): Tags | undefined {
  const defaults = defaultTags(config);
  const given = (before ?? {}) as Tags;
  const own = Object.entries((live ?? {}) as Tags).filter(
    ([key, value]) => Object.hasOwn(given, key) || defaults[key] !== value,
  );
  return own.length === 0 && before === undefined ? undefined : Object.fromEntries(own);
}
