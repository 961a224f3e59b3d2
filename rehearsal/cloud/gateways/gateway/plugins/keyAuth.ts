import { type CredentialValue } from "../configuration";
import { type Plugin } from "./plugin";

/** Credentials of all consumers by key. */
export type KeyIndex = ReadonlyMap<string, CredentialValue>;

export function indexKeys(credentials: Iterable<CredentialValue>): KeyIndex {
  const index = new Map<string, CredentialValue>();
  for (const credential of credentials) {
    const { key } = (credential.plugins["key-auth"] ?? {}) as { readonly key?: unknown };
    if (typeof key === "string") index.set(key, credential);
  }
  return index;
}

/** `key-auth`: the key in a header (default `apikey`) or a query parameter of the same name says which consumer calls. */
export function keyAuth(configuration: unknown, keys: KeyIndex): Plugin {
  const {
    header = "apikey",
    query = "apikey",
    hide_credentials: hide = false,
  } = configuration as {
    readonly header?: string;
    readonly query?: string;
    readonly hide_credentials?: boolean;
  };
  const name = header.toLowerCase();
  return {
    name: "key-auth",
    priority: 2500,
    onRequest: (exchange) => {
      const sent = exchange.request.headers[name] ?? new URLSearchParams(exchange.query).get(query);
      if (typeof sent !== "string") return { status: 401, body: { message: "Missing API key in request" } };
      const credential = keys.get(sent);
      if (!credential) return { status: 401, body: { message: "Invalid API key in request" } };
      exchange.consumer = credential.username;
      exchange.requestHeaders.set("x-consumer-username", credential.username);
      exchange.requestHeaders.set("x-credential-identifier", credential.id);
      if (hide) exchange.requestHeaders.set(name, undefined);
      return undefined;
    },
  };
}
