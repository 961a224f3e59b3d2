import { type Exchange } from "./plugins/plugin";

/** Headers that belong to one connection and are not passed on (RFC 9110 7.6.1); `transfer-encoding` of a request is kept, it announces a body. */
const HOP_BY_HOP = new Set(["connection", "keep-alive", "proxy-connection", "upgrade", "te", "trailer", "expect"]);

/** Headers that the gateway writes anew. */
const REWRITTEN = new Set(["host", "x-forwarded-for", "x-real-ip"]);

/**
 * The request's headers for the upstream, as a flat list of names and values in the caller's spelling and order.
 * @param upgrade keeps the request for another protocol (WebSocket).
 */
export function upstreamHeaders(exchange: Exchange, upgrade = false): string[] {
  const { request, requestHeaders } = exchange;
  const raw = request.rawHeaders;
  const headers: string[] = ["Host", exchange.upstreamHost ?? request.headers.host ?? ""];
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index] ?? "";
    const lower = name.toLowerCase();
    if (HOP_BY_HOP.has(lower) || REWRITTEN.has(lower) || requestHeaders.has(lower)) continue;
    headers.push(name, raw[index + 1] ?? "");
  }
  const before = request.headers["x-forwarded-for"];
  const chain = before === undefined ? exchange.remoteAddress : `${String(before)}, ${exchange.remoteAddress}`;
  headers.push("X-Real-IP", exchange.remoteAddress, "X-Forwarded-For", chain);
  const encrypted = "encrypted" in request.socket;
  addMissing("x-forwarded-proto", encrypted ? "https" : "http");
  addMissing("x-forwarded-host", request.headers.host ?? "");
  addMissing("x-forwarded-port", String(request.socket.localPort ?? ""));
  for (const [name, value] of requestHeaders) if (value !== undefined) headers.push(name, value);
  if (upgrade) headers.push("Connection", "Upgrade", "Upgrade", request.headers.upgrade ?? "websocket");
  return headers;

  function addMissing(name: string, value: string): void {
    if (request.headers[name] === undefined && !requestHeaders.has(name)) headers.push(name, value);
  }
}

/** The upstream's headers for the caller; Node announces the body's framing itself. */
export function callerHeaders(raw: readonly string[]): string[] {
  const headers: string[] = [];
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index] ?? "";
    const lower = name.toLowerCase();
    if (!HOP_BY_HOP.has(lower) && lower !== "transfer-encoding") headers.push(name, raw[index + 1] ?? "");
  }
  return headers;
}

export function hasHeader(headers: readonly string[], lowerName: string): boolean {
  for (let index = 0; index < headers.length; index += 2) if (headers[index]?.toLowerCase() === lowerName) return true;
  return false;
}
