import { type IncomingMessage, type Server, type ServerResponse } from "node:http";

/** Facts/api7.md 3.3: the largest body an agent sends. */
const BODY_LIMIT_BYTES = 32 * 1024 * 1024;

/** An answer that is not a success; thrown by handlers, written by the server. */
export class HttpError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

export function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
    ...headers,
  });
  response.end(text);
}

/** The body as text. @throws HttpError 413 above 32 MiB. */
export async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > BODY_LIMIT_BYTES) throw new HttpError(413, `the body exceeds ${BODY_LIMIT_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** The body as a JSON object; an empty body is an empty object. @throws HttpError 400 for anything else. */
export async function readJson(request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  const text = await readBody(request);
  if (text.trim() === "") return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new HttpError(400, "the body is not JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new HttpError(400, "the body is not a JSON object");
  }
  return value as Readonly<Record<string, unknown>>;
}

/** Longer than any caller keeps an idle connection here, so that none is closed under its feet. */
const KEEP_ALIVE_MS = 75_000;

/** Opens a server on a loopback address. */
export function listen(server: Server, address: string, port: number, keepAliveMs = KEEP_ALIVE_MS): Promise<void> {
  server.keepAliveTimeout = keepAliveMs;
  // Node measures the next request's head from the end of the last answer on, so this has to be longer.
  server.headersTimeout = keepAliveMs + 10_000;
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: address, port, backlog: 1024 }, () => {
      server.removeListener("error", reject);
      resolve();
    });
  });
}

/** Stops accepting and waits for answers in flight, at most `limitMs`; idle connections are closed. */
export function close(server: Server, limitMs: number): Promise<void> {
  return new Promise((resolve) => {
    const late = setTimeout(() => server.closeAllConnections(), limitMs);
    server.close(() => {
      clearTimeout(late);
      resolve();
    });
  });
}
