import { type IncomingMessage, STATUS_CODES } from "node:http";

/** Headers that concern one connection only and are never passed on (RFC 9110 7.6.1). */
const HOP_BY_HOP = new Set(["connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade"]);

/** Headers that the load balancer writes itself; `expect` was answered by its own server already. */
const REWRITTEN = new Set(["x-forwarded-for", "x-forwarded-proto", "x-forwarded-port", "expect"]);

/**
 * The header lines for the target, flat as `rawHeaders`: the client's own in their order and spelling, and
 * `X-Forwarded-For` (appended to), `-Proto` and `-Port`. `Transfer-Encoding` stays: it tells Node how to send the body.
 */
export function requestHeaders(request: IncomingMessage, listenerPort: number): string[] {
  const named = namedByConnection(request);
  const raw = request.rawHeaders;
  const headers: string[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] ?? "";
    const key = name.toLowerCase();
    if (!HOP_BY_HOP.has(key) && !REWRITTEN.has(key) && !named.includes(key)) {
      headers.push(name, raw[i + 1] ?? "");
    }
  }
  const earlier = request.headers["x-forwarded-for"];
  const client = request.socket.remoteAddress ?? "";
  const chain = earlier === undefined ? client : `${Array.isArray(earlier) ? earlier.join(", ") : earlier}, ${client}`;
  headers.push("X-Forwarded-For", chain, "X-Forwarded-Proto", "http", "X-Forwarded-Port", String(listenerPort));
  return headers;
}

/**
 * The header lines for the client, flat as `rawHeaders`. `Transfer-Encoding` goes: Node chooses the framing anew for the
 * client's own protocol version.
 */
export function responseHeaders(response: IncomingMessage, setCookies: readonly string[]): string[] {
  const named = namedByConnection(response);
  const raw = response.rawHeaders;
  const headers: string[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] ?? "";
    const key = name.toLowerCase();
    if (!HOP_BY_HOP.has(key) && key !== "transfer-encoding" && !named.includes(key)) {
      headers.push(name, raw[i + 1] ?? "");
    }
  }
  for (const cookie of setCookies) {
    headers.push("Set-Cookie", cookie);
  }
  return headers;
}

/** Header names that a `Connection` header declares to be hop-by-hop as well. */
function namedByConnection(message: IncomingMessage): readonly string[] {
  const value = message.headers.connection;
  return value === undefined || value === "keep-alive" || value === "close" ? [] : value.toLowerCase().split(/\s*,\s*/);
}

/** A response head as it goes over a raw socket. */
export function writtenHead(status: number, headers: readonly string[]): string {
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? "unknown"}\r\n`;
  for (let i = 0; i + 1 < headers.length; i += 2) {
    head += `${headers[i] ?? ""}: ${headers[i + 1] ?? ""}\r\n`;
  }
  return `${head}\r\n`;
}
