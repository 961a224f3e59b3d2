import { headerChanges, type Plugin, type ResponseHead } from "./plugin";

/** `proxy-rewrite`: another path, host, method or headers towards the upstream. The query stays. */
export function proxyRewrite(configuration: unknown): Plugin {
  const {
    uri,
    regex_uri: regexUri,
    host,
    method,
    headers,
  } = configuration as {
    readonly uri?: string;
    readonly regex_uri?: readonly string[];
    readonly host?: string;
    readonly method?: string;
    readonly headers?: unknown;
  };
  const changes = headerChanges(headers);
  const rules: { readonly pattern: RegExp; readonly replacement: string }[] = [];
  for (let index = 0; index + 1 < (regexUri?.length ?? 0); index += 2) {
    rules.push({ pattern: new RegExp(regexUri?.[index] ?? ""), replacement: regexUri?.[index + 1] ?? "" });
  }
  return {
    name: "proxy-rewrite",
    priority: 1008,
    onRequest: (exchange) => {
      if (uri !== undefined) exchange.path = uri;
      else {
        const rule = rules.find(({ pattern }) => pattern.test(exchange.path));
        if (rule) exchange.path = exchange.path.replace(rule.pattern, rule.replacement);
      }
      if (host !== undefined) exchange.upstreamHost = host;
      if (method !== undefined) exchange.method = method;
      for (const [name, value] of Object.entries({ ...changes.add, ...changes.set }))
        exchange.requestHeaders.set(name, value);
      for (const name of changes.remove) exchange.requestHeaders.set(name, undefined);
      return undefined;
    },
  };
}

/** `response-rewrite`: another status, body or headers towards the caller. */
export function responseRewrite(configuration: unknown): Plugin {
  const {
    status_code: status,
    body,
    headers,
  } = configuration as {
    readonly status_code?: number;
    readonly body?: string;
    readonly headers?: unknown;
  };
  const changes = headerChanges(headers);
  const dropped = new Set([
    ...changes.remove,
    ...Object.keys(changes.set),
    ...(body === undefined ? [] : ["content-length", "content-encoding"]),
  ]);
  const added = [...Object.entries(changes.set), ...Object.entries(changes.add)].flat();
  return {
    name: "response-rewrite",
    priority: 899,
    onResponse: (head: ResponseHead) => {
      if (status !== undefined) head.status = status;
      if (body !== undefined) head.body = body;
      const kept: string[] = [];
      for (let index = 0; index < head.headers.length; index += 2) {
        const name = head.headers[index] ?? "";
        if (!dropped.has(name.toLowerCase())) kept.push(name, head.headers[index + 1] ?? "");
      }
      head.headers = [...kept, ...added];
    },
  };
}
