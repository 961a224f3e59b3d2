import { timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type Socket } from "node:net";
import { discover } from "./discovery";
import { ApiError, badRequest, methodNotAllowed, unauthorized, unknownResource, unsupportedMediaType } from "./errors";
import { isFields } from "./fields";
import { KINDS, apiVersionOf } from "./kinds";
import { type KubeObject, type ObjectInput } from "./objects";
import { forward } from "./proxy";
import { decodeBody, mediaType, parseTarget, readBody, type Target } from "./request";
import { type Resources, type WriteOptions } from "./resources";
import { parseFieldSelector, parseLabelSelector } from "./selectors";
import { readScale, writeScale } from "./scale";

/** What the API server asks the node for. */
export interface Node {
  /** Output of a container, oldest first. `undefined` when it has not started yet. @throws ApiError 400 */
  log(pod: KubeObject, query: URLSearchParams): string | undefined;
}

export interface ApiServerOptions {
  readonly address: string;
  readonly port: number;
  readonly token: string;
  readonly resources: Resources;
  readonly node: Node;
}

/** The Kubernetes API over HTTP on loopback, on the paths of the real one. */
export class ApiServer {
  private server: Server | undefined;
  private readonly sockets = new Set<Socket>();
  private bound: number;

  constructor(private readonly options: ApiServerOptions) {
    this.bound = options.port;
  }

  /** The port that it listens on, or listened on last. */
  get port(): number {
    return this.bound;
  }

  get listening(): boolean {
    return this.server !== undefined;
  }

  async start(): Promise<void> {
    const server = createServer((request, response) => void this.answer(request, response));
    server.on("connection", (socket) => {
      this.sockets.add(socket);
      socket.once("close", () => this.sockets.delete(socket));
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(this.bound, this.options.address, resolve);
    });
    const bound = server.address();
    this.bound = typeof bound === "object" && bound !== null ? bound.port : this.bound;
    this.server = server;
  }

  /** Dead at once: connections are cut, new ones refused. */
  async stop(): Promise<void> {
    const server = this.server;
    this.server = undefined;
    if (server !== undefined) {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of this.sockets) {
        socket.destroy();
      }
      await closed;
    }
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await this.route(request, response);
    } catch (error) {
      if (response.headersSent) {
        response.destroy();
        return;
      }
      const refusal =
        error instanceof ApiError ? error : new ApiError(500, "InternalError", `Internal error: ${String(error)}`);
      send(response, refusal.code, refusal.status);
    }
  }

  private async route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://api");
    if (["/readyz", "/livez", "/healthz"].includes(url.pathname)) {
      sendText(response, "ok");
      return;
    }
    if (!isAuthorized(request, this.options.token)) {
      throw unauthorized();
    }
    const found = discover(url.pathname);
    if (found !== undefined) {
      send(response, 200, found);
      return;
    }
    const target = parseTarget(url.pathname);
    if (target === undefined) {
      throw unknownResource();
    }
    if (target.subresource === "proxy") {
      await forward(this.options.resources, target, url.search, request, response);
      return;
    }
    if (target.subresource === "log") {
      sendText(response, this.log(request, target, url.searchParams));
      return;
    }
    const { code, body } = await this.perform(request, target, url.searchParams);
    send(response, code, body);
  }

  private log(request: IncomingMessage, { kind, namespace, name }: Target, query: URLSearchParams): string {
    if (request.method !== "GET") {
      throw methodNotAllowed();
    }
    if (query.get("follow") === "true") {
      throw badRequest("this cluster does not follow logs: leave out follow");
    }
    return this.options.node.log(this.options.resources.get(kind, namespace, name ?? ""), query) ?? "";
  }

  private async perform(
    request: IncomingMessage,
    target: Target,
    query: URLSearchParams,
  ): Promise<{ readonly code: number; readonly body: unknown }> {
    const { resources } = this.options;
    const { kind, namespace, name, subresource } = target;
    const body = decodeBody(await readBody(request), mediaType(request));
    const options: WriteOptions = {
      manager: query.get("fieldManager") ?? clientName(request),
      ...(subresource === undefined ? {} : { subresource }),
      dryRun: query.get("dryRun") === "All",
    };
    if (name === undefined) {
      if (request.method === "GET") {
        return { code: 200, body: list(resources, target, query) };
      }
      if (request.method === "POST" && (namespace !== undefined || !kind.namespaced)) {
        return { code: 201, body: resources.create(kind, namespace, objectOf(body), options) };
      }
      throw methodNotAllowed();
    }
    if (subresource === "scale") {
      return { code: 200, body: this.scale(request, target, body, options) };
    }
    switch (request.method) {
      case "GET":
        return { code: 200, body: resources.get(kind, namespace, name) };
      case "PUT":
        return { code: 200, body: resources.replace(kind, namespace, name, objectOf(body), options) };
      case "PATCH":
        return { code: 200, body: patch(resources, target, mediaType(request), body, query, options) };
      case "DELETE":
        return { code: 200, body: remove(resources, target, body, query, options.dryRun === true) };
      default:
        throw methodNotAllowed();
    }
  }

  private scale(request: IncomingMessage, target: Target, body: unknown, options: WriteOptions): unknown {
    const { resources } = this.options;
    const { namespace, name = "" } = target;
    if (request.method === "GET") {
      return readScale(resources.get(KINDS.deployment, namespace, name));
    }
    if (request.method === "PUT" || request.method === "PATCH") {
      return writeScale(resources, namespace, name, body, options);
    }
    throw methodNotAllowed();
  }
}

