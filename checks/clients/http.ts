import { request as httpRequest, type Agent, type IncomingHttpHeaders } from "node:http";
import { request as httpsRequest, type RequestOptions } from "node:https";
import { CouldNotLook, textOf } from "../result";

/** One bounded HTTP exchange: in time, and in the size of what is read. */

const CONNECT_MS = 5_000;
const ANSWER_MS = 15_000;
/** The largest answer that is read: 5,000 log lines, or a list of some hundred pods. */
export const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

export interface HttpRequest {
  readonly url: URL;
  readonly method?: "GET" | "HEAD" | "OPTIONS" | "POST" | "PUT" | "PATCH" | "DELETE" | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: string | undefined;
  readonly agent?: Agent | undefined;
  /** TLS options and `auth`. */
  readonly options?: RequestOptions | undefined;
  readonly signal: AbortSignal;
  /** For messages. */
  readonly subject: string;
}

export interface HttpAnswer {
  readonly status: number;
  readonly contentType: string;
  /** The server's clock, from the `Date` header; undefined without one. */
  readonly date: Date | undefined;
  readonly body: string;
  /** By lower-case name; values of one name joined by commas. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** @throws CouldNotLook when there is no whole answer within 15 s, or it is larger than 16 MiB */
export function exchange(request: HttpRequest): Promise<HttpAnswer> {
  const { url, subject } = request;
  const send = url.protocol === "https:" ? httpsRequest : httpRequest;
  return new Promise<HttpAnswer>((resolve, reject) => {
    const fail = (error: unknown): void => {
      late.clear();
      reject(couldNotReach(subject, url, error));
    };
    const outgoing = send(url, {
      ...request.options,
      ...(request.agent && { agent: request.agent }),
      method: request.method ?? "GET",
      headers: {
        ...request.headers,
        ...(request.body !== undefined && { "content-length": Buffer.byteLength(request.body) }),
      },
      signal: request.signal,
    });
    const late = deadline(outgoing);
    outgoing.on("error", fail);
    outgoing.on("response", (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on("data", (chunk: Buffer) => {
        size += chunk.length;
        if (size > MAX_ANSWER_BYTES) outgoing.destroy(new Error(`the answer is larger than ${MAX_ANSWER_BYTES} bytes`));
        else chunks.push(chunk);
      });
      response.on("aborted", () => fail(new Error("the answer was cut off")));
      response.on("error", fail);
      response.on("end", () => {
        late.clear();
        const date = new Date(response.headers.date ?? "");
        resolve({
          status: response.statusCode ?? 0,
          contentType: response.headers["content-type"] ?? "",
          date: Number.isNaN(date.getTime()) ? undefined : date,
          body: Buffer.concat(chunks).toString("utf8"),
          headers: headersOf(response.headers),
        });
      });
    });
    outgoing.end(request.body);
  });
}

function headersOf(headers: IncomingHttpHeaders): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(", ") : (value ?? "")]),
  );
}

/** 5 s until the connection stands, 15 s in all. */
function deadline(outgoing: ReturnType<typeof httpRequest>): { clear(): void } {
  const end = (text: string) => () => void outgoing.destroy(new Error(text));
  const connecting = setTimeout(end(`no connection within ${CONNECT_MS / 1000} s`), CONNECT_MS);
  const answering = setTimeout(end(`no whole answer within ${ANSWER_MS / 1000} s`), ANSWER_MS);
  outgoing.on("socket", (socket) => {
    if (!socket.connecting) clearTimeout(connecting);
    else socket.once("connect", () => clearTimeout(connecting));
  });
  return {
    clear: () => {
      clearTimeout(connecting);
      clearTimeout(answering);
    },
  };
}

function couldNotReach(subject: string, url: URL, error: unknown): CouldNotLook {
  if (error instanceof CouldNotLook) return error;
  const aborted = error instanceof Error && error.name === "AbortError";
  return new CouldNotLook(
    subject,
    `${url.origin}: ${aborted ? "no answer within the check's time limit" : textOf(error)}`,
    "check that it is up and that this host can reach it (VPN, proxy, security group), then run again",
    { cause: error },
  );
}
