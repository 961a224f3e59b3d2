import { type IncomingMessage } from "node:http";
import { type ListenerConfig, type RuleConfig } from "./types";

/** One rule of a listener, ready to be tried on requests. */
export interface CompiledRule {
  readonly config: RuleConfig;
  /** @param host without port, in lower case; @param path without query */
  matches(host: string, path: string, request: Pick<IncomingMessage, "method" | "headers">): boolean;
}

/**
 * Turns a pattern into a test on whole values: `*` stands for any number of characters, `?` for exactly one, everything
 * else for itself.
 */
export function wildcard(pattern: string, options: { readonly ignoreCase: boolean }): (value: string) => boolean {
  if (!/[*?]/.test(pattern)) {
    const wanted = options.ignoreCase ? pattern.toLowerCase() : pattern;
    return options.ignoreCase ? (value) => value.toLowerCase() === wanted : (value) => value === wanted;
  }
  const source = pattern.replace(/[.*+?^${}()|[\]\\]/g, (c) => (c === "*" ? ".*" : c === "?" ? "." : `\\${c}`));
  const expression = new RegExp(`^${source}$`, options.ignoreCase ? "is" : "s");
  return (value) => expression.test(value);
}

/** A listener's rules in the order in which they are tried: by priority, the default last. */
export function compileRules(listener: ListenerConfig): readonly CompiledRule[] {
  const order = (rule: RuleConfig): number => (rule.priority === "default" ? Infinity : rule.priority);
  return [...listener.rules].sort((a, b) => order(a) - order(b)).map(compileRule);
}

function compileRule(config: RuleConfig): CompiledRule {
  const hosts = config.hosts.map((pattern) => wildcard(pattern, { ignoreCase: true }));
  const paths = config.paths.map((pattern) => wildcard(pattern, { ignoreCase: false }));
  const methods = new Set(config.methods);
  const headers = config.headers.map(({ name, values }) => ({
    name: name.toLowerCase(),
    values: values.map((pattern) => wildcard(pattern, { ignoreCase: true })),
  }));
  return {
    config,
    matches(host, path, request) {
      return (
        (hosts.length === 0 || hosts.some((fits) => fits(host))) &&
        (paths.length === 0 || paths.some((fits) => fits(path))) &&
        (methods.size === 0 || methods.has(request.method ?? "")) &&
        headers.every(({ name, values }) => {
          const sent = request.headers[name];
          const value = Array.isArray(sent) ? sent.join(", ") : sent;
          return value !== undefined && values.some((fits) => fits(value));
        })
      );
    },
  };
}

/** The first rule that matches. A listener always has one: its default rule has no conditions. */
export function findRule(
  rules: readonly CompiledRule[],
  request: Pick<IncomingMessage, "method" | "headers" | "url">,
): CompiledRule {
  const last = rules.at(-1);
  if (last === undefined) {
    throw new Error("a listener without rules was compiled: validateConfig lets none through");
  }
  if (rules.length === 1) {
    return last;
  }
  const host = hostWithoutPort(request.headers.host ?? "");
  const url = request.url ?? "/";
  const query = url.indexOf("?");
  const path = query === -1 ? url : url.slice(0, query);
  return rules.find((rule) => rule.matches(host, path, request)) ?? last;
}

function hostWithoutPort(host: string): string {
  return host.replace(/:\d+$/, "").toLowerCase();
}
