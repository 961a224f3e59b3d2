import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { answerSigned, TARGET_PREFIX, type CloudWatchPort } from "./cloudwatch/jsonApi";
import { type QueryApi } from "./query";
import { ProviderError, type ResourceApi } from "./resources";

/** Under this path the resource plugin finds its operations. */
export const RESOURCES_PATH = "/rehearsal/aws/";
const PORT = 4566;
/** The largest request: a dashboard. */
const MAXIMUM_BYTES = 4 * 1024 * 1024;

/** The HTTP side of the local AWS: AWS's own API at `/`, the plugin's below `/rehearsal/aws/`. */
export class AwsServer {
  private constructor(
    private readonly server: Server,
    readonly endpoint: string,
  ) {}

  /** @param address loopback address to serve on, at port 4566 */
  static async start(o: {
    readonly address: string;
    readonly query: QueryApi;
    readonly resources: ResourceApi;
    readonly monitoring: CloudWatchPort;
    readonly log: (line: string) => void;
  }): Promise<AwsServer> {
    const server = createServer((request, response) => {
      void respond(request, response, o).catch((error: unknown) => {
        o.log(`aws: ${request.method ?? ""} ${request.url ?? ""} failed: ${messageOf(error)}`);
        response.destroy();
      });
    });
    // A call of the plugin stays open until AWS's work is done, which may be an hour.
    server.requestTimeout = 0;
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(PORT, o.address, () => {
        server.removeListener("error", reject);
        resolve();
      });
    });
    return new AwsServer(server, `http://${o.address}:${PORT}`);
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    this.server.closeAllConnections();
    await closed;
  }
}

interface Apis {
  readonly query: QueryApi;
  readonly resources: ResourceApi;
  readonly monitoring: CloudWatchPort;
}

async function respond(request: IncomingMessage, response: ServerResponse, apis: Apis): Promise<void> {
  const path = request.url ?? "/";
  if (request.method !== "POST") {
    send(response, 405, "text/plain", "The local AWS answers POST requests only.");
    return;
  }
  const body = await read(request);
  if (body === undefined) {
    send(response, 413, "text/plain", `The local AWS takes at most ${MAXIMUM_BYTES} bytes.`);
    return;
  }
  if (path.startsWith(RESOURCES_PATH)) {
    const { status, text } = await resource(apis.resources, path.slice(RESOURCES_PATH.length), body);
    send(response, status, "application/json", text);
    return;
  }
  const requestId = randomUUID();
  const target = request.headers["x-amz-target"];
  if (typeof target === "string" && target.startsWith(TARGET_PREFIX)) {
    const { authorization } = request.headers;
    const answer = await answerSigned({ target, body, authorization }, apis.monitoring);
    response.setHeader("x-amzn-requestid", requestId);
    send(response, answer.status, "application/x-amz-json-1.0", answer.text);
    return;
  }
  const { status, xml } = await apis.query.answer({ requestId, authorization: request.headers.authorization, body });
  response.setHeader("x-amzn-requestid", requestId);
  send(response, status, "text/xml", xml);
}

async function resource(
  resources: ResourceApi,
  path: string,
  body: string,
): Promise<{ readonly status: number; readonly text: string }> {
  try {
    return { status: 200, text: JSON.stringify(await resources.handle(path, JSON.parse(body))) };
  } catch (error) {
    const partial = error instanceof ProviderError ? error.partial : undefined;
    return { status: 400, text: JSON.stringify({ message: messageOf(error), partial }) };
  }
}

/** The body, or nothing when it is too large. */
async function read(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    const buffer = chunk as Buffer;
    bytes += buffer.length;
    if (bytes > MAXIMUM_BYTES) return undefined;
    chunks.push(buffer);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function send(response: ServerResponse, status: number, type: string, text: string): void {
  response.writeHead(status, { "content-type": type, "content-length": Buffer.byteLength(text) });
  response.end(text);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
