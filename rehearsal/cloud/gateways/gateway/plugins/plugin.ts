import { type IncomingMessage } from "node:http";
import { type CompiledRoute } from "../router";

/** One request on its way through the gateway; plugins change what is sent on. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly route: CompiledRoute;
  /** Of the caller: the load balancer's, when there is one. */
  readonly remoteAddress: string;
  /** Name in the Host header, lower case, without port. */
  readonly host: string;
  method: string;
  /** Without query. */
  path: string;
  /** With its leading "?", or empty. */
  query: string;
  /** Set by an authentication plugin. */
  consumer: string;
  /** Host to send instead of the caller's. */
  upstreamHost: string | undefined;
  /** Request headers to replace (value) or to remove (undefined), by lower-case name. */
  readonly requestHeaders: Map<string, string | undefined>;
  /** Headers that plugins add to the answer, whoever answers. */
  readonly responseHeaders: [name: string, value: string][];
}

/** An answer that a plugin gives in place of the upstream. */
export interface Refusal {
  readonly status: number;
  readonly body: Readonly<Record<string, string>>;
}

/** The upstream's answer before it is sent: status, and headers as a flat list of names and values. */
export interface ResponseHead {
  status: number;
  headers: string[];
  /** A body to send in place of the upstream's. */
  body: string | undefined;
}

/** A plugin with one configuration. Higher priorities run first, with API7's numbers. */
export interface Plugin {
  readonly name: string;
  readonly priority: number;
  onRequest?(exchange: Exchange): Refusal | undefined | Promise<Refusal | undefined>;
  onResponse?(head: ResponseHead): void;
}

/** `headers: {set, add, remove}` of proxy-rewrite and response-rewrite; a flat object means `set`. */
export interface HeaderChanges {
  readonly set: Readonly<Record<string, string>>;
  readonly add: Readonly<Record<string, string>>;
  readonly remove: readonly string[];
}

export function headerChanges(value: unknown): HeaderChanges {
  const object = (value ?? {}) as { readonly set?: unknown; readonly add?: unknown; readonly remove?: unknown };
  if ("set" in object || "add" in object || "remove" in object) {
    return {
      set: strings(object.set),
      add: strings(object.add),
      remove: Array.isArray(object.remove) ? object.remove.map((name) => String(name).toLowerCase()) : [],
    };
  }
  return { set: strings(value), add: {}, remove: [] };
}

function strings(value: unknown): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries((value ?? {}) as Record<string, unknown>).map(([name, text]) => [name.toLowerCase(), String(text)]),
  );
}