function patch(
  resources: Resources,
  { kind, namespace, name = "" }: Target,
  type: string,
  body: unknown,
  query: URLSearchParams,
  options: WriteOptions,
): unknown {
  if (type === "application/apply-patch+yaml") {
    if (!query.has("fieldManager")) {
      throw badRequest(
        'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
      );
    }
    return resources.apply(kind, namespace, name, objectOf(body), { ...options, force: query.get("force") === "true" });
  }
  if (type === "application/merge-patch+json" || type === "application/strategic-merge-patch+json") {
    return resources.merge(kind, namespace, name, objectOf(body), options);
  }
  throw unsupportedMediaType(type);
}

function remove(
  resources: Resources,
  { kind, namespace, name = "" }: Target,
  body: unknown,
  query: URLSearchParams,
  dryRun: boolean,
): unknown {
  const given = isFields(body) ? body : {};
  const grace = query.get("gracePeriodSeconds") ?? given["gracePeriodSeconds"];
  const preconditions = isFields(given["preconditions"]) ? given["preconditions"] : undefined;
  const before = resources.get(kind, namespace, name);
  const remaining = resources.delete(kind, namespace, name, {
    dryRun,
    ...(grace === undefined || grace === null ? {} : { gracePeriodSeconds: Number(grace) }),
    ...(preconditions === undefined ? {} : { preconditions }),
  });
  const details = {
    name,
    kind: kind.plural,
    ...(kind.group === "" ? {} : { group: kind.group }),
    uid: before.metadata.uid,
  };
  return remaining ?? { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", details };
}

function list(resources: Resources, { kind, namespace }: Target, query: URLSearchParams): unknown {
  if (query.get("watch") === "true" || query.get("watch") === "1") {
    throw methodNotAllowed();
  }
  const byLabel = parseLabelSelector(query.get("labelSelector") ?? "");
  const byField = parseFieldSelector(query.get("fieldSelector") ?? "", kind.kind);
  const items = resources.store.list(kind, namespace).filter((object) => byLabel(object) && byField(object));
  return {
    kind: `${kind.kind}List`,
    apiVersion: apiVersionOf(kind),
    metadata: { resourceVersion: resources.store.resourceVersion },
    items,
  };
}

function objectOf(body: unknown): ObjectInput {
  if (!isFields(body)) {
    throw badRequest("the body of the request must be an object");
  }
  return body;
}

/** The manager of a client that names none: the first word of its user agent, as on the real server. */
function clientName(request: IncomingMessage): string {
  return (request.headers["user-agent"] ?? "unknown").split(/[\s/]/)[0] ?? "unknown";
}

function isAuthorized(request: IncomingMessage, token: string): boolean {
  const given = Buffer.from(request.headers.authorization ?? "");
  const expected = Buffer.from(`Bearer ${token}`);
  return given.length === expected.length && timingSafeEqual(given, expected);
}

function send(response: ServerResponse, code: number, body: unknown): void {
  response.writeHead(code, { "content-type": "application/json" }).end(JSON.stringify(body));
}

function sendText(response: ServerResponse, text: string): void {
  response.writeHead(200, { "content-type": "text/plain; charset=utf-8" }).end(text);
}
