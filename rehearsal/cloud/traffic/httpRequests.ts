import { createHash } from "node:crypto";
import { type Agent, type ClientRequest, type IncomingMessage, request as httpRequest } from "node:http";
import { type Echo, parsed } from "./protocol";
import { StreamCheck } from "./streamCheck";
import { type Entry, type Tally } from "./tally";
import { type TrafficSample } from "./types";

/** How long an answer may take beyond what the request asked the upstream to wait. */
const TIMEOUT_MS = 30_000;

/** What all requests of a load share. */
export interface LoadContext {
  readonly tally: Tally;
  readonly agent: Agent;
  readonly host: string;
  readonly port: number;
  /** A new value for the header `x-nonce`, which the answer must repeat. */
  readonly nextNonce: () => string;
}

/** Sends one plain request: a GET that is echoed. */
export function sendPlain(context: LoadContext, sample: TrafficSample): void {
  sendEchoed(context, sample, { path: sample.path, timeoutMs: TIMEOUT_MS });
}

/** Sends one request that the upstream answers after `delayMs`. */
export function sendSlow(context: LoadContext, sample: TrafficSample, delayMs: number): void {
  sendEchoed(context, sample, {
    path: withQuery(sample.path, `delay_ms=${Math.round(delayMs)}`),
    timeoutMs: delayMs + TIMEOUT_MS,
  });
}

/** Sends one POST; the answer must name the length and SHA-256 of exactly this body. */
export function sendUpload(context: LoadContext, sample: TrafficSample, body: Buffer): void {
  sendEchoed(context, sample, { path: sample.path, timeoutMs: TIMEOUT_MS, body });
}

interface Sending {
  readonly path: string;
  readonly timeoutMs: number;
  readonly body?: Buffer;
}

function sendEchoed(context: LoadContext, sample: TrafficSample, sending: Sending): void {
  const nonce = context.nextNonce();
  const { request, entry } = open(context, sample, sending, nonce);
  request.on("response", (response) => {
    let body = "";
    response.setEncoding("utf8");
    response.on("data", (chunk: string) => (body += chunk));
    response.on("end", () => {
      const wrong = wrongEcho(response, body, nonce, sending.body);
      if (wrong === undefined) {
        entry.succeed();
      } else {
        entry.fail(wrong, { status: response.statusCode ?? 0, body });
      }
    });
  });
  request.end(sending.body);
}

/** What is wrong with an echo; `undefined` when it is the answer to this very request. */
function wrongEcho(response: IncomingMessage, body: string, nonce: string, uploaded?: Buffer): string | undefined {
  if (response.statusCode !== 200) {
    return `status ${response.statusCode ?? 0}, expected 200`;
  }
  const echo = parsed<Echo>(body);
  if (echo === undefined) {
    return "the body is no JSON object, expected the echo of the request";
  }
  if (echo.nonce !== nonce) {
    return `the echo has nonce ${String(echo.nonce)}, expected ${nonce}`;
  }
  if (uploaded !== undefined) {
    const sha256 = createHash("sha256").update(uploaded).digest("hex");
    if (echo.bytes !== uploaded.length || echo.sha256 !== sha256) {
      return `${String(echo.bytes)} bytes with SHA-256 ${String(echo.sha256)} arrived, expected ${uploaded.length} with ${sha256}`;
    }
  }
  return undefined;
}

/**
 * Opens one streamed answer of `seconds`; every event must come, in order, and the last one must carry the nonce.
 *
 * @param done called once, when the answer is over, well or not
 */
export function openStream(
  context: LoadContext,
  sample: TrafficSample,
  seconds: number,
  done: (ok: boolean) => void,
): void {
  const nonce = context.nextNonce();
  const path = withQuery(sample.path, `stream_seconds=${seconds.toFixed(1)}`);
  const { request, entry } = open(context, sample, { path, timeoutMs: seconds * 1000 + TIMEOUT_MS }, nonce);
  let ok = false;
  request.on("response", (response) => {
    const events = new StreamCheck(nonce, () => entry.message());
    response.setEncoding("utf8");
    response.on("data", (chunk: string) => events.add(chunk));
    response.on("end", () => {
      const wrong = response.statusCode === 200 ? events.wrong() : `status ${response.statusCode ?? 0}, expected 200`;
      ok = wrong === undefined;
      if (wrong === undefined) {
        entry.succeed();
      } else {
        entry.fail(wrong, { status: response.statusCode ?? 0, body: events.lastSeen });
      }
    });
  });
  request.on("close", () => done(ok));
  request.end();
}

/** Makes the request; its failure to get an answer at all is taken care of here. */
function open(
  context: LoadContext,
  sample: TrafficSample,
  sending: Sending,
  nonce: string,
): { readonly request: ClientRequest; readonly entry: Entry } {
  const { agent, host, port, tally } = context;
  const { path, body, timeoutMs } = sending;
  const method = body === undefined ? "GET" : "POST";
  const entry = tally.begin({ kind: sample.kind, service: sample.service, method, host: sample.host, path });
  const headers = ["Host", sample.host, "x-nonce", nonce];
  for (const [name, value] of Object.entries(sample.headers)) {
    headers.push(name, value);
  }
  if (body !== undefined) {
    headers.push("Content-Length", String(body.length));
  }
  const request = httpRequest({ agent, host, port, method, path, headers });
  const timer = setTimeout(() => {
    request.destroy(new Error(`no complete answer within ${Math.round(timeoutMs / 1000)} s`));
  }, timeoutMs);
  const broken = (error: Error): void => entry.fail(`no complete answer: ${error.message}`);
  request.on("finish", () => entry.sent(request.reusedSocket));
  request.on("error", broken);
  request.on("response", (response) => {
    entry.head(response.headers["x-rehearsal-cluster"]);
    response.on("error", broken);
  });
  request.on("close", () => clearTimeout(timer));
  return { request, entry };
}

function withQuery(path: string, query: string): string {
  return `${path}${path.includes("?") ? "&" : "?"}${query}`;
}
